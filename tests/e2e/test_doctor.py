"""`automation doctor` on the deployed stack."""

import json
from collections.abc import Iterator

import pytest

from tests.local.sam import STACK_NAME

from .harness import EXISTING_BUCKET, Harness, Json


def run_doctor(harness: Harness) -> tuple[int, list[Json]]:
    """Returns the exit status and what did not pass."""
    done = harness.run_automation("doctor", "--stack", STACK_NAME, "--json")
    findings = json.loads(done.stdout)["findings"]
    return done.returncode, [finding for finding in findings if finding["result"] != "passed"]


@pytest.fixture
def bucket_without_events(harness: Harness) -> Iterator[None]:
    """Switches EventBridge off for the bucket that the template parameter ModelBuckets names."""
    put = harness.stack.client("s3").put_bucket_notification_configuration
    put(Bucket=EXISTING_BUCKET, NotificationConfiguration={})
    yield
    put(Bucket=EXISTING_BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}})


@pytest.mark.usefixtures("bucket_without_events")
def test_bucket_without_events_is_found_with_its_fix(harness: Harness) -> None:
    status, [problem] = run_doctor(harness)
    assert (status, problem["check"], problem["result"]) == (1, "bucket-events", "problem")
    assert EXISTING_BUCKET in problem["message"] and EXISTING_BUCKET in problem["fix"]


def test_deployed_stack_passes_every_check(harness: Harness) -> None:
    assert run_doctor(harness) == (0, [])


def test_disabled_rule_is_found_with_its_fix(harness: Harness) -> None:
    with harness.stack.disable_rule("UploadRule"):
        status, [problem] = run_doctor(harness)
    assert (status, problem["check"]) == (1, "rules")
    assert problem["fix"].endswith(harness.stack.resources["UploadRule"])
