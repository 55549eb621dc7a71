"""Fills the sample events in `events/` with the names, queues and objects of a running stack."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from .environment import ROOT
from .models import build_archive, read_light_model
from .stack import Stack

FOLDER = ROOT / "events"
# Names in the files, and the outputs that replace them.
OUTPUTS = {
    "sagemaker-automation-models-123456789012-eu-west-1": "ModelBucketName",
    "sagemaker-automation-artifacts-123456789012-eu-west-1": "ArtifactBucketName",
    "sagemaker-automation-config-123456789012-eu-west-1": "ConfigBucketName",
    "arn:aws:sns:eu-west-1:123456789012:sagemaker-automation-WorkteamTopic": "WorkteamTopicArn",
}
# Field names of version id and ETag, and the encoding of the key, per kind of event.
SPELLINGS = (
    ("version-id", "etag", str),
    ("versionId", "eTag", unquote_plus),
    ("version_id", "etag", str),
)


def write_sample_events(stack: Stack) -> Path:
    """Writes the events to the stack's folder, and uploads each object that they name.

    The stack itself does not process these uploads: the function that is invoked with the event does.
    """
    folder = stack.state / "events"
    folder.mkdir(exist_ok=True)
    with stack.disable_rule("UploadRule"):
        for path in sorted(FOLDER.glob("*.json")):
            event = load_event(path.stem, stack)
            (folder / path.name).write_text(json.dumps(event, ensure_ascii=False, indent=2) + "\n")
    return folder


def load_event(name: str, stack: Stack) -> Any:
    """Loads an event. Uploads each object that it names, and inserts its version id and ETag."""
    text = (FOLDER / f"{name}.json").read_text()
    for sample, output in OUTPUTS.items():
        text = text.replace(sample, stack.env[output])
    return _adapt_event(json.loads(text), stack)


def _adapt_event(value: Any, stack: Stack) -> Any:
    if isinstance(value, list):
        return [_adapt_event(element, stack) for element in value]
    if isinstance(value, str) and value.startswith("arn:aws:sqs:"):
        return _find_queue_arn(stack, value.rpartition("-")[2])
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            return value
        return json.dumps(_adapt_event(inner, stack), ensure_ascii=False) if isinstance(inner, dict) else value
    if isinstance(value, dict):
        return _upload_object({name: _adapt_event(element, stack) for name, element in value.items()}, stack)
    return value


def _find_queue_arn(stack: Stack, queue: str) -> str:
    wanted = {"QueueUrl": stack.resources[queue], "AttributeNames": ["QueueArn"]}
    return str(stack.client("sqs").get_queue_attributes(**wanted)["Attributes"]["QueueArn"])


def _upload_object(item: dict[str, Any], stack: Stack) -> dict[str, Any]:
    for version, tag, decode_key in SPELLINGS:
        if version in item and "key" in item and item["size"] > 0:
            body = build_archive(**{"model.onnx": read_light_model("squeezenet")})
            bucket, key = stack.env["ModelBucketName"], decode_key(item["key"])
            stored = stack.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
            return {**item, version: stored["VersionId"], tag: stored["ETag"].strip('"'), "size": len(body)}
    return item
