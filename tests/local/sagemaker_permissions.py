"""Enforces the functions' roles on calls to SageMaker: checks each call as IAM does, then passes it on.

The SageMaker emulator knows no roles, and MiniStack knows no SageMaker.
"""

import asyncio
import http.client
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from . import iam
from .environment import ACCOUNT, REGION, SAGEMAKER_SERVER

Json = dict[str, Any]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]

TARGET = "SageMaker."

_KEPT = ("content-type", "x-amzn-errortype", "x-amzn-requestid")  # headers of the emulator's answer
_PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"
_ARN_MEMBERS = ("ResourceArn", "WorkteamArn", "Arn")
_NAME_MEMBERS = {
    "CompilationJobName": "compilation-job/",
    "ImageName": "image/",
    "LabelingJobName": "labeling-job/",
    "ModelPackageGroupName": "model-package-group/",
    "ModelPackageName": "model-package/",
    "WorkteamName": "workteam/private-crowd/",
}
# Tags of jobs, because a policy may depend on them. Jobs that were created in another way have
# none.
_tags: dict[str, Json] = {}


def find_resource(operation: str, request: Json) -> str:
    """Returns the ARN of the resource of a call; `*` for lists, which have none unless they are of a resource."""
    if named := next((request[member] for member in _ARN_MEMBERS if member in request), None):
        return str(named)
    if operation.startswith("List"):
        return "*"
    for member, prefix in _NAME_MEMBERS.items():
        if member in request:
            return (
                str(request[member]) if str(request[member]).startswith("arn:") else _PREFIX + prefix + request[member]
            )
    raise ValueError(f"{operation}: no known member names its resource; add it to _NAME_MEMBERS")


def list_role_checks(request: Json) -> Iterator[iam.Check]:
    """Lists what a compilation job does with its role."""
    if archive := request.get("InputConfig", {}).get("S3Uri"):
        yield "s3:GetObject", archive.replace("s3://", "arn:aws:s3:::"), {}
    output = request.get("OutputConfig", {})
    location = output.get("S3OutputLocation", "").replace("s3://", "arn:aws:s3:::").rstrip("/")
    yield "s3:PutObject", f"{location}/model.tar.gz", {}
    if (key := output.get("KmsKeyId", "")).startswith("arn:"):
        yield "kms:GenerateDataKey", key, {}
    if "VpcConfig" in request:
        yield "ec2:CreateNetworkInterface", "*", {}


def find_job_denial(request: Json) -> str | None:
    """Returns why the role of a compilation job does not suffice; None for a role that the account does not have."""
    role = request.get("RoleArn", "")
    return iam.find_role_denial(role, list_role_checks(request)) if iam.is_known_role(role) else None


def list_checks(operation: str, request: Json) -> Iterator[iam.Check]:
    """Lists what IAM checks for a call: the action, and what the caller does through SageMaker."""
    resource = find_resource(operation, request)
    tags = {f"aws:ResourceTag/{key}": value for key, value in _tags.get(resource, {}).items()}
    yield f"sagemaker:{operation}", resource, tags
    if operation.startswith("Create") and request.get("Tags"):
        yield "sagemaker:AddTags", resource, {}
    if role := request.get("RoleArn"):
        yield "iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"}
    for member in request.get("MemberDefinitions", []):
        if pool := member.get("CognitoMemberDefinition", {}).get("UserPool"):
            for action in ("DescribeUserPool", "DescribeUserPoolClient", "UpdateUserPool", "UpdateUserPoolClient"):
                yield f"cognito-idp:{action}", f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{pool}", {}


async def answer(headers: dict[str, str], path: str, body: bytes) -> Answer:
    """Answers a call to SageMaker: with a refusal, or with the emulator's answer."""
    operation = headers["x-amz-target"].removeprefix(TARGET)
    request = json.loads(body or b"{}")
    if denial := iam.find_denial(iam.read_access_key(headers), list_checks(operation, request)):
        refusal = json.dumps({"__type": "AccessDeniedException", "Message": denial}).encode()
        return 400, [(b"content-type", b"application/x-amz-json-1.1")], refusal
    if operation == "CreateCompilationJob" and (denial := find_job_denial(request)):
        await asyncio.to_thread(_fail_job, request["CompilationJobName"], f"ClientError: {denial}")
    status, answered, content = await asyncio.to_thread(_forward, headers, path, body)
    if operation == "CreateCompilationJob" and status == 200:
        resource = find_resource(operation, request)
        _tags[resource] = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    return status, answered, content


def _fail_job(name: str, reason: str) -> None:
    """Lets a job fail: the emulator knows no roles."""
    fault = {"fail_job": {"name_contains": name, "failure_reason": reason, "count": 1}}
    status, _, answered = _forward({"content-type": "application/json"}, "/_control/faults", json.dumps(fault).encode())
    assert status == 200, answered


def _forward(headers: dict[str, str], path: str, body: bytes) -> Answer:
    server = urlsplit(os.environ[SAGEMAKER_SERVER])
    connection = http.client.HTTPConnection(server.hostname or "", server.port, timeout=60)
    try:
        passed = {
            name: value for name, value in headers.items() if name not in ("host", "content-length", "connection")
        }
        connection.request("POST", path, body, passed)
        response = connection.getresponse()
        content = response.read()
        kept = [(name.encode(), value.encode()) for name, value in response.getheaders() if name.lower() in _KEPT]
        return response.status, kept, content
    finally:
        connection.close()
