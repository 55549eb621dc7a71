"""The side effects of jobs in S3 and EventBridge, tested with MiniStack."""

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

SETTINGS = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
QUICK = ("--starting", "50", "--in-progress", "50", "--stopping", "50")
STATE_CHANGE = "SageMaker Compilation Job State Change"


def wait_until(condition, seconds=30):
    """Waits until the condition is true. Returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"condition not met after {seconds} s"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """A function that creates a MiniStack client for a service; its attribute `url` is the endpoint URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("ministack")
    environment = {**os.environ, **ENVIRONMENT, "GATEWAY_PORT": str(port)}
    program = Path(sys.executable).with_name("ministack")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([program], stdout=log, stderr=log, cwd=folder, env=environment)
    url = f"http://127.0.0.1:{port}"

    def client(service):
        return boto3.client(service, endpoint_url=url, **SETTINGS)

    def is_ready():
        assert server.poll() is None, (folder / "log").read_text()
        try:
            return client("s3").list_buckets()
        except (BotoCoreError, ClientError):
            return None

    try:
        wait_until(is_ready, seconds=60)
        client("s3").create_bucket(Bucket="models")
        client("s3").create_bucket(Bucket="artifacts")
        client("s3").put_object(Bucket="models", Key="vision/resnet.tar.gz", Body=b"model")
        client.url = url
        yield client
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture
def queue(aws):
    """A function that returns the compilation events a rule of the default bus has sent to a queue."""
    queues, events = aws("sqs"), aws("events")
    url = queues.create_queue(QueueName="states")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": [STATE_CHANGE]}
    events.put_rule(Name="states", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="states", Targets=[{"Id": "queue", "Arn": arn}])
    events.put_rule(Name="others", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="others", Targets=[{"Id": "queue", "Arn": arn}])
    received = []

    def messages():
        batch = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", [])
        received.extend(json.loads(message["Body"]) for message in batch)
        return received

    yield messages
    for rule in ("states", "others"):
        events.remove_targets(Rule=rule, Ids=["queue"])
        events.delete_rule(Name=rule)
    queues.delete_queue(QueueUrl=url)


def find_ended_job(emulator, name):
    job = emulator.client().describe_compilation_job(CompilationJobName=name)
    return job if job["CompilationJobStatus"] in ("COMPLETED", "FAILED", "STOPPED") else None


def test_job_writes_its_artifact(aws, start, request_for):
    emulator = start("--aws-endpoint", aws.url, *QUICK, env=ENVIRONMENT)
    platform = {"S3OutputLocation": "s3://artifacts/edge/", "TargetPlatform": {"Os": "LINUX", "Arch": "ARM64"}}
    emulator.client().create_compilation_job(**request_for("edge", OutputConfig=platform))
    job = wait_until(lambda: find_ended_job(emulator, "edge"))
    assert (job["CompilationJobStatus"], job["FailureReason"]) == ("COMPLETED", "")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == "s3://artifacts/edge/resnet-LINUX_ARM64.tar.gz"
    body = aws("s3").get_object(Bucket="artifacts", Key="edge/resnet-LINUX_ARM64.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        manifest = json.load(archive.extractfile("manifest.json"))
    assert manifest["written_by"] == "sagemaker-emulator"
    assert (manifest["compilation_job_name"], manifest["target"]) == ("edge", "LINUX_ARM64")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"InputConfig": {"S3Uri": "s3://models/gone.tar.gz"}},
            "ClientError: InputConfiguration: S3 object does not exist",
        ),
        (
            {"InputConfig": {"S3Uri": "s3://no-such-bucket/a.tar.gz"}},
            "ClientError: InputConfiguration: S3 object does not exist",
        ),
        (
            {"OutputConfig": {"S3OutputLocation": "s3://no-such-bucket/"}},
            "ClientError: OutputConfiguration: The bucket no-such-bucket",
        ),
    ],
)
def test_job_fails_on_an_s3_error(aws, start, request_for, changes, reason):
    emulator = start("--aws-endpoint", aws.url, *QUICK, env=ENVIRONMENT)
    whole = request_for("failing")
    for member, values in changes.items():
        whole[member] = {**whole[member], **values}
    emulator.client().create_compilation_job(**whole)
    job = wait_until(lambda: find_ended_job(emulator, "failing"))
    assert job["CompilationJobStatus"] == "FAILED"
    assert job["FailureReason"].startswith(reason)


def test_state_changes_reach_the_queue_of_the_rule(aws, start, queue, request_for):
    emulator = start("--aws-endpoint", aws.url, "--events", *QUICK, env=ENVIRONMENT)
    emulator.control("faults", {"fail_job": {"name_contains": "bad", "failure_reason": "ClientError: no"}})
    client = emulator.client()
    client.create_compilation_job(**request_for("good", Tags=[{"Key": "owner", "Value": "ml"}]))
    wait_until(lambda: len(queue()) == 3)
    client.create_compilation_job(**request_for("bad"))
    wait_until(lambda: len(queue()) == 6)

    details = [event["detail"] for event in queue()]
    states = {(detail["CompilationJobName"], detail["CompilationJobStatus"]) for detail in details}
    assert states == {(name, state) for name in ("good", "bad") for state in ("Starting", "InProgress")} | {
        ("good", "Completed"),
        ("bad", "Failed"),
    }
    event = next(event for event in queue() if event["detail"]["CompilationJobStatus"] == "Completed")
    job = client.describe_compilation_job(CompilationJobName="good")
    assert (event["source"], event["detail-type"]) == ("aws.sagemaker", STATE_CHANGE)
    assert event["resources"] == [job["CompilationJobArn"]] == [event["detail"]["CompilationJobArn"]]
    assert event["detail"]["ModelArtifacts"] == job["ModelArtifacts"]
    assert event["detail"]["CreationTime"] == round(job["CreationTime"].timestamp() * 1000)
    assert event["detail"]["Tags"] == {"owner": "ml"}
    failed = next(detail for detail in details if detail["CompilationJobStatus"] == "Failed")
    assert failed["FailureReason"] == "ClientError: no"
    assert "FailureReason" not in event["detail"]
    health = wait_until(lambda: (deliveries := emulator.control("health")["events"])["delivered"] == 6 and deliveries)
    assert (health["failed"], health["last_error"]) == (0, None)


def test_events_can_be_delivered_twice(aws, start, queue, request_for):
    emulator = start("--aws-endpoint", aws.url, "--events", "--duplicate-events", *QUICK, env=ENVIRONMENT)
    emulator.client().create_compilation_job(**request_for("twice"))
    wait_until(lambda: len(queue()) == 6)
    states = sorted(event["detail"]["CompilationJobStatus"] for event in queue())
    assert states == ["Completed"] * 2 + ["InProgress"] * 2 + ["Starting"] * 2
    assert len({event["id"] for event in queue()}) == 6


def test_failed_event_delivery_is_reported(aws, start, request_for):
    events = aws("events")
    events.put_rule(Name="topic", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    events.put_targets(Rule="topic", Targets=[{"Id": "topic", "Arn": "arn:aws:sns:us-east-1:000000000000:topic"}])
    emulator = start("--aws-endpoint", aws.url, "--events", *QUICK, env=ENVIRONMENT)
    emulator.client().create_compilation_job(**request_for("undelivered"))
    failed = wait_until(lambda: (deliveries := emulator.control("health")["events"])["failed"] and deliveries)
    assert "arn:aws:sns:us-east-1:000000000000:topic" in failed["last_error"]
    events.remove_targets(Rule="topic", Ids=["topic"])
    events.delete_rule(Name="topic")


def test_image_events_have_the_documented_form(aws, start):
    events, queues = aws("events"), aws("sqs")
    queue = queues.create_queue(QueueName="image-states")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Image State Change"]}
    events.put_rule(Name="image-states", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="image-states", Targets=[{"Id": "queue", "Arn": arn}])
    emulator = start("--updating", "50", "--aws-endpoint", aws.url, "--events", env=ENVIRONMENT)
    emulator.client().create_image(ImageName="base", RoleArn="arn:aws:iam::000000000000:role/image")
    seen = []

    def has_both():
        for message in queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            seen.append(json.loads(message["Body"]))
        return len(seen) >= 2

    wait_until(has_both)
    details = sorted((event["detail"] for event in seen), key=lambda detail: detail["ImageStatus"])
    image = {
        "ImageName": "base",
        "ImageArn": "arn:aws:sagemaker:us-east-1:000000000000:image/base",
        "Version": 1.0,
        "Tags": {},
    }
    assert details == [{**image, "ImageStatus": status} for status in ("Created", "Creating")]
