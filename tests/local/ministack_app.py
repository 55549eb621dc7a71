"""MiniStack as the AWS endpoint of a local stack, mended where it differs from AWS in what this project relies on."""

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack.app import app as ministack
from ministack.core import iam_actions
from ministack.services import cloudwatch, eventbridge, s3, sqs
from ministack.services.cloudformation import provisioners

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


def _mend_composite_alarms() -> None:
    """CloudFormation makes composite alarms: here CloudWatch alone does."""

    def put(name: str, properties: Message) -> tuple[str, Message]:
        status, _, body = cloudwatch._put_composite_alarm({}, {**properties, "AlarmName": name}, False, True)
        if status >= 400:
            raise ValueError(body)
        return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}

    def create(logical_id: str, properties: Message, stack: str) -> tuple[str, Message]:
        return put(properties.get("AlarmName") or provisioners._physical_name(stack, logical_id), properties)

    def update(name: str, _: Message, properties: Message, *__: Any) -> tuple[str, Message]:
        return put(name, properties)

    def delete(name: str, _: Message) -> None:
        cloudwatch._composite_alarms.pop(name, None)

    handlers = {"create": create, "update": update, "delete": delete}
    provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::CompositeAlarm"] = handlers


_mend_batch_actions()
_mend_composite_alarms()
_mend_source_queues()
_mend_object_events()
