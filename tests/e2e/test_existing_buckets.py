"""Buckets that are older than the stack, keys and networks: the template parameters ModelBuckets, ArtifactBuckets,
KmsKeyArns and CompilationVpc.
"""

from tests.local.models import build_archive, read_light_model

from .harness import ARTIFACT_BUCKET, EXISTING_BUCKET, KMS_KEY, SECONDS, Harness, wait_until


def test_model_in_an_existing_bucket_is_compiled(harness: Harness) -> None:
    key = harness.object_key("incoming", "squeezenet")
    harness.upload_archive(key, bucket=EXISTING_BUCKET)
    summary = harness.wait_for_summary(key)
    assert summary["model"]["bucket"] == EXISTING_BUCKET
    assert [job["status"] for job in summary["jobs"]] == ["COMPLETED"]
    [request] = harness.requests_for(key, EXISTING_BUCKET)
    assert request["OutputConfig"]["S3OutputLocation"].startswith(f"s3://{harness.stack.env['ArtifactBucketName']}/")
    shown = harness.run_automation("status", f"s3://{EXISTING_BUCKET}/{key}")
    assert shown.returncode == 0, shown.stderr
    assert "COMPLETED" in shown.stdout


def test_model_under_a_key_of_ones_own_is_compiled(harness: Harness) -> None:
    """The template parameter KmsKeyArns lets plan-compilation decrypt the upload. `pytest -rP` prints the flow."""
    key = harness.object_key("incoming", "encrypted")
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KMS_KEY}
    body = build_archive(**{"model.onnx": read_light_model("squeezenet")})
    harness.stack.client("s3").put_object(Bucket=EXISTING_BUCKET, Key=key, Body=body, **encryption)
    assert [job["status"] for job in harness.wait_for_summary(key)["jobs"]] == ["COMPLETED"]
    [request] = harness.requests_for(key, EXISTING_BUCKET)
    assert request["OutputConfig"]["KmsKeyId"] == KMS_KEY
    for notification in harness.notifications_about(key):
        print(f"{notification['type']:<22} {notification['subject']}")
    print(harness.run_automation("status", f"s3://{EXISTING_BUCKET}/{key}").stdout)


def test_model_under_another_key_waits_for_the_permission(harness: Harness) -> None:
    """It is rejected after ten minutes: a permission may be given a moment after the upload."""
    key, uploads = harness.object_key("incoming", "other-key"), harness.stack.resources["UploadsQueue"]
    other = KMS_KEY.replace("1111", "2222")
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": other}
    harness.stack.client("s3").put_object(Bucket=EXISTING_BUCKET, Key=key, Body=b"encrypted", **encryption)

    def is_waiting() -> bool:
        delayed = "ApproximateNumberOfMessagesDelayed"
        read = harness.stack.client("sqs").get_queue_attributes(QueueUrl=uploads, AttributeNames=[delayed])
        return int(read["Attributes"][delayed]) == 1

    assert wait_until(is_waiting)
    assert any(row.startswith("refused#") for row in harness.read_ledger())
    assert harness.notifications_about(key) == []
    harness.stack.client("sqs").purge_queue(QueueUrl=uploads)


def test_artifact_in_a_bucket_of_ones_own_is_compiled_in_a_vpc(harness: Harness) -> None:
    key = harness.object_key("output", "squeezenet")
    harness.upload_archive(key)
    [job] = harness.wait_for_summary(key)["jobs"]
    artifact = job["artifact"].removeprefix(f"s3://{ARTIFACT_BUCKET}/")
    assert job["status"] == "COMPLETED" and "artifact_check" not in job
    assert harness.stack.client("s3").head_object(Bucket=ARTIFACT_BUCKET, Key=artifact)["ContentLength"]
    [request] = harness.requests_for(key)
    expected = {"SecurityGroupIds": ["sg-0a1b2c3d4e5f60718"], "Subnets": ["subnet-0a1b2c3d4e5f60718"]}
    assert request["VpcConfig"] == expected
    # plan-compilation looks up the artifact before it reuses it.
    before = len(harness.notifications_about(key, "model.summary"))
    harness.upload_archive(key)
    assert harness.subscriber.wait_until(
        lambda _: len(harness.notifications_about(key, "model.summary")) > before, SECONDS
    )
    assert len(harness.requests_for(key)) == 1


def test_output_to_an_unlisted_bucket_names_the_permission(harness: Harness) -> None:
    key = harness.object_key("elsewhere", "squeezenet")
    harness.upload_archive(key)
    assert harness.subscriber.wait_until(
        lambda _: bool(harness.notifications_about(key, "compilation.failed")), SECONDS
    )
    [failed] = harness.notifications_about(key, "compilation.failed")
    assert "is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::e2e-elsewhere/" in failed["text"]


def test_invalid_archive_in_an_existing_bucket_is_rejected(harness: Harness) -> None:
    key = harness.object_key("incoming", "broken")
    harness.upload_archive(key, b"this is not an archive", bucket=EXISTING_BUCKET)
    assert harness.subscriber.wait_until(lambda _: bool(harness.notifications_about(key)), 60)
    [rejected] = harness.notifications_about(key)
    assert rejected["type"] == "compilation.rejected"


def test_other_objects_of_an_existing_bucket_are_ignored(harness: Harness) -> None:
    keys = ["training/job-1/output/model.tar.gz", "incoming/readme.txt", "three/existing-buckets/a.tar.gz"]
    for key in keys:
        harness.upload_archive(key, b"this is not an archive", bucket=EXISTING_BUCKET)
    harness.wait_until_idle()
    assert [notification for key in keys for notification in harness.notifications_about(key)] == []


def test_rule_of_an_existing_bucket_is_not_for_the_own_one(harness: Harness) -> None:
    key = harness.object_key("incoming", "own-bucket")
    harness.upload_archive(key)
    assert harness.subscriber.wait_until(lambda _: bool(harness.notifications_about(key)), 60)
    [rejected] = harness.notifications_about(key)
    assert rejected["problems"][0]["code"] == "no-rule"
