"""Lets tests use the stack and observe its results."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from boto3.dynamodb.types import TypeDeserializer

from tests.local import queues
from tests.local.binaries import target_dir
from tests.local.models import build_archive, read_light_model
from tests.local.stack import Stack
from tests.local.subscriber import Notification, Subscriber

CONFIG = Path(__file__).with_name("automation.yaml")
SECONDS = 60.0
THROTTLED_TRIES = 10
KMS_KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"  # in KmsKeyArns
EXISTING_BUCKET = "e2e-partner-models"  # in the template parameter ModelBuckets
ARTIFACT_BUCKET = "e2e-partner-artifacts"  # in the template parameter ArtifactBuckets
THREE_TARGETS = {"jetson_nano", "ml_c5", "LINUX_ARM64_NVIDIA"}
Json = dict[str, Any]


class Harness:
    """A subscriber, and object keys that no other test module uses."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack = stack
        self._name = name
        self.subscriber = Subscriber(stack, f"e2e-{name}")
        self.bucket = stack.env["ModelBucketName"]

    def close(self) -> None:
        """Checks that all queues are empty, including the dead-letter queues."""
        settled, dead_letters = queues.wait_until_empty(self.stack), queues.take_dead_letter_messages(self.stack)
        self.subscriber.close()
        assert settled, "some queues still contain messages"
        assert not dead_letters, dead_letters

    def object_key(self, folder: str, name: str) -> str:
        """Returns a key in a folder for which tests/e2e/automation.yaml has a rule."""
        return f"{folder}/{self._name}/{name}.tar.gz"

    def upload_archive(self, key: str, body: bytes | None = None, bucket: str = "", **metadata: str) -> Json:
        """Uploads an archive, by default one with a real ONNX model, to the stack's bucket.

        Returns its key, size, version id and ETag.
        """
        if body is None:
            body = build_archive(**{"model.onnx": read_light_model("squeezenet")})
        put = self.stack.client("s3").put_object(Bucket=bucket or self.bucket, Key=key, Body=body, Metadata=metadata)
        return {"key": key, "size": len(body), "version_id": put.get("VersionId"), "etag": put["ETag"].strip('"')}

    def send_messages(self, queue: str, *bodies: Json | str) -> None:
        """Sends messages to a queue, identified by its logical id."""
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        entries = [{"Id": str(number), "MessageBody": text} for number, text in enumerate(texts)]
        answer = self.stack.client("sqs").send_message_batch(QueueUrl=self.stack.resources[queue], Entries=entries)
        assert not answer.get("Failed"), answer

    def get_queue_arn(self, queue: str) -> str:
        """Returns the ARN of a queue, identified by its logical id."""
        wanted = {"QueueUrl": self.stack.resources[queue], "AttributeNames": ["QueueArn"]}
        return str(self.stack.client("sqs").get_queue_attributes(**wanted)["Attributes"]["QueueArn"])

    def invoke_function(self, function: str, payload: Any) -> Any:
        """Invokes a function, identified by its logical id, and returns its response."""
        answer = self.stack.client("lambda").invoke(
            FunctionName=self.stack.resources[function], Payload=json.dumps(payload).encode()
        )
        body = json.load(answer["Payload"])
        assert "FunctionError" not in answer, body
        return body

    def run_automation(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the command `automation` with the variables of .local/env, again while it is throttled: the emulator
        throttles lists, as SageMaker does."""
        command, env = [str(target_dir() / "automation"), *arguments], os.environ | self.stack.env
        for _ in range(THROTTLED_TRIES):
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
            if not done.stderr.startswith("error: AWS is throttling"):
                break
            time.sleep(1)
        return done

    def upload_config(self, document: Json) -> None:
        """Uploads a configuration."""
        self._put_config(yaml.safe_dump(document, sort_keys=False).encode())

    def restore_config(self) -> None:
        """Uploads the configuration with which the stack was started."""
        self._put_config(CONFIG.read_bytes())

    def _put_config(self, body: bytes) -> None:
        bucket = self.stack.env["ConfigBucketName"]
        self.stack.client("s3").put_object(Bucket=bucket, Key="automation.yaml", Body=body)

    def wait_until_idle(self) -> None:
        """Waits until all queues are empty, and receives all notifications."""
        assert queues.wait_until_empty(self.stack), "some queues still contain messages"
        while list(self.subscriber.receive_notifications()):
            pass

    def notifications_about(self, key: str, *types: str) -> list[Notification]:
        """Returns the received notifications about an object key, of these types or of any type."""
        return [
            notification
            for notification in self.subscriber.received
            if notification.get("model", {}).get("key") == key and (not types or notification["type"] in types)
        ]

    def wait_for_summary(self, key: str) -> Notification:
        """Waits for the summary of a model and returns it."""
        arrived = self.subscriber.wait_until(lambda _: bool(self.notifications_about(key, "model.summary")), SECONDS)
        assert arrived, f"no summary of {key} arrived; received: {[n['subject'] for n in self.subscriber.received]}"
        return self.notifications_about(key, "model.summary")[0]

    @contextmanager
    def hold_jobs(self) -> Iterator[None]:
        """Keeps compilation jobs in progress; those that run at the end of the block then end soon."""
        before = self.stack.call_emulator("settings")["in_progress_ms"]
        self.stack.call_emulator("settings", {"in_progress_ms": 600_000})
        try:
            yield
        finally:
            self.stack.call_emulator("settings", {"in_progress_ms": before})

    def wait_for_starts(self, key: str, count: int) -> None:
        """Waits until that many jobs of a model are reported as started."""
        kind = "compilation.started"
        arrived = self.subscriber.wait_until(lambda _: len(self.notifications_about(key, kind)) >= count, SECONDS)
        assert arrived, f"{len(self.notifications_about(key, kind))} of {count} jobs of {key} are reported as started"

    def requests_for(self, key: str, bucket: str = "") -> list[Json]:
        """Returns the CreateCompilationJob requests for a key that SageMaker accepted."""
        uri = f"s3://{bucket or self.bucket}/{key}"
        return [job for job in self.accepted_requests() if job.get("InputConfig", {}).get("S3Uri") == uri]

    def accepted_requests(self) -> list[Json]:
        """Returns all CreateCompilationJob requests that SageMaker accepted."""
        log = self.stack.call_emulator("requests")["requests"]
        created = [entry for entry in log if entry["operation"] == "CreateCompilationJob"]
        return [entry["body"] for entry in created if entry["outcome"]["kind"] == "accepted"]

    def read_job_status(self, job: str) -> str:
        """Returns the status that SageMaker shows; nothing for a job that it does not show yet."""
        sagemaker = self.stack.client("sagemaker")
        try:
            return str(sagemaker.describe_compilation_job(CompilationJobName=job)["CompilationJobStatus"])
        except sagemaker.exceptions.ClientError:
            return ""

    def read_ledger(self) -> dict[str, Json]:
        """Returns the rows of the ledger by key."""
        read = TypeDeserializer().deserialize
        scan = self.stack.client("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=self.stack.env["LedgerTableName"])
        items = [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]
        return {item["pk"]: item for item in items}

    def take_dead_letter_messages(self, output: str, count: int) -> list[Json]:
        """Waits for messages in a dead-letter queue, and receives and deletes them."""
        taken: list[Json] = []

        def all_arrived() -> bool:
            taken.extend(queues.take_messages(self.stack, self.stack.env[output]))
            return len(taken) >= count

        assert wait_until(all_arrived), f"{len(taken)} of {count} messages arrived in {output}"
        return taken


def target_name(request: Json) -> str:
    """Returns the target device of a request, or its platform such as LINUX_ARM64_NVIDIA."""
    platform = request["OutputConfig"].get("TargetPlatform", {})
    return request["OutputConfig"].get("TargetDevice") or "_".join(platform.values())


def wait_until(holds: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """Waits until the condition holds. Returns False on timeout."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def object_created_event(bucket: str, uploaded: Json) -> Json:
    """Builds the EventBridge event of an upload, in which the key is not encoded."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "000000000000",
        "time": "2026-11-22T10:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": uploaded["key"],
                "size": uploaded["size"],
                "etag": uploaded["etag"],
                "version-id": uploaded["version_id"],
                "sequencer": "00617F08299329D189",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "000000000000",
            "source-ip-address": "203.0.113.7",
            "reason": "PutObject",
        },
    }
