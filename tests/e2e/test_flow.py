"""A model goes through: from the upload to the jobs, the ledger, the artifacts and the notifications."""

import json

import pytest

from tests.local.models import archive, input_shapes, light_model

from .scene import THREE_TARGETS, Scene, target_of

MODELS = ("squeezenet", "resnet50", "inception_v1")


@pytest.mark.parametrize("name", MODELS)
def test_jobs_ask_for_the_inputs_that_the_onnx_package_reports(scene: Scene, name: str) -> None:
    model = light_model(name)
    key = scene.key("three", name)
    scene.put(key, archive(**{f"export/{name}.onnx": model}))
    scene.summary(key)
    requests = scene.requested(key)
    assert {target_of(request) for request in requests} == THREE_TARGETS
    assert len(requests) == len(THREE_TARGETS)
    for request in requests:
        asked = json.loads(request["InputConfig"]["DataInputConfig"])
        assert list(asked.items()) == list(input_shapes(model).items())
        assert request["InputConfig"]["Framework"] == "ONNX"
        assert request["RoleArn"].endswith(scene.stack.resources["CompilationRole"])
        assert {"Key": "owner", "Value": "e2e"} in request["Tags"]


def test_every_state_is_told_once_and_a_summary_follows(scene: Scene) -> None:
    key = scene.key("three", "told")
    scene.put(key)
    summary = scene.summary(key)
    scene.settle()
    told = sorted(notification["type"] for notification in scene.about(key))
    assert told == ["compilation.completed"] * 3 + ["compilation.started"] * 3 + ["model.summary"]
    assert {job["target"] for job in summary["jobs"]} == THREE_TARGETS
    assert {job["status"] for job in summary["jobs"]} == {"COMPLETED"}
    for notification in scene.about(key):
        assert notification["attributes"]["type"] == notification["type"]
        assert notification["attributes"]["severity"] == notification["severity"] == "info"
        assert notification["attributes"]["rule"] == notification["rule"] == "three-targets"


def test_a_deploy_step_can_read_the_summary_next_to_the_artifacts(scene: Scene) -> None:
    key = scene.key("three", "deployed")
    uploaded = scene.put(key)
    summary = scene.summary(key)
    bucket = scene.stack.env["ArtifactBucketName"]
    place = f"{key.removesuffix('.tar.gz')}/{uploaded['version_id']}/summary.json"
    assert summary["summary"] == f"s3://{bucket}/{place}"
    stored = scene.stack.client("s3").get_object(Bucket=bucket, Key=place)
    document = json.load(stored["Body"])
    assert stored["ContentType"] == "application/json"
    assert document == {name: value for name, value in summary.items() if name != "attributes"}


def test_artifacts_lie_in_the_artifact_bucket_and_the_ledger_knows_them(scene: Scene) -> None:
    key = scene.key("three", "kept")
    uploaded = scene.put(key)
    jobs = {job["name"]: job for job in scene.summary(key)["jobs"]}
    listed = scene.stack.client("s3").list_objects_v2(Bucket=scene.stack.env["ArtifactBucketName"])["Contents"]
    uris = {f"s3://{scene.stack.env['ArtifactBucketName']}/{entry['Key']}" for entry in listed}
    ledger = scene.ledger()
    assert len(jobs) == len(THREE_TARGETS)
    for name, job in jobs.items():
        assert job["artifact"] in uris
        row = ledger[f"job#{name}"]["row"]
        assert (row["status"], row["artifact"]) == ("COMPLETED", job["artifact"])
        assert row["request"]["source"]["version_id"] == uploaded["version_id"]
        assert int(ledger[f"job#{name}"]["expires_at"]) > 0


def test_metadata_of_one_upload_overrides_its_rule(scene: Scene) -> None:
    key = scene.key("three", "overridden")
    inputs = {"data_0": [4, 3, 224, 224]}
    scene.put(key, None, **{"neo-inputs": json.dumps(inputs), "neo-targets": "ml_c4,rasp3b"})
    scene.summary(key)
    requests = scene.requested(key)
    assert {target_of(request) for request in requests} == {"ml_c4", "rasp3b"}
    assert [json.loads(request["InputConfig"]["DataInputConfig"]) for request in requests] == [inputs, inputs]


def test_a_job_that_fails_is_told_with_its_reason(scene: Scene) -> None:
    key = scene.key("one", "unlucky")
    reason = "ClientError: InputConfiguration: TVM cannot convert ONNX model. Operators are not implemented."
    scene.stack.emulator("faults", {"fail_job": {"name_contains": "unlucky", "failure_reason": reason, "count": 1}})
    scene.put(key)
    summary = scene.summary(key)
    [failed] = scene.about(key, "compilation.failed")
    assert failed["job"]["failure_reason"] == reason
    assert [job["status"] for job in summary["jobs"]] == ["FAILED"]


def test_a_quota_answer_delays_a_request_and_never_loses_it(scene: Scene) -> None:
    key = scene.key("one", "patient")
    error = {"code": "ResourceLimitExceeded", "message": "The account-level limit was exceeded", "status": 400}
    scene.stack.emulator("faults", {"next": {"operation": "CreateCompilationJob", "count": 1, "error": error}})
    scene.put(key)
    assert [job["status"] for job in scene.summary(key)["jobs"]] == ["COMPLETED"]
