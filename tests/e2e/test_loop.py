"""Artifacts are never compiled, even if the artifact bucket sends events to the upload rule."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from .harness import SECONDS, Harness


@contextmanager
def send_artifact_events(harness: Harness) -> Iterator[None]:
    """Creates a misconfiguration: the upload rule also matches events of the artifact bucket."""
    s3, events = harness.stack.client("s3"), harness.stack.client("events")
    bucket, name = harness.stack.env["ArtifactBucketName"], harness.stack.resources["UploadRule"]
    right = events.describe_rule(Name=name)["EventPattern"]
    wrong = json.loads(right)
    wrong["detail"]["bucket"]["name"].append(bucket)
    notification = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=notification)
    events.put_rule(Name=name, EventPattern=json.dumps(wrong))
    try:
        yield
    finally:
        events.put_rule(Name=name, EventPattern=right)
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})


def test_artifacts_fed_back_as_uploads_are_reported_once(harness: Harness) -> None:
    """SEMANTICS no-loop: The stack never compiles its own output."""
    key = harness.object_key("three", "looping")
    with send_artifact_events(harness):
        harness.upload_archive(key)
        jobs = harness.wait_for_summary(key)["jobs"]

        def own_artifact_reported(received: list[dict[str, object]]) -> bool:
            return any("was created by this stack" in str(one["text"]) for one in received)

        assert harness.subscriber.wait_until(own_artifact_reported, SECONDS), "no notification arrived"
        harness.wait_until_idle()
    skipped = [one for one in harness.subscriber.received if own_artifact_reported([one])]
    assert len(jobs) == 3 and len(skipped) == 1, "three artifacts, one notification"
    assert (skipped[0]["type"], skipped[0]["severity"]) == ("compilation.rejected", "warning")
    assert skipped[0]["model"]["bucket"] == harness.stack.env["ArtifactBucketName"]
    assert len(harness.requests_for(key)) == 3
