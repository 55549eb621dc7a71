"""Recursive-loop detection of Lambda for chains through SQS, which MiniStack lacks.

Lambda counts in the trace header how often each function was invoked in a chain of requests. It does not invoke a
function a 17th time, unless the function has `RecursiveLoop: Allow`; the message is received again after its
visibility timeout (source: AWS Lambda Developer Guide, "Use Lambda recursive loop detection").
"""

import secrets
from collections import Counter
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc, sqs
from ministack.services.cloudformation import provisioners

MAX_INVOCATIONS = 16
TRACE_HEADER = "x-amzn-trace-id"

Json = dict[str, Any]

# The trace header of the request that MiniStack handles, and that of the invocation it starts.
request_trace: ContextVar[str] = ContextVar("request_trace", default="")
_invocation_trace: ContextVar[str] = ContextVar("invocation_trace", default="")


def read_lineage(trace: str) -> Counter[str]:
    """Returns how often each function was invoked in the chain of a trace header."""
    parts = dict(part.split("=", 1) for part in trace.split(";") if "=" in part)
    entries = (entry.rsplit(":", 1) for entry in parts.get("Lineage", "").split(",") if ":" in entry)
    return Counter({name: int(count) for name, count in entries})


def format_trace(lineage: Counter[str]) -> str:
    """Returns the trace header of an invocation."""
    counts = ",".join(f"{name}:{count}" for name, count in sorted(lineage.items()))
    return f"Root=1-00000000-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0;Lineage={counts}"


def extend_chain(function: str, traces: Iterable[str]) -> Counter[str]:
    """Returns the chain of an invocation with messages of these traces: the longest of each function, and one more."""
    lineage: Counter[str] = Counter()
    for trace in traces:
        lineage |= read_lineage(trace)
    lineage[function] += 1
    return lineage


def patch() -> None:
    """Makes MiniStack carry the chain from invocation to message to invocation, and cut it."""
    build, run_batch, trace_of = (
        sqs._build_send_sys_attrs,
        lambda_svc._run_sqs_batch,
        lambda_svc._xray_trace_id_for_invocation,
    )

    def build_attributes(now: float, given: Json) -> Json:
        attributes: Json = build(now, given)
        if trace := request_trace.get():
            attributes.setdefault("AWSTraceHeader", trace)
        return attributes

    def run_unless_recursive(esm: Json, function: Json, event: Json, *rest: Any) -> None:
        name = function["config"]["FunctionName"]
        traces = (record["attributes"].get("AWSTraceHeader", "") for record in event["Records"])
        lineage = extend_chain(name, traces)
        if lineage[name] > MAX_INVOCATIONS and function.get("recursive_loop") != "Allow":
            esm["LastProcessingResult"] = "PROBLEM: Function call failed: RecursiveInvocationException"
            return
        token = _invocation_trace.set(format_trace(lineage))
        try:
            run_batch(esm, function, event, *rest)
        finally:
            _invocation_trace.reset(token)

    sqs._build_send_sys_attrs = build_attributes
    lambda_svc._run_sqs_batch = run_unless_recursive
    lambda_svc._xray_trace_id_for_invocation = lambda *given: _invocation_trace.get() or trace_of(*given)
    _patch_property()


def _patch_property() -> None:
    """Applies the property RecursiveLoop of functions in templates."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create = handlers["create"]

    def create_function(logical_id: str, properties: Json, stack: str) -> Any:
        created = create(logical_id, properties, stack)
        lambda_svc._functions[created[0]]["recursive_loop"] = properties.get("RecursiveLoop", "Terminate")
        return created

    handlers["create"] = create_function
