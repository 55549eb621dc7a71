"""Measures how fast an archive of 500 MB is inspected, compared with gzip, tar and Python.

Each program runs in its own process. The programs take turns, so that other load on the machine
affects all of them, and their medians are compared. Exits with 1 if a ratio is worse than the
recorded one (recorded.json).

The lower bound for the time is decompressing the archive with the same crate, without inspecting it:
the example `inflate` of the crate does that.

Measures the crate's example `inspect`, which builds in a minute, and also the command
`automation inspect` if target/release has it. Both spend their time in the same function, but the AWS
crates of the command take minutes to build in release mode. The reported peak memory is never below
the memory of this script, because a child process starts with it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from .recorded import check_ratios

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / ".local" / "bench"


@dataclass
class Program:
    """A program that reads an archive, and the time and memory of its runs."""

    name: str
    command: list[str]
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)

    def measure_run(self) -> None:
        """Runs the program once. Peak memory is that of its largest process."""
        start = time.perf_counter()
        child = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        elapsed = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"error: {self.name} failed with exit code {child.returncode}: {' '.join(self.command)}")
        self.seconds.append(elapsed)
        self.processor.append(usage.ru_utime + usage.ru_stime)
        self.peaks.append(usage.ru_maxrss / 1024)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def peak(self) -> float:
        return max(self.peaks)


def compute_ratios(ours: Program, others: list[Program]) -> dict[str, float]:
    """Returns how an inspector compares: less is better."""
    ratios = {f"time relative to {other.name}": ours.median / other.median for other in others}
    return ratios | {"peak memory, MiB": ours.peak}


def prepare_archive(megabytes: int) -> Path:
    """Writes the archive in a separate process, to keep this process small.

    A child's peak memory starts at its parent's memory at the fork.
    """
    archive = LOCAL / f"onnx-{megabytes}.tar.gz"
    if not archive.exists():
        print(f"Writing {archive.relative_to(ROOT)}. This happens once and takes about a minute.", flush=True)
        subprocess.run([sys.executable, ROOT / "tests" / "bench" / "archive.py", archive, str(megabytes)], check=True)
    return archive


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    arguments.add_argument(
        "inspectors", nargs="+", metavar="NAME=PROGRAM", help="program to measure; {} is replaced by the archive"
    )
    arguments.add_argument(
        "--inflate", required=True, metavar="PROGRAM", help="program that only decompresses the archive {}"
    )
    arguments.add_argument("--runs", type=int, default=5, help="number of runs of each program (default: %(default)s)")
    arguments.add_argument("--megabytes", type=int, default=500, help="size of the archive (default: %(default)s)")
    arguments.add_argument("--record", action="store_true", help="record the ratios of this run")
    options = arguments.parse_args()

    archive = str(prepare_archive(options.megabytes))

    def parse_program(name: str, command: str) -> Program:
        return Program(name, [archive if word == "{}" else word for word in command.split()])

    ours = [parse_program(*inspector.split("=", 1)) for inspector in options.inspectors]
    inflate = parse_program("inflate only", options.inflate)
    gzip = Program("gzip -dc", ["gzip", "-dc", archive])
    listing = Program("gzip -dc | tar t", ["sh", "-c", 'gzip -dc "$0" | tar t', archive])
    python = Program("tarfile + onnx.load", [sys.executable, str(ROOT / "tests" / "bench" / "with_onnx.py"), archive])
    programs = [*ours, inflate, gzip, listing, python]

    # Warm-up, not measured: loads the archive and the programs into the page cache.
    for each in ours:
        Program(each.name, each.command).measure_run()
    for number in range(options.runs):
        if sys.stderr.isatty():
            print(f"run {number + 1} of {options.runs}", end="\r", file=sys.stderr, flush=True)
        for each in programs:
            each.measure_run()

    size = Path(archive).stat().st_size / 1e6
    print(f"{Path(archive).name}: {size:.0f} MB, median of {options.runs} runs, {os.cpu_count()} CPUs")
    print(f"{'':24}{'seconds':>9}{'CPU s':>11}{'MB/s':>8}{'peak MiB':>10}{'vs gzip -dc':>13}")
    for each in programs:
        processor = statistics.median(each.processor)
        speed, ratio = size / each.median, each.median / gzip.median
        print(f"{each.name:24}{each.median:9.2f}{processor:11.2f}{speed:8.0f}{each.peak:10.1f}{ratio:12.2f}×")
    measured = {each.name: compute_ratios(each, [gzip, inflate, python]) for each in ours}
    for name, ratios in measured.items():
        print(f"  {name}: " + ", ".join(f"{ratio}: {value:.2f}" for ratio, value in ratios.items()))
    return check_ratios(measured, options.record)


if __name__ == "__main__":
    sys.exit(main())
