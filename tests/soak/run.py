"""A soak test: concurrent uploads with a small quota and injected faults.

Faults are throttling, dropped connections and killed functions.
"""

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from rich.table import Table

from tests.local import queues
from tests.local.models import build_archive, read_light_model
from tests.local.stack import Stack
from tests.local.subscriber import Subscriber, filter_by_type
from tests.local.terminal import Reporter, Step

from .killer import Killer
from .load import Load

TERMINAL = ("compilation.completed", "compilation.failed", "compilation.stopped")
UPLOADERS = 4
Row = tuple[str, object, object]  # check, expected value, actual value


def find_target(job: dict[str, Any]) -> tuple[str, str]:
    """Returns the URI of the upload and the target that a job was requested for."""
    output = job["OutputConfig"]
    return job["InputConfig"]["S3Uri"], output.get("TargetDevice") or json.dumps(output["TargetPlatform"])


class Soak:
    """One soak test against a stack whose rule for `three/**` has three targets."""

    def __init__(self, stack: Stack, load: Load, reporter: Reporter, folder: str = "three/soak") -> None:
        self._stack, self._load, self._reporter, self._folder = stack, load, reporter, folder
        self._model = read_light_model("zfnet512")
        self._began = time.monotonic()
        self._killed = self._batches_lost = 0
        self.rows: list[Row] = []

    def run_load(self) -> bool:
        """Runs the test and returns whether every check passed; `rows` has the details."""
        subscriber = Subscriber(self._stack, f"soak-{int(time.time())}")
        try:
            with (
                self._reporter.start_step("soak", "uploading") as step,
                self._stack.disable_schedules(),
                self._inject_faults(),
                self._shorten_visibility(),
            ):
                with ThreadPoolExecutor(UPLOADERS) as uploaders, Killer(self._stack, self._load.kill_seconds) as killer:
                    uploads = [uploaders.submit(self._upload_archive, number) for number in range(self._load.uploads)]
                    self._follow_progress(subscriber, killer, step)
                    for upload in uploads:
                        upload.result()
                    self._killed, self._batches_lost = killer.killed, killer.batches_lost
                settled = self._wait_until_idle(subscriber, step)
                step.set_result(f"{self._load.uploads} uploads in {self._elapsed_seconds():.0f} s")
            self._check_results(subscriber, settled)
        finally:
            subscriber.close()
        return all(wanted == found for _, wanted, found in self.rows)

    def print_results(self) -> None:
        """Prints the table of checks and the injected faults."""
        table = Table(box=None, padding=(0, 2), header_style="bold", pad_edge=False)
        for column, justify in (("  check", "left"), ("expected", "right"), ("found", "right"), ("", "left")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type]
        for what, wanted, found in self.rows:
            table.add_row(f"  {what}", str(wanted), str(found), "[green]✓[/]" if wanted == found else "[red]✗[/]")
        self._reporter.print_heading("Checks")
        self._reporter.print(table)
        self._reporter.print_heading("Injected faults")
        for line in self._describe_faults():
            self._reporter.print(f"  {line}")

    def _upload_archive(self, number: int) -> None:
        body = build_archive(**{"model.onnx": self._model, "number.txt": str(number).encode()})
        key = f"{self._folder}/{number:04}.tar.gz"
        self._stack.client("s3").put_object(Bucket=self._stack.env["ModelBucketName"], Key=key, Body=body)

    def _follow_progress(self, subscriber: Subscriber, killer: Killer, step: Step) -> None:
        """Waits until all jobs and models are reported. Runs sweeps, as the schedule does."""
        swept = time.monotonic()
        while self._elapsed_seconds() < self._load.limit_seconds:
            for _ in subscriber.receive_notifications():
                pass
            ended, summaries = self._ended_jobs(subscriber), self._summarized_models(subscriber)
            running = Counter(job["CompilationJobStatus"] for job in self._list_jobs())
            step.show_progress(
                f"{running.total()} of {self._load.jobs} jobs, {running['STARTING'] + running['INPROGRESS']} running · "
                f"{len(ended)} reported as finished · {len(summaries)} of {self._load.uploads} summaries · "
                f"{killer.killed} functions killed"
            )
            if len(ended) >= self._load.jobs and len(summaries) >= self._load.uploads:
                return
            if time.monotonic() - swept > self._load.sweep_seconds:
                threading.Thread(target=self._invoke_sweep, daemon=True).start()
                swept = time.monotonic()

    def _invoke_sweep(self) -> None:
        # If a sweep fails or is killed, the next one does its work.
        self._stack.client("lambda").invoke(FunctionName=self._stack.resources["SweepCompilations"], Payload=b"{}")

    def _wait_until_idle(self, subscriber: Subscriber, step: Step) -> bool:
        step.show_progress("waiting until all queues are empty")
        settled = queues.wait_until_empty(self._stack, 60 + 4 * self._load.visibility_seconds)
        while list(subscriber.receive_notifications()):
            pass
        return settled

    @contextmanager
    def _inject_faults(self) -> Iterator[None]:
        """Sets a small quota, and makes SageMaker lag, throttle requests and drop connections."""
        before = self._stack.call_emulator("settings")
        self._stack.call_emulator(
            "settings",
            {
                "max_running": self._load.quota,
                "in_progress_ms": self._load.job_milliseconds,
                "lag_ms": self._load.lag_milliseconds,
                "throttled_percent": self._load.throttled_percent,
                "dropped_percent": self._load.dropped_percent,
            },
        )
        try:
            yield
        finally:
            self._stack.call_emulator("settings", before)

    @contextmanager
    def _shorten_visibility(self) -> Iterator[None]:
        """Shortens the visibility timeout: a killed function's batch is redelivered soon."""
        sqs, name = self._stack.client("sqs"), "VisibilityTimeout"
        urls = [self._stack.resources[queue] for queue in queues.QUEUES]
        before = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name] for url in urls]
        for url in urls:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={name: str(self._load.visibility_seconds)})
        try:
            yield
        finally:
            for url, seconds in zip(urls, before, strict=True):
                sqs.set_queue_attributes(QueueUrl=url, Attributes={name: seconds})

    def _check_results(self, subscriber: Subscriber, settled: bool) -> None:
        jobs = self._list_jobs()
        requested = Counter(find_target(job) for job in jobs)
        completed = Counter(find_target(job) for job in jobs if job["CompilationJobStatus"] == "COMPLETED")
        ends = Counter(name for name, _ in self._published_ends(subscriber))
        counts = {name: queues.count_messages(self._stack, self._stack.env[name]) for name in queues.DEAD_LETTER_QUEUES}
        dead_letters = " ".join(f"{name}: {count}" for name, count in counts.items() if count)
        self.rows = [
            ("compilation jobs", self._load.jobs, len(jobs)),
            ("different pairs of upload and target", self._load.jobs, len(requested)),
            ("of these, with one completed job", self._load.jobs, list(completed.values()).count(1)),
            ("jobs reported with one final status", self._load.jobs, list(ends.values()).count(1)),
            ("models with a summary", self._load.uploads, len(self._summarized_models(subscriber))),
            ("of these, with the final statuses", self._load.uploads, self._count_exact_summaries(subscriber, jobs)),
            ("all queues are empty", "yes", "yes" if settled else "no"),
            ("messages in dead-letter queues", "none", dead_letters or "none"),
        ]
        self._duplicates = len(subscriber.received) - len({one["id"] for one in subscriber.received})

    def _describe_faults(self) -> Iterator[str]:
        outcomes = Counter(
            (entry["outcome"]["kind"], entry["outcome"].get("code", "")) for entry in self._list_requests()
        )
        total = outcomes.total()
        yield f"{outcomes['refused', 'ThrottlingException']} of {total} requests to SageMaker were throttled"
        yield f"{outcomes['dropped', '']} requests got no response"
        yield f"{outcomes['refused', 'ResourceLimitExceeded']} requests were rejected because the quota of {self._load.quota} jobs was used up"
        yield f"{self._killed} functions were killed, {self._batches_lost} of them while they processed a batch"
        yield f"{self._duplicates} notifications were published again with the same id"

    def _list_requests(self) -> list[dict[str, Any]]:
        return self._stack.call_emulator("requests")["requests"]  # type: ignore[no-any-return]

    def _list_jobs(self) -> list[dict[str, Any]]:
        jobs = self._stack.call_emulator("jobs")["compilation_jobs"]
        return [job for job in jobs if f"/{self._folder}/" in job.get("InputConfig", {}).get("S3Uri", "")]

    def _published_ends(self, subscriber: Subscriber) -> set[tuple[str, str]]:
        """Returns the final statuses that were published of each job; a repeat has the same id."""
        return {(one["job"]["name"], one["id"]) for one in filter_by_type(subscriber.received, *TERMINAL)}

    def _count_exact_summaries(self, subscriber: Subscriber, jobs: list[dict[str, Any]]) -> int:
        """Counts the models whose summaries list the jobs that SageMaker has, each with its status there."""
        wanted: dict[str, dict[str, str]] = defaultdict(dict)
        for job in jobs:
            wanted[find_target(job)[0]][job["CompilationJobName"]] = job["CompilationJobStatus"]
        exact: dict[str, bool] = {}
        for summary in filter_by_type(subscriber.received, "model.summary"):
            uri = summary["model"]["s3_uri"]
            listed = {job["name"]: job["status"] for job in summary["jobs"]}
            exact[uri] = exact.get(uri, True) and listed == wanted[uri]
        return sum(exact.values())

    def _ended_jobs(self, subscriber: Subscriber) -> set[str]:
        return {name for name, _ in self._published_ends(subscriber)}

    def _summarized_models(self, subscriber: Subscriber) -> set[str]:
        return {one["model"]["key"] for one in filter_by_type(subscriber.received, "model.summary")}

    def _elapsed_seconds(self) -> float:
        return time.monotonic() - self._began
