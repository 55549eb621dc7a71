"""The deployed stack: its outputs, buckets and queues."""

import pytest

from tests.local.stack import Stack

ENDPOINTS = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SAGEMAKER",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
]
OUTPUTS = [
    "ModelBucketName", "ArtifactBucketName", "ConfigBucketName", "NotificationsTopicArn", "WorkteamTopicArn", "UploadsQueueUrl", "LedgerTableName",
    "CompilationRoleArn", "PlanCompilationRoleArn",
    "UploadsDeadLetterQueueUrl", "RequestsDeadLetterQueueUrl", "JobStatesDeadLetterQueueUrl", "WorkteamDeadLetterQueueUrl",
    "MaintainPartnerAppsDeadLetterQueueUrl", "MaintainImagesDeadLetterQueueUrl", "MaintainWorkteamsDeadLetterQueueUrl", "EventsDeadLetterQueueUrl", "SchedulesDeadLetterQueueUrl",
]  # fmt: skip


def test_env_file_has_all_endpoints_and_outputs(stack: Stack) -> None:
    assert list(stack.env) == ENDPOINTS + OUTPUTS
    assert all(stack.env.values())


@pytest.mark.parametrize("output", ["ModelBucketName", "ArtifactBucketName", "ConfigBucketName"])
def test_buckets_are_versioned_and_private(stack: Stack, output: str) -> None:
    s3, bucket = stack.client("s3"), stack.env[output]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]


@pytest.mark.parametrize(
    ("queue", "function"),
    [
        ("Uploads", "PlanCompilation"),
        ("Requests", "StartCompilation"),
        ("JobStates", "RelayCompilation"),
        ("Workteam", "RelayWorkteam"),
        ("MaintainWorkteams", "MaintainWorkteams"),
        ("MaintainPartnerApps", "MaintainPartnerApps"),
        ("MaintainImages", "MaintainImages"),
    ],
)
def test_visibility_timeout_exceeds_function_timeout(stack: Stack, queue: str, function: str) -> None:
    attributes = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.resources[f"{queue}Queue"], AttributeNames=["VisibilityTimeout", "RedrivePolicy"]
    )["Attributes"]
    timeout = stack.client("lambda").get_function_configuration(FunctionName=stack.resources[function])["Timeout"]
    assert int(attributes["VisibilityTimeout"]) >= 6 * timeout
    assert f"{queue}DeadLetterQueue" in attributes["RedrivePolicy"]
