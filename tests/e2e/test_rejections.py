"""An upload that cannot compile is answered once, with the reason and the remedy, before any job starts."""

import io
import tarfile

import pytest

from tests.local.models import archive, light_model

from .scene import SECONDS, Scene

WHOLE = archive(**{"model.onnx": light_model("squeezenet")})


def tar_with_two_models() -> bytes:
    return archive(**{"a.onnx": light_model("squeezenet"), "b.onnx": light_model("zfnet512")})


def empty_tar() -> bytes:
    packed = io.BytesIO()
    tarfile.open(fileobj=packed, mode="w:gz").close()
    return packed.getvalue()


BAD = {
    "not-gzip": b"this is no archive",
    "truncated": WHOLE[: len(WHOLE) // 2],
    "no-model": archive(**{"README.txt": b"no model here"}),
    "no-members": empty_tar(),
    "two-models": tar_with_two_models(),
    "not-a-model": archive(**{"model.onnx": b"\xff" * 64}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_archive_is_answered_once(scene: Scene, name: str) -> None:
    key = scene.key("three", name)
    scene.put(key, BAD[name])
    assert scene.subscriber.wait(lambda _: bool(scene.about(key)), SECONDS)
    [rejected] = scene.about(key)
    assert rejected["type"] == "compilation.rejected"
    assert rejected["severity"] == rejected["attributes"]["severity"] != "info"
    assert rejected["problems"]
    for problem in rejected["problems"]:
        assert problem["problem"] and problem["remedy"]
        assert problem["remedy"] in rejected["text"]
    assert scene.requested(key) == []


def test_a_key_that_no_rule_is_for(scene: Scene) -> None:
    key = "nobody/asked/for-this.tar.gz"
    scene.put(key)
    assert scene.subscriber.wait(lambda _: bool(scene.about(key)), SECONDS)
    assert [notification["type"] for notification in scene.about(key)] == ["compilation.rejected"]


def test_an_unknown_device_in_the_metadata(scene: Scene) -> None:
    key = scene.key("three", "unknown-device")
    scene.put(key, None, **{"neo-targets": "jetson_nanu"})
    assert scene.subscriber.wait(lambda _: bool(scene.about(key)), SECONDS)
    [rejected] = scene.about(key)
    assert "jetson_nano" in rejected["text"]


def test_folder_markers_and_empty_objects_are_no_uploads(scene: Scene) -> None:
    scene.put("three/rejections/folder/", b"")
    scene.put(scene.key("three", "empty"), b"")
    scene.settle()
    assert scene.about("three/rejections/folder/") == scene.about(scene.key("three", "empty")) == []


def test_nothing_is_told_twice(scene: Scene) -> None:
    scene.settle()
    told = [notification["id"] for notification in scene.subscriber.received]
    assert len(told) == len(set(told))
