"""Implements `make demo`: uploads three archives, prints each event, then checks the results."""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

from . import queues
from .environment import DEFAULT_STATE
from .expectations import Expectations
from .models import build_archive, read_input_shapes, read_light_model
from .stack import Stack
from .subscriber import Notification, Subscriber, filter_by_type
from .terminal import Reporter

MODEL = "squeezenet"
TARGETS = {"jetson_nano", "ml_c5", "LINUX_ARM64_NVIDIA"}  # of rule edge-vision in config/automation.example.yaml
SECONDS = 60.0
COMPILING_MS = 8_000
READ_IN_FULL = ("model.summary", "compilation.rejected")
COLORS = {"info": "green", "warning": "yellow", "error": "red"}


def run_demo(reporter: Reporter) -> int:
    """Returns the exit code: 0 if every check passed."""
    reporter.print("[bold]Demo[/]: upload a model, compile it for three targets, and receive the notifications")
    if (stack := Stack()).is_up():
        reporter.print_event("stack", f"already running at {stack.env['AWS_ENDPOINT_URL']}")
        return 0 if Demo(stack, reporter).run_uploads(keep_running=True) else 1
    stack = Stack(DEFAULT_STATE / "demo")
    with stack.hold_lock():
        reporter.print_heading("Starting the stack locally")
        stack.bring_up(reporter)
        try:
            return 0 if Demo(stack, reporter).run_uploads(keep_running=False) else 1
        finally:
            stack.tear_down()


class Demo:
    """The three uploads and their results."""

    def __init__(self, stack: Stack, reporter: Reporter) -> None:
        self._stack, self._reporter = stack, reporter
        self._folder = f"vision/demo-{time.strftime('%H%M%S')}"
        self._subscriber = Subscriber(stack, f"demo-{time.strftime('%H%M%S')}")
        self._expectations = Expectations()

    def run_uploads(self, keep_running: bool) -> bool:
        """Returns whether every check passed."""
        before = self._stack.call_emulator("settings")["in_progress_ms"]
        # SageMaker shows a status a second late; a job that has ended is not reported as started.
        self._stack.call_emulator("settings", {"in_progress_ms": COMPILING_MS})
        try:
            self._upload_model()
            self._upload_same_archive()
            self._upload_truncated_archive()
            counts = {
                name: queues.count_messages(self._stack, self._stack.env[name]) for name in queues.DEAD_LETTER_QUEUES
            }
            self._check_expectation("No message is in a dead-letter queue", not any(counts.values()), counts)
        finally:
            self._stack.call_emulator("settings", {"in_progress_ms": before})
            self._subscriber.close()
        self._print_jobs()
        self._print_notifications()
        self._reporter.print_heading("Checks")
        self._expectations.print_results(self._reporter)
        self._print_next_steps(keep_running)
        return self._expectations.all_passed

    def _upload_model(self) -> None:
        self._reporter.print_heading("Upload an ONNX model; its inputs are read from the archive")
        model = read_light_model(MODEL)
        self._upload_archive(f"{MODEL}.tar.gz", build_archive(**{f"{MODEL}.onnx": model}))
        self._follow_jobs("compiling", until=lambda received: bool(filter_by_type(received, "model.summary")))
        jobs = self._describe_jobs()
        targets = sorted(map(target_name, jobs))
        self._check_expectation(
            "One upload started one compilation job for each of its three targets", targets == sorted(TARGETS), targets
        )
        shapes = read_input_shapes(model)
        requested = {job["InputConfig"].get("DataInputConfig") for job in jobs}
        sentence = f"Each job has the input shapes of the model: {format_shapes(shapes)}"
        self._check_expectation(sentence, requested == {format_shapes(shapes)}, requested)
        statuses = [job["CompilationJobStatus"] for job in jobs]
        artifacts = all(map(self._has_artifact, jobs))
        self._check_expectation("Every job completed, and its artifact is in the artifact bucket", artifacts, statuses)
        kinds = ("compilation.started", "compilation.completed", "model.summary")
        counts = [len(filter_by_type(self._subscriber.received, kind)) for kind in kinds]
        sentence = "Each job start and each job end was published once, followed by one summary"
        self._check_expectation(sentence, counts == [3, 3, 1], counts)

    def _upload_same_archive(self) -> None:
        self._reporter.print_heading("Upload the same archive again")
        jobs, before = len(self._describe_jobs()), len(self._subscriber.received)
        self._upload_archive(f"{MODEL}.tar.gz", build_archive(**{f"{MODEL}.onnx": read_light_model(MODEL)}))
        self._follow_jobs("checking", until=lambda received: bool(filter_by_type(received[before:], "model.summary")))
        self._wait_until_idle()
        notifications = self._subscriber.received[before:]
        reused = [one["reused_from"] for one in notifications if "reused_from" in one]
        new = len(self._describe_jobs()) - jobs, sorted(one["type"] for one in notifications)
        wanted = 0, ["compilation.completed"] * len(TARGETS) + ["model.summary"]
        sentence = "The same archive started no job; the existing artifacts were reported instead"
        self._check_expectation(sentence, new == wanted and len(reused) == len(TARGETS), new)

    def _upload_truncated_archive(self) -> None:
        self._reporter.print_heading("Upload a truncated archive")
        jobs, before = len(self._describe_jobs()), len(self._subscriber.received)
        whole = build_archive(**{f"{MODEL}.onnx": read_light_model(MODEL)})
        self._upload_archive("truncated.tar.gz", whole[: len(whole) // 2])
        self._follow_jobs("inspecting", until=lambda received: len(received) > before)
        self._wait_until_idle()
        notifications = self._subscriber.received[before:]
        got = [one["type"] for one in notifications], len(self._describe_jobs()) - jobs
        self._check_expectation(
            "The truncated archive was rejected once, and no job started", got == (["compilation.rejected"], 0), got
        )
        problems = [problem for one in notifications for problem in one.get("problems", [])]
        fixable = bool(problems) and all(problem["problem"] and problem["remedy"] for problem in problems)
        self._check_expectation("The rejection states the problem and how to fix it", fixable, problems)

    def _wait_until_idle(self) -> None:
        with self._reporter.start_step("queues", "waiting until all queues are empty") as step:
            settled = queues.wait_until_empty(self._stack)
            step.set_result("all queues are empty" if settled else "some queues still contain messages")
        list(self._subscriber.receive_notifications())

    def _upload_archive(self, name: str, body: bytes) -> None:
        key = f"{self._folder}/{name}"
        self._stack.client("s3").put_object(Bucket=self._stack.env["ModelBucketName"], Key=key, Body=body)
        self._reporter.print_event("uploaded", f"{key} ({len(body):,} bytes)")

    def _follow_jobs(self, name: str, until: Callable[[list[Notification]], bool]) -> None:
        """Prints notifications as they arrive, and the status of the jobs meanwhile."""
        deadline = time.monotonic() + SECONDS
        with self._reporter.start_step(name, "waiting for the first notification") as step:
            while not until(self._subscriber.received):
                if time.monotonic() > deadline:
                    step.set_result(f"timed out after {SECONDS:.0f} s; see {self._stack.state / 'logs'}")
                    return
                for notification in self._subscriber.receive_notifications():
                    kind, color = notification["type"].partition(".")[2], COLORS[notification["severity"]]
                    self._reporter.print_event(kind, notification["subject"], color)
                states = [f"{target_name(job)} {job['CompilationJobStatus']}" for job in self._describe_jobs()]
                step.show_progress(" · ".join(states) or "no jobs yet")

    def _describe_jobs(self) -> list[dict[str, Any]]:
        """Returns the descriptions of this run's compilation jobs."""
        sagemaker = self._stack.client("sagemaker")
        pages = sagemaker.get_paginator("list_compilation_jobs").paginate(SortBy="CreationTime")
        described = []
        for summary in (summary for page in pages for summary in page["CompilationJobSummaries"]):
            # SageMaker lists a new job some seconds before it describes it.
            with contextlib.suppress(sagemaker.exceptions.ResourceNotFound):
                described.append(sagemaker.describe_compilation_job(CompilationJobName=summary["CompilationJobName"]))
        return [job for job in described if f"/{self._folder}/" in job.get("InputConfig", {}).get("S3Uri", "")]

    def _has_artifact(self, job: dict[str, Any]) -> bool:
        bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
        if job["CompilationJobStatus"] != "COMPLETED" or bucket != self._stack.env["ArtifactBucketName"]:
            return False
        found = self._stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)
        return any(entry["Key"] == key for entry in found.get("Contents", []))

    def _check_expectation(self, sentence: str, passed: bool, found: object) -> None:
        self._expectations.add_result(sentence, passed, found)

    def _print_jobs(self) -> None:
        self._reporter.print_heading("Compilation jobs")
        table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
        for column in ("  model", "target", "job", "status", "artifact"):
            table.add_column(column, no_wrap=column in ("target", "status"), overflow="fold")
        for job in sorted(self._describe_jobs(), key=target_name):
            status = job["CompilationJobStatus"]
            artifact = job["ModelArtifacts"]["S3ModelArtifacts"].rpartition("/")[2]
            colored = Text(status, "green" if status == "COMPLETED" else "red")
            table.add_row(f"  {MODEL}", target_name(job), job["CompilationJobName"], colored, artifact)
        self._reporter.print(table)

    def _print_notifications(self) -> None:
        self._reporter.print_heading("Notifications")
        for notification in self._subscriber.received:
            kind = (f"{notification['type']:<22}", COLORS[notification["severity"]])
            self._reporter.print(Text.assemble("  ", kind, " ", notification["subject"]))
            if notification["type"] in READ_IN_FULL:
                for line in notification["text"].splitlines():
                    self._reporter.print_quote(line)

    def _print_next_steps(self, keep_running: bool) -> None:
        self._reporter.print_heading("Next steps")
        steps = (
            {". .local/env": "load the stack's endpoints, credentials and outputs into your shell"}
            if keep_running
            else {}
        )
        steps |= {} if keep_running else {"make up": "start the same stack and keep it running"}
        steps |= {
            "config/automation.example.yaml": "the configuration: which object keys are compiled for which targets",
            "docs/ARCHITECTURE.md": "the architecture, and how a model is processed",
            "make deploy": "deploy the stack to AWS with your own credentials",
        }
        for what, why in steps.items():
            self._reporter.print(Text.assemble("  ", (f"{what:<32}", "bold"), why))


def target_name(job: dict[str, Any]) -> str:
    """Returns the target device, or the target platform such as LINUX_ARM64_NVIDIA."""
    output = job["OutputConfig"]
    platform = output.get("TargetPlatform", {})
    parts = [platform[part] for part in ("Os", "Arch", "Accelerator") if part in platform]
    return output.get("TargetDevice") or "_".join(parts)


def format_shapes(shapes: dict[str, list[int]]) -> str:
    """Formats shapes as in a job's DataInputConfig."""
    return json.dumps(shapes, separators=(",", ":"))
