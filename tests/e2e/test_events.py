"""Every sample event in `events/` is processed by its function."""

from collections.abc import Iterator
from urllib.parse import unquote_plus

import pytest

from . import fixtures
from .harness import Harness

# Per file: the function, the number of records that it reports as failed, and the uploads that must
# reach SageMaker. A job's request precedes its status changes, so the request comes first.
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
def no_upload_events(harness: Harness) -> Iterator[None]:
    """Only the sample events report the objects that they name."""
    with harness.disable_rule("UploadRule"):
        yield


def test_every_sample_event_is_tested() -> None:
    assert fixtures.list_names() == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_function_processes_sample_event(harness: Harness, name: str) -> None:
    function, reported, keys = FILES[name]
    answer = harness.invoke_function(function, fixtures.load_event(name, harness))
    assert len((answer or {}).get("batchItemFailures", [])) == reported
    dead_letters = harness.take_dead_letter_messages("UploadsDeadLetterQueueUrl", reported)
    assert all(message["cause"] for message in dead_letters)
    for key in keys:
        assert harness.subscriber.wait_until(lambda _, key=key: bool(harness.requests_for(key)), 60), key
