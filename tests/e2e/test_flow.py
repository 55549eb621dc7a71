"""The path of a model: from upload to jobs, ledger, artifacts and notifications."""

import json

import pytest

from tests.local.models import build_archive, read_input_shapes, read_light_model
from tests.local.recursion import read_lineage

from .harness import THREE_TARGETS, Harness, target_name, wait_until

MODELS = ("squeezenet", "resnet50", "inception_v1")


@pytest.mark.parametrize("name", MODELS)
def test_jobs_use_the_inputs_that_the_onnx_package_reports(harness: Harness, name: str) -> None:
    model = read_light_model(name)
    key = harness.object_key("three", name)
    harness.upload_archive(key, build_archive(**{f"export/{name}.onnx": model}))
    harness.wait_for_summary(key)
    requests = harness.requests_for(key)
    assert {target_name(request) for request in requests} == THREE_TARGETS
    assert len(requests) == len(THREE_TARGETS)
    for request in requests:
        inputs = json.loads(request["InputConfig"]["DataInputConfig"])
        assert list(inputs.items()) == list(read_input_shapes(model).items())
        assert request["InputConfig"]["Framework"] == "ONNX"
        assert request["RoleArn"].endswith(harness.stack.resources["CompilationRole"])
        assert {"Key": "owner", "Value": "e2e"} in request["Tags"]


def test_each_state_is_published_once_before_the_summary(harness: Harness) -> None:
    key = harness.object_key("three", "published")
    with harness.hold_jobs():
        harness.upload_archive(key)
        harness.wait_for_starts(key, len(THREE_TARGETS))
    summary = harness.wait_for_summary(key)
    harness.wait_until_idle()
    types = sorted(notification["type"] for notification in harness.notifications_about(key))
    assert types == ["compilation.completed"] * 3 + ["compilation.started"] * 3 + ["model.summary"]
    assert {job["target"] for job in summary["jobs"]} == THREE_TARGETS
    assert {job["status"] for job in summary["jobs"]} == {"COMPLETED"}
    for notification in harness.notifications_about(key):
        assert notification["attributes"]["type"] == notification["type"]
        assert notification["attributes"]["severity"] == notification["severity"] == "info"
        assert notification["attributes"]["rule"] == notification["rule"] == "three-targets"


def test_summary_is_stored_next_to_the_artifacts(harness: Harness) -> None:
    key = harness.object_key("three", "deployed")
    uploaded = harness.upload_archive(key)
    summary = harness.wait_for_summary(key)
    bucket = harness.stack.env["ArtifactBucketName"]
    summary_key = f"{key.removesuffix('.tar.gz')}/{uploaded['version_id']}/summary.json"
    assert summary["summary"] == f"s3://{bucket}/{summary_key}"
    stored = harness.stack.client("s3").get_object(Bucket=bucket, Key=summary_key)
    document = json.load(stored["Body"])
    assert stored["ContentType"] == "application/json"
    assert document == {name: value for name, value in summary.items() if name != "attributes"}


def test_artifacts_are_stored_and_recorded_in_the_ledger(harness: Harness) -> None:
    key = harness.object_key("three", "kept")
    uploaded = harness.upload_archive(key)
    jobs = {job["name"]: job for job in harness.wait_for_summary(key)["jobs"]}
    listed = harness.stack.client("s3").list_objects_v2(Bucket=harness.stack.env["ArtifactBucketName"])["Contents"]
    uris = {f"s3://{harness.stack.env['ArtifactBucketName']}/{entry['Key']}" for entry in listed}
    ledger = harness.read_ledger()
    assert len(jobs) == len(THREE_TARGETS)
    for name, job in jobs.items():
        assert job["artifact"] in uris
        row = ledger[f"job#{name}"]["row"]
        assert (row["status"], row["artifact"]) == ("COMPLETED", job["artifact"])
        assert row["request"]["source"]["version_id"] == uploaded["version_id"]
        assert int(ledger[f"job#{name}"]["expires_at"]) > 0


def test_object_metadata_overrides_the_rule(harness: Harness) -> None:
    key = harness.object_key("three", "overridden")
    inputs = {"data_0": [4, 3, 224, 224]}
    harness.upload_archive(key, None, **{"neo-inputs": json.dumps(inputs), "neo-targets": "ml_c4,rasp3b"})
    harness.wait_for_summary(key)
    requests = harness.requests_for(key)
    assert {target_name(request) for request in requests} == {"ml_c4", "rasp3b"}
    assert [json.loads(request["InputConfig"]["DataInputConfig"]) for request in requests] == [inputs, inputs]


def test_failed_job_is_reported_with_its_reason(harness: Harness) -> None:
    key = harness.object_key("one", "unlucky")
    reason = "ClientError: InputConfiguration: TVM cannot convert ONNX model. Operators are not implemented."
    harness.stack.call_emulator(
        "faults", {"fail_job": {"name_contains": "unlucky", "failure_reason": reason, "count": 1}}
    )
    harness.upload_archive(key)
    summary = harness.wait_for_summary(key)
    [failed] = harness.notifications_about(key, "compilation.failed")
    assert failed["job"]["failure_reason"] == reason
    assert [job["status"] for job in summary["jobs"]] == ["FAILED"]


def test_quota_error_delays_a_request_without_losing_it(harness: Harness) -> None:
    key = harness.object_key("one", "patient")
    error = {"code": "ResourceLimitExceeded", "message": "The account-level limit was exceeded", "status": 400}
    harness.stack.call_emulator("faults", {"next": {"operation": "CreateCompilationJob", "count": 1, "error": error}})
    harness.upload_archive(key)

    def is_summarized() -> bool:
        # Its schedule runs the sweep, which releases the request, once a minute.
        harness.invoke_function("SweepCompilations", {})
        return harness.subscriber.wait_until(lambda _: bool(harness.notifications_about(key, "model.summary")), 1)

    assert wait_until(is_summarized), "the request was not released"
    assert [job["status"] for job in harness.wait_for_summary(key)["jobs"]] == ["COMPLETED"]


def test_trace_goes_on_through_the_queues(harness: Harness) -> None:
    """Messages of functions carry the trace header of the invocation, which goes on to what they cause."""
    functions, sqs = harness.stack.client("lambda"), harness.stack.client("sqs")
    plan, start, relay = (harness.stack.resources[f"{name}Compilation"] for name in ("Plan", "Start", "Relay"))
    [mapping] = functions.list_event_source_mappings(FunctionName=relay)["EventSourceMappings"]
    queue, seen = {"QueueUrl": harness.stack.resources["JobStatesQueue"], "VisibilityTimeout": 0}, list[str]()

    def has_both_functions() -> bool:
        received = sqs.receive_message(**queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["AWSTraceHeader"])
        seen.extend(message.get("Attributes", {}).get("AWSTraceHeader", "") for message in received.get("Messages", []))
        return any({plan, start} <= read_lineage(trace).keys() for trace in seen)

    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        key = harness.object_key("three", "traced")
        harness.upload_archive(key)
        assert wait_until(has_both_functions), seen
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    harness.wait_for_summary(key)
