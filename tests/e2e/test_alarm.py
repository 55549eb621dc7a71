"""The alarm for on-call engineers: a message is in a dead-letter queue."""

import json

from .harness import SECONDS, Harness, wait_until


def test_dead_letter_message_raises_the_alarm_and_notifies(harness: Harness) -> None:
    cloudwatch, names = harness.stack.client("cloudwatch"), harness.stack.resources

    def read_state() -> str:
        answer = cloudwatch.describe_alarms(AlarmNames=[names["DeadLettersAlarm"]], AlarmTypes=["CompositeAlarm"])
        return str(answer["CompositeAlarms"][0]["StateValue"])

    def set_queue_alarm(value: str) -> None:
        """Sets the state that CloudWatch determines on AWS. MiniStack has no queue metrics."""
        cloudwatch.set_alarm_state(AlarmName=names["RequestsDeadLetterAlarm"], StateValue=value, StateReason="test")

    def alarm_notifications() -> list[str]:
        return [str(one["NewStateValue"]) for one in harness.subscriber.received if "AlarmName" in one]

    assert read_state() != "ALARM"
    before = alarm_notifications()
    set_queue_alarm("ALARM")
    try:
        assert wait_until(lambda: read_state() == "ALARM")
        assert harness.subscriber.wait_until(lambda _: alarm_notifications() != before, SECONDS), (
            "no alarm notification arrived"
        )
    finally:
        set_queue_alarm("OK")
    assert wait_until(lambda: read_state() == "OK")
    assert harness.subscriber.wait_until(lambda _: alarm_notifications() == [*before, "ALARM", "OK"], SECONDS), (
        alarm_notifications()
    )
    [name] = {str(one["AlarmName"]) for one in harness.subscriber.received if "AlarmName" in one}
    assert name == names["DeadLettersAlarm"], "the alarm of a single queue sends no notification"


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
