"""With `on_new_version: stop`, a newer upload stops the running job of the older one, and no other job."""

from .harness import Harness, wait_until


def test_newer_upload_stops_the_job_of_the_older_one(harness: Harness) -> None:
    key = harness.object_key("latest", "model")
    with harness.hold_jobs():
        harness.upload_archive(key)
        assert wait_until(lambda: len(harness.requests_for(key)) == 1), "no job was started"
        harness.upload_archive(key, None, **{"neo-targets": "jetson_nano"})
        assert wait_until(lambda: len(harness.requests_for(key)) == 2), "no job of the newer upload was started"
        older, newer = (request["CompilationJobName"] for request in harness.requests_for(key))
        assert wait_until(lambda: harness.read_job_status(older) == "STOPPED"), harness.read_job_status(older)
        assert wait_until(lambda: harness.read_job_status(newer) == "INPROGRESS"), harness.read_job_status(newer)
    harness.wait_until_idle()
