"""The alarms for on-call engineers."""

import json

from .harness import SECONDS, Harness


def test_each_incident_notifies_while_another_is_open(harness: Harness) -> None:
    cloudwatch, names = harness.stack.client("cloudwatch"), harness.stack.resources
    alarms = [names["RequestsDeadLetterAlarm"], names["UploadsAgeAlarm"]]

    def set_alarm(name: str, value: str) -> None:
        """Sets the state that CloudWatch determines on AWS. MiniStack has no queue metrics."""
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=value, StateReason="test")

    def published_alarms() -> list[str]:
        return [str(one["AlarmName"]) for one in harness.subscriber.received if one.get("NewStateValue") == "ALARM"]

    before = published_alarms()
    try:
        for count, alarm in enumerate(alarms, 1):
            set_alarm(alarm, "ALARM")
            assert harness.subscriber.wait_until(lambda _: published_alarms() == before + alarms[:count], SECONDS), (  # noqa: B023
                published_alarms()
            )
    finally:
        for alarm in alarms:
            set_alarm(alarm, "OK")


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
