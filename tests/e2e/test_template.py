"""Checks the template against the source code. These tests need no stack."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from ministack.services.cloudformation import language_extensions

from tests.local.environment import ROOT

# folder in functions/: logical id in the template
FUNCTIONS = {
    "plan-compilation": "PlanCompilation",
    "start-compilation": "StartCompilation",
    "sweep-compilations": "SweepCompilations",
    "relay-compilation": "RelayCompilation",
    "relay-workteam": "RelayWorkteam",
    "maintain-workteams": "MaintainWorkteams",
    "maintain-partner-apps": "MaintainPartnerApps",
    "maintain-images": "MaintainImages",
}
SAGEMAKER_ENDPOINT = "AWS_ENDPOINT_URL_SAGEMAKER"  # read by the AWS SDK in functions that call SageMaker


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms, for example `!Ref x` as {"Ref": x} and `!Sub x` as {"Fn::Sub": x}."""


def _read_intrinsic(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    suffix = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _read_intrinsic)
_PARSED: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)
# With every Fn::ForEach expanded.
TEMPLATE: dict[str, Any] = language_extensions.apply(_PARSED, {})
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def variables_read_by(folder: Path) -> set[str]:
    """Returns the variables that a function reads, from shared/worker/src/env.rs."""
    variables = (ROOT / "shared/worker/src/env.rs").read_text()
    constants = dict(re.findall(r'pub const (\w+): &str = "(\w+)";', variables))
    named = {name for source in folder.rglob("*.rs") for name in re.findall(r"\benv::([A-Z_]+)", source.read_text())}
    return {constants[name] for name in named}


def variables_set_for(logical_id: str) -> set[str]:
    own, common = RESOURCES[logical_id]["Properties"], TEMPLATE["Globals"]["Function"]
    return {name for properties in (own, common) for name in properties["Environment"]["Variables"]}


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_function_reads_the_variables_the_template_sets(folder: str) -> None:
    crate = ROOT / "functions" / folder
    dependencies = (crate / "Cargo.toml").read_text().partition("[dev-dependencies]")[0]
    calls_sagemaker = "\nsagemaker.workspace" in dependencies
    wanted = variables_read_by(crate / "src") | ({SAGEMAKER_ENDPOINT} if calls_sagemaker else set())
    assert wanted
    assert variables_set_for(FUNCTIONS[folder]) == wanted


def test_every_function_is_in_the_template_and_this_test() -> None:
    deployed = {name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Serverless::Function"}
    assert deployed == set(FUNCTIONS.values())
    assert {path.name for path in (ROOT / "functions").iterdir() if path.is_dir()} == set(FUNCTIONS)


def test_uploads_are_processed_one_per_invocation() -> None:
    source = RESOURCES["PlanCompilation"]["Properties"]["Events"]["Uploads"]["Properties"]
    assert source["BatchSize"] == 1
    assert source["ScalingConfig"]["MaximumConcurrency"] > 1


def test_slow_archives_are_answered_before_the_timeout() -> None:
    code = (ROOT / "functions/plan-compilation/src/decide.rs").read_text()
    [limit] = re.findall(r"READ_LIMIT: Duration = Duration::from_secs\((\d+)\)", code)
    assert int(limit) + 15 <= RESOURCES["PlanCompilation"]["Properties"]["Timeout"]


def test_missed_uploads_are_searched_for_every_three_minutes() -> None:
    schedule = RESOURCES["PlanCompilation"]["Properties"]["Events"]["MissedUploads"]["Properties"]
    assert schedule["ScheduleExpression"] == {"Ref": "MissedUploadsSchedule"}
    assert TEMPLATE["Parameters"]["MissedUploadsSchedule"]["Default"] == "rate(3 minutes)"


def test_every_parameter_has_a_default_and_a_description() -> None:
    for name, parameter in TEMPLATE["Parameters"].items():
        assert "Default" in parameter and parameter["Description"], name


def commands_of(folder: Path, *arguments: str, **env: str) -> str:
    """Returns the commands that make would run."""
    command = ["make", "--no-print-directory", "--dry-run", *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ | env, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    ("given", "expected"), [((), "arm64"), (("ARCHITECTURE=",), "arm64"), (("ARCHITECTURE=x86_64",), "x86_64")]
)
def test_build_and_deployment_have_one_architecture(given: tuple[str, ...], expected: str) -> None:
    """SAM would keep the architecture of the previous deployment, whatever was built now."""
    commands = commands_of(ROOT, "deploy", *given)
    assert f"ARCHITECTURE={expected} sam build --parameter-overrides Architecture={expected}\n" in commands
    assert re.search(rf"^sam deploy --confirm-changeset .*\bArchitecture={expected}\b", commands, re.MULTILINE)
    built = commands_of(ROOT / "functions", "build-PlanCompilation", "ARTIFACTS_DIR=/tmp", *given)
    target = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}[expected]
    assert "--locked --workspace" in built and f"--target {target}.2.34" in built
    assert TEMPLATE["Parameters"]["Architecture"]["Default"] == "arm64"
    assert 'parameter_overrides = "Architecture=arm64"' in (ROOT / "samconfig.toml").read_text()
    assert f'"{target}"' in (ROOT / "rust-toolchain.toml").read_text()


def test_deployment_asks_and_subscribes_only_on_request() -> None:
    commands = commands_of(ROOT, "deploy", "CONFIRM=no", "EMAIL=me@example.com")
    assert "sam deploy --no-confirm-changeset" in commands and "NotificationEmail=me@example.com" in commands
    assert "NotificationEmail" not in commands_of(ROOT, "deploy"), "an empty address would end the subscription"


def pack_release(folder: Path) -> Path:
    """Writes a release whose functions have empty binaries."""
    build = folder / "build"
    for name in FUNCTIONS.values():
        (build / name).mkdir(parents=True)
        (build / name / "bootstrap").write_bytes(b"")
    resources = {name: {"Type": "AWS::Serverless::Function", "Properties": {}} for name in FUNCTIONS.values()}
    template = {"Parameters": {"Architecture": {"Default": "arm64"}}, "Resources": resources}
    (build / "template.yaml").write_text(yaml.safe_dump(template))
    command = [sys.executable, ROOT / "functions/package_release.py", build, "x86_64", folder / "release"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "release"


def test_release_is_deployed_without_a_build(tmp_path: Path) -> None:
    release = pack_release(tmp_path)
    commands = commands_of(ROOT, "deploy", f"RELEASE={release}")
    assert f'sam deploy --confirm-changeset --template-file "{release}/template.yaml"' in commands
    assert "Architecture=x86_64" in commands and "sam build" not in commands
    template = yaml.safe_load((release / "template.yaml").read_text())
    assert template["Parameters"]["Architecture"]["AllowedValues"] == ["x86_64"]
    with zipfile.ZipFile(release / template["Resources"]["RelayWorkteam"]["Properties"]["CodeUri"]) as archive:
        [binary] = archive.infolist()
    assert (binary.filename, binary.external_attr >> 16) == ("bootstrap", 0o100755), "Lambda has to be able to run it"


def test_damaged_release_is_not_deployed(tmp_path: Path) -> None:
    release = pack_release(tmp_path)
    command = ["make", "--no-print-directory", "check-release", f"RELEASE={release}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (release / "RelayWorkteam.zip").write_bytes(b"half")
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode != 0 and "RelayWorkteam.zip: FAILED" in refused.stdout + refused.stderr
    assert "Fix: download it again" in refused.stderr


def test_saved_queries_are_those_of_the_runbook() -> None:
    runbook = (ROOT / "docs/OPERATIONS.md").read_text()
    queries = {name: r["Properties"] for name, r in RESOURCES.items() if r["Type"] == "AWS::Logs::QueryDefinition"}
    texts = [query["Text"] for query in TEMPLATE["Mappings"]["Queries"].values()]
    assert len(queries) == len(texts) == 4
    assert [text for text in texts if text not in runbook] == []
    assert all(len(query["LogGroupNames"]) == len(FUNCTIONS) for query in queries.values())


def test_every_function_may_write_traces() -> None:
    roles = {role["Ref"] for role in RESOURCES["TracingPolicy"]["Properties"]["Roles"]}
    assert roles == {RESOURCES[name]["Properties"]["Role"]["Fn::GetAtt"].split(".")[0] for name in FUNCTIONS.values()}
    assert TEMPLATE["Globals"]["Function"]["Tracing"] == {"Ref": "Tracing"}


def test_flags_of_the_builder_do_not_reach_the_functions() -> None:
    given = {"RUSTFLAGS": "-Ctarget-cpu=native", "CARGO_ENCODED_RUSTFLAGS": "-Ctarget-cpu=native"}
    command = ["make", "--no-print-directory", "--file=Makefile", "--eval=show:;@env", "show"]
    done = subprocess.run(
        command, cwd=ROOT / "functions", env=os.environ | given, capture_output=True, text=True, check=True
    )
    passed_on = [line for line in done.stdout.splitlines() if "RUSTFLAGS" in line and not line.startswith("MAKE")]
    assert passed_on == ["RUSTFLAGS="], "empty, which outranks every configuration file"


def test_only_functions_that_publish_may_use_the_event_bus() -> None:
    bus = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"
    allowed = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": {"Fn::Sub": bus}}
    publishing = {f"{name}Role" for name in FUNCTIONS.values() if "NOTIFICATIONS_TOPIC_ARN" in variables_set_for(name)}
    assert len(publishing) == 7
    policy = RESOURCES["EventBusPolicy"]
    assert (policy["Condition"], policy["Properties"]["PolicyDocument"]["Statement"]) == ("HasEventBus", [allowed])
    assert {role["Ref"] for role in policy["Properties"]["Roles"]} == publishing
    assert [name for name, r in RESOURCES.items() if "events:PutEvents" in str(r)] == ["EventBusPolicy"]


def test_slack_channel_is_optional_and_can_do_nothing() -> None:
    channel, role = RESOURCES["SlackChannel"], RESOURCES["SlackRole"]
    assert channel["Condition"] == role["Condition"] == "HasSlack"
    assert channel["Properties"]["SnsTopicArns"] == [{"Ref": "NotificationsTopic"}]
    assert "Policies" not in role["Properties"] and "ManagedPolicyArns" not in role["Properties"]
    assert "Administrator" not in str(channel["Properties"]["GuardrailPolicies"])
    for name, right, wrong in (
        ("SlackWorkspaceId", ["", "T0123ABCDEF"], ["t0123", "my-workspace", "C0123ABCDEF", "T"]),
        ("SlackChannelId", ["", "C0123ABCDEF", "G0123ABCDEF"], ["#models", "c0123", "T0123ABCDEF", "C"]),
    ):
        pattern = TEMPLATE["Parameters"][name]["AllowedPattern"]
        assert all(re.search(pattern, text) for text in right), name
        assert not any(re.search(pattern, text) for text in wrong), name


def test_data_stores_are_retained() -> None:
    """A stack that is deleted keeps its data; a first deployment that fails leaves nothing behind."""
    stores = {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}
    kept = [name for name, resource in RESOURCES.items() if resource["Type"] in stores]
    assert len(kept) == 4
    for name in kept:
        assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain", name


def test_data_stores_are_encrypted_private_and_recoverable() -> None:
    for name in ("ModelBucket", "ArtifactBucket", "ConfigBucket"):
        bucket = RESOURCES[name]["Properties"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, name
        [encryption] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}, name
        access = bucket["PublicAccessBlockConfiguration"]
        assert len(access) == 4 and set(access.values()) == {True}, name
        [days] = [
            rule["AbortIncompleteMultipartUpload"]
            for rule in bucket["LifecycleConfiguration"]["Rules"]
            if "AbortIncompleteMultipartUpload" in rule
        ]
        assert days == {"DaysAfterInitiation": 7}, name
    for name in ("ModelBucket", "ConfigBucket"):
        events = RESOURCES[name]["Properties"]["NotificationConfiguration"]
        assert events == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}, name
    table = RESOURCES["LedgerTable"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    queues = {name: queue["Properties"] for name, queue in RESOURCES.items() if queue["Type"] == "AWS::SQS::Queue"}
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())


def test_message_is_hidden_for_six_times_the_timeout() -> None:
    """As AWS recommends, so that Lambda can retry an invocation that it throttled."""
    default = TEMPLATE["Globals"]["Function"]["Timeout"]
    for function, queue in list_queue_readers().items():
        timeout = RESOURCES[function]["Properties"].get("Timeout", default)
        assert RESOURCES[queue]["Properties"]["VisibilityTimeout"] == 6 * timeout, queue


def list_queue_readers() -> dict[str, str]:
    """Returns the source queue of each function that reads one."""
    sources = {}
    for function in FUNCTIONS.values():
        for event in RESOURCES[function]["Properties"]["Events"].values():
            if event["Type"] == "SQS":
                sources[function] = event["Properties"]["Queue"]["Fn::GetAtt"].removesuffix(".Arn")
    return sources


def test_waiting_messages_survive_the_limits_of_the_platform() -> None:
    """SEMANTICS waiting-survives: A message can wait for days and be sent on any number of times: no limit of the
    platform ends it without a cause, and an alarm reports a message that is not received for an hour.
    """
    # Lambda ends a chain of about 16 invocations through queues unless the function allows
    # recursion. SQS deletes a message at the end of its retention, and does not reset its age when
    # it moves it to a dead-letter queue.
    readers = list_queue_readers()
    assert len(readers) == 7
    for function, queue in readers.items():
        allowed = RESOURCES[function]["Properties"].get(
            "RecursiveLoop", TEMPLATE["Globals"]["Function"]["RecursiveLoop"]
        )
        assert allowed == "Allow", function
        dropped = f'"RecursiveInvocationsDropped", "FunctionName", "${{{function}}}"'
        assert dropped in RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"], function
        alarm = RESOURCES[queue.replace("Queue", "AgeAlarm")]["Properties"]
        assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateAgeOfOldestMessage", 3600), queue
    days = {
        name: queue["Properties"]["MessageRetentionPeriod"] / 86400
        for name, queue in RESOURCES.items()
        if queue["Type"] == "AWS::SQS::Queue"
    }
    assert len(days) == 16
    assert days == {name: 14 if name.endswith("DeadLetterQueue") else 10 for name in days}


def test_dashboard_begins_with_what_users_wait_for() -> None:
    """The first row answers whether uploads are answered, and why not; no widget covers another."""
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = sorted(json.loads(body)["widgets"], key=lambda widget: (widget["y"], widget["x"]))
    metrics = [widget["properties"]["metrics"][0][1] for widget in widgets[1:5]]
    assert metrics == ["UploadToAnswerSeconds", "OldestUnfinishedSeconds", "RequestsParked", "JobsFailed"]
    cells = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24


def test_every_incident_has_its_own_alarm() -> None:
    """Alarms of queues, functions and topics each publish, and each description says what to do."""
    alarms = {name: alarm for name, alarm in RESOURCES.items() if alarm["Type"] == "AWS::CloudWatch::Alarm"}
    queues = [name.removesuffix("Queue") for name in RESOURCES if name.endswith("DeadLetterQueue")]
    expected = [f"{queue}Alarm" for queue in queues]
    expected += [source.replace("Queue", "AgeAlarm") for source in list_queue_readers().values()]
    expected += [f"{function}ErrorAlarm" for function in FUNCTIONS.values()]
    assert set(alarms) >= {*expected, "NotificationsDeliveryAlarm", "WorkteamDeliveryAlarm"}
    runbook = (ROOT / "docs/OPERATIONS.md").read_text()
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", runbook, re.MULTILINE)}
    for name, alarm in alarms.items():
        properties = alarm["Properties"]
        assert properties["AlarmActions"] == [{"Ref": "NotificationsTopic"}], name
        assert {"Namespace", "MetricName"} <= properties.keys(), f"{name}: expected a single metric"
        assert f"${{{name}.Arn}}" in RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"], name
        text = properties["AlarmDescription"]["Fn::Sub"][0]
        [heading] = re.findall(r"Runbook: \$\{Runbook\}#([a-z-]+)$", text)
        assert heading in headings, text
    for queue in queues:
        properties = alarms[f"{queue}Alarm"]["Properties"]
        assert properties["Dimensions"] == [
            {"Name": "QueueName", "Value": {"Fn::GetAtt": [f"{queue}Queue", "QueueName"]}}
        ]
    [allowed] = RESOURCES["NotificationsTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_noncurrent_versions_expire() -> None:
    for bucket in ("ModelBucket", "ArtifactBucket"):
        rules = RESOURCES[bucket]["Properties"]["LifecycleConfiguration"]["Rules"]
        days = [rule["NoncurrentVersionExpiration"] for rule in rules if "NoncurrentVersionExpiration" in rule]
        assert days == [{"NoncurrentDays": {"Ref": "NoncurrentVersionDays"}}], bucket


def test_subscription_of_the_workteam_queue_dead_letters() -> None:
    redrive = RESOURCES["WorkteamSubscription"]["Properties"]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": "WorkteamDeadLetterQueue.Arn"}}
    [allowed] = RESOURCES["WorkteamDeadLetterQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "sns.amazonaws.com"}
    assert allowed["Condition"]["ArnEquals"] == {"aws:SourceArn": {"Ref": "WorkteamTopic"}}


def test_only_sagemaker_can_use_the_key_and_publish() -> None:
    """SageMaker can use the key only for the topic of the stack, and the topic only for work teams of the account."""
    assert RESOURCES["WorkteamTopic"]["Properties"]["KmsMasterKeyId"] == {"Ref": "WorkteamTopicKey"}
    account, key = RESOURCES["WorkteamTopicKey"]["Properties"]["KeyPolicy"]["Statement"]
    assert account["Action"] == "kms:*" and account["Principal"]["AWS"]["Fn::Sub"].endswith(":${AWS::AccountId}:root")
    assert key["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    [topic] = key["Condition"]["ArnLike"].values()
    assert topic["Fn::Sub"].endswith(":${AWS::AccountId}:${AWS::StackName}-WorkteamTopic-*")
    [publishes] = RESOURCES["WorkteamTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert publishes["Condition"].keys() == {"ArnLike", "StringEquals"}
