"""Measures the functions, beside a bare function and a boto3 handler that make the same calls.

Each program runs in its own process, as Lambda runs it, against a stand-in for the Lambda Runtime API
and the services; with --tls, the services are a millisecond away, over TLS, each with connections of
its own. The programs take turns, so that other load on the machine affects all of them, and
medians are compared. Exits with 1 if a ratio is worse than the recorded one (recorded.json).

- cold: from the start of the process to the response to the first event
- first: from the first event to its response
- 50th: from an event to its response, median of the 41st to the 50th
- peak: largest resident memory of the process
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from tests.local.environment import CREDENTIALS, ROOT

from .network import create_certificate, open_relay
from .processor import limit_processor
from .recorded import check_ratios
from .scenarios import SCENARIOS, VARIABLES, Scenario
from .stand_in import SERVICES, Request, Run, StandIn

LOCAL = ROOT / ".local" / "bench"
INVOCATIONS = 50
TIMEOUT = 60
# Lambda's image has its root certificates in one file.
BUNDLES = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt")


@dataclass
class Program:
    """A program, the share of a core that it gets, and the figures of its runs: milliseconds, and MiB."""

    name: str
    command: list[str]
    processor_share: float = 1.0
    cold: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)

    def add_run(self, started: float, run: Run, peak: float) -> None:
        times = [(answered - sent) * 1e3 for sent, answered in zip(run.sent, run.answered, strict=True)]
        self.cold.append((run.answered[0] - started) * 1e3)
        self.first.append(times[0])
        self.warm.append(statistics.median(times[-10:]))
        self.peak.append(peak)


class Bench:
    """Runs programs against one stand-in."""

    def __init__(self, stand_in: StandIn, runtime_port: int, endpoints: dict[str, str], bundle: str | None) -> None:
        self._stand_in = stand_in
        self._env = {
            **VARIABLES,
            **CREDENTIALS,
            **({"SSL_CERT_FILE": bundle, "AWS_CA_BUNDLE": bundle} if bundle else {}),
            **{f"AWS_ENDPOINT_URL_{service}": url for service, url in endpoints.items()},
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime_port}",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "PATH": os.environ["PATH"],
        }

    @classmethod
    async def start(cls, stand_in: StandIn, tls: bool = False) -> "Bench":
        """Starts the stand-in. With TLS, the services are a round trip of a network away."""
        port = await stand_in.start()
        if not tls:
            bundle = next((path for path in BUNDLES if Path(path).exists()), None)
            return cls(stand_in, port, dict.fromkeys(SERVICES, f"http://127.0.0.1:{port}"), bundle)
        bundle = LOCAL / "root-certificate.pem"
        tls_port = await stand_in.start(create_certificate(bundle))
        ports = {service: await open_relay(tls_port) for service in SERVICES}
        return cls(
            stand_in, port, {service: f"https://127.0.0.1:{ports[service]}" for service in SERVICES}, str(bundle)
        )

    async def run_program(self, program: Program, scenario: Scenario, calls: Path, invocations: int) -> Run:
        """Starts the program, invokes it, and stops it."""
        self._stand_in.answer = scenario.answer_request
        self._stand_in.run = run = Run(scenario.read_event(), invocations)
        with (LOCAL / f"{scenario.function}.log").open("wb") as log:
            started = time.perf_counter()
            process = subprocess.Popen(
                program.command, env={**self._env, "BENCH_CALLS": str(calls)}, cwd=LOCAL, stdout=log, stderr=log
            )
            try:
                with limit_processor(process.pid, program.processor_share):
                    await wait_for_run(run, process)
                peak = 0.0 if run.errors else read_peak_memory(process.pid)
            finally:
                process.kill()
                process.wait()
        if run.errors:
            sys.exit(f"error: {program.name} failed for {scenario.function}: {run.errors[0]} (log: {log.name})")
        program.add_run(started, run, peak)
        return run


async def wait_for_run(run: Run, process: subprocess.Popen[bytes]) -> None:
    """Waits until every invocation is answered, or adds an error to the run."""
    for _ in range(TIMEOUT):
        try:
            return await asyncio.wait_for(run.finished.wait(), 1)
        except TimeoutError:
            if process.poll() is not None:
                return run.errors.append(f"the process ended with exit code {process.returncode}")
    return run.errors.append(f"no answer within {TIMEOUT} s")


def read_peak_memory(process: int) -> float:
    """Returns the largest resident memory of a process in MiB. Unlike the one that `wait4` reports, it
    does not count the memory of the parent at the fork."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def write_calls(run: Run, path: Path) -> None:
    """Writes the calls of the first and of each later invocation, for the other programs."""

    def describe(request: Request) -> dict[str, object]:
        headers = {name: request.headers[name] for name in ("content-type", "x-amz-target") if name in request.headers}
        body = request.body.decode(errors="replace")
        return {
            "service": request.service,
            "method": request.method,
            "path": request.path,
            "operation": request.operation,
            "headers": headers,
            "body": body,
        }

    first, later = (list(map(describe, calls)) for calls in (run.calls[0], run.calls[-1]))
    path.write_text(json.dumps({"first": first, "later": later}))


async def measure_function(bench: Bench, scenario: Scenario, binary: Path, bare: Path, runs: int) -> list[Program]:
    """Measures a function and the programs that it is compared with."""
    calls = LOCAL / f"{scenario.function}.json"
    once = Program(scenario.function, [str(binary)])
    write_calls(await bench.run_program(once, scenario, calls, 2), calls)
    programs = [
        Program(scenario.function, [str(binary)]),
        Program("bare", [str(bare)]),
        Program("boto3", [sys.executable, str(Path(__file__).with_name("boto_handler.py"))]),
    ]
    for _ in range(runs):
        for program in programs:
            await bench.run_program(program, scenario, calls, INVOCATIONS)
    return programs


def measure_size(binary: Path) -> tuple[float, float]:
    """Returns the size of a binary and of its zip file in MB."""
    content = binary.read_bytes()
    return len(content) / 1e6, len(zlib.compress(content)) / 1e6


def compute_ratios(programs: list[Program]) -> dict[str, float]:
    """Returns how a function compares: less is better."""
    ours, bare, boto = programs
    median = statistics.median
    return {
        "cold relative to bare": median(ours.cold) / median(bare.cold),
        "50th relative to bare": median(ours.warm) / median(bare.warm),
        "cold relative to boto3": median(ours.cold) / median(boto.cold),
        "first relative to 50th": median(ours.first) / median(ours.warm),
    }


def print_rows(programs: list[Program], binary: Path) -> None:
    for program in programs:
        times = "".join(f"{statistics.median(values):9.2f}" for values in (program.cold, program.first, program.warm))
        size = "".join(f"{value:9.1f}" for value in measure_size(binary)) if program is programs[0] else ""
        print(f"{program.name:24}{times}{statistics.median(program.peak):9.1f}{size}", flush=True)


async def run_bench(options: argparse.Namespace) -> int:
    LOCAL.mkdir(parents=True, exist_ok=True)
    stand_in = StandIn()
    bench = await Bench.start(stand_in, options.tls)
    measured: dict[str, dict[str, float]] = {}
    print(f"{'':24}" + "".join(f"{name:>9}" for name in ("cold ms", "first ms", "50th ms", "peak MiB", "MB", "zip MB")))
    for scenario in SCENARIOS:
        if options.functions and scenario.function not in options.functions:
            continue
        binary = options.binaries / scenario.function
        programs = await measure_function(bench, scenario, binary, options.bare, options.runs)
        print_rows(programs, binary)
        ratios = measured[scenario.function] = compute_ratios(programs)
        print("  " + ", ".join(f"{name}: {value:.2f}" for name, value in ratios.items()), flush=True)
    if options.tls:
        measured = {f"{name}, over TLS": ratios for name, ratios in measured.items()}
    return check_ratios(measured, options.record)


def main() -> int:
    arguments = argparse.ArgumentParser(
        prog="python -m tests.bench.functions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("functions", nargs="*", help="functions to measure (default: all)")
    arguments.add_argument("--binaries", type=Path, required=True, help="folder of the functions' release binaries")
    arguments.add_argument("--bare", type=Path, required=True, help="binary of the bare function")
    arguments.add_argument("--runs", type=int, default=11, help="number of runs of each program (default: %(default)s)")
    arguments.add_argument("--tls", action="store_true", help="calls over TLS, with a round trip of a millisecond")
    arguments.add_argument("--record", action="store_true", help="record the ratios of this run")
    return asyncio.run(run_bench(arguments.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
