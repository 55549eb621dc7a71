"""What tests/local adds to MiniStack: roles of calls to SageMaker, recursive-loop detection, and metrics."""

import json

import pytest
from ministack.core import iam_evaluator

from tests.local import iam, metrics, recursion, sagemaker_permissions
from tests.local.environment import ACCOUNT, REGION

from .harness import Harness, Json, wait_until

JOBS = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:compilation-job/"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/compilation"
CREATE = {"CompilationJobName": "a", "RoleArn": ROLE, "Tags": [{"Key": "sagemaker-automation:rule", "Value": "edge"}]}


@pytest.fixture
def grant(monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """The statements of the caller's role."""
    statements: list[Json] = []

    def resolve_principal(*_: str) -> iam_evaluator.PrincipalInfo:
        policy = iam_evaluator.parse_policy_document({"Statement": statements})
        return iam_evaluator.PrincipalInfo("arn:role", "AssumedRole", ACCOUNT, [policy])

    monkeypatch.setattr(iam_evaluator, "resolve_principal", resolve_principal)
    monkeypatch.setattr(sagemaker_permissions, "_tags", {})
    return statements


def find_denial(operation: str, request: Json) -> str | None:
    return iam.find_denial("key", sagemaker_permissions.list_checks(operation, request))


def allow(action: str, resource: str, **condition: Json) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}


def test_creating_a_job_needs_three_permissions(grant: list[Json]) -> None:
    needed = [allow("sagemaker:CreateCompilationJob", f"{JOBS}*"), allow("sagemaker:AddTags", f"{JOBS}*")]
    needed.append(allow("iam:PassRole", ROLE, StringEquals={"iam:PassedToService": "sagemaker.amazonaws.com"}))
    for missing in needed:
        grant[:] = [statement for statement in needed if statement is not missing]
        refusal = find_denial("CreateCompilationJob", CREATE)
        assert refusal and f"perform: {missing['Action']} " in refusal
    grant[:] = needed
    assert find_denial("CreateCompilationJob", CREATE) is None


def test_only_jobs_with_the_tag_can_be_stopped(grant: list[Json]) -> None:
    tagged = {"aws:ResourceTag/sagemaker-automation:rule": "false"}
    grant.append(allow("sagemaker:StopCompilationJob", f"{JOBS}*", Null=tagged))
    assert find_denial("StopCompilationJob", {"CompilationJobName": "a"})
    sagemaker_permissions._tags[f"{JOBS}a"] = {"sagemaker-automation:rule": "edge"}
    assert find_denial("StopCompilationJob", {"CompilationJobName": "a"}) is None


def test_a_team_of_a_user_pool_needs_permissions_for_the_pool(grant: list[Json]) -> None:
    grant.append(allow("sagemaker:CreateWorkteam", "*"))
    members = [{"CognitoMemberDefinition": {"UserPool": "us-east-1_Abc", "UserGroup": "a", "ClientId": "b"}}]
    refusal = find_denial("CreateWorkteam", {"WorkteamName": "a", "MemberDefinitions": members})
    assert refusal and "cognito-idp:DescribeUserPool on resource: arn:aws:cognito-idp" in refusal


def test_log_line_is_a_metric_unless_its_level_is_filtered() -> None:
    directive = {"Namespace": "Own", "Dimensions": [["FunctionName"]], "Metrics": [{"Name": "Parked"}]}
    line = {"_aws": {"CloudWatchMetrics": [directive]}, "FunctionName": "sweep", "Parked": 7}
    expected = [("Own", "Parked", 7, {"FunctionName": "sweep"})]
    for level, filter_level, found in [(None, "INFO", expected), (None, "WARN", []), ("WARN", "WARN", expected)]:
        text = json.dumps(line | ({"level": level} if level else {}))
        assert list(metrics.read_embedded_metrics(text, filter_level)) == found
    assert list(metrics.read_embedded_metrics("started", "INFO")) == []


def test_chain_counts_each_function() -> None:
    first = recursion.extend_chain("plan", [""])
    assert dict(first) == {"plan": 1}
    trace = recursion.format_trace(recursion.extend_chain("start", [recursion.format_trace(first)]))
    longer = recursion.extend_chain("plan", [trace, "Root=1-2-3", recursion.format_trace(first)])
    assert dict(longer) == {"plan": 2, "start": 1}


def test_long_chain_is_cut_unless_the_function_allows_it(harness: Harness) -> None:
    """Real AWS invokes a function about 16 times in a chain of requests."""
    functions, sqs, queue = (
        harness.stack.client("lambda"),
        harness.stack.client("sqs"),
        harness.stack.resources["UploadsQueue"],
    )
    name = harness.stack.resources["PlanCompilation"]
    assert functions.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow"
    chain = recursion.format_trace(recursion.read_lineage(f"Lineage={name}:{recursion.MAX_INVOCATIONS}"))
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": chain}}

    def count_messages(state: str) -> int:
        wanted = f"ApproximateNumberOfMessages{state}"
        return int(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[wanted])["Attributes"][wanted])

    def send_test_event() -> None:
        body = '{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-22T10:00:00Z","Bucket":"b","RequestId":"r","HostId":"h"}'
        sqs.send_message(QueueUrl=queue, MessageBody=body, MessageSystemAttributes=header)

    functions.put_function_recursion_config(FunctionName=name, RecursiveLoop="Terminate")
    try:
        send_test_event()
        assert wait_until(lambda: count_messages("") == 0 and count_messages("NotVisible") == 1), "it was not received"
        assert not wait_until(lambda: count_messages("NotVisible") == 0, seconds=3), "the function was invoked"
    finally:
        functions.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
        sqs.purge_queue(QueueUrl=queue)
    send_test_event()
    assert wait_until(lambda: count_messages("") + count_messages("NotVisible") == 0), "the function was not invoked"
