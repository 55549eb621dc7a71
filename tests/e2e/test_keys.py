"""Every key that S3 allows reaches SageMaker as it is, whichever way its event came."""

import json
from urllib.parse import quote_plus

import pytest

from . import fixtures
from .scene import Scene

NAMES = ["two words", "a+b", "100%", "%2B", "résumé", "模型", "a&b=c;d", "it's (1) $5,@!"]


def s3_notification(scene: Scene, uploaded: dict[str, str]) -> dict[str, object]:
    """An upload's S3 notification: the key form-encoded."""
    body = fixtures.load("upload-s3-notification", scene)["Records"][0]["body"]
    notification = json.loads(body)
    notification["Records"][0]["s3"]["object"] = {
        "key": quote_plus(uploaded["key"], safe="/"),
        "size": uploaded["size"],
        "eTag": uploaded["etag"],
        "versionId": uploaded["version_id"],
        "sequencer": "00617F08299329D189",
    }
    return notification


@pytest.mark.parametrize("name", NAMES)
def test_a_key_is_the_same_in_both_encodings(scene: Scene, name: str) -> None:
    key = scene.key("one", name)
    uploaded = scene.put(key)
    scene.send("UploadsQueue", s3_notification(scene, uploaded))
    scene.summary(key)
    assert [request["InputConfig"]["S3Uri"] for request in scene.requested(key)] == [f"s3://{scene.bucket}/{key}"]


def test_both_events_of_an_upload_are_one_upload(scene: Scene) -> None:
    scene.settle()
    for name in NAMES:
        assert len(scene.requested(scene.key("one", name))) == 1
        assert scene.about(scene.key("one", name), "compilation.rejected") == []
