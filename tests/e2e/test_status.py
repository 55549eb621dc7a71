"""`automation status` reads the ledger: by upload, by job, running and recent."""

import json
from typing import Any

from .harness import THREE_TARGETS, Harness, wait_until


def read_status(harness: Harness, *arguments: str) -> dict[str, Any]:
    done = harness.run_automation("status", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_watch_follows_an_upload_to_its_end(harness: Harness) -> None:
    key = harness.object_key("three", "watched")
    uri = f"s3://{harness.bucket}/{key}"
    harness.upload_archive(key)
    assert wait_until(lambda: harness.run_automation("status", uri).returncode == 0), "the upload was never planned"
    watched = harness.run_automation("status", uri, "--watch", "--exit-status")
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout.count("COMPLETED") >= len(THREE_TARGETS)
    [shown] = read_status(harness, uri)["models"]
    assert {job["target"] for job in shown["jobs"]} == THREE_TARGETS
    for job in shown["jobs"]:
        states = [seen["status"] for seen in job["states"]]
        assert (states[0], states[-1]) == ("REQUESTED", "COMPLETED")
    [job] = read_status(harness, shown["jobs"][0]["name"])["jobs"]
    assert job == shown["jobs"][0]
    assert "s billed" in harness.run_automation("status", job["name"]).stdout


def test_newest_upload_is_first_and_failure_sets_exit_code(harness: Harness) -> None:
    key = harness.object_key("three", "not-an-archive")
    harness.upload_archive(key, b"this is not an archive")
    uri = f"s3://{harness.bucket}/{key}"
    assert wait_until(lambda: "rejected" in harness.run_automation("status", uri).stdout)
    assert harness.run_automation("status", uri, "--exit-status").returncode == 1
    text = harness.run_automation("status", uri).stdout
    assert "rejected" in text and "tar" in text

    def is_first() -> bool:
        models = read_status(harness, "--recent", "1")["models"]
        return [model["model"]["upload"]["key"] for model in models] == [key]

    assert wait_until(is_first), "the index does not show the newest upload"


def test_running_jobs_are_listed_until_they_end(harness: Harness) -> None:
    key = harness.object_key("one", "running")

    def list_running() -> list[str]:
        jobs = read_status(harness, "--running")["jobs"]
        return [job["name"] for job in jobs if job["request"] and job["request"]["source"]["key"] == key]

    with harness.hold_jobs():
        harness.upload_archive(key)
        assert wait_until(lambda: bool(list_running())), "the running job is not listed"
    assert wait_until(lambda: not list_running()), "the ended job is still listed"
    harness.wait_for_summary(key)


def test_status_reports_unknown_jobs_and_uploads(harness: Harness) -> None:
    for arguments, code, expected in [
        (("no-such-job",), 1, "there is no job `no-such-job` in the ledger of this stack"),
        ((f"s3://{harness.bucket}/nothing.tar.gz",), 1, "no version of s3://"),
        (("s3://",), 2, "has no object key"),
        (("--table", "no-such-table"), 1, "there is no table `no-such-table`"),
    ]:
        done = harness.run_automation("status", *arguments)
        assert done.returncode == code and expected in done.stderr, done.stderr
