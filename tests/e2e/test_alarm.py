"""One alarm for on-call: something lies in a dead-letter queue."""

import json

from .scene import SECONDS, Scene, wait_until


def test_a_dead_letter_raises_the_one_alarm_and_people_are_told(scene: Scene) -> None:
    cloudwatch, names = scene.stack.client("cloudwatch"), scene.stack.resources

    def state() -> str:
        answer = cloudwatch.describe_alarms(AlarmNames=[names["DeadLettersAlarm"]], AlarmTypes=["CompositeAlarm"])
        return str(answer["CompositeAlarms"][0]["StateValue"])

    def put(value: str) -> None:
        """What CloudWatch finds out by itself: the local one has no metrics of queues."""
        cloudwatch.set_alarm_state(AlarmName=names["RequestsDeadLetterAlarm"], StateValue=value, StateReason="test")

    def told() -> list[str]:
        return [str(one["NewStateValue"]) for one in scene.subscriber.received if "AlarmName" in one]

    assert state() != "ALARM"
    before = told()
    put("ALARM")
    try:
        assert wait_until(lambda: state() == "ALARM")
        assert scene.subscriber.wait(lambda _: told() != before, SECONDS), "nobody was told"
    finally:
        put("OK")
    assert wait_until(lambda: state() == "OK")
    assert scene.subscriber.wait(lambda _: told() == [*before, "ALARM", "OK"], SECONDS), told()
    [name] = {str(one["AlarmName"]) for one in scene.subscriber.received if "AlarmName" in one}
    assert name == names["DeadLettersAlarm"], "the alarm of the queue itself tells nobody"


def test_each_alarm_watches_the_queue_of_its_name(scene: Scene) -> None:
    cloudwatch, names = scene.stack.client("cloudwatch"), scene.stack.resources
    for queue in (name for name in names if name.endswith("DeadLetterQueue")):
        alarm = names[queue.replace("Queue", "Alarm")]
        [found] = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        watched = {dimension["Name"]: dimension["Value"] for dimension in found["Dimensions"]}
        assert watched == {"QueueName": names[queue].rpartition("/")[2]}


def test_the_dashboard_shows_what_there_is(scene: Scene) -> None:
    names = scene.stack.resources
    body = json.loads(scene.stack.client("cloudwatch").get_dashboard(DashboardName=names["Dashboard"])["DashboardBody"])
    metrics = [metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]
    shown = {part for metric in metrics for part in metric[:4]}
    queues = {url.rpartition("/")[2] for name, url in names.items() if name.endswith("DeadLetterQueue")}
    functions = {names[name] for name in ("PlanCompilation", "StartCompilation", "RelayCompilation")}
    assert queues | functions <= shown
    assert not any("${" in str(part) for part in shown)
