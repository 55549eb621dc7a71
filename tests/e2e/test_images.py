"""Images are kept as declared: by the change of the configuration, and by the event of their own state."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .conftest import CONFIG
from .scene import Scene, wait_until

Json = dict[str, Any]
ROLE = "arn:aws:iam::000000000000:role/image"
IMAGE = {"name": "training-base", "display_name": "Training base", "description": None, "tags": {"team": "ml"}}


def declare(scene: Scene, images: list[Json]) -> None:
    """Puts a configuration with these images into force."""
    document = {**yaml.safe_load(CONFIG.read_text()), "images": images}
    body = yaml.safe_dump(document, sort_keys=False).encode()
    scene.stack.client("s3").put_object(Bucket=scene.stack.env["ConfigBucketName"], Key="automation.yaml", Body=body)


@pytest.fixture(scope="module", autouse=True)
def image(scene: Scene) -> Iterator[None]:
    """An image that is not as declared yet; an update takes half a second."""
    scene.stack.emulator("settings", {"updating_ms": 500})
    scene.stack.client("sagemaker").create_image(ImageName=IMAGE["name"], RoleArn=ROLE, Description="old")
    assert wait_until(lambda: describe(scene)["ImageStatus"] == "CREATED")
    yield
    scene.stack.client("s3").upload_file(str(CONFIG), scene.stack.env["ConfigBucketName"], "automation.yaml")
    scene.settle()


def describe(scene: Scene) -> Json:
    image: Json = scene.stack.client("sagemaker").describe_image(ImageName=IMAGE["name"])
    return image


def calls(scene: Scene, *operations: str) -> list[Json]:
    log = scene.stack.emulator("requests")["requests"]
    return [entry["body"] for entry in log if entry["operation"] in operations]


def told(scene: Scene, kind: str) -> list[Json]:
    return [n for n in scene.subscriber.received if n["type"] == kind]


def test_an_image_is_brought_to_what_is_declared_and_its_event_tells_the_end(scene: Scene) -> None:
    declare(scene, [IMAGE])
    assert scene.subscriber.wait(lambda _: bool(told(scene, "image.updated")), 60), scene.subscriber.received
    image = describe(scene)
    assert (image["DisplayName"], image.get("Description")) == ("Training base", None)
    tags = scene.stack.client("sagemaker").list_tags(ResourceArn=image["ImageArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "ml"}]
    [update] = calls(scene, "UpdateImage")
    assert update == {
        "ImageName": "training-base",
        "DisplayName": "Training base",
        "DeleteProperties": ["Description"],
    }
    before = calls(scene, "UpdateImage", "AddTags")
    answer = scene.invoke("MaintainImages", {})
    print(f"a run over an unchanged image: {answer['read_calls']} read calls")
    assert (answer["unchanged"], answer["read_calls"]) == (1, 2)
    assert calls(scene, "UpdateImage", "AddTags") == before


def test_a_failed_update_is_told_and_waits_for_another_configuration(scene: Scene) -> None:
    fault = {"name_contains": "training-base", "failure_reason": "the image is locked", "count": 1}
    scene.stack.emulator("faults", {"fail_update": fault})
    before = len(calls(scene, "UpdateImage"))
    declare(scene, [{**IMAGE, "display_name": "Locked"}])
    assert scene.subscriber.wait(lambda _: bool(told(scene, "image.update_failed")), 60), scene.subscriber.received
    assert "the image is locked" in told(scene, "image.update_failed")[0]["text"]
    scene.invoke("MaintainImages", {})
    assert len(calls(scene, "UpdateImage")) == before + 1
    declare(scene, [{**IMAGE, "display_name": "Unlocked"}])
    assert wait_until(lambda: describe(scene).get("DisplayName") == "Unlocked")
    scene.settle()
