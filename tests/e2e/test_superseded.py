"""With `on_new_version: stop`, a newer upload stops the running job of the older one, and no other job."""

from .harness import Harness, wait_until


def test_newer_upload_stops_the_job_of_the_older_one(harness: Harness) -> None:
    key = harness.object_key("latest", "model")
    harness.stack.call_emulator("settings", {"in_progress_ms": 60_000})
    try:
        harness.upload_archive(key)
        assert wait_until(lambda: len(harness.requests_for(key)) == 1), "no job was started"
        harness.upload_archive(key, None, **{"neo-targets": "jetson_nano"})
        assert wait_until(lambda: len(harness.requests_for(key)) == 2), "no job of the newer upload was started"
        older, newer = (request["CompilationJobName"] for request in harness.requests_for(key))
        sagemaker = harness.stack.client("sagemaker")

        def read_status(job: str) -> str:
            return str(sagemaker.describe_compilation_job(CompilationJobName=job)["CompilationJobStatus"])

        assert wait_until(lambda: read_status(older) == "STOPPED"), read_status(older)
        assert read_status(newer) in ("STARTING", "INPROGRESS")
        sagemaker.stop_compilation_job(CompilationJobName=newer)
    finally:
        harness.stack.call_emulator("settings", {"in_progress_ms": 150})
    harness.wait_until_idle()
