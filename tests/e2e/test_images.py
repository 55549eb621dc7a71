"""Images are reconciled after configuration changes and after image status changes."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .harness import CONFIG, Harness, wait_until

Json = dict[str, Any]
ROLE = "arn:aws:iam::000000000000:role/image"
IMAGE = {"name": "training-base", "display_name": "Training base", "description": None, "tags": {"team": "ml"}}


def upload_config(harness: Harness, images: list[Json]) -> None:
    """Uploads a configuration with these images."""
    document = {**yaml.safe_load(CONFIG.read_text()), "images": images}
    harness.upload_config(document)


@pytest.fixture(scope="module", autouse=True)
def image(harness: Harness) -> Iterator[None]:
    """An image that does not match the configuration yet. An update takes half a second."""
    harness.stack.call_emulator("settings", {"updating_ms": 500})
    harness.stack.client("sagemaker").create_image(ImageName=IMAGE["name"], RoleArn=ROLE, Description="old")
    assert wait_until(lambda: describe_image(harness)["ImageStatus"] == "CREATED")
    yield
    harness.restore_config()
    harness.wait_until_idle()


def describe_image(harness: Harness) -> Json:
    image: Json = harness.stack.client("sagemaker").describe_image(ImageName=IMAGE["name"])
    return image


def list_calls(harness: Harness, *operations: str) -> list[Json]:
    log = harness.stack.call_emulator("requests")["requests"]
    return [entry["body"] for entry in log if entry["operation"] in operations]


def notifications_of_type(harness: Harness, kind: str) -> list[Json]:
    return [n for n in harness.subscriber.received if n["type"] == kind]


def test_image_is_updated_and_its_event_reports_the_end(harness: Harness) -> None:
    upload_config(harness, [IMAGE])
    assert harness.subscriber.wait_until(lambda _: bool(notifications_of_type(harness, "image.updated")), 60), (
        harness.subscriber.received
    )
    image = describe_image(harness)
    assert (image["DisplayName"], image.get("Description")) == ("Training base", None)
    tags = harness.stack.client("sagemaker").list_tags(ResourceArn=image["ImageArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "ml"}]
    [update] = list_calls(harness, "UpdateImage")
    assert update == {
        "ImageName": "training-base",
        "DisplayName": "Training base",
        "DeleteProperties": ["Description"],
    }
    before = list_calls(harness, "UpdateImage", "AddTags")
    answer = harness.invoke_function("MaintainImages", {})
    print(f"a run over an unchanged image: {answer['read_calls']} read calls")
    assert (answer["unchanged"], answer["read_calls"]) == (1, 2)
    assert list_calls(harness, "UpdateImage", "AddTags") == before


def test_failed_update_is_reported_and_waits_for_new_config(harness: Harness) -> None:
    fault = {"name_contains": "training-base", "failure_reason": "the image is locked", "count": 1}
    harness.stack.call_emulator("faults", {"fail_update": fault})
    before = len(list_calls(harness, "UpdateImage"))
    upload_config(harness, [{**IMAGE, "display_name": "Locked"}])
    assert harness.subscriber.wait_until(lambda _: bool(notifications_of_type(harness, "image.update_failed")), 60), (
        harness.subscriber.received
    )
    assert "the image is locked" in notifications_of_type(harness, "image.update_failed")[0]["text"]
    harness.invoke_function("MaintainImages", {})
    assert len(list_calls(harness, "UpdateImage")) == before + 1
    upload_config(harness, [{**IMAGE, "display_name": "Unlocked"}])
    assert wait_until(lambda: describe_image(harness).get("DisplayName") == "Unlocked")
    harness.wait_until_idle()
