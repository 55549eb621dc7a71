"""The sweep finds every job status change, even without any event from SageMaker."""

from collections.abc import Iterator

import pytest

from .harness import Harness, target_name, wait_until


@pytest.fixture
def no_events(harness: Harness) -> Iterator[None]:
    """Only the sweep detects job status changes."""
    with harness.stack.disable_rule("JobStateRule"):
        yield


@pytest.mark.usefixtures("no_events")
def test_sweep_reports_states_that_no_event_reported(harness: Harness) -> None:
    key = harness.object_key("three", "swept")
    harness.upload_archive(key)

    def all_completed() -> bool:
        jobs = [request["CompilationJobName"] for request in harness.requests_for(key)]
        return [harness.read_job_status(job) for job in jobs] == ["COMPLETED"] * 3

    assert wait_until(all_completed)
    # A scheduled sweep may already have found them; the result is the same.
    harness.invoke_function("SweepCompilations", {})
    summary = harness.wait_for_summary(key)
    harness.wait_until_idle()
    assert len(summary["jobs"]) == len(harness.notifications_about(key, "compilation.completed")) == 3
    published = len(harness.notifications_about(key))
    harness.invoke_function("SweepCompilations", {})
    harness.wait_until_idle()
    assert len(harness.notifications_about(key)) == published, "a second sweep finds nothing new"
    assert len({target_name(request) for request in harness.requests_for(key)}) == 3


def test_schedule_runs_the_sweep_every_minute(harness: Harness) -> None:
    scheduler = harness.stack.client("scheduler")
    listed = scheduler.list_schedules(GroupName=harness.stack.resources["ScheduleGroup"])["Schedules"]
    schedules = [scheduler.get_schedule(Name=each["Name"], GroupName=each["GroupName"]) for each in listed]
    function = harness.stack.resources["SweepCompilations"]
    [schedule] = [each for each in schedules if each["Target"]["Arn"].endswith(function)]
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(1 minute)", "ENABLED")
