"""`automation status` reads the ledger: by upload, by job, running and recent."""

import json
from typing import Any

from .scene import THREE_TARGETS, Scene, wait_until


def status(scene: Scene, *arguments: str) -> dict[str, Any]:
    done = scene.automation("status", *arguments, "--json")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_an_upload_is_watched_to_its_end(scene: Scene) -> None:
    key = scene.key("three", "watched")
    uri = f"s3://{scene.bucket}/{key}"
    scene.put(key)
    assert wait_until(lambda: scene.automation("status", uri).returncode == 0), "it was never planned"
    watched = scene.automation("status", uri, "--watch")
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout.count("COMPLETED") >= len(THREE_TARGETS)
    [shown] = status(scene, uri)["models"]
    assert {job["target"] for job in shown["jobs"]} == THREE_TARGETS
    for job in shown["jobs"]:
        states = [seen["status"] for seen in job["states"]]
        assert (states[0], states[-1]) == ("REQUESTED", "COMPLETED")
    [job] = status(scene, shown["jobs"][0]["name"])["jobs"]
    assert job == shown["jobs"][0]
    assert "s billed" in scene.automation("status", job["name"]).stdout


def test_recent_uploads_come_first_and_failures_are_an_exit_status(scene: Scene) -> None:
    key = scene.key("three", "not-an-archive")
    scene.put(key, b"this is no archive")
    uri = f"s3://{scene.bucket}/{key}"
    assert wait_until(lambda: scene.automation("status", uri).returncode == 1)
    text = scene.automation("status", uri).stdout
    assert "rejected" in text and "tar" in text

    def is_first() -> bool:
        models = status(scene, "--recent", "1")["models"]
        return [model["model"]["upload"]["key"] for model in models] == [key]

    assert wait_until(is_first), "the index does not show the newest upload"


def test_running_jobs_are_listed_until_they_end(scene: Scene) -> None:
    scene.stack.emulator("settings", {"in_progress_ms": 60_000})
    key = scene.key("one", "running")
    scene.put(key)

    def running() -> list[str]:
        jobs = status(scene, "--running")["jobs"]
        return [job["name"] for job in jobs if job["request"] and job["request"]["source"]["key"] == key]

    assert wait_until(lambda: bool(running())), "the running job is not listed"
    [name] = running()
    scene.stack.client("sagemaker").stop_compilation_job(CompilationJobName=name)
    scene.stack.emulator("settings", {"in_progress_ms": 150})
    assert wait_until(lambda: not running()), "it is still listed"
    scene.summary(key)


def test_what_is_not_there_is_said(scene: Scene) -> None:
    for arguments, said in [
        (("no-such-job",), "the ledger has no job `no-such-job`"),
        ((f"s3://{scene.bucket}/nothing.tar.gz",), "the ledger has no version of s3://"),
        (("s3://",), "names no object"),
        (("--table", "no-such-table"), "there is no table `no-such-table`"),
    ]:
        done = scene.automation("status", *arguments)
        assert done.returncode == 2 and said in done.stderr, done.stderr
