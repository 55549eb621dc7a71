"""One accepted upload starts one job per target, even if events or requests are repeated."""

from .harness import THREE_TARGETS, Harness, object_created_event, target_name


def requested_targets(harness: Harness, key: str) -> list[str]:
    return sorted(target_name(request) for request in harness.requests_for(key))


def test_same_object_uploaded_five_times_is_compiled_once(harness: Harness) -> None:
    key = harness.object_key("three", "five-times")
    versions = {harness.upload_archive(key)["version_id"] for _ in range(5)}
    harness.wait_for_summary(key)
    harness.wait_until_idle()
    assert len(versions) == 5
    assert requested_targets(harness, key) == sorted(THREE_TARGETS)
    completed = harness.notifications_about(key, "compilation.completed")
    jobs = {one["job"]["name"]: one["model"]["version_id"] for one in completed if "reused_from" not in one}
    reused = {(one["reused_from"], one["model"]["version_id"]) for one in completed if "reused_from" in one}
    assert reused == {(job, version) for job, own in jobs.items() for version in versions - {own}}
    summarized = [one["model"]["version_id"] for one in harness.notifications_about(key, "model.summary")]
    assert sorted(summarized) == sorted(versions)


def test_event_delivered_ten_times_is_processed_once(harness: Harness) -> None:
    key = harness.object_key("three", "ten-times")
    with harness.hold_jobs():
        uploaded = harness.upload_archive(key)
        harness.send_messages("UploadsQueue", *[object_created_event(harness.bucket, uploaded)] * 10)
        harness.wait_for_starts(key, len(THREE_TARGETS))
    harness.wait_for_summary(key)
    harness.wait_until_idle()
    assert requested_targets(harness, key) == sorted(THREE_TARGETS)
    ids = [notification["id"] for notification in harness.notifications_about(key)]
    assert len(ids) == len(set(ids)) == 7


def test_lost_response_starts_no_second_job(harness: Harness) -> None:
    key = harness.object_key("one", "lost-response")
    harness.stack.call_emulator("faults", {"drop": {"operation": "CreateCompilationJob", "count": 1, "when": "after"}})
    harness.upload_archive(key)
    harness.wait_for_summary(key)
    harness.wait_until_idle()
    jobs = [
        job
        for job in harness.stack.call_emulator("jobs")["compilation_jobs"]
        if key in job.get("InputConfig", {}).get("S3Uri", "")
    ]
    assert len(jobs) == 1
