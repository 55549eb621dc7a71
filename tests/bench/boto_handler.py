"""A handler as one would write it with boto3: makes the calls of a function, recorded in a file.

It receives its events in the way of Lambda's own runtime for Python.
"""

import http.client
import json
import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
from botocore import xform_name

SERVICES = {"EVENTBRIDGE": "events"}  # others are named alike


def read_call(call):
    """Returns service, method and arguments of a recorded call."""
    service = SERVICES.get(call["service"], call["service"].lower())
    if "x-amz-target" in call["headers"]:
        return service, xform_name(call["operation"]), json.loads(call["body"])
    if service == "sns":
        form = dict(parse_qsl(call["body"]))
        return service, "publish", {name: form[name] for name in ("TopicArn", "Message", "Subject") if name in form}
    location = urlsplit(call["path"])
    bucket, _, key = unquote(location.path).lstrip("/").partition("/")
    arguments = {"Bucket": bucket, "Key": key} if key else {"Bucket": bucket}
    if call["operation"] == "PutObject":
        arguments["Body"] = call["body"].encode()
    return service, xform_name(call["operation"]), arguments


def make_calls(calls):
    for service, method, arguments in calls:
        response = getattr(clients[service], method)(**arguments)
        if "Body" in response:
            response["Body"].read()


recorded = json.loads(Path(os.environ["BENCH_CALLS"]).read_text())
first, later = (list(map(read_call, recorded[name])) for name in ("first", "later"))
clients = {service: boto3.client(service) for service in {service for service, _, _ in first + later}}
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
calls = first
while True:
    runtime.request("GET", "/2018-06-01/runtime/invocation/next")
    event = runtime.getresponse()
    json.loads(event.read())
    make_calls(calls)
    calls = later
    request_id = event.getheader("lambda-runtime-aws-request-id")
    runtime.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", b'{"batchItemFailures":[]}')
    runtime.getresponse().read()
