"""Uploads that were rejected or failed are planned once more by `automation replay`."""

from collections.abc import Iterator

import pytest
import yaml

from .harness import CONFIG, SECONDS, THREE_TARGETS, Harness, target_name

RULE = {"name": "added-later", "keys": "replay/**/*.tar.gz", "targets": [{"device": "ml_c5"}]}


@pytest.fixture(scope="module", autouse=True)
def restore_config(harness: Harness) -> Iterator[None]:
    yield
    harness.restore_config()
    harness.wait_until_idle()


def add_rule(harness: Harness) -> None:
    document = yaml.safe_load(CONFIG.read_text())
    document["compilation"]["rules"].append(RULE)
    harness.upload_config(document)


def run_replay(harness: Harness, key: str, *arguments: str) -> str:
    """Replays an upload and returns the output."""
    done = harness.run_automation("replay", f"s3://{harness.bucket}/{key}", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rejected_upload_is_compiled_after_its_rule_is_added(harness: Harness) -> None:
    key = harness.object_key("replay", "no-rule")
    harness.upload_archive(key)
    assert harness.subscriber.wait_until(lambda _: bool(harness.notifications_about(key)), SECONDS)
    run_replay(harness, key, "--yes")
    assert harness.subscriber.wait_until(lambda _: len(harness.notifications_about(key)) == 2, SECONDS)
    rejected = harness.notifications_about(key)
    assert [notification["type"] for notification in rejected] == ["compilation.rejected"] * 2
    assert rejected[0]["id"] != rejected[1]["id"]

    add_rule(harness)
    assert run_replay(harness, key, "--dry-run").endswith(
        "1 upload (0 never answered, 1 rejected, 0 failed) would be sent\n"
    )
    run_replay(harness, key, "--yes")
    summary = harness.wait_for_summary(key)
    assert [job["status"] for job in summary["jobs"]] == ["COMPLETED"]
    status = harness.run_automation("status", f"s3://{harness.bucket}/{key}", "--exit-status")
    assert (status.returncode, "COMPLETED" in status.stdout) == (0, True), status.stdout
    assert "0 uploads" in run_replay(harness, key, "--yes")
    harness.wait_until_idle()
    assert len(harness.requests_for(key)) == 1


def test_replay_compiles_only_the_target_that_failed(harness: Harness) -> None:
    key = harness.object_key("three", "replayed-failure")
    fault = {"name_contains": "replayed-failure-ml-c5", "failure_reason": "ClientError: no", "count": 1}
    harness.stack.call_emulator("faults", {"fail_job": fault})
    harness.upload_archive(key)
    first = harness.wait_for_summary(key)
    assert sorted(job["status"] for job in first["jobs"]) == ["COMPLETED", "COMPLETED", "FAILED"]
    assert "1 failed" in run_replay(harness, key, "--yes")
    assert harness.subscriber.wait_until(lambda _: len(harness.notifications_about(key, "model.summary")) == 2, SECONDS)
    second = harness.notifications_about(key, "model.summary")[1]
    assert {job["status"] for job in second["jobs"]} == {"COMPLETED"} and second["id"] != first["id"]
    harness.wait_until_idle()
    targets = [target_name(request) for request in harness.requests_for(key)]
    assert sorted(targets) == sorted([*THREE_TARGETS, "ml_c5"])
