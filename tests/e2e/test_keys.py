"""Every key that S3 allows reaches SageMaker unchanged, with either kind of event."""

import json
from urllib.parse import quote_plus

import pytest

from tests.local import sample_events

from .harness import Harness

NAMES = ["two words", "a+b", "100%", "%2B", "résumé", "模型", "a&b=c;d", "it's (1) $5,@!"]


def build_s3_notification(harness: Harness, uploaded: dict[str, str]) -> dict[str, object]:
    """Builds the S3 event notification of an upload, in which the key is form-encoded."""
    body = sample_events.load_event("upload-s3-notification", harness.stack)["Records"][0]["body"]
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
def test_both_key_encodings_give_the_same_key(harness: Harness, name: str) -> None:
    key = harness.object_key("one", name)
    uploaded = harness.upload_archive(key)
    harness.send_messages("UploadsQueue", build_s3_notification(harness, uploaded))
    harness.wait_for_summary(key)
    assert [request["InputConfig"]["S3Uri"] for request in harness.requests_for(key)] == [
        f"s3://{harness.bucket}/{key}"
    ]


def test_both_events_of_an_upload_count_as_one_upload(harness: Harness) -> None:
    harness.wait_until_idle()
    for name in NAMES:
        assert len(harness.requests_for(harness.object_key("one", name))) == 1
        assert harness.notifications_about(harness.object_key("one", name), "compilation.rejected") == []
