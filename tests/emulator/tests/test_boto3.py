"""The emulator and its control API, tested with boto3."""

import json
import subprocess
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

THROTTLED = {"code": "ThrottlingException", "message": "Rate exceeded", "status": 400}


def error_code_and_message(call, **parameters):
    with pytest.raises(ClientError) as rejected:
        call(**parameters)
    assert rejected.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = rejected.value.response["Error"]
    return error["Code"], error["Message"]


def test_job_runs_to_completion(emulator, request_for):
    client = emulator.client()
    created = client.create_compilation_job(**request_for(Tags=[{"Key": "owner", "Value": "ml"}]))
    assert created["CompilationJobArn"] == "arn:aws:sagemaker:us-east-1:000000000000:compilation-job/resnet-ml-c5"
    states = []
    for _ in range(3):
        job = client.describe_compilation_job(CompilationJobName="resnet-ml-c5")
        states.append((job["CompilationJobStatus"], job["ModelArtifacts"]["S3ModelArtifacts"], job["FailureReason"]))
        emulator.control("clock", {"advance_ms": 10_000})
    artifact = "s3://artifacts/vision/resnet-ml_c5.tar.gz"
    assert states == [("STARTING", "", ""), ("INPROGRESS", "", ""), ("COMPLETED", artifact, "")]
    assert (job["CompilationEndTime"] - job["CompilationStartTime"]).total_seconds() == 10
    client.delete_compilation_job(CompilationJobName="resnet-ml-c5")
    missing = error_code_and_message(client.describe_compilation_job, CompilationJobName="resnet-ml-c5")
    assert missing == ("ResourceNotFound", "Could not find requested compilation job with name: resnet-ml-c5.")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"RoleArn": None},
            "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"CompilationJobName": "a_b"},
            "Value 'a_b' at 'compilationJobName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9]",
        ),
        (
            {"CompilationJobName": "a" * 64},
            "'compilationJobName' failed to satisfy constraint: Member must have length less than or equal to 63",
        ),
        (
            {"OutputConfig": {"S3OutputLocation": "s3://b/", "TargetDevice": "toaster"}},
            "Value 'toaster' at 'outputConfig.targetDevice' failed to satisfy constraint: Member must satisfy enum value set: [lambda, ",
        ),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 0}},
            "'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            {"Tags": [{"Key": "", "Value": "x"}]},
            "Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        ({"OutputConfig": {"S3OutputLocation": "s3://b/"}}, "One of TargetDevice and TargetPlatform must be specified"),
    ],
)
def test_invalid_requests_are_rejected_like_in_sagemaker(emulator, request_for, changes, expected):
    code, message = error_code_and_message(emulator.client().create_compilation_job, **request_for(**changes))
    assert code == "ValidationException"
    assert expected in message
    (logged,) = emulator.control("requests")["requests"]
    assert logged["outcome"] == {"kind": "refused", "status": 400, "code": code, "message": message}
    assert emulator.control("jobs") == {"compilation_jobs": []}


def test_pages_list_each_job_once(emulator, request_for):
    emulator.control("settings", {"max_list_rps": None})
    client = emulator.client()
    names = [f"job-{number:02}" for number in range(23)]
    for name in names:
        client.create_compilation_job(**request_for(name))
    pages = client.get_paginator("list_compilation_jobs").paginate(SortBy="Name", SortOrder="Descending")
    found = [[job["CompilationJobName"] for job in page["CompilationJobSummaries"]] for page in pages]
    assert [len(page) for page in found] == [10, 10, 3]
    assert [name for page in found for name in page] == names[::-1]
    code, message = error_code_and_message(client.list_compilation_jobs, NextToken="made up")
    assert (code, "NextToken" in message) == ("ValidationException", True)


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"{", "SerializationException", "not a JSON object"),
        (b"[" * 100_000, "SerializationException", "recursion limit"),
        (b"\xff", "SerializationException", "not a JSON object"),
        (b"[]", "ValidationException", "must be of type Structure"),
        (b"", "ValidationException", "'compilationJobName' failed to satisfy constraint: Member must not be null"),
    ],
)
def test_invalid_request_bodies_are_rejected(emulator, body, kind, expected):
    headers = {"X-Amz-Target": "SageMaker.DescribeCompilationJob", "Content-Type": "application/x-amz-json-1.1"}
    request = urllib.request.Request(emulator.url, data=body, headers=headers)
    with pytest.raises(urllib.error.HTTPError) as rejected:
        urllib.request.urlopen(request, timeout=10)
    error = json.load(rejected.value)
    assert (rejected.value.code, error["__type"]) == (400, kind)
    assert expected in error["message"]
    assert rejected.value.headers["x-amzn-RequestId"]


def test_unsupported_operation_is_named_in_the_error(emulator):
    code, message = error_code_and_message(emulator.client().list_training_jobs)
    assert code == "UnknownOperationException"
    assert "ListTrainingJobs" in message and "ListCompilationJobs" in message


def test_client_retries_scripted_errors_and_drops(emulator, request_for):
    emulator.control("faults", {"next": {"operation": "CreateCompilationJob", "count": 1, "error": THROTTLED}})
    emulator.control("faults", {"drop": {"operation": "CreateCompilationJob", "when": "before"}})
    emulator.client(retries={"total_max_attempts": 5, "mode": "standard"}).create_compilation_job(**request_for())
    kinds = [request["outcome"]["kind"] for request in emulator.control("requests")["requests"]]
    assert kinds == ["dropped", "refused", "accepted"]


def test_request_dropped_after_its_effect_creates_the_job(emulator, request_for):
    emulator.control("faults", {"drop": {"operation": "CreateCompilationJob", "when": "after"}})
    with pytest.raises(ConnectionClosedError):
        emulator.client().create_compilation_job(**request_for())
    assert len(emulator.control("jobs")["compilation_jobs"]) == 1


def test_jobs_fail_as_scripted(emulator, request_for):
    reason = "ClientError: InputConfiguration: Unable to untar input model."
    emulator.control("faults", {"fail_job": {"name_contains": "resnet", "failure_reason": reason, "count": 1}})
    client = emulator.client()
    for name in ("resnet-1", "resnet-2"):
        client.create_compilation_job(**request_for(name))
    emulator.control("clock", {"advance_ms": 20_000})
    jobs = {job["CompilationJobName"]: job for job in emulator.control("jobs")["compilation_jobs"]}
    assert (jobs["resnet-1"]["CompilationJobStatus"], jobs["resnet-1"]["FailureReason"]) == ("FAILED", reason)
    assert jobs["resnet-2"]["CompilationJobStatus"] == "COMPLETED"


def test_settings_can_be_changed_and_reset(emulator, request_for):
    assert emulator.control("settings", {"max_running": 0})["max_running"] == 0
    code, message = error_code_and_message(emulator.client().create_compilation_job, **request_for())
    assert code == "ResourceLimitExceeded"
    assert "'Maximum number of concurrent compilation jobs' is 0" in message
    emulator.control("reset", {})
    assert emulator.control("settings")["max_running"] is None
    assert emulator.control("requests") == {"requests": []}
    assert emulator.control("clock")["paused"] is False


def test_request_log_can_be_read_from_a_number(emulator):
    emulator.control("settings", {"max_list_rps": None})
    client = emulator.client()
    for _ in range(3):
        client.list_compilation_jobs(MaxResults=5)
    rest = emulator.control("requests?since=2")["requests"]
    assert [(request["sequence"], request["operation"], request["body"]) for request in rest] == [
        (3, "ListCompilationJobs", {"MaxResults": 5})
    ]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("faults", {"next": {"operation": "CreateTrainingJob", "error": THROTTLED}}, "CreateTrainingJob"),
        ("faults", {"nxt": {}}, "unknown variant"),
        ("faults", {"drop": {"when": "sometimes"}}, "sometimes"),
        ("settings", {"max_runing": 1}, "max_runing"),
        ("clock", {"forward": 1}, "forward"),
    ],
)
def test_invalid_control_request_is_rejected(emulator, path, body, expected):
    assert expected in emulator.control(path, body)["error"]


def test_health_lists_operations_and_faults_can_be_removed(emulator):
    health = emulator.control("health")
    assert health["status"] == "ok"
    assert "CreateCompilationJob" in health["operations"]
    emulator.control("faults", {"delay": {"operation": "ListCompilationJobs", "milliseconds": 60_000}})
    assert len(emulator.control("faults")["faults"]) == 1
    assert emulator.control("faults", method="DELETE") == {"faults": []}
    emulator.client().list_compilation_jobs()


def test_sigterm_stops_it_and_stdout_has_only_the_ready_line(start):
    emulator = start()
    assert emulator.stop() == 0
    assert emulator.process.stdout.read() == ""


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--service-model", "/nowhere/service-2.json.gz"], "/nowhere/service-2.json.gz"),
        (["--events"], "--aws-endpoint"),
        (["--duplicate-events", "--aws-endpoint", "http://127.0.0.1:1"], "--events"),
    ],
)
def test_start_errors_name_the_flag_or_the_file(binary, flags, expected):
    ended = subprocess.run([binary, *flags], capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode != 0
    assert ended.stdout == ""
    assert expected in ended.stderr


def test_partner_apps_use_the_configured_versions(emulator):
    client = emulator.client()
    versions = {
        "comet": [{"version": "2.0", "eol": "2027-01-31T00:00:00Z"}, {"version": "2.1", "release_notes": ["Faster"]}]
    }
    assert emulator.control("partner-app-versions", versions)["comet"][1]["version"] == "2.1"
    role = "arn:aws:iam::000000000000:role/apps"
    arn = client.create_partner_app(Name="comet", Type="comet", ExecutionRoleArn=role, Tier="small", AuthType="IAM")[
        "Arn"
    ]
    emulator.control("clock", {"advance_ms": 60_000})
    app = client.describe_partner_app(Arn=arn, IncludeAvailableUpgrade=True)
    assert (app["Status"], app["Version"], app["CurrentVersionEolDate"].year) == ("Available", "2.0", 2027)
    assert app["AvailableUpgrade"] == {"Version": "2.1", "ReleaseNotes": ["Faster"]}
    emulator.control("faults", {"fail_update": {"name_contains": "comet", "failure_reason": "no capacity", "count": 1}})
    client.update_partner_app(Arn=arn, AppVersion="2.1")
    emulator.control("clock", {"advance_ms": 60_000})
    app = client.describe_partner_app(Arn=arn)
    assert (app["Status"], app["Error"]) == ("UpdateFailed", {"Code": "UpdateFailed", "Reason": "no capacity"})


def test_upper_case_days_are_rejected_like_in_sagemaker(emulator):
    window = {"MaintenanceWindowStart": "TUE:03:30"}
    arn = "arn:aws:sagemaker:us-east-1:000000000000:partner-app/app-ABCDEFGHIJKL"
    code, message = error_code_and_message(emulator.client().update_partner_app, Arn=arn, MaintenanceConfig=window)
    assert (code, "maintenanceWindowStart" in message) == ("ValidationException", True)
