"""Metrics and the alarms on them: MiniStack has no metrics of queues and log lines, and mixes those of all dimensions.

An alarm is evaluated every second over its last periods, in which metrics arrive at once; on AWS, both take minutes.
"""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from ministack.services import cloudwatch, lambda_svc, sqs

SECONDS_BETWEEN_EVALUATIONS = 1
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

COMPARISONS = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
}

Json = dict[str, Any]


def read_embedded_metrics(line: str, filter_level: str) -> Iterator[tuple[str, str, float, Json]]:
    """Yields namespace, name, value and dimensions of each metric in a log line.

    Lambda drops a line below the level of the function's log filter, and takes one without a level for INFO (source:
    AWS Lambda Developer Guide, "Log-level filtering").
    """
    try:
        record = json.loads(line)
    except ValueError:
        return
    directives = record.get("_aws", {}).get("CloudWatchMetrics", []) if isinstance(record, dict) else []
    if not directives or LEVELS.index(record.get("level", "INFO")) < LEVELS.index(filter_level):
        return
    for directive in directives:
        for names in directive["Dimensions"]:
            dimensions = {name: record[name] for name in names}
            for metric in directive["Metrics"]:
                yield directive["Namespace"], metric["Name"], record[metric["Name"]], dimensions


def evaluate_alarm(alarm: Json) -> None:
    """Compares a metric alarm with the points of its own dimensions, and notifies if its state changes."""
    dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    since = time.time() - alarm["Period"] * alarm["EvaluationPeriods"]
    points = [point for point in list(cloudwatch._metrics.get(key) or []) if point["Timestamp"] >= since]
    if points:
        value = cloudwatch._calc_stats(points)[alarm["Statistic"]]
        breaches = COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"])
        state, reason = "ALARM" if breaches else "OK", f"Threshold Crossed: {value}"
    elif alarm["TreatMissingData"] == "notBreaching":
        state, reason = "OK", "no datapoints were received, and missing datapoints were treated as NonBreaching"
    else:
        return
    before = alarm["StateValue"]
    if state != before:
        alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
        cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
        cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)


def record_queues() -> None:
    """Records how many messages each queue has, and the age of the oldest."""
    now = time.time()
    for queue in list(sqs._queues.values()):
        messages = list(queue["messages"])
        dimensions = {"QueueName": queue["attributes"]["QueueArn"].rpartition(":")[2]}
        visible = sum(message["visible_at"] <= now for message in messages)
        age = now - min((message["sent_at"] for message in messages), default=now)
        cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, "Count", dimensions)
        cloudwatch.record_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", age, "Seconds", dimensions)


def _evaluate_forever() -> None:
    while True:
        record_queues()
        for alarm in list(cloudwatch._alarms.values()):
            evaluate_alarm(alarm)
        time.sleep(SECONDS_BETWEEN_EVALUATIONS)


def patch() -> None:
    """Makes MiniStack record the metrics of every invocation, whatever started it, and evaluate all alarms."""
    write_logs, record_invocation = lambda_svc._emit_lambda_logs, lambda_svc._emit_lambda_metrics

    def write_and_record(function: Json, request: str, text: str, error: bool, milliseconds: int, **named: Any) -> None:
        write_logs(function, request, text, error, milliseconds, **named)
        config = function.get("config") or function
        record_invocation(config["FunctionName"], milliseconds, error, throttle=False)
        filter_level = (config.get("LoggingConfig") or {}).get("ApplicationLogLevel", "INFO")
        for line in text.splitlines():
            for namespace, name, value, dimensions in read_embedded_metrics(line, filter_level):
                cloudwatch.record_metric(namespace, name, value, "Count", dimensions)

    lambda_svc._emit_lambda_logs = write_and_record
    lambda_svc._emit_lambda_metrics = lambda *_, **__: None
    cloudwatch._evaluate_alarm = evaluate_alarm
    threading.Thread(target=_evaluate_forever, daemon=True).start()
