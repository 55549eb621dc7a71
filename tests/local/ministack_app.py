"""MiniStack as the AWS endpoint of a local stack.

Patched where it differs from AWS in features that this project uses.
"""

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack.app import app as ministack
from ministack.core import iam_actions
from ministack.services import eventbridge, s3, sqs

from . import async_invocations, iam, metrics, recursion, sagemaker_permissions

Message = dict[str, Any]

RETRY_SPEED = 60  # the functions wait up to 25 minutes before they retry


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Marks each request as received over TLS, as the bucket policies require, and answers calls to SageMaker."""
    if scope["type"] == "http":
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        recursion.request_trace.set(headers.get(recursion.TRACE_HEADER, ""))
        if headers.get("x-amz-target", "").startswith(sagemaker_permissions.TARGET):
            await _answer_sagemaker(headers, scope["path"], receive, send)
            return
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await ministack(scope, receive, send)


async def _answer_sagemaker(
    headers: dict[str, str],
    path: str,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    status, answered, content = await sagemaker_permissions.answer(headers, path, body)
    await send({"type": "http.response.start", "status": status, "headers": answered})
    await send({"type": "http.response.body", "body": content})


def _patch_batch_actions() -> None:
    """IAM has no actions for SQS batch calls: sqs:SendMessage also allows SendMessageBatch."""
    extract = iam_actions.extract_iam_action

    def extract_action(*arguments: Any) -> str | None:
        action: str | None = extract(*arguments)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    iam_actions.extract_iam_action = extract_action


def _patch_object_events() -> None:
    """The EventBridge event of an upload to a versioned bucket includes the version id."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event
    version: ContextVar[str | None] = ContextVar("version", default=None)

    def remember_version(*arguments: Any, **named: Any) -> None:
        version.set(named.get("version_id"))
        fire(*arguments, **named)

    def dispatch_with_version(event: Message, *arguments: Any) -> None:
        if event["Source"] == "aws.s3" and version.get():
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version.get()
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *arguments)

    s3._fire_s3_event, eventbridge._dispatch_event = remember_version, dispatch_with_version


def _patch_object_keys() -> None:
    """Reading an object that is encrypted with a KMS key also requires the permission to decrypt with that key."""
    read = s3._get_object

    def read_object(bucket: str, key: str, headers: dict[str, str], *rest: Any) -> Any:
        response = read(bucket, key, headers, *rest)
        encryption_key = response[1].get("x-amz-server-side-encryption-aws-kms-key-id")
        checks = [("kms:Decrypt", encryption_key, {})] if encryption_key else []
        denial = iam.find_denial(iam.read_access_key(headers), checks) if checks else None
        return s3._error("AccessDenied", denial, 403) if denial else response

    s3._get_object = read_object


def _patch_source_queues() -> None:
    """Implements ListDeadLetterSourceQueues of SQS."""

    def list_source_queues(_: Message, url: str) -> Message:
        arn = sqs._queues[url]["attributes"]["QueueArn"]
        policies = ((source, queue["attributes"].get("RedrivePolicy")) for source, queue in sqs._queues.items())
        served = [source for source, policy in policies if policy and json.loads(policy)["deadLetterTargetArn"] == arn]
        return {"queueUrls": served}

    sqs._HANDLERS["ListDeadLetterSourceQueues"] = list_source_queues


def _patch_retry_waits() -> None:
    """A failed message is redelivered 60 times sooner than on AWS: after half a minute at most, not half an hour."""
    change = sqs._HANDLERS["ChangeMessageVisibility"]

    def change_visibility(request: Message, url: str) -> Any:
        return change({**request, "VisibilityTimeout": int(request["VisibilityTimeout"]) // RETRY_SPEED}, url)

    sqs._HANDLERS["ChangeMessageVisibility"] = change_visibility


iam.record_used_actions()
_patch_batch_actions()
_patch_retry_waits()
_patch_source_queues()
_patch_object_events()
_patch_object_keys()
recursion.patch()
async_invocations.patch()
metrics.patch()
