"""What the tests do with the stack, and what they see of it."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from tests.local import queues
from tests.local.binaries import target_dir
from tests.local.models import archive, light_model
from tests.local.stack import Stack
from tests.local.subscriber import Notification, Subscriber

SECONDS = 60.0
THREE_TARGETS = {"jetson_nano", "ml_c5", "LINUX_ARM64_NVIDIA"}
Json = dict[str, Any]


class Scene:
    """A subscriber, and keys that no other module uses."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack = stack
        self._name = name
        self.subscriber = Subscriber(stack, f"e2e-{name}")
        self.bucket = stack.env["ModelBucketName"]

    def close(self) -> None:
        """Nothing is on its way any more, and nothing was left in a dead-letter queue."""
        settled, dead = queues.settle(self.stack), queues.take_dead_letters(self.stack)
        self.subscriber.close()
        assert settled, "messages were still on their way"
        assert not dead, dead

    def key(self, folder: str, name: str) -> str:
        """A key under one of the folders that tests/e2e/automation.yaml has rules for."""
        return f"{folder}/{self._name}/{name}.tar.gz"

    @contextmanager
    def without_rule(self, rule: str) -> Iterator[None]:
        """Turns an EventBridge rule off, by its logical id."""
        events, name = self.stack.client("events"), self.stack.resources[rule]
        events.disable_rule(Name=name)
        try:
            yield
        finally:
            events.enable_rule(Name=name)

    def put(self, key: str, body: bytes | None = None, **metadata: str) -> Json:
        """Uploads an archive, by default one with a real ONNX model in it; S3's answer."""
        if body is None:
            body = archive(**{"model.onnx": light_model("squeezenet")})
        put = self.stack.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body, Metadata=metadata)
        return {"key": key, "size": len(body), "version_id": put["VersionId"], "etag": put["ETag"].strip('"')}

    def send(self, queue: str, *bodies: Json | str) -> None:
        """Sends messages to one of the stack's queues by its logical id."""
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        entries = [{"Id": str(number), "MessageBody": text} for number, text in enumerate(texts)]
        answer = self.stack.client("sqs").send_message_batch(QueueUrl=self.stack.resources[queue], Entries=entries)
        assert not answer.get("Failed"), answer

    def queue_arn(self, queue: str) -> str:
        """The ARN of a queue, by its logical id."""
        wanted = {"QueueUrl": self.stack.resources[queue], "AttributeNames": ["QueueArn"]}
        return str(self.stack.client("sqs").get_queue_attributes(**wanted)["Attributes"]["QueueArn"])

    def invoke(self, function: str, payload: Any) -> Any:
        """Invokes a function by its logical id and returns what it answered."""
        answer = self.stack.client("lambda").invoke(
            FunctionName=self.stack.resources[function], Payload=json.dumps(payload).encode()
        )
        body = json.load(answer["Payload"])
        assert "FunctionError" not in answer, body
        return body

    def automation(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the command `automation` as somebody who sourced .local/env."""
        command = [str(target_dir() / "automation"), *arguments]
        return subprocess.run(command, env=os.environ | self.stack.env, capture_output=True, text=True, timeout=120)

    def settle(self) -> None:
        """Waits until every queue is empty, and takes what the subscriber got."""
        assert queues.settle(self.stack), "messages are still on their way"
        while list(self.subscriber.poll()):
            pass

    def about(self, key: str, *types: str) -> list[Notification]:
        """The notifications received about an object key, of these types or of any."""
        return [
            notification
            for notification in self.subscriber.received
            if notification.get("model", {}).get("key") == key and (not types or notification["type"] in types)
        ]

    def summary(self, key: str) -> Notification:
        """Waits for the summary of a model."""
        arrived = self.subscriber.wait(lambda _: bool(self.about(key, "model.summary")), SECONDS)
        assert arrived, f"no summary of {key}; received: {[n['subject'] for n in self.subscriber.received]}"
        return self.about(key, "model.summary")[0]

    def requested(self, key: str) -> list[Json]:
        """The CreateCompilationJob requests for a key that SageMaker accepted."""
        uri = f"s3://{self.bucket}/{key}"
        return [job for job in self.created() if job.get("InputConfig", {}).get("S3Uri") == uri]

    def created(self) -> list[Json]:
        """All CreateCompilationJob requests that SageMaker accepted."""
        log = self.stack.emulator("requests")["requests"]
        created = [entry for entry in log if entry["operation"] == "CreateCompilationJob"]
        return [entry["body"] for entry in created if entry["outcome"]["kind"] == "accepted"]

    def ledger(self) -> dict[str, Json]:
        """The ledger's rows by key."""
        read = TypeDeserializer().deserialize
        scan = self.stack.client("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=self.stack.env["LedgerTableName"])
        items = [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]
        return {item["pk"]: item for item in items}

    def take_dead_letters(self, output: str, count: int) -> list[Json]:
        """Waits for messages in a dead-letter queue and takes them out."""
        taken: list[Json] = []

        def arrived() -> bool:
            taken.extend(queues.take(self.stack, self.stack.env[output]))
            return len(taken) >= count

        assert wait_until(arrived), f"{len(taken)} of {count} messages arrived in {output}"
        return taken


def target_of(request: Json) -> str:
    """The device of a request, or its platform in one word."""
    platform = request["OutputConfig"].get("TargetPlatform", {})
    return request["OutputConfig"].get("TargetDevice") or "_".join(platform.values())


def wait_until(holds: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """Asks again and again; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def object_created(bucket: str, uploaded: Json) -> Json:
    """An upload's EventBridge event: the key as it is."""
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
