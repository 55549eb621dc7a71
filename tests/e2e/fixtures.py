"""Loads the sample events in `events/` with this stack's buckets, queues and objects."""

import json
from typing import Any
from urllib.parse import unquote_plus

from tests.local.environment import ROOT

from .harness import Harness

FOLDER = ROOT / "events"
# Names in the files.
MODEL_BUCKET = "sagemaker-automation-models-123456789012-eu-west-1"
ARTIFACT_BUCKET = "sagemaker-automation-artifacts-123456789012-eu-west-1"
CONFIG_BUCKET = "sagemaker-automation-config-123456789012-eu-west-1"
# Field names of version id and ETag, and the encoding of the key, per kind of event.
SPELLINGS = (
    ("version-id", "etag", str),
    ("versionId", "eTag", unquote_plus),
    ("version_id", "etag", str),
)


def list_names() -> set[str]:
    """Returns the names of the files, without `.json`."""
    return {path.stem for path in FOLDER.glob("*.json")}


def load_event(name: str, harness: Harness) -> Any:
    """Loads an event. Uploads each object that it names, and inserts its version id and ETag."""
    text = (FOLDER / f"{name}.json").read_text()
    text = text.replace(MODEL_BUCKET, harness.bucket).replace(ARTIFACT_BUCKET, harness.stack.env["ArtifactBucketName"])
    text = text.replace(CONFIG_BUCKET, harness.stack.env["ConfigBucketName"])
    return _adapt_event(json.loads(text), harness)


def _adapt_event(value: Any, harness: Harness) -> Any:
    if isinstance(value, list):
        return [_adapt_event(element, harness) for element in value]
    if isinstance(value, str) and value.startswith("arn:aws:sqs:"):
        return harness.get_queue_arn(value.rpartition("-")[2])
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            return value
        return json.dumps(_adapt_event(inner, harness)) if isinstance(inner, dict) else value
    if isinstance(value, dict):
        return _upload_object({name: _adapt_event(element, harness) for name, element in value.items()}, harness)
    return value


def _upload_object(item: dict[str, Any], harness: Harness) -> dict[str, Any]:
    for version, tag, decode_key in SPELLINGS:
        if version in item and "key" in item and item["size"] > 0:
            stored = harness.upload_archive(decode_key(item["key"]))
            return {**item, version: stored["version_id"], tag: stored["etag"], "size": stored["size"]}
    return item
