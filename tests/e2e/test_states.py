"""Fifty jobs end at random times: each state is published once, found by events or by the sweep."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from .conftest import FAST_JOBS
from .harness import Harness, wait_until

JOBS = 50
# From half a second to about four: the emulator varies the duration by job name.
SPREAD = {"starting_ms": 100, "in_progress_ms": 2000, "jitter_percent": 90}
ENDED = {"COMPLETED", "FAILED", "STOPPED"}


@pytest.fixture(autouse=True)
def spread_job_ends(harness: Harness) -> Iterator[None]:
    """Makes jobs end at different times."""
    before = harness.stack.call_emulator("settings")
    harness.stack.call_emulator("settings", SPREAD)
    yield
    harness.stack.call_emulator("settings", FAST_JOBS | {"jitter_percent": before["jitter_percent"]})


def start_jobs(harness: Harness, run: str) -> list[str]:
    """Starts jobs outside the stack; every tenth one fails."""
    archive = {"Bucket": harness.stack.env["ArtifactBucketName"], "Key": f"states/{run}.tar.gz"}
    harness.stack.client("s3").put_object(**archive, Body=b"an archive that is never inspected")
    sagemaker = harness.stack.client("sagemaker")
    names = [f"states-{run}-{number}" for number in range(JOBS)]
    for name in names[::10]:
        harness.stack.call_emulator(
            "faults", {"fail_job": {"name_contains": name, "failure_reason": "ClientError: no", "count": 1}}
        )
    for name in names:
        sagemaker.create_compilation_job(
            CompilationJobName=name,
            RoleArn="arn:aws:iam::000000000000:role/somebody",
            InputConfig={
                "S3Uri": f"s3://{archive['Bucket']}/{archive['Key']}",
                "DataInputConfig": '{"data":[1,3]}',
                "Framework": "ONNX",
            },
            OutputConfig={"S3OutputLocation": f"s3://{archive['Bucket']}/states/{run}/", "TargetDevice": "ml_c5"},
            StoppingCondition={"MaxRuntimeInSeconds": 900},
        )
    return names


def read_statuses(harness: Harness, names: list[str]) -> dict[str, str]:
    jobs = harness.stack.call_emulator("jobs")["compilation_jobs"]
    return {
        job["CompilationJobName"]: job["CompilationJobStatus"] for job in jobs if job["CompilationJobName"] in names
    }


def count_notifications(harness: Harness, names: list[str]) -> Counter[tuple[str, str]]:
    """Counts the notifications per state and job."""
    known = set(names)
    notifications = (n for n in harness.subscriber.received if n.get("job", {}).get("name") in known)
    return Counter((n["job"]["name"], n["type"]) for n in notifications)


def all_ends_published(harness: Harness, names: list[str]) -> bool:
    ends = {name for name, kind in count_notifications(harness, names) if kind != "compilation.started"}
    return ends == set(names)


def build_event(harness: Harness, name: str, status: str) -> dict[str, Any]:
    """Builds SageMaker's undocumented event, as users have observed it."""
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:compilation-job/{name}"
    return {
        "version": "0",
        "detail-type": "SageMaker Compilation Job State Change",
        "source": "aws.sagemaker",
        "time": "2026-11-22T10:00:00Z",
        "resources": [arn],
        "detail": {"CompilationJobName": name, "CompilationJobStatus": status.title()},
    }


def run_sweeps(harness: Harness, names: list[str]) -> None:
    """Runs two sweeps after SageMaker has shown the end of every job."""
    for name in names:
        assert wait_until(lambda job=name: harness.read_job_status(job) in ENDED)
    for _ in range(2):
        harness.invoke_function("SweepCompilations", {})


def send_duplicate_events(harness: Harness, names: list[str]) -> None:
    """Sends each event two more times, in random order, even after the job's end."""
    events = [
        build_event(harness, name, status) for name in names for status in ("STARTING", "INPROGRESS", "COMPLETED")
    ] * 2
    random.Random(7).shuffle(events)
    for begin in range(0, len(events), 10):
        harness.send_messages("JobStatesQueue", *events[begin : begin + 10])


def do_nothing(harness: Harness, names: list[str]) -> None:
    """Relies on the events of SageMaker only."""


@pytest.mark.parametrize(
    ("run", "events", "act"),
    [
        ("off", False, run_sweeps),
        ("on", True, do_nothing),
        ("both", True, run_sweeps),
        ("doubled", True, send_duplicate_events),
    ],
)
def test_each_state_is_published_once(
    harness: Harness,
    run: str,
    events: bool,
    act: Callable[[Harness, list[str]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with nullcontext() if events else harness.stack.disable_rule("JobStateRule"):
        names = start_jobs(harness, run)
        act(harness, names)
        assert wait_until(lambda: set(read_statuses(harness, names).values()) <= ENDED)
        ended = time.monotonic()
        assert harness.subscriber.wait_until(lambda _: all_ends_published(harness, names), 60), count_notifications(
            harness, names
        )
        took = time.monotonic() - ended
        harness.wait_until_idle()
    counts = count_notifications(harness, names)
    assert set(counts.values()) == {1}, [state for state, times in counts.items() if times > 1]
    kinds = Counter(kind for _, kind in counts)
    assert kinds["compilation.failed"] == JOBS // 10
    assert kinds["compilation.completed"] == JOBS - JOBS // 10
    with capsys.disabled():
        print(
            f"\n    events {run}: {JOBS} jobs, {json.dumps(kinds)}, no duplicates; last job reported {took:.1f} s after it ended"
        )
