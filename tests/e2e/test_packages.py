"""A version of a model package that a rule names is compiled when the configuration changes."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .conftest import CONFIG
from .scene import Scene, target_of

ARN = "arn:aws:sagemaker:us-east-1:000000000000:model-package/e2e-resnet/3"
Json = dict[str, Any]


def declare(scene: Scene, *devices: str) -> None:
    """Puts a configuration into force that names the package for these devices."""
    document = yaml.safe_load(CONFIG.read_text())
    targets = [{"device": device} for device in devices]
    rule = {"name": "registry", "model_package_version": ARN, "targets": targets}
    document["compilation"]["rules"].append(rule)
    body = yaml.safe_dump(document, sort_keys=False).encode()
    scene.stack.client("s3").put_object(Bucket=scene.stack.env["ConfigBucketName"], Key="automation.yaml", Body=body)


@pytest.fixture(scope="module", autouse=True)
def as_before(scene: Scene) -> Iterator[None]:
    yield
    scene.stack.client("s3").upload_file(str(CONFIG), scene.stack.env["ConfigBucketName"], "automation.yaml")
    scene.settle()


def told(scene: Scene, *types: str) -> list[Json]:
    """The notifications of these types about the package."""
    about = [n for n in scene.subscriber.received if n.get("model", {}).get("model_package_version_arn") == ARN]
    return [notification for notification in about if notification["type"] in types]


def targets(scene: Scene) -> list[str]:
    """What SageMaker was asked to compile the package for, in that order."""
    return [target_of(job) for job in scene.created() if job.get("ModelPackageVersionArn") == ARN]


def test_a_package_is_compiled_once_and_for_each_target_that_is_new(scene: Scene) -> None:
    declare(scene, "ml_c5")
    assert scene.subscriber.wait(lambda _: bool(told(scene, "model.summary")), 60), scene.subscriber.received
    [completed] = told(scene, "compilation.completed")
    assert completed["attributes"]["model"] == ARN
    artifact = completed["job"]["artifact"]
    bucket, key = artifact.removeprefix("s3://").split("/", 1)
    assert scene.stack.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    assert key.startswith("e2e-resnet/e2e-resnet-3-ml-c5-")
    assert all("InputConfig" not in job for job in scene.created() if job.get("ModelPackageVersionArn"))

    declare(scene, "ml_c5")
    scene.settle()
    assert targets(scene) == ["ml_c5"]
    assert len(told(scene, "model.summary")) == 1

    declare(scene, "ml_c5", "ml_m5")
    assert scene.subscriber.wait(lambda _: len(told(scene, "model.summary")) == 2, 60), scene.subscriber.received
    assert targets(scene) == ["ml_c5", "ml_m5"]
    jobs = told(scene, "model.summary")[1]["jobs"]
    assert [(job["target"], job["status"], job.get("reused", False)) for job in jobs] == [
        ("ml_c5", "COMPLETED", True),
        ("ml_m5", "COMPLETED", False),
    ]


def test_the_status_of_a_package_is_shown(scene: Scene) -> None:
    shown = scene.automation("status", ARN)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert ARN in shown.stdout and "COMPLETED" in shown.stdout
