"""Checks the template against the source code. These tests need no stack."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    """Reads CloudFormation's short forms, for example `!Ref x` as {"Ref": x}."""


def _read_intrinsic(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _read_intrinsic)
TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def variables_read_by(folder: Path) -> set[str]:
    """Returns the variables that a function reads, from shared/worker/src/env.rs."""
    variables = (ROOT / "shared/worker/src/env.rs").read_text()
    constants = dict(re.findall(r'pub const (\w+): &str = "(\w+)";', variables))
    named = {name for source in folder.rglob("*.rs") for name in re.findall(r"\benv::([A-Z_]+)", source.read_text())}
    return {constants[name] for name in named}


def variables_set_for(logical_id: str) -> set[str]:
    return set(RESOURCES[logical_id]["Properties"]["Environment"]["Variables"])


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


def test_every_parameter_has_a_default_and_a_description() -> None:
    for name, parameter in TEMPLATE["Parameters"].items():
        assert "Default" in parameter and parameter["Description"], name


def test_makefile_and_template_have_the_same_architecture() -> None:
    [default] = re.findall(r"^ARCHITECTURE \?= (\w+)$", (ROOT / "functions/Makefile").read_text(), re.MULTILINE)
    assert default == TEMPLATE["Parameters"]["Architecture"]["Default"]


def test_roles_name_their_resources() -> None:
    """A policy has resource `*` only for actions without resource-level permissions."""
    listed = ("CompilationJobs", "Workteams", "LabelingJobsForWorkteam", "PartnerApps")
    without_resource = {"cloudwatch:PutMetricData"} | {f"sagemaker:List{resources}" for resources in listed}
    for name, resource in RESOURCES.items():
        for policy in resource["Properties"].get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
            for statement in policy["PolicyDocument"]["Statement"]:
                statement = statement["If"][1] if "If" in statement else statement
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                assert all("*" not in action for action in actions), name
                assert statement["Resource"] != "*" or set(actions) <= without_resource, name


def test_data_stores_are_retained() -> None:
    stores = {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}
    kept = [name for name, resource in RESOURCES.items() if resource["Type"] in stores]
    assert len(kept) == 4
    for name in kept:
        assert RESOURCES[name]["DeletionPolicy"] == RESOURCES[name]["UpdateReplacePolicy"] == "Retain", name


def test_composite_alarm_covers_every_dead_letter_queue() -> None:
    """Each queue has an alarm, is in the composite alarm's rule, and is on the dashboard.

    Only the composite alarm publishes to the topic, and the topic policy allows it.
    """
    queues = [name for name in RESOURCES if name.endswith("DeadLetterQueue")]
    assert queues
    alarms = {name: alarm for name, alarm in RESOURCES.items() if alarm["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(alarms) >= {queue.replace("Queue", "Alarm") for queue in queues}
    [rules] = [
        part for part in RESOURCES["DeadLettersAlarm"]["Properties"]["AlarmRule"]["Join"] if isinstance(part, list)
    ]
    assert [rule["Sub"] for rule in rules] == [f'ALARM("${{{queue.replace("Queue", "Alarm")}}}")' for queue in queues]
    for queue in queues:
        properties = alarms[queue.replace("Queue", "Alarm")]["Properties"]
        assert properties["Dimensions"] == [{"Name": "QueueName", "Value": {"GetAtt": f"{queue}.QueueName"}}]
        assert "AlarmActions" not in properties, "only the composite alarm sends notifications"
        assert f"${{{queue}.QueueName}}" in RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Sub"], queue
    assert RESOURCES["DeadLettersAlarm"]["Properties"]["AlarmActions"] == [{"Ref": "NotificationsTopic"}]
    [allowed] = RESOURCES["NotificationsTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_only_sagemaker_can_use_the_key_and_publish() -> None:
    """Only the topic policy restricts the source of SageMaker's calls.

    For its calls to the key, no source is documented.
    """
    statements = RESOURCES["WorkteamTopicKey"]["Properties"]["KeyPolicy"]["Statement"]
    [key] = [statement for statement in statements if "Service" in statement["Principal"]]
    assert "Condition" not in key
    [publishes] = RESOURCES["WorkteamTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert publishes["Condition"].keys() == {"ArnLike", "StringEquals"}


def test_role_can_create_a_user_pool_team() -> None:
    """CreateWorkteam reads and updates the pool and its client with the caller's permissions."""
    [policy] = RESOURCES["MaintainWorkteamsRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    [cognito] = [statement for statement in statements if "cognito-idp" in str(statement["Action"])]
    calls = {f"{call}UserPool{of}" for call in ("Describe", "Update") for of in ("", "Client")}
    assert set(cognito["Action"]) == {f"cognito-idp:{call}" for call in calls}
    assert cognito["Resource"]["Sub"].endswith(":userpool/*")
