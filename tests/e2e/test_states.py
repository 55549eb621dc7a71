"""Fifty jobs that end at random moments: each state is told once, whoever tells of it first."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from .conftest import FAST_JOBS
from .scene import Scene, wait_until

JOBS = 50
# Half a second to some four: the emulator spreads the jobs by their names.
SPREAD = {"starting_ms": 100, "in_progress_ms": 2000, "jitter_percent": 90}
ENDED = {"COMPLETED", "FAILED", "STOPPED"}


@pytest.fixture(autouse=True)
def spread(scene: Scene) -> Iterator[None]:
    """Jobs that end at different times."""
    before = scene.stack.emulator("settings")
    scene.stack.emulator("settings", SPREAD)
    yield
    scene.stack.emulator("settings", FAST_JOBS | {"jitter_percent": before["jitter_percent"]})


def start(scene: Scene, run: str) -> list[str]:
    """Starts jobs as somebody else would; every tenth one fails."""
    archive = {"Bucket": scene.stack.env["ArtifactBucketName"], "Key": f"states/{run}.tar.gz"}
    scene.stack.client("s3").put_object(**archive, Body=b"an archive that nothing looks into")
    sagemaker = scene.stack.client("sagemaker")
    names = [f"states-{run}-{number}" for number in range(JOBS)]
    for name in names[::10]:
        scene.stack.emulator(
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


def statuses(scene: Scene, names: list[str]) -> dict[str, str]:
    jobs = scene.stack.emulator("jobs")["compilation_jobs"]
    return {
        job["CompilationJobName"]: job["CompilationJobStatus"] for job in jobs if job["CompilationJobName"] in names
    }


def told(scene: Scene, names: list[str]) -> Counter[tuple[str, str]]:
    """How often each state of each job was told."""
    known = set(names)
    notifications = (n for n in scene.subscriber.received if n.get("job", {}).get("name") in known)
    return Counter((n["job"]["name"], n["type"]) for n in notifications)


def all_ends_told(scene: Scene, names: list[str]) -> bool:
    ends = {name for name, kind in told(scene, names) if kind != "compilation.started"}
    return ends == set(names)


def event(scene: Scene, name: str, status: str) -> dict[str, Any]:
    """SageMaker's event as people have seen it."""
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:compilation-job/{name}"
    return {
        "version": "0",
        "detail-type": "SageMaker Compilation Job State Change",
        "source": "aws.sagemaker",
        "time": "2026-11-22T10:00:00Z",
        "resources": [arn],
        "detail": {"CompilationJobName": name, "CompilationJobStatus": status.title()},
    }


def sweep(scene: Scene, names: list[str]) -> None:
    """Two sweep periods after the last job has ended."""
    assert wait_until(lambda: set(statuses(scene, names).values()) <= ENDED)
    for _ in range(2):
        scene.invoke("SweepCompilations", {})


def doubled(scene: Scene, names: list[str]) -> None:
    """Every event comes three times, in any order, late ones after the end."""
    events = [event(scene, name, status) for name in names for status in ("STARTING", "INPROGRESS", "COMPLETED")] * 2
    random.Random(7).shuffle(events)
    for begin in range(0, len(events), 10):
        scene.send("JobStatesQueue", *events[begin : begin + 10])


def nothing(scene: Scene, names: list[str]) -> None:
    """The events of SageMaker alone."""


@pytest.mark.parametrize(
    ("run", "events", "act"),
    [("off", False, sweep), ("on", True, nothing), ("both", True, sweep), ("doubled", True, doubled)],
)
def test_each_state_is_told_once(
    scene: Scene, run: str, events: bool, act: Callable[[Scene, list[str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with nullcontext() if events else scene.without_rule("JobStateRule"):
        names = start(scene, run)
        act(scene, names)
        assert wait_until(lambda: set(statuses(scene, names).values()) <= ENDED)
        ended = time.monotonic()
        assert scene.subscriber.wait(lambda _: all_ends_told(scene, names), 60), told(scene, names)
        took = time.monotonic() - ended
        scene.settle()
    counts = told(scene, names)
    assert set(counts.values()) == {1}, [state for state, times in counts.items() if times > 1]
    kinds = Counter(kind for _, kind in counts)
    assert kinds["compilation.failed"] == JOBS // 10
    assert kinds["compilation.completed"] == JOBS - JOBS // 10
    with capsys.disabled():
        print(
            f"\n    events {run}: {JOBS} jobs, {json.dumps(kinds)}, none twice; the last one {took:.1f} s after its end"
        )
