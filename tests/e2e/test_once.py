"""One accepted upload gives one job per target, whatever is repeated."""

from .scene import THREE_TARGETS, Scene, object_created, target_of


def targets(scene: Scene, key: str) -> list[str]:
    return sorted(target_of(request) for request in scene.requested(key))


def test_the_same_object_uploaded_five_times_is_compiled_once(scene: Scene) -> None:
    key = scene.key("three", "five-times")
    versions = {scene.put(key)["version_id"] for _ in range(5)}
    scene.summary(key)
    scene.settle()
    assert len(versions) == 5
    assert targets(scene, key) == sorted(THREE_TARGETS)
    completed = scene.about(key, "compilation.completed")
    jobs = {told["job"]["name"]: told["model"]["version_id"] for told in completed if "reused_from" not in told}
    reused = {(told["reused_from"], told["model"]["version_id"]) for told in completed if "reused_from" in told}
    assert reused == {(job, version) for job, own in jobs.items() for version in versions - {own}}
    summed_up = [told["model"]["version_id"] for told in scene.about(key, "model.summary")]
    assert sorted(summed_up) == sorted(versions)


def test_an_event_delivered_ten_times_is_handled_once(scene: Scene) -> None:
    key = scene.key("three", "ten-times")
    uploaded = scene.put(key)
    scene.send("UploadsQueue", *[object_created(scene.bucket, uploaded)] * 10)
    scene.summary(key)
    scene.settle()
    assert targets(scene, key) == sorted(THREE_TARGETS)
    told = [notification["id"] for notification in scene.about(key)]
    assert len(told) == len(set(told)) == 7


def test_a_request_whose_answer_was_lost_starts_no_second_job(scene: Scene) -> None:
    key = scene.key("one", "lost-answer")
    scene.stack.emulator("faults", {"drop": {"operation": "CreateCompilationJob", "count": 1, "when": "after"}})
    scene.put(key)
    scene.summary(key)
    scene.settle()
    jobs = [
        job
        for job in scene.stack.emulator("jobs")["compilation_jobs"]
        if key in job.get("InputConfig", {}).get("S3Uri", "")
    ]
    assert len(jobs) == 1
