"""A soak: many uploads at once, a small quota, throttles, dropped connections, killed functions; then what must hold."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from rich.table import Table

from tests.local import queues
from tests.local.models import archive, light_model
from tests.local.stack import Stack
from tests.local.subscriber import Subscriber, of_type
from tests.local.terminal import Reporter, Step

from .killer import Killer
from .load import Load

TERMINAL = ("compilation.completed", "compilation.failed", "compilation.stopped")
UPLOADERS = 4
Row = tuple[str, object, object]  # what is looked at, what must be, what is


class Soak:
    """One run against a stack whose rule for `three/**` has three targets."""

    def __init__(self, stack: Stack, load: Load, reporter: Reporter, folder: str = "three/soak") -> None:
        self._stack, self._load, self._reporter, self._folder = stack, load, reporter, folder
        self._model = light_model("zfnet512")
        self._began = time.monotonic()
        self._killed = self._batches_lost = 0
        self.rows: list[Row] = []

    def run(self) -> bool:
        """Whether everything that must hold does; `rows` says what was found."""
        subscriber = Subscriber(self._stack, f"soak-{int(time.time())}")
        try:
            with self._reporter.step("soak", "uploading") as step, self._faults(), self._visibility():
                with ThreadPoolExecutor(UPLOADERS) as uploaders, Killer(self._stack, self._load.kill_seconds) as killer:
                    uploads = [uploaders.submit(self._upload, number) for number in range(self._load.uploads)]
                    self._follow(subscriber, killer, step)
                    for upload in uploads:
                        upload.result()
                    self._killed, self._batches_lost = killer.killed, killer.batches_lost
                settled = self._settle(subscriber, step)
                step.done(f"{self._load.uploads} uploads in {self._seconds():.0f} s")
            self._look(subscriber, settled)
        finally:
            subscriber.close()
        return all(wanted == found for _, wanted, found in self.rows)

    def print(self) -> None:
        """The table at the end."""
        table = Table(box=None, padding=(0, 2), header_style="bold", pad_edge=False)
        for column, justify in (("  what", "left"), ("must be", "right"), ("is", "right"), ("", "left")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type]
        for what, wanted, found in self.rows:
            table.add_row(f"  {what}", str(wanted), str(found), "[green]✓[/]" if wanted == found else "[red]✗[/]")
        self._reporter.heading("At the end")
        self._reporter.print(table)
        self._reporter.heading("What went wrong on the way")
        for line in self._wrong():
            self._reporter.print(f"  {line}")

    def _upload(self, number: int) -> None:
        body = archive(**{"model.onnx": self._model, "number.txt": str(number).encode()})
        key = f"{self._folder}/{number:04}.tar.gz"
        self._stack.client("s3").put_object(Bucket=self._stack.env["ModelBucketName"], Key=key, Body=body)

    def _follow(self, subscriber: Subscriber, killer: Killer, step: Step) -> None:
        """Until all is told, or the time is over. Sweeps meanwhile, as the schedule does."""
        swept = time.monotonic()
        while self._seconds() < self._load.limit_seconds:
            for _ in subscriber.poll():
                pass
            ended, summaries = self._ended(subscriber), self._summaries(subscriber)
            running = Counter(job["CompilationJobStatus"] for job in self._jobs())
            step.say(
                f"{running.total()} of {self._load.jobs} jobs, {running['STARTING'] + running['INPROGRESS']} running · "
                f"{len(ended)} ends told · {len(summaries)} of {self._load.uploads} summaries · {killer.killed} killed"
            )
            if len(ended) >= self._load.jobs and len(summaries) >= self._load.uploads:
                return
            if time.monotonic() - swept > self._load.sweep_seconds:
                threading.Thread(target=self._sweep, daemon=True).start()
                swept = time.monotonic()

    def _sweep(self) -> None:
        # One that is killed or fails is made up for by the next one.
        self._stack.client("lambda").invoke(FunctionName=self._stack.resources["SweepCompilations"], Payload=b"{}")

    def _settle(self, subscriber: Subscriber, step: Step) -> bool:
        step.say("waiting for the last messages")
        settled = queues.settle(self._stack, 60 + 4 * self._load.visibility_seconds)
        while list(subscriber.poll()):
            pass
        return settled

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """SageMaker has little room, throttles, and breaks off."""
        before = self._stack.emulator("settings")
        self._stack.emulator(
            "settings",
            {
                "max_running": self._load.quota,
                "in_progress_ms": self._load.job_milliseconds,
                "throttled_percent": self._load.throttled_percent,
                "dropped_percent": self._load.dropped_percent,
            },
        )
        try:
            yield
        finally:
            self._stack.emulator("settings", before)

    @contextmanager
    def _visibility(self) -> Iterator[None]:
        """A killed function's batch comes again soon: nobody waits half an hour for it here."""
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

    def _look(self, subscriber: Subscriber, settled: bool) -> None:
        jobs = self._jobs()
        asked = {
            (job.get("InputConfig", {}).get("S3Uri", ""), str(job["OutputConfig"].get("TargetDevice"))) for job in jobs
        }
        held = {name: queues.waiting(self._stack, self._stack.env[name]) for name in queues.DEAD_LETTERS}
        dead = " ".join(f"{name}: {count}" for name, count in held.items() if count)
        self.rows = [
            ("compilation jobs", self._load.jobs, len(jobs)),
            ("different ones: of one upload, for one target", self._load.jobs, len(asked)),
            ("ends told, of different jobs", self._load.jobs, len(self._ended(subscriber))),
            ("summaries, of different models", self._load.uploads, len(self._summaries(subscriber))),
            ("queues are empty", True, settled),
            ("dead letters", "none", dead or "none"),
        ]
        self._repeats = len(subscriber.received) - len({told["id"] for told in subscriber.received})

    def _wrong(self) -> Iterator[str]:
        outcomes = Counter((entry["outcome"]["kind"], entry["outcome"].get("code", "")) for entry in self._requests())
        total = outcomes.total()
        yield f"{outcomes['refused', 'ThrottlingException']} of {total} requests to SageMaker were throttled"
        yield f"{outcomes['dropped', '']} got no answer"
        yield f"{outcomes['refused', 'ResourceLimitExceeded']} met a quota of {self._load.quota} that was used up"
        yield f"{self._killed} functions were killed, {self._batches_lost} of them in the middle of a batch"
        yield f"{self._repeats} notifications came a second time, each with the id of the first"

    def _requests(self) -> list[dict[str, Any]]:
        return self._stack.emulator("requests")["requests"]  # type: ignore[no-any-return]

    def _jobs(self) -> list[dict[str, Any]]:
        jobs = self._stack.emulator("jobs")["compilation_jobs"]
        return [job for job in jobs if f"/{self._folder}/" in job.get("InputConfig", {}).get("S3Uri", "")]

    def _ended(self, subscriber: Subscriber) -> set[str]:
        return {told["job"]["name"] for told in of_type(subscriber.received, *TERMINAL)}

    def _summaries(self, subscriber: Subscriber) -> set[str]:
        return {told["model"]["key"] for told in of_type(subscriber.received, "model.summary")}

    def _seconds(self) -> float:
        return time.monotonic() - self._began
