"""MiniStack as the AWS endpoint of a local stack, mended where it differs from AWS in what this project relies on."""

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack.app import app as ministack
from ministack.core import iam_actions
from ministack.services import eventbridge, s3, sqs

Message = dict[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Says of each request that it came over TLS, as it would to AWS: the bucket policies ask for it."""
    if scope["type"] == "http":
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await ministack(scope, receive, send)


def _mend_batch_actions() -> None:
    """IAM has no action for SQS's batch calls: sqs:SendMessage allows SendMessageBatch, and so on."""
    extract = iam_actions.extract_iam_action

    def mended(*arguments: Any) -> str | None:
        action: str | None = extract(*arguments)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    iam_actions.extract_iam_action = mended


def _mend_object_events() -> None:
    """The EventBridge event of an upload to a versioned bucket names the version."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event
    version: ContextVar[str | None] = ContextVar("version", default=None)

    def remembered(*arguments: Any, **named: Any) -> None:
        version.set(named.get("version_id"))
        fire(*arguments, **named)

    def mended(event: Message, *arguments: Any) -> None:
        if event["Source"] == "aws.s3" and version.get():
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version.get()
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *arguments)

    s3._fire_s3_event, eventbridge._dispatch_event = remembered, mended


def _mend_source_queues() -> None:
    """SQS tells which queues a dead-letter queue serves."""

    def listed(_: Message, url: str) -> Message:
        arn = sqs._queues[url]["attributes"]["QueueArn"]
        policies = ((source, queue["attributes"].get("RedrivePolicy")) for source, queue in sqs._queues.items())
        served = [source for source, policy in policies if policy and json.loads(policy)["deadLetterTargetArn"] == arn]
        return {"queueUrls": served}

    sqs._HANDLERS["ListDeadLetterSourceQueues"] = listed


_mend_batch_actions()
_mend_source_queues()
_mend_object_events()
