"""Every file of `events/` goes through its function."""

from collections.abc import Iterator
from urllib.parse import unquote_plus

import pytest

from . import fixtures
from .scene import Scene

# The function of each file, how many of its records are reported, and the uploads that must reach SageMaker.
# A job's states are told after its request, so the request comes first.
FILES: dict[str, tuple[str, int, list[str]]] = {
    "upload-eventbridge": ("PlanCompilation", 0, ["vision/résumé of 100% a+b.tar.gz"]),
    "upload-s3-notification": ("PlanCompilation", 0, [unquote_plus("vision/r%C3%A9sum%C3%A9+of+100%25+a%2Bb.tar.gz")]),
    "upload-s3-notification-sns": ("PlanCompilation", 0, ["vision/resnet50.tar.gz"]),
    "upload-s3-test": ("PlanCompilation", 0, []),
    "upload-folder-marker": ("PlanCompilation", 0, []),
    "upload-empty-object": ("PlanCompilation", 0, []),
    "upload-unknown": ("PlanCompilation", 1, []),
    "upload-batch-of-ten": ("PlanCompilation", 2, [f"vision/batch/model-{n}.tar.gz" for n in (0, 1, 2, 4, 5, 6, 8, 9)]),
    "compilation-request": ("StartCompilation", 0, ["vision/resnet50.tar.gz"]),
    "job-state-message": ("RelayCompilation", 0, []),
    "job-state-change": ("RelayCompilation", 0, []),
    "schedule": ("SweepCompilations", 0, []),
    "workteam-sns-text": ("RelayWorkteam", 0, []),
    "workteam-sns-json": ("RelayWorkteam", 0, []),
    "labeling-job-state": ("RelayWorkteam", 0, []),
    "config-change-packages": ("PlanCompilation", 0, []),
    "config-change": ("MaintainWorkteams", 0, []),
    "image-state": ("MaintainImages", 0, []),
}


@pytest.fixture(scope="module", autouse=True)
def no_upload_events(scene: Scene) -> Iterator[None]:
    """The files alone tell of the objects they name."""
    with scene.without_rule("UploadRule"):
        yield


def test_each_file_is_tested() -> None:
    assert fixtures.names() == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_file_goes_through_its_function(scene: Scene, name: str) -> None:
    function, reported, keys = FILES[name]
    answer = scene.invoke(function, fixtures.load(name, scene))
    assert len((answer or {}).get("batchItemFailures", [])) == reported
    dead = scene.take_dead_letters("UploadsDeadLetterQueueUrl", reported)
    assert all(letter["cause"] for letter in dead)
    for key in keys:
        assert scene.subscriber.wait(lambda _, key=key: bool(scene.requested(key)), 60), key
