"""Uploads and configurations whose events were lost are found by the scheduled search."""

import time
from collections.abc import Iterator

import pytest

from .harness import CONFIG, Harness, wait_until

EVENT_DELAY = 90.0  # what is younger than a minute may still get its event


@pytest.fixture
def no_events(harness: Harness) -> Iterator[None]:
    """S3 reports neither uploads nor configurations."""
    with harness.stack.disable_rule("UploadRule"), harness.stack.disable_rule("ConfigRule"):
        yield


@pytest.mark.usefixtures("no_events")
def test_upload_and_configuration_are_found_without_events(harness: Harness) -> None:
    """SEMANTICS found-later: An upload, a configuration or an approved model package whose event never arrived is found
    within an hour and processed as if it had; an upload only if it was modified after the stack first saw the bucket,
    and less than 7 days ago.
    """
    key, unmatched = harness.object_key("three", "lost"), "no/rule/matches.tar.gz"
    harness.invoke_function("PlanCompilation", {})
    uploaded = harness.upload_archive(key)
    harness.upload_archive(unmatched)
    body = CONFIG.read_text() + "# changed\n"
    config = harness.stack.client("s3").put_object(
        Bucket=harness.stack.env["ConfigBucketName"], Key="automation.yaml", Body=body.encode()
    )

    def search_finds_them() -> bool:
        time.sleep(1)  # between the searches
        harness.invoke_function("PlanCompilation", {})
        rows = harness.read_ledger()
        applied = rows["config#applied"]["row"]["version"] == config["VersionId"]
        planned = {row["row"]["upload"].get("key") for pk, row in rows.items() if pk.startswith("model#")}
        return applied and planned >= {key, unmatched}

    assert wait_until(search_finds_them, EVENT_DELAY)
    summary = harness.wait_for_summary(key)
    assert summary["model"]["version_id"] == uploaded["version_id"], "the id is that of the event"
    harness.invoke_function("PlanCompilation", {})
    harness.wait_until_idle()
    assert len(harness.requests_for(key)) == 3
    assert len(harness.notifications_about(key, "model.summary")) == 1
    assert len(harness.notifications_about(unmatched, "compilation.rejected")) == 1
