"""The system never compiles its own output, not even when somebody wires the artifact bucket to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from .scene import SECONDS, Scene


@contextmanager
def artifacts_start_compilations(scene: Scene) -> Iterator[None]:
    """The wrong configuration: the artifact bucket tells EventBridge, and the upload rule takes it."""
    s3, events = scene.stack.client("s3"), scene.stack.client("events")
    bucket, name = scene.stack.env["ArtifactBucketName"], scene.stack.resources["UploadRule"]
    right = events.describe_rule(Name=name)["EventPattern"]
    wrong = json.loads(right)
    wrong["detail"]["bucket"]["name"].append(bucket)
    told = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)
    events.put_rule(Name=name, EventPattern=json.dumps(wrong))
    try:
        yield
    finally:
        events.put_rule(Name=name, EventPattern=right)
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})


def test_artifacts_that_come_back_as_uploads_are_skipped_and_told_once(scene: Scene) -> None:
    """SEMANTICS no-loop: The system never compiles its own output."""
    key = scene.key("three", "looping")
    with artifacts_start_compilations(scene):
        scene.put(key)
        jobs = scene.summary(key)["jobs"]

        def told(received: list[dict[str, object]]) -> bool:
            return any("written by this system itself" in str(one["text"]) for one in received)

        assert scene.subscriber.wait(told, SECONDS), "nobody was told"
        scene.settle()
    skipped = [one for one in scene.subscriber.received if told([one])]
    assert len(jobs) == 3 and len(skipped) == 1, "three artifacts, one notification"
    assert (skipped[0]["type"], skipped[0]["severity"]) == ("compilation.rejected", "warning")
    assert skipped[0]["model"]["bucket"] == scene.stack.env["ArtifactBucketName"]
    assert len(scene.requested(key)) == 3
