"""What is measured: for each function an event, its variables, and what the services answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from tests.local.environment import ROOT
from tests.local.models import build_archive, read_light_model

from .stand_in import Answer, Request, format_json

ACCOUNT = "arn:aws:sagemaker:eu-west-1:123456789012"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:sagemaker-automation-NotificationsTopic"
QUEUES = "https://sqs.eu-west-1.amazonaws.com/123456789012/"

# Variables that the template sets; each function reads its own.
VARIABLES = {
    "ARTIFACT_BUCKET": "artifacts",
    "ARTIFACT_BUCKETS": "",
    "COMPILATION_ROLE_ARN": "arn:aws:iam::123456789012:role/compilation",
    "CONFIG_BUCKET": "config",
    "CONFIG_KEY": "automation.yaml",
    "CONFIG_QUEUE_URLS": f"{QUEUES}MaintainImagesQueue",
    "EVENT_BUS_NAME": "",
    "FOREIGN_JOB_PREFIX": "",
    "IMAGES_QUEUE_URL": f"{QUEUES}MaintainImagesQueue",
    "JOB_STATES_QUEUE_URL": f"{QUEUES}JobStatesQueue",
    "LEDGER_TABLE": "ledger",
    "MODEL_BUCKET": "sagemaker-automation-models-123456789012-eu-west-1",
    "MODEL_BUCKETS": "",
    "NOTIFICATIONS_TOPIC_ARN": TOPIC,
    "REQUESTS_QUEUE_URL": f"{QUEUES}RequestsQueue",
    "UPLOADS_QUEUE_URL": f"{QUEUES}UploadsQueue",
    "WORKTEAM_BURST_SECONDS": "0",
    "WORKTEAM_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:sagemaker-automation-WorkteamTopic",
}

# What a service answers to an operation: a document, or a function of the request.
Answers = Mapping[str, dict[str, Any] | Callable[[Request], Answer]]


def accept_entries(request: Request) -> Answer:
    entries = json.loads(request.body)["Entries"]
    sent = [{"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "0" * 32} for entry in entries]
    return format_json({"Successful": sent, "Failed": []})


def accept_notification(_: Request) -> Answer:
    body = b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
    return Answer(body, headers={"content-type": "text/xml"})


def list_no_objects(_: Request) -> Answer:
    body = b"<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>"
    return Answer(body, headers={"content-type": "application/xml"})


def get_object(request: Request) -> Answer:
    key = urlsplit(request.path).path.partition("/config/")[2]
    body = (ROOT / "config" / "automation.example.yaml").read_bytes() if key else ARCHIVE
    headers = {"content-type": "binary/octet-stream", "etag": '"1"', "x-amz-version-id": "1"}
    return Answer(body, headers=headers | {"last-modified": formatdate(1.8e9, usegmt=True)})


# The team that the example configuration declares.
WORKTEAM = {
    "WorkteamName": "radiology",
    "WorkteamArn": f"{ACCOUNT}:workteam/private-crowd/radiology",
    "Description": "Radiologists",
    "MemberDefinitions": [
        {"CognitoMemberDefinition": {"UserPool": "us-east-1_a1B2c3D4e", "UserGroup": group, "ClientId": "4k1example"}}
        for group in ("radiologists", "residents")
    ],
    "NotificationConfiguration": {"NotificationTopicArn": VARIABLES["WORKTEAM_TOPIC_ARN"]},
    "SubDomain": "abcdefghij.labeling.eu-west-1.sagemaker.aws",
    "CreateDate": 1.79e9,
    "LastUpdatedDate": 1.79e9,
}
ARCHIVE = build_archive(**{"squeezenet.onnx": read_light_model("squeezenet")})
ANSWERS: Answers = {
    # An empty ledger that accepts everything.
    "BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}},
    "GetItem": {},
    "PutItem": {},
    "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
    "TransactWriteItems": {},
    "UpdateItem": {},
    "SendMessageBatch": accept_entries,
    "Publish": accept_notification,
    "GetObject": get_object,
    "HeadObject": get_object,
    "PutObject": lambda _: Answer(b"", headers={"etag": '"1"'}),
    "ListObjectsV2": list_no_objects,
    "CreateCompilationJob": {"CompilationJobArn": f"{ACCOUNT}:compilation-job/one"},
    "DescribeCompilationJob": {
        "CompilationJobName": "resnet50-ml-c5-lxbs4xnt6bqcgpq6",
        "CompilationJobArn": f"{ACCOUNT}:compilation-job/resnet50-ml-c5-lxbs4xnt6bqcgpq6",
        "CompilationJobStatus": "FAILED",
        "FailureReason": "ClientError: InputConfiguration: No valid model file found",
        "CreationTime": 1.79e9,
        "LastModifiedTime": 1.79e9,
        "CompilationStartTime": 1.79e9,
        "CompilationEndTime": 1.79e9,
        "StoppingCondition": {"MaxRuntimeInSeconds": 900},
        "ModelArtifacts": {"S3ModelArtifacts": ""},
        "RoleArn": VARIABLES["COMPILATION_ROLE_ARN"],
        "InputConfig": {"S3Uri": "s3://models/resnet50.tar.gz", "Framework": "ONNX", "DataInputConfig": "{}"},
        "OutputConfig": {"S3OutputLocation": "s3://artifacts/resnet50/", "TargetDevice": "ml_c5"},
    },
    "ListCompilationJobs": {"CompilationJobSummaries": []},
    "ListWorkteams": {"Workteams": [WORKTEAM]},
    "ListLabelingJobsForWorkteam": {"LabelingJobSummaryList": []},
    "ListTags": {"Tags": []},
}


@dataclass(frozen=True)
class Scenario:
    """An event of one function."""

    function: str
    event: str
    answers: Answers = field(default_factory=dict)

    def read_event(self) -> bytes:
        return (ROOT / "events" / f"{self.event}.json").read_bytes()

    def answer_request(self, request: Request) -> Answer:
        answer = {**ANSWERS, **self.answers}.get(request.operation)
        if answer is None:
            return format_json({"__type": "ValidationException", "message": f"no answer to {request.operation}"}, 400)
        return format_json(answer) if isinstance(answer, dict) else answer(request)


SCENARIOS = (
    Scenario("start-compilation", "compilation-request"),
    Scenario("plan-compilation", "upload-eventbridge"),
    Scenario("relay-compilation", "job-state-message"),
    Scenario("sweep-compilations", "schedule"),
    Scenario("relay-workteam", "workteam-sns-text"),
    Scenario("maintain-workteams", "schedule"),
    Scenario("maintain-images", "schedule"),
    Scenario("maintain-partner-apps", "schedule"),
)
