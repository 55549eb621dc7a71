"""Stands in for the Lambda Runtime API and for the AWS services, on one port of this machine.

The protocol is written by hand: a web framework would take longer for a call than the functions do.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

RUNTIME = "/2018-06-01/runtime/"
SECONDS_TO_ANSWER = 300
# Services by the first part of their header X-Amz-Target. S3 and SNS have none.
TARGETS = {"DynamoDB_20120810": "DYNAMODB", "SageMaker": "SAGEMAKER", "AmazonSQS": "SQS", "AWSEvents": "EVENTBRIDGE"}
SERVICES = (*TARGETS.values(), "S3", "SNS")
# Of a body with a rate: the bytes that are sent at once, and the seconds of delay that are made up
# for.
CHUNK = 1 << 16
BURST = 0.005


@dataclass(frozen=True)
class Request:
    """A request as a program sent it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def service(self) -> str:
        """The service, as variables like AWS_ENDPOINT_URL_SQS name it."""
        if target := self.headers.get("x-amz-target"):
            return TARGETS[target.partition(".")[0]]
        return "SNS" if self.method == "POST" else "S3"

    @property
    def operation(self) -> str:
        """The operation of the service, such as GetItem."""
        if target := self.headers.get("x-amz-target"):
            return target.rpartition(".")[2]
        if self.method == "POST":
            return parse_qs(self.body.decode()).get("Action", ["?"])[0]
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "versions" in query:
            return "ListObjectVersions"
        return "ListObjectsV2" if "list-type" in query else f"{self.method.capitalize()}Object"


@dataclass(frozen=True)
class Answer:
    """A response of a service, as fast as possible unless it has a rate."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/x-amz-json-1.0"})
    bytes_per_second: float | None = None


@dataclass
class Run:
    """The invocations of one process: when each was sent and answered, and which calls it made."""

    event: bytes
    invocations: int
    sent: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    calls: list[list[Request]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def add_answer(self, body: bytes) -> None:
        self.answered.append(time.perf_counter())
        if b'"itemIdentifier"' in body:
            self.errors.append(f"the function returned {body.decode()}")
        if len(self.answered) == self.invocations or self.errors:
            self.finished.set()

    def add_error(self, body: bytes) -> None:
        self.errors.append(body.decode(errors="replace"))
        self.finished.set()


class StandIn:
    """The server. Only one program at a time may use it; a connection belongs to the run that is active
    when it is opened."""

    def __init__(self) -> None:
        self.run = Run(b"{}", 0)
        self.answer: Callable[[Request], Answer] = lambda _: Answer()

    async def start(self, tls: ssl.SSLContext | None = None) -> int:
        """Starts listening and returns the port."""
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0, ssl=tls)
        return int(server.sockets[0].getsockname()[1])

    def handle(self, request: Request, run: Run) -> Answer | None:
        """Answers a request; `None` leaves it without an answer."""
        if not request.path.startswith(RUNTIME):
            if run.calls:
                run.calls[-1].append(request)
            return self.answer(request)
        what = request.path.removeprefix(RUNTIME)
        if what == "invocation/next":
            return self._send_event(run)
        if what.endswith("/response"):
            run.add_answer(request.body)
        else:
            run.add_error(request.body)
        return Answer(status=202)

    def _send_event(self, run: Run) -> Answer | None:
        if len(run.sent) == run.invocations:
            return None
        run.calls.append([])
        run.sent.append(time.perf_counter())
        deadline = int((time.time() + SECONDS_TO_ANSWER) * 1000)
        headers = {
            "lambda-runtime-aws-request-id": f"00000000-0000-0000-0000-{len(run.sent):012}",
            "lambda-runtime-deadline-ms": str(deadline),
            "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-west-1:123456789012:function:bench",
            "lambda-runtime-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "content-type": "application/json",
        }
        return Answer(run.event, headers=headers)


class _Connection(asyncio.Protocol):
    """One connection: HTTP/1.1 with keep-alive."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in, self._run, self._received = stand_in, stand_in.run, b""
        self._transport: Any = None
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (request := self._take_request()) is not None:
            if (answer := self._stand_in.handle(request, self._run)) is not None:
                head_only = request.method == "HEAD"
                self._transport.write(_format_head(answer))
                if answer.bytes_per_second and not head_only:
                    self._sending = asyncio.create_task(self._send_body(answer.body, answer.bytes_per_second))
                elif not head_only:
                    self._transport.write(answer.body)

    async def _send_body(self, body: bytes, bytes_per_second: float) -> None:
        """Sends a body at this rate. A client that reads slower does not catch up later."""
        due = time.perf_counter()
        for start in range(0, len(body), CHUNK):
            while self._transport.get_write_buffer_size() > CHUNK:
                await asyncio.sleep(0.0005)
            now = time.perf_counter()
            due = max(due, now - BURST) + CHUNK / bytes_per_second
            self._transport.write(body[start : start + CHUNK])
            if due > now:
                await asyncio.sleep(due - now)

    def _take_request(self) -> Request | None:
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("transfer-encoding") == "chunked":
            body, separator, after = rest.partition(b"0\r\n\r\n")
            if not separator:
                return None
        else:
            length = int(headers.get("content-length", 0))
            if headers.get("expect") and len(rest) < length:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(rest) < length:
                return None
            body, after = rest[:length], rest[length:]
        self._received = after
        method, path, _ = first.split(" ")
        return Request(method, path, headers, body)


def _format_head(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} OK", f"content-length: {len(answer.body)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def format_json(value: object, status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), status)
