"""The alarms for on-call engineers."""

import json
from datetime import UTC, datetime, timedelta

from .harness import SECONDS, Harness, Json, wait_until

ALARM_SETTINGS = (
    "AlarmName", "AlarmDescription", "AlarmActions", "Namespace", "MetricName", "Dimensions", "Statistic", "Period",
    "EvaluationPeriods", "ComparisonOperator", "Threshold", "TreatMissingData",
)  # fmt: skip


def published_alarms(harness: Harness) -> list[str]:
    """Returns the logical ids of the alarms about which the topic sent a message, in order."""
    logical_ids = {physical: logical for logical, physical in harness.stack.resources.items()}
    return [logical_ids[alarm["AlarmName"]] for alarm in harness.subscriber.alarms if alarm["NewStateValue"] == "ALARM"]


def wait_for_alarm(harness: Harness, name: str) -> None:
    arrived = harness.subscriber.wait_until(lambda _: name in published_alarms(harness), SECONDS)
    assert arrived, f"only these alarms notified: {published_alarms(harness)}"


def describe_alarm(harness: Harness, name: str) -> Json:
    """Describes an alarm, identified by its logical id."""
    names = [harness.stack.resources[name]]
    [alarm] = harness.stack.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    return dict(alarm)


def run_schedule_once(harness: Harness, function: str) -> None:
    """Lets EventBridge Scheduler invoke a function as its schedule does, as soon as possible."""
    physical_id = harness.stack.resources[function]
    targets = [schedule["Target"] for schedule in harness.stack.list_schedules()]
    [target] = [target for target in targets if target["Arn"].endswith(f":{physical_id}")]
    due = datetime.now(UTC) + timedelta(seconds=1)
    harness.stack.client("scheduler").create_schedule(
        Name=f"once-{function}",
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
        ActionAfterCompletion="DELETE",
    )


def test_each_incident_notifies_while_another_is_open(harness: Harness) -> None:
    """A schedule's function that fails has no other trace than the record at its OnFailure destination."""
    harness.send_messages("RequestsQueue", {"version": 99, "job_name": "from-the-future"})
    wait_for_alarm(harness, "RequestsDeadLetterAlarm")
    error = {
        "code": "AccessDeniedException",
        "message": "not authorized to perform: ListCompilationJobs",
        "status": 400,
    }
    harness.stack.call_emulator("faults", {"next": {"operation": "ListCompilationJobs", "count": 1, "error": error}})
    run_schedule_once(harness, "SweepCompilations")
    wait_for_alarm(harness, "SchedulesDeadLetterAlarm")
    assert describe_alarm(harness, "RequestsDeadLetterAlarm")["StateValue"] == "ALARM"
    [record] = harness.take_dead_letter_messages("SchedulesDeadLetterQueueUrl", 1)
    body = json.loads(record["body"])
    assert body["requestContext"]["functionArn"].endswith(harness.stack.resources["SweepCompilations"])
    assert "ListCompilationJobs" in body["responsePayload"]["errorMessage"]
    harness.take_dead_letter_messages("RequestsDeadLetterQueueUrl", 1)


def test_alarm_about_parked_requests_reads_the_log_of_the_sweep(harness: Harness) -> None:
    """Only the threshold of the alarm is lower than in the template, where it is an hour."""
    cloudwatch, alarm = harness.stack.client("cloudwatch"), describe_alarm(harness, "ParkedRequestsAlarm")
    settings = {name: alarm[name] for name in ALARM_SETTINGS}
    quota = harness.stack.call_emulator("settings")["max_running"]
    key = harness.object_key("one", "parked")
    cloudwatch.put_metric_alarm(**settings | {"Threshold": 0.5})
    harness.stack.call_emulator("settings", {"max_running": 0})
    try:
        harness.upload_archive(key)

        def alarm_is_published() -> bool:
            harness.invoke_function("SweepCompilations", {})
            list(harness.subscriber.receive_notifications())
            return "ParkedRequestsAlarm" in published_alarms(harness)

        assert wait_until(alarm_is_published), "the alarm did not notify"
    finally:
        harness.stack.call_emulator("settings", {"max_running": quota})
        cloudwatch.put_metric_alarm(**settings)
    harness.invoke_function("SweepCompilations", {})
    harness.wait_for_summary(key)


def test_function_that_fails_three_times_notifies(harness: Harness) -> None:
    error = {"code": "AccessDeniedException", "message": "not authorized to perform: ListWorkteams", "status": 400}
    harness.stack.call_emulator("faults", {"next": {"operation": "ListCompilationJobs", "count": 3, "error": error}})
    function = harness.stack.resources["SweepCompilations"]
    for _ in range(3):
        answer = harness.stack.client("lambda").invoke(FunctionName=function, Payload=b"{}")
        assert "FunctionError" in answer
    wait_for_alarm(harness, "SweepCompilationsErrorAlarm")


def test_each_alarm_monitors_its_own_queue(harness: Harness) -> None:
    cloudwatch, names = harness.stack.client("cloudwatch"), harness.stack.resources
    for queue in (name for name in names if name.endswith("DeadLetterQueue")):
        alarm = names[queue.replace("Queue", "Alarm")]
        [found] = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        watched = {dimension["Name"]: dimension["Value"] for dimension in found["Dimensions"]}
        assert watched == {"QueueName": names[queue].rpartition("/")[2]}


def test_dashboard_shows_existing_queues_and_functions(harness: Harness) -> None:
    names = harness.stack.resources
    body = json.loads(
        harness.stack.client("cloudwatch").get_dashboard(DashboardName=names["Dashboard"])["DashboardBody"]
    )
    metrics = [metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]
    shown = {part for metric in metrics for part in metric[:4]}
    queues = {url.rpartition("/")[2] for name, url in names.items() if name.endswith("DeadLetterQueue")}
    functions = {names[name] for name in ("PlanCompilation", "StartCompilation", "RelayCompilation")}
    assert queues | functions <= shown
    assert not any("${" in str(part) for part in shown)
