"""Compares the stack with a boto3 solution under load: many uploads, a small quota, and a SageMaker that throttles.

Each solution gets a local stack of its own, with the same faults, and the same uploads. Times are those of the local
stack, which divides the waits before retries by 60: a job of two seconds stands for one of two minutes, and a
visibility timeout of half a minute for one of half an hour. Prints a table in Markdown.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.local import queues
from tests.local.environment import DEFAULT_STATE, isolate_process
from tests.local.errors import LocalError
from tests.local.models import build_archive, read_light_model
from tests.local.processes import treat_signals_as_interrupt
from tests.local.stack import Stack
from tests.local.subscriber import Notification, Subscriber
from tests.local.terminal import Reporter, Step
from tests.soak.__main__ import CONFIG, PARAMETERS
from tests.soak.load import TARGETS
from tests.soak.run import TERMINAL, UPLOADERS, find_target

from .boto_solution import deploy_solution
from .processor import read_children_time

FOLDER = "three/load"  # tests/e2e/automation.yaml has a rule for it, with three targets
# Longer than the minute between two sweeps: after it, a solution without running jobs and messages
# has finished.
QUIET_SECONDS = 75.0
# Requests that may be pending when the log is read: they are read again.
REREAD = 200

Json = dict[str, Any]


@dataclass(frozen=True)
class Load:
    """Parameters of the comparison."""

    uploads: int = 1000
    quota: int = 20  # maximum number of concurrent jobs
    throttled_percent: int = 10  # percentage of throttled requests to SageMaker
    job_milliseconds: int = 2000
    lag_milliseconds: int = 1000  # how long SageMaker still shows a job as it was before a change
    visibility_seconds: int = 30  # visibility timeout of the boto3 solution; on AWS half an hour
    limit_seconds: float = 3600.0

    @property
    def jobs(self) -> int:
        """Expected number of jobs: one per upload and target."""
        return self.uploads * TARGETS


@dataclass(frozen=True)
class Solution:
    """What is compared: where it receives uploads, where it publishes, and what it consists of."""

    name: str
    bucket: str
    topic: str
    functions: list[str]
    queues: list[str]  # URLs
    dead_letter_queues: list[str]  # URLs
    # Returns the job whose final status a notification reports; None for other notifications.
    read_job: Callable[[Notification], str | None]
    has_summaries: bool


@dataclass
class Result:
    """What a solution did with the load."""

    jobs: list[Json]  # as SageMaker has them
    reported: dict[str, list[float]]  # job name: seconds after the first upload at which its end was reported
    summarized: dict[str, float]  # the same, by key of the upload
    calls: Counter[tuple[str, str]]  # operation and error code, which is empty for a success
    dead_letter_messages: int
    invocations: int
    busy_milliseconds: float
    processor_seconds: float
    load: Load = field(repr=False)

    def compute_rows(self) -> dict[str, str]:
        """Returns what is compared."""
        completed = Counter(find_target(job) for job in self.jobs if job["CompilationJobStatus"] == "COMPLETED")
        names = {job["CompilationJobName"] for job in self.jobs}
        repeated = sum(len(times) - 1 for times in self.reported.values())
        codes: Counter[str] = Counter()
        for (_, code), count in self.calls.items():
            codes[code] += count
        operations = Counter({name: 0 for name, _ in self.calls})
        for (name, _), count in self.calls.items():
            operations[name] += count
        models = self.find_answered_models()
        return {
            "compiled, of the upload and target pairs": f"{len(completed):,} of {self.load.jobs:,}",
            "never compiled": f"{self.load.jobs - len(completed):,}",
            "messages in dead-letter queues": f"{self.dead_letter_messages:,}",
            "duplicate jobs": f"{len(self.jobs) - len({find_target(job) for job in self.jobs}):,}",
            "finished jobs that were not reported": f"{len(names - self.reported.keys()):,}",
            "reports of a final status that were repeated": f"{repeated:,}",
            "uploads with an answer for all targets": f"{len(models):,} of {self.load.uploads:,}",
            "time to the last of these answers": f"{max(models.values(), default=0.0):,.0f} s",
            "calls to SageMaker": f"{self.calls.total():,}",
            **{f"— {name}": f"{count:,}" for name, count in sorted(operations.items())},
            "throttled": f"{codes['ThrottlingException']:,}",
            "refused because of the quota": f"{codes['ResourceLimitExceeded']:,}",
            "refused because the job exists": f"{codes['ResourceInUse']:,}",
            "invocations of the functions": f"{self.invocations:,}",
            "busy time of the functions": f"{self.busy_milliseconds:,.0f} ms",
            "of it, processor time": f"{self.processor_seconds * 1000:,.0f} ms",
        }

    def find_answered_models(self) -> dict[str, float]:
        """Returns when the last answer of each upload arrived, by URI: a summary, or the report of its last job."""
        if self.summarized:
            return self.summarized
        targets: dict[str, dict[str, float]] = defaultdict(dict)
        for job in self.jobs:
            uri, target = find_target(job)
            if times := self.reported.get(job["CompilationJobName"]):
                targets[uri][target] = times[0]
        return {uri: max(times.values()) for uri, times in targets.items() if len(times) == TARGETS}


def read_own_job(notification: Notification) -> str | None:
    return str(notification["job"]["name"]) if notification["type"] in TERMINAL else None


def describe_stack(stack: Stack, _: Load) -> Solution:
    """The stack under test."""
    functions = ("PlanCompilation", "StartCompilation", "RelayCompilation", "SweepCompilations")
    return Solution(
        "this stack",
        stack.env["ModelBucketName"],
        stack.env["NotificationsTopicArn"],
        [stack.resources[name] for name in functions],
        [stack.resources[name] for name in queues.QUEUES],
        [stack.env[name] for name in queues.DEAD_LETTER_QUEUES],
        read_own_job,
        has_summaries=True,
    )


def deploy_boto_solution(receive_count: int) -> Callable[[Stack, Load], Solution]:
    """Returns what deploys the boto3 solution with this number of deliveries per message."""

    def deploy(stack: Stack, load: Load) -> Solution:
        ids = deploy_solution(stack, read_light_model("zfnet512"), receive_count, load.visibility_seconds)
        return Solution(
            f"boto3, {receive_count} deliveries",
            ids["Models"],
            ids["Topic"],
            [ids["StartJobs"], ids["PublishStates"]],
            [ids["Uploads"], ids["JobStates"]],
            [ids["DeadLetters"]],
            lambda notification: str(notification["CompilationJobName"]),
            has_summaries=False,
        )

    return deploy


# SQS allows at most 1,000 deliveries.
SOLUTIONS = {
    "stack": describe_stack,
    "boto3": deploy_boto_solution(5),
    "boto3-1000": deploy_boto_solution(1000),
}


class Run:
    """One solution under load."""

    def __init__(self, stack: Stack, load: Load, solution: Solution) -> None:
        self._stack, self._load, self._solution = stack, load, solution
        self._ministack = int((stack.state / "ministack.pid").read_text())
        self._requests: dict[int, tuple[str, str]] = {}
        self._reported: dict[str, list[float]] = defaultdict(list)
        self._summarized: dict[str, float] = {}

    def apply_load(self, step: Step) -> Result:
        """Uploads everything, waits until the solution has finished, and returns what it did."""
        model = read_light_model("zfnet512")
        subscriber = Subscriber(self._stack, "load", topic=self._solution.topic)
        self._subscribed = datetime.now(UTC)
        self._stack.call_emulator(
            "settings",
            {
                "max_running": self._load.quota,
                "starting_ms": self._load.job_milliseconds // 4,
                "in_progress_ms": self._load.job_milliseconds * 3 // 4,
                "lag_ms": self._load.lag_milliseconds,
                "throttled_percent": self._load.throttled_percent,
            },
        )
        processor_before = read_children_time(self._ministack)
        self._began = time.monotonic()
        with ThreadPoolExecutor(UPLOADERS) as uploaders:
            uploads = [uploaders.submit(self._upload_archive, model, number) for number in range(self._load.uploads)]
            self._follow_progress(subscriber, step)
            for upload in uploads:
                upload.result()
        self._read_requests()
        return Result(
            self._list_jobs(),
            dict(self._reported),
            self._summarized,
            Counter(self._requests.values()),
            sum(queues.count_messages(self._stack, url) for url in self._solution.dead_letter_queues),
            int(self._sum_metric("Invocations")),
            self._sum_metric("Duration"),
            read_children_time(self._ministack) - processor_before,
            self._load,
        )

    def _upload_archive(self, model: bytes, number: int) -> None:
        body = build_archive(**{"model.onnx": model, "number.txt": str(number).encode()})
        key = f"{FOLDER}/{number:04}.tar.gz"
        self._stack.client("s3").put_object(Bucket=self._solution.bucket, Key=key, Body=body)

    def _follow_progress(self, subscriber: Subscriber, step: Step) -> None:
        """Waits until everything is reported, or until the solution has had nothing to do for a while."""
        active = time.monotonic()
        while time.monotonic() - self._began < self._load.limit_seconds:
            received = [self._record_notification(one) for one in subscriber.receive_notifications()]
            self._read_requests()
            step.show_progress(
                f"{self._solution.name}: {len(self._reported)} of {self._load.jobs} jobs reported as finished · "
                f"{len(self._summarized)} summaries · {len(self._requests)} calls to SageMaker"
            )
            if self._has_all_answers():
                return
            if received or self._is_busy():
                active = time.monotonic()
            if time.monotonic() - active > QUIET_SECONDS:
                return

    def _record_notification(self, notification: Notification) -> None:
        elapsed = time.monotonic() - self._began
        if name := self._solution.read_job(notification):
            self._reported[name].append(elapsed)
        elif notification.get("type") == "model.summary":
            self._summarized.setdefault(notification["model"]["key"], elapsed)

    def _has_all_answers(self) -> bool:
        summaries = self._load.uploads if self._solution.has_summaries else 0
        return len(self._reported) >= self._load.jobs and len(self._summarized) >= summaries

    def _is_busy(self) -> bool:
        if any(queues.count_messages(self._stack, url) for url in self._solution.queues):
            return True
        return any(job["CompilationJobStatus"] in ("STARTING", "INPROGRESS") for job in self._list_jobs())

    def _list_jobs(self) -> list[Json]:
        return self._stack.call_emulator("jobs")["compilation_jobs"]  # type: ignore[no-any-return]

    def _read_requests(self) -> None:
        """Reads the new requests to SageMaker: its log is limited."""
        since = max(self._requests, default=0) - REREAD
        self._requests |= read_outcomes(self._stack.call_emulator(f"requests?since={max(since, 0)}")["requests"])

    def _sum_metric(self, name: str) -> float:
        """Adds up a metric of all functions of the solution."""
        cloudwatch, total = self._stack.client("cloudwatch"), 0.0
        end = datetime.now(UTC) + timedelta(minutes=1)
        for function in self._solution.functions:
            found = cloudwatch.get_metric_statistics(
                Namespace="AWS/Lambda",
                MetricName=name,
                Dimensions=[{"Name": "FunctionName", "Value": function}],
                StartTime=self._subscribed,
                EndTime=end,
                Period=60,
                Statistics=["Sum"],
            )
            total += sum(point["Sum"] for point in found["Datapoints"])
        return total


def read_outcomes(requests: Iterable[Json]) -> dict[int, tuple[str, str]]:
    """Returns operation and error code of each logged request, by its number."""
    return {request["sequence"]: (request["operation"], request["outcome"].get("code", "")) for request in requests}


def measure_solution(name: str, load: Load, reporter: Reporter) -> tuple[str, Result]:
    """Starts a stack, and applies the load to one solution."""
    stack = Stack(DEFAULT_STATE / "load")
    with stack.hold_lock(), ExitStack() as cleanup:
        stack.bring_up(reporter, CONFIG, PARAMETERS)
        cleanup.callback(stack.tear_down)
        if name != "stack":
            # The stack would report the jobs of the other solution, too.
            cleanup.enter_context(stack.disable_rule("JobStateRule"))
            cleanup.enter_context(stack.disable_schedules())
        solution = SOLUTIONS[name](stack, load)
        with reporter.start_step("load", f"uploading to {solution.name}") as step:
            result = Run(stack, load, solution).apply_load(step)
            step.set_result(f"{solution.name}: {len(result.jobs)} jobs, {result.calls.total()} calls to SageMaker")
        return solution.name, result


def format_table(results: dict[str, Result]) -> str:
    """Formats the results as a table in Markdown, one column per solution."""
    columns = {name: result.compute_rows() for name, result in results.items()}
    labels = list(dict.fromkeys(label for rows in columns.values() for label in rows))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[label, *(rows.get(label, "0") for rows in columns.values())] for label in labels]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make load OPTIONS='...'", description=__doc__)
    for parameter in fields(Load):
        name = f"--{parameter.name.replace('_', '-')}"
        parser.add_argument(name, type=type(parameter.default), default=parameter.default, help="default: %(default)s")
    parser.add_argument("solutions", nargs="*", default=[*SOLUTIONS], metavar="SOLUTION", help=", ".join(SOLUTIONS))
    options = vars(parser.parse_args())
    names = options.pop("solutions")
    if unknown := set(names) - SOLUTIONS.keys():
        parser.error(f"unknown solution {min(unknown)}; expected {', '.join(SOLUTIONS)}")
    load = Load(**options)
    treat_signals_as_interrupt()
    isolate_process()
    reporter = Reporter()
    reporter.print_heading(f"{load.uploads} uploads with three targets each, at most {load.quota} concurrent jobs")
    try:
        results = dict(measure_solution(name, load, reporter) for name in names)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. All processes of this run were stopped.", file=sys.stderr)
        return 1
    print(f"\n{format_table(results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
