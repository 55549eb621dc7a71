"""Subscribes an SQS queue to the Notifications topic, as a user's system would."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from . import queues
from .stack import Stack

Notification = dict[str, Any]
POLL_SECONDS = 1


class Subscriber:
    """Receives every notification that is published after its creation, or those that match a filter policy.

    The default topic is the stack's Notifications topic.
    """

    def __init__(
        self, stack: Stack, name: str, attributes: Mapping[str, str] = MappingProxyType({}), topic: str = ""
    ) -> None:
        self._sqs, self._sns = stack.client("sqs"), stack.client("sns")
        topic = topic or stack.env["NotificationsTopicArn"]
        self.queue, arn = queues.create_receiver(stack, name, "sns.amazonaws.com", topic)
        subscribed = self._sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=dict(attributes), ReturnSubscriptionArn=True
        )
        self._subscription = subscribed["SubscriptionArn"]
        self.received: list[Notification] = []
        self.alarms: list[Notification] = []

    def receive_notifications(self) -> Iterator[Notification]:
        """Yields new notifications in the order of arrival. Waits up to a second for the first.

        Messages about alarms are kept apart.
        """
        answer = self._sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=POLL_SECONDS, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            envelope = json.loads(message["Body"])
            attributes = {name: value["Value"] for name, value in envelope.get("MessageAttributes", {}).items()}
            notification = {**json.loads(envelope["Message"]), "attributes": attributes}
            self._sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            if "AlarmName" in notification:
                self.alarms.append(notification)
                continue
            self.received.append(notification)
            yield notification

    def wait_until(self, holds: Callable[[list[Notification]], bool], seconds: float) -> bool:
        """Receives until the condition holds for what was received. Returns False on timeout."""
        deadline = time.monotonic() + seconds
        while not holds(self.received):
            if time.monotonic() > deadline:
                return False
            list(self.receive_notifications())
        return True

    def close(self) -> None:
        """Deletes the subscription and its queue."""
        self._sns.unsubscribe(SubscriptionArn=self._subscription)
        self._sqs.delete_queue(QueueUrl=self.queue)


def filter_by_type(notifications: list[Notification], *types: str) -> list[Notification]:
    return [notification for notification in notifications if notification["type"] in types]
