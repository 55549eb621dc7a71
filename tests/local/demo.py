"""`make demo`: three uploads go through the stack, printed as it happens, then what must hold."""

import json
import time
from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

from . import queues
from .environment import DEFAULT_STATE
from .expectations import Expectations
from .models import archive, input_shapes, light_model
from .stack import Stack
from .subscriber import Notification, Subscriber, of_type
from .terminal import Reporter

MODEL = "squeezenet"
TARGETS = {"jetson_nano", "ml_c5", "LINUX_ARM64_NVIDIA"}  # of rule edge-vision in config/automation.example.yaml
SECONDS = 60.0
READ_IN_FULL = ("model.summary", "compilation.rejected")
COLOURS = {"info": "green", "warning": "yellow", "error": "red"}


def run(reporter: Reporter) -> int:
    """0 if all went as promised."""
    reporter.print("[bold]A model goes through[/]: uploaded, inspected, compiled for three targets, reported")
    if (stack := Stack()).is_up():
        reporter.event("stack", f"already up at {stack.env['AWS_ENDPOINT_URL']}")
        return 0 if Demo(stack, reporter).run(stays=True) else 1
    stack = Stack(DEFAULT_STATE / "demo")
    with stack.alone():
        reporter.heading("The stack, on this machine")
        stack.up(reporter)
        try:
            return 0 if Demo(stack, reporter).run(stays=False) else 1
        finally:
            stack.down()


class Demo:
    """The three uploads and what became of them."""

    def __init__(self, stack: Stack, reporter: Reporter) -> None:
        self._stack, self._reporter = stack, reporter
        self._folder = f"vision/demo-{time.strftime('%H%M%S')}"
        self._subscriber = Subscriber(stack, f"demo-{time.strftime('%H%M%S')}")
        self._expectations = Expectations()

    def run(self, stays: bool) -> bool:
        """Whether every expectation held."""
        try:
            self._upload_model()
            self._upload_it_again()
            self._upload_a_broken_archive()
            held = {name: queues.waiting(self._stack, self._stack.env[name]) for name in queues.DEAD_LETTERS}
            self._expect("no message ended in a dead-letter queue", not any(held.values()), held)
        finally:
            self._subscriber.close()
        self._print_jobs()
        self._print_notifications()
        self._reporter.heading("What was promised")
        self._expectations.print(self._reporter)
        self._print_next(stays)
        return self._expectations.all_held

    def _upload_model(self) -> None:
        self._reporter.heading("A real ONNX model; nobody says what its inputs are")
        model = light_model(MODEL)
        self._put(f"{MODEL}.tar.gz", archive(**{f"{MODEL}.onnx": model}))
        self._follow("compiling", until=lambda told: bool(of_type(told, "model.summary")))
        jobs = self._jobs()
        targets = sorted(map(target_of, jobs))
        self._expect("one upload became one job for each of its three targets", targets == sorted(TARGETS), targets)
        shapes = input_shapes(model)
        asked = {job["InputConfig"].get("DataInputConfig") for job in jobs}
        sentence = f"each job asked for the inputs that are in the model: {compact(shapes)}"
        self._expect(sentence, asked == {compact(shapes)}, asked)
        states = [job["CompilationJobStatus"] for job in jobs]
        artifacts = all(map(self._has_artifact, jobs))
        self._expect("every job completed, and its artifact is in ArtifactBucket", artifacts, states)
        kinds = ("compilation.started", "compilation.completed", "model.summary")
        told = [len(of_type(self._subscriber.received, kind)) for kind in kinds]
        self._expect("subscribers heard of each start and each end once, and got one summary", told == [3, 3, 1], told)

    def _upload_it_again(self) -> None:
        self._reporter.heading("The same archive again")
        jobs, told = len(self._jobs()), len(self._subscriber.received)
        self._put(f"{MODEL}.tar.gz", archive(**{f"{MODEL}.onnx": light_model(MODEL)}))
        self._follow("looking it up", until=lambda received: bool(of_type(received[told:], "model.summary")))
        self._settle()
        answers = self._subscriber.received[told:]
        reused = [answer["reused_from"] for answer in answers if "reused_from" in answer]
        new = len(self._jobs()) - jobs, sorted(answer["type"] for answer in answers)
        wanted = 0, ["compilation.completed"] * len(TARGETS) + ["model.summary"]
        sentence = "the same archive again started no job: it was answered with the artifacts there are"
        self._expect(sentence, new == wanted and len(reused) == len(TARGETS), new)

    def _upload_a_broken_archive(self) -> None:
        self._reporter.heading("A broken archive")
        jobs, told = len(self._jobs()), len(self._subscriber.received)
        whole = archive(**{f"{MODEL}.onnx": light_model(MODEL)})
        self._put("broken.tar.gz", whole[: len(whole) // 2])
        self._follow("inspecting", until=lambda received: len(received) > told)
        self._settle()
        answers = self._subscriber.received[told:]
        got = [answer["type"] for answer in answers], len(self._jobs()) - jobs
        self._expect(
            "a broken archive was answered once, and no job started", got == (["compilation.rejected"], 0), got
        )
        problems = [problem for answer in answers for problem in answer.get("problems", [])]
        mendable = bool(problems) and all(problem["problem"] and problem["remedy"] for problem in problems)
        self._expect("the answer says what is wrong and how to mend it", mendable, problems)

    def _settle(self) -> None:
        with self._reporter.step("nothing more", "waiting until every queue is empty") as step:
            settled = queues.settle(self._stack)
            step.done("every queue is empty" if settled else "messages are still on their way")
        list(self._subscriber.poll())

    def _put(self, name: str, body: bytes) -> None:
        key = f"{self._folder}/{name}"
        self._stack.client("s3").put_object(Bucket=self._stack.env["ModelBucketName"], Key=key, Body=body)
        self._reporter.event("uploaded", f"{key} ({len(body):,} bytes)")

    def _follow(self, name: str, until: Callable[[list[Notification]], bool]) -> None:
        """Prints notifications as they arrive, and between them where the jobs are."""
        deadline = time.monotonic() + SECONDS
        with self._reporter.step(name, "waiting for the first notification") as step:
            while not until(self._subscriber.received):
                if time.monotonic() > deadline:
                    step.done(f"nothing more after {SECONDS:.0f} s: see {self._stack.state / 'logs'}")
                    return
                for notification in self._subscriber.poll():
                    kind, colour = notification["type"].partition(".")[2], COLOURS[notification["severity"]]
                    self._reporter.event(kind, notification["subject"], colour)
                states = [f"{target_of(job)} {job['CompilationJobStatus']}" for job in self._jobs()]
                step.say(" · ".join(states) or "no job yet")

    def _jobs(self) -> list[dict[str, Any]]:
        """The compilation jobs of this run, as SageMaker describes them."""
        sagemaker = self._stack.client("sagemaker")
        pages = sagemaker.get_paginator("list_compilation_jobs").paginate(SortBy="CreationTime")
        described = (
            sagemaker.describe_compilation_job(CompilationJobName=job["CompilationJobName"])
            for page in pages
            for job in page["CompilationJobSummaries"]
        )
        return [job for job in described if f"/{self._folder}/" in job.get("InputConfig", {}).get("S3Uri", "")]

    def _has_artifact(self, job: dict[str, Any]) -> bool:
        bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
        if job["CompilationJobStatus"] != "COMPLETED" or bucket != self._stack.env["ArtifactBucketName"]:
            return False
        found = self._stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)
        return any(entry["Key"] == key for entry in found.get("Contents", []))

    def _expect(self, sentence: str, holds: bool, found: object) -> None:
        self._expectations.expect(sentence, holds, found)

    def _print_jobs(self) -> None:
        self._reporter.heading("What became of it")
        table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
        for column in ("  model", "target", "job", "state", "artifact"):
            table.add_column(column, no_wrap=column in ("target", "state"), overflow="fold")
        for job in sorted(self._jobs(), key=target_of):
            status = job["CompilationJobStatus"]
            artifact = job["ModelArtifacts"]["S3ModelArtifacts"].rpartition("/")[2]
            state = Text(status, "green" if status == "COMPLETED" else "red")
            table.add_row(f"  {MODEL}", target_of(job), job["CompilationJobName"], state, artifact)
        self._reporter.print(table)

    def _print_notifications(self) -> None:
        self._reporter.heading("What a subscriber got")
        for notification in self._subscriber.received:
            kind = (f"{notification['type']:<22}", COLOURS[notification["severity"]])
            self._reporter.print(Text.assemble("  ", kind, " ", notification["subject"]))
            if notification["type"] in READ_IN_FULL:
                for line in notification["text"].splitlines():
                    self._reporter.quote(line)

    def _print_next(self, stays: bool) -> None:
        self._reporter.heading("Where to look next")
        steps = {". .local/env": "endpoints, credentials and buckets of the stack"} if stays else {}
        steps |= {} if stays else {"make up": "the same stack, left running; .local/env says where"}
        steps |= {
            "config/automation.example.yaml": "which keys are compiled for which targets",
            "docs/ARCHITECTURE.md": "what is where, and how a model flows through it",
            "make deploy": "the stack on AWS, with your own credentials",
        }
        for what, why in steps.items():
            self._reporter.print(Text.assemble("  ", (f"{what:<32}", "bold"), why))


def target_of(job: dict[str, Any]) -> str:
    """The device, or the platform in the service's words: LINUX_ARM64_NVIDIA."""
    output = job["OutputConfig"]
    platform = output.get("TargetPlatform", {})
    parts = [platform[part] for part in ("Os", "Arch", "Accelerator") if part in platform]
    return output.get("TargetDevice") or "_".join(parts)


def compact(shapes: dict[str, list[int]]) -> str:
    """Shapes as the functions write them for Neo."""
    return json.dumps(shapes, separators=(",", ":"))
