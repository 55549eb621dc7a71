"""What is counted of a load, and the functions of the boto3 solution, without a stack."""

import json
from collections import Counter
from types import ModuleType

import pytest
from botocore.stub import Stubber

from .load import FOLDER, Load, Result, format_table, read_outcomes

DEVICES = ("jetson_nano", "ml_c5", "rasp4b")
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "COMPILATION_ROLE_ARN": "arn:aws:iam::123456789012:role/compilation",
    "DATA_INPUT_CONFIG": '{"data": [1, 3, 224, 224]}',
    "OUTPUT_LOCATION": "s3://artifacts/",
}
CREATE = "create_compilation_job"


def describe_job(name: str, number: int, device: str, status: str = "COMPLETED") -> dict:
    archive = f"s3://models/{FOLDER}/{number:04}.tar.gz"
    return {
        "CompilationJobName": name,
        "CompilationJobStatus": status,
        "InputConfig": {"S3Uri": archive},
        "OutputConfig": {"TargetDevice": device},
    }


def count_rows(**changes) -> dict[str, str]:
    """Counts two uploads: all jobs of the first are compiled and reported, and one of the second."""
    jobs = [describe_job(f"first-{device}", 1, device) for device in DEVICES] + [describe_job("second", 2, "ml_c5")]
    reported = {f"first-{device}": [seconds] for seconds, device in enumerate(DEVICES, 1)} | {"second": [9.0]}
    values = {
        "jobs": jobs,
        "reported": reported,
        "summarized": {},
        "calls": Counter(),
        "dead_letter_messages": 1,
        "invocations": 2,
        "busy_milliseconds": 1500.0,
        "processor_seconds": 0.5,
        "load": Load(uploads=2),
    }
    return Result(**values | changes).compute_rows()


def test_pairs_that_were_never_compiled_are_counted() -> None:
    rows = count_rows()
    assert rows["compiled, of the upload and target pairs"] == "4 of 6"
    assert rows["never compiled"] == "2"
    assert rows["messages in dead-letter queues"] == "1"
    assert rows["duplicate jobs"] == "0"


def test_upload_is_answered_by_the_report_of_its_last_job() -> None:
    rows = count_rows()
    assert rows["uploads with an answer for all targets"] == "1 of 2"
    assert rows["time to the last of these answers"] == "3 s"


def test_upload_is_answered_by_its_summary() -> None:
    rows = count_rows(summarized={"one": 5.0, "two": 7.0})
    assert rows["uploads with an answer for all targets"] == "2 of 2"
    assert rows["time to the last of these answers"] == "7 s"


def test_second_job_of_a_pair_is_a_duplicate() -> None:
    again = [describe_job(f"job-{number}", 1, "ml_c5") for number in range(3)]
    rows = count_rows(jobs=again, reported={"job-0": [1.0, 2.0], "job-1": [1.0]})
    assert rows["duplicate jobs"] == "2"
    assert rows["finished jobs that were not reported"] == "1"
    assert rows["reports of a final status that were repeated"] == "1"


def test_calls_are_counted_by_operation_and_by_error() -> None:
    throttled = {"kind": "refused", "code": "ThrottlingException"}
    requests = [
        {"sequence": 1, "operation": "CreateCompilationJob", "outcome": throttled},
        {"sequence": 2, "operation": "CreateCompilationJob", "outcome": {"kind": "accepted"}},
        {"sequence": 3, "operation": "DescribeCompilationJob", "outcome": {"kind": "accepted"}},
    ]
    rows = count_rows(calls=Counter(read_outcomes(requests).values()))
    assert (rows["calls to SageMaker"], rows["throttled"], rows["refused because of the quota"]) == ("3", "1", "0")
    assert (rows["— CreateCompilationJob"], rows["— DescribeCompilationJob"]) == ("2", "1")


def test_table_has_a_column_per_solution() -> None:
    result = Result([], {}, {}, Counter(), 0, 0, 0.0, 0.0, Load(uploads=1))
    header, rule, *lines = format_table({"one": result, "two": result}).splitlines()
    assert (header, rule) == ("|  | one | two |", "| --- | --- | --- |")
    assert "| never compiled | 3 | 3 |" in lines


@pytest.fixture
def boto_functions(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    from . import boto_functions

    return boto_functions


def list_failures(boto_functions: ModuleType, *errors: str) -> list[str]:
    """Lets the calls for two messages end with these errors; returns the messages that failed."""
    with Stubber(boto_functions.sagemaker) as stubber:
        for error in errors:
            if error:
                stubber.add_client_error(CREATE, error)
            else:
                stubber.add_response(CREATE, {"CompilationJobArn": "arn:aws:sagemaker:eu-west-1:1:compilation-job/j"})
        upload = {"s3": {"bucket": {"name": "models"}, "object": {"key": "a+b.tar.gz", "eTag": "e"}}}
        body = json.dumps({"Records": [upload]})
        records = [{"messageId": name, "body": body} for name in ("first", "second")]
        answer = boto_functions.start_jobs({"Records": records}, None)
        stubber.assert_no_pending_responses()
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_boto3_message_fails_if_the_quota_is_used_up(boto_functions: ModuleType) -> None:
    assert list_failures(boto_functions, "", "ResourceLimitExceeded", "", "", "") == ["first"]


def test_boto3_job_that_exists_is_a_success(boto_functions: ModuleType) -> None:
    assert list_failures(boto_functions, "ResourceInUse", *[""] * 5) == []
