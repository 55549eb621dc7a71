"""What the addresses of the template parameters receive: the filter policies of their subscriptions, in SNS."""

import json
from collections.abc import Iterator

import pytest

from tests.local.subscriber import Subscriber

from .harness import SECONDS, THREE_TARGETS, Harness
from .test_template import RESOURCES


def subscription_attributes(name: str) -> dict[str, str]:
    """Returns the filter of a subscription in the template."""
    properties = RESOURCES[name]["Properties"]
    policy = properties["FilterPolicy"]
    policy = policy["Fn::If"][1] if "Fn::If" in policy else policy
    attributes = {"FilterPolicy": json.dumps(policy)}
    if scope := properties.get("FilterPolicyScope"):
        attributes["FilterPolicyScope"] = scope
    return attributes


@pytest.fixture(scope="module")
def subscribers(harness: Harness) -> Iterator[dict[str, Subscriber]]:
    """A subscriber with the filter of each address."""
    names = ("NotificationEmailSubscription", "LabelingEmailSubscription", "AlarmEmailSubscription")
    created = {name: Subscriber(harness.stack, f"e2e-emails-{name}", subscription_attributes(name)) for name in names}
    yield created
    for subscriber in created.values():
        subscriber.close()


def receive_all(subscriber: Subscriber) -> list[str]:
    """Returns the subjects that were received."""
    while list(subscriber.receive_notifications()):
        pass
    return [one["subject"] for one in subscriber.received]


def test_upload_with_three_targets_is_one_email(harness: Harness, subscribers: dict[str, Subscriber]) -> None:
    key = harness.object_key("three", "model")
    with harness.hold_jobs():
        harness.upload_archive(key)
        harness.wait_for_starts(key, len(THREE_TARGETS))
    harness.wait_for_summary(key)
    harness.wait_until_idle()
    assert len(harness.notifications_about(key)) == 2 * len(THREE_TARGETS) + 1
    received = {name: receive_all(subscriber) for name, subscriber in subscribers.items()}
    [summary] = received.pop("NotificationEmailSubscription")
    assert summary == harness.notifications_about(key, "model.summary")[0]["subject"]
    assert not any(received.values()), received


def test_alarm_reaches_the_address_for_alarms(harness: Harness, subscribers: dict[str, Subscriber]) -> None:
    cloudwatch, alarm = harness.stack.client("cloudwatch"), harness.stack.resources["UploadsAgeAlarm"]
    subscriber = subscribers["AlarmEmailSubscription"]
    try:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
        assert subscriber.wait_until(lambda _: bool(subscriber.alarms), SECONDS)
    finally:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="test")
    assert (receive_all(subscriber), subscriber.alarms[0]["AlarmName"]) == ([], alarm)
