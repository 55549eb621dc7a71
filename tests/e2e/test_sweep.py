"""The sweep is the truth: without any event from SageMaker every state is told all the same."""

from collections.abc import Iterator

import pytest

from .scene import Scene, target_of, wait_until


@pytest.fixture
def no_events(scene: Scene) -> Iterator[None]:
    """Job states come from the sweep alone."""
    with scene.without_rule("JobStateRule"):
        yield


@pytest.mark.usefixtures("no_events")
def test_a_sweep_tells_what_no_event_told(scene: Scene) -> None:
    key = scene.key("three", "swept")
    scene.put(key)

    def ended() -> bool:
        jobs = scene.stack.emulator("jobs")["compilation_jobs"]
        return [job["CompilationJobStatus"] for job in jobs if key in job.get("InputConfig", {}).get("S3Uri", "")] == [
            "COMPLETED"
        ] * 3

    assert wait_until(ended)
    # The schedule may have been first: who sweeps does not matter.
    scene.invoke("SweepCompilations", {})
    summary = scene.summary(key)
    scene.settle()
    assert len(summary["jobs"]) == len(scene.about(key, "compilation.completed")) == 3
    told = len(scene.about(key))
    scene.invoke("SweepCompilations", {})
    scene.settle()
    assert len(scene.about(key)) == told, "a second sweep finds nothing new"
    assert len({target_of(request) for request in scene.requested(key)}) == 3


def test_the_schedule_calls_the_sweep_every_minute(scene: Scene) -> None:
    scheduler = scene.stack.client("scheduler")
    listed = scheduler.list_schedules(GroupName=scene.stack.resources["ScheduleGroup"])["Schedules"]
    schedules = [scheduler.get_schedule(Name=each["Name"], GroupName=each["GroupName"]) for each in listed]
    function = scene.stack.resources["SweepCompilations"]
    [schedule] = [each for each in schedules if each["Target"]["Arn"].endswith(function)]
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(1 minute)", "ENABLED")
