"""An upload that cannot be compiled is rejected once, with reason and fix; no job starts."""

import io
import tarfile

import pytest

from tests.local.models import build_archive, read_light_model

from .harness import SECONDS, Harness

WHOLE = build_archive(**{"model.onnx": read_light_model("squeezenet")})


def build_tar_with_two_models() -> bytes:
    return build_archive(**{"a.onnx": read_light_model("squeezenet"), "b.onnx": read_light_model("zfnet512")})


def build_empty_tar() -> bytes:
    packed = io.BytesIO()
    tarfile.open(fileobj=packed, mode="w:gz").close()
    return packed.getvalue()


BAD = {
    "not-gzip": b"this is not an archive",
    "truncated": WHOLE[: len(WHOLE) // 2],
    "no-model": build_archive(**{"README.txt": b"no model here"}),
    "no-members": build_empty_tar(),
    "two-models": build_tar_with_two_models(),
    "not-a-model": build_archive(**{"model.onnx": b"\xff" * 64}),
}


@pytest.mark.parametrize("name", BAD)
def test_invalid_archive_is_rejected_once(harness: Harness, name: str) -> None:
    key = harness.object_key("three", name)
    harness.upload_archive(key, BAD[name])
    assert harness.subscriber.wait_until(lambda _: bool(harness.notifications_about(key)), SECONDS)
    [rejected] = harness.notifications_about(key)
    assert rejected["type"] == "compilation.rejected"
    assert rejected["severity"] == rejected["attributes"]["severity"] != "info"
    assert rejected["problems"]
    for problem in rejected["problems"]:
        assert problem["problem"] and problem["remedy"]
        assert problem["remedy"] in rejected["text"]
    assert harness.requests_for(key) == []


def test_key_without_matching_rule_is_rejected(harness: Harness) -> None:
    key = "no/matching/rule.tar.gz"
    harness.upload_archive(key)
    assert harness.subscriber.wait_until(lambda _: bool(harness.notifications_about(key)), SECONDS)
    assert [notification["type"] for notification in harness.notifications_about(key)] == ["compilation.rejected"]


def test_unknown_device_in_metadata_is_rejected(harness: Harness) -> None:
    key = harness.object_key("three", "unknown-device")
    harness.upload_archive(key, None, **{"neo-targets": "jetson_nanu"})
    assert harness.subscriber.wait_until(lambda _: bool(harness.notifications_about(key)), SECONDS)
    [rejected] = harness.notifications_about(key)
    assert "jetson_nano" in rejected["text"]


def test_folder_markers_and_empty_objects_are_ignored(harness: Harness) -> None:
    harness.upload_archive("three/rejections/folder/", b"")
    harness.upload_archive(harness.object_key("three", "empty"), b"")
    harness.wait_until_idle()
    assert (
        harness.notifications_about("three/rejections/folder/")
        == harness.notifications_about(harness.object_key("three", "empty"))
        == []
    )


def test_no_notification_is_published_twice(harness: Harness) -> None:
    harness.wait_until_idle()
    ids = [notification["id"] for notification in harness.subscriber.received]
    assert len(ids) == len(set(ids))
