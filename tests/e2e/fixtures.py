"""The files of `events/`, with this stack's buckets, queues and objects in them."""

import json
from typing import Any
from urllib.parse import unquote_plus

from tests.local.environment import ROOT

from .scene import Scene

FOLDER = ROOT / "events"
# As the files name them.
MODEL_BUCKET = "sagemaker-automation-models-123456789012-eu-west-1"
ARTIFACT_BUCKET = "sagemaker-automation-artifacts-123456789012-eu-west-1"
CONFIG_BUCKET = "sagemaker-automation-config-123456789012-eu-west-1"
# How each kind of event writes the version, the entity tag and the key of an object.
SPELLINGS = (
    ("version-id", "etag", str),
    ("versionId", "eTag", unquote_plus),
    ("version_id", "etag", str),
)


def names() -> set[str]:
    """The files there are, without `.json`."""
    return {path.stem for path in FOLDER.glob("*.json")}


def load(name: str, scene: Scene) -> Any:
    """The event of a file; each object it tells of is uploaded, and its version and entity tag are put in."""
    text = (FOLDER / f"{name}.json").read_text()
    text = text.replace(MODEL_BUCKET, scene.bucket).replace(ARTIFACT_BUCKET, scene.stack.env["ArtifactBucketName"])
    text = text.replace(CONFIG_BUCKET, scene.stack.env["ConfigBucketName"])
    return _localised(json.loads(text), scene)


def _localised(value: Any, scene: Scene) -> Any:
    if isinstance(value, list):
        return [_localised(item, scene) for item in value]
    if isinstance(value, str) and value.startswith("arn:aws:sqs:"):
        return scene.queue_arn(value.rpartition("-")[2])
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            return value
        return json.dumps(_localised(inner, scene)) if isinstance(inner, dict) else value
    if isinstance(value, dict):
        return _uploaded({name: _localised(item, scene) for name, item in value.items()}, scene)
    return value


def _uploaded(told: dict[str, Any], scene: Scene) -> dict[str, Any]:
    for version, tag, read_key in SPELLINGS:
        if version in told and "key" in told and told["size"] > 0:
            stored = scene.put(read_key(told["key"]))
            return {**told, version: stored["version_id"], tag: stored["etag"], "size": stored["size"]}
    return told
