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
def existing_bucket(harness: Harness) -> Iterator[None]:
    """The bucket that the template parameter ModelBuckets names."""
    s3 = harness.stack.client("s3")
    s3.create_bucket(Bucket=EXISTING_BUCKET)
    events = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=EXISTING_BUCKET, NotificationConfiguration=events)
    yield
    s3.delete_bucket(Bucket=EXISTING_BUCKET)


def test_missing_bucket_is_found_with_its_fix(harness: Harness) -> None:
    status, [problem] = run_doctor(harness)
    assert (status, problem["check"], problem["result"]) == (1, "bucket-events", "problem")
    assert EXISTING_BUCKET in problem["message"] and "ModelBuckets" in problem["fix"]


@pytest.mark.usefixtures("existing_bucket")
def test_deployed_stack_passes_every_check(harness: Harness) -> None:
    assert run_doctor(harness) == (0, [])


@pytest.mark.usefixtures("existing_bucket")
def test_disabled_rule_is_found_with_its_fix(harness: Harness) -> None:
    with harness.stack.disable_rule("UploadRule"):
        status, [problem] = run_doctor(harness)
    assert (status, problem["check"]) == (1, "rules")
    assert problem["fix"].endswith(harness.stack.resources["UploadRule"])
