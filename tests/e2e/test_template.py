"""The template against the sources: no stack is needed for these."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.local.environment import ROOT

# functions/<folder>: the template's logical id
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
SAGEMAKER_ENDPOINT = "AWS_ENDPOINT_URL_SAGEMAKER"  # read by the SDK itself, of those functions that call SageMaker


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's `!Ref x` as {"Ref": x} and so on."""


def _intrinsic(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _intrinsic)
TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def read_by(folder: Path) -> set[str]:
    """The environment variables a function names: constants of shared/automation/src/settings.rs."""
    settings = (ROOT / "shared/automation/src/settings.rs").read_text()
    constants = dict(re.findall(r'pub const (\w+): &str = "(\w+)";', settings))
    named = {name for source in folder.rglob("*.rs") for name in re.findall(r"settings::([A-Z_]+)", source.read_text())}
    return {constants[name] for name in named}


def set_for(logical_id: str) -> set[str]:
    return set(RESOURCES[logical_id]["Properties"]["Environment"]["Variables"])


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_a_function_reads_what_the_template_sets(folder: str) -> None:
    crate = ROOT / "functions" / folder
    calls_sagemaker = "aws-sdk-sagemaker" in (crate / "Cargo.toml").read_text()
    wanted = read_by(crate / "src") | ({SAGEMAKER_ENDPOINT} if calls_sagemaker else set())
    assert wanted
    assert set_for(FUNCTIONS[folder]) == wanted


def test_every_function_is_in_the_template_and_in_this_test() -> None:
    deployed = {name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Serverless::Function"}
    assert deployed == set(FUNCTIONS.values())
    assert {path.name for path in (ROOT / "functions").iterdir() if path.is_dir()} == set(FUNCTIONS)


def test_every_parameter_has_a_default_and_says_what_it_is_for() -> None:
    for name, parameter in TEMPLATE["Parameters"].items():
        assert "Default" in parameter and parameter["Description"], name


def test_the_build_is_for_the_architecture_that_the_template_asks_for() -> None:
    [default] = re.findall(r"^ARCHITECTURE \?= (\w+)$", (ROOT / "functions/Makefile").read_text(), re.MULTILINE)
    assert default == TEMPLATE["Parameters"]["Architecture"]["Default"]


def test_roles_name_their_resources() -> None:
    """A `*` only where AWS has no resource to name."""
    without_resource = {"cloudwatch:PutMetricData"} | {
        f"sagemaker:List{resources}" for resources in ("CompilationJobs", "Workteams", "PartnerApps")
    }
    for name, resource in RESOURCES.items():
        for policy in resource["Properties"].get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
            for statement in policy["PolicyDocument"]["Statement"]:
                statement = statement["If"][1] if "If" in statement else statement
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                assert all("*" not in action for action in actions), name
                assert statement["Resource"] != "*" or set(actions) <= without_resource, name


def test_what_is_kept_survives_the_stack() -> None:
    stores = {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}
    kept = [name for name, resource in RESOURCES.items() if resource["Type"] in stores]
    assert len(kept) == 4
    for name in kept:
        assert RESOURCES[name]["DeletionPolicy"] == RESOURCES[name]["UpdateReplacePolicy"] == "Retain", name


def test_every_dead_letter_queue_is_watched_by_the_one_alarm() -> None:
    """Each has an alarm, a share in the composite one, and a line on the dashboard; that one tells the topic, which lets it."""
    queues = [name for name in RESOURCES if name.endswith("DeadLetterQueue")]
    assert queues
    alarms = {name: alarm for name, alarm in RESOURCES.items() if alarm["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(alarms) >= {queue.replace("Queue", "Alarm") for queue in queues}
    [rules] = [
        part for part in RESOURCES["DeadLettersAlarm"]["Properties"]["AlarmRule"]["Join"] if isinstance(part, list)
    ]
    assert [rule["Sub"] for rule in rules] == [f'ALARM("${{{queue.replace("Queue", "Alarm")}}}")' for queue in queues]
    for queue in queues:
        watched = alarms[queue.replace("Queue", "Alarm")]["Properties"]
        assert watched["Dimensions"] == [{"Name": "QueueName", "Value": {"GetAtt": f"{queue}.QueueName"}}]
        assert "AlarmActions" not in watched, "one alarm, not one for each queue"
        assert f"${{{queue}.QueueName}}" in RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Sub"], queue
    assert RESOURCES["DeadLettersAlarm"]["Properties"]["AlarmActions"] == [{"Ref": "NotificationsTopic"}]
    [allowed] = RESOURCES["NotificationsTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
