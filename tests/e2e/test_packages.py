"""A model package version that a rule names is compiled when the configuration changes."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .harness import CONFIG, Harness, target_name

ARN = "arn:aws:sagemaker:us-east-1:000000000000:model-package/e2e-resnet/3"
Json = dict[str, Any]


def upload_config(harness: Harness, *devices: str) -> None:
    """Uploads a configuration with a rule for the package and these target devices."""
    document = yaml.safe_load(CONFIG.read_text())
    targets = [{"device": device} for device in devices]
    rule = {"name": "registry", "model_package_version": ARN, "targets": targets}
    document["compilation"]["rules"].append(rule)
    harness.upload_config(document)


@pytest.fixture(scope="module", autouse=True)
def restore_config(harness: Harness) -> Iterator[None]:
    yield
    harness.restore_config()
    harness.wait_until_idle()


def notifications_of_type(harness: Harness, *types: str) -> list[Json]:
    """Returns the notifications of these types about the package."""
    about = [n for n in harness.subscriber.received if n.get("model", {}).get("model_package_version_arn") == ARN]
    return [notification for notification in about if notification["type"] in types]


def requested_targets(harness: Harness) -> list[str]:
    """Returns the targets of the requested compilation jobs, in order."""
    return [target_name(job) for job in harness.accepted_requests() if job.get("ModelPackageVersionArn") == ARN]


def test_package_is_compiled_once_and_for_each_new_target(harness: Harness) -> None:
    upload_config(harness, "ml_c5")
    assert harness.subscriber.wait_until(lambda _: bool(notifications_of_type(harness, "model.summary")), 60), (
        harness.subscriber.received
    )
    [completed] = notifications_of_type(harness, "compilation.completed")
    assert completed["attributes"]["model"] == ARN
    artifact = completed["job"]["artifact"]
    bucket, key = artifact.removeprefix("s3://").split("/", 1)
    assert harness.stack.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    assert key.startswith("e2e-resnet/e2e-resnet-3-ml-c5-")
    assert all("InputConfig" not in job for job in harness.accepted_requests() if job.get("ModelPackageVersionArn"))

    upload_config(harness, "ml_c5")
    harness.wait_until_idle()
    assert requested_targets(harness) == ["ml_c5"]
    assert len(notifications_of_type(harness, "model.summary")) == 1

    upload_config(harness, "ml_c5", "ml_m5")
    assert harness.subscriber.wait_until(lambda _: len(notifications_of_type(harness, "model.summary")) == 2, 60), (
        harness.subscriber.received
    )
    assert requested_targets(harness) == ["ml_c5", "ml_m5"]
    jobs = notifications_of_type(harness, "model.summary")[1]["jobs"]
    assert [(job["target"], job["status"], job.get("reused", False)) for job in jobs] == [
        ("ml_c5", "COMPLETED", True),
        ("ml_m5", "COMPLETED", False),
    ]


def test_status_shows_a_model_package(harness: Harness) -> None:
    shown = harness.run_automation("status", ARN)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert ARN in shown.stdout and "COMPLETED" in shown.stdout
