"""Notifications on the event bus, as a rule of a user's system receives them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local import queues
from tests.local.stack import EVENT_BUS

from .harness import THREE_TARGETS, Harness, wait_until

RULE = "e2e-bus-rule"


@pytest.fixture(scope="module")
def event_queue(harness: Harness) -> Iterator[str]:
    """A queue that receives the events of the product: its URL."""
    events, sqs = harness.stack.client("events"), harness.stack.client("sqs")
    pattern = json.dumps({"source": ["sagemaker-automation"]})
    rule = events.put_rule(Name=RULE, EventBusName=EVENT_BUS, EventPattern=pattern)["RuleArn"]
    url, arn = queues.create_receiver(harness.stack, RULE, "events.amazonaws.com", rule)
    events.put_targets(Rule=RULE, EventBusName=EVENT_BUS, Targets=[{"Id": "queue", "Arn": arn}])
    yield url
    events.remove_targets(Rule=RULE, EventBusName=EVENT_BUS, Ids=["queue"])
    events.delete_rule(Name=RULE, EventBusName=EVENT_BUS)
    sqs.delete_queue(QueueUrl=url)


def test_bus_and_topic_receive_the_same_documents(harness: Harness, event_queue: str) -> None:
    key = harness.object_key("three", "model")
    with harness.hold_jobs():
        harness.upload_archive(key)
        harness.wait_for_starts(key, len(THREE_TARGETS))
    harness.wait_for_summary(key)
    harness.wait_until_idle()
    published = {one["id"]: one for one in harness.notifications_about(key)}
    received: dict[str, Any] = {}

    def all_arrived() -> bool:
        for message in queues.take_messages(harness.stack, event_queue):
            event = json.loads(message["body"])
            received[event["detail"]["id"]] = event
        return published.keys() <= received.keys()

    assert wait_until(all_arrived), f"missing on the bus: {published.keys() - received.keys()}"
    assert len(published) == 2 * len(THREE_TARGETS) + 1
    for id_, notification in published.items():
        event = received[id_]
        document = {name: value for name, value in notification.items() if name != "attributes"}
        # Two observers of one state may each publish to one of the channels.
        assert event["detail"] | {"time": ""} == document | {"time": ""}
        assert (event["source"], event["detail-type"]) == ("sagemaker-automation", document["type"])
