"""`make bench`: an archive of 500 MB, inspected by us, by gzip and tar, and by Python, each in a process of its own.

The ways take turns, so that whatever else the machine does hits all of them; compared are the medians. Exits with 1
when a goal is missed.

Nothing is faster than to inflate the archive and look at none of it, with the same crate: the crate's example
`inflate` does that. How often that would fit into Python's time is told next to how often we do.

Measured is the crate's example `inspect`, which builds in a minute, and the command `automation inspect` as well where
target/release has it: both spend their time in the same function, but the command's crates for AWS take minutes to
build optimised. No peak can be told that is below the memory of this script: a child's begins with that.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / ".local" / "bench"


@dataclass
class Way:
    """One way to look into an archive, and what its runs took."""

    name: str
    command: list[str]
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Run once. Peak memory is of the largest process among it and its children."""
        start = time.perf_counter()
        child = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        elapsed = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"error: {self.name} failed with {child.returncode}: {' '.join(self.command)}")
        self.seconds.append(elapsed)
        self.processor.append(usage.ru_utime + usage.ru_stime)
        self.peaks.append(usage.ru_maxrss / 1024)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def peak(self) -> float:
        return max(self.peaks)


@dataclass(frozen=True)
class Goal:
    """Something that must hold, with the numbers that say whether it does."""

    text: str
    value: float
    most: float | None = None
    least: float | None = None

    @property
    def reached(self) -> bool:
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)


def goals(ours: Way, inflate: Way, gzip: Way, python: Way) -> list[Goal]:
    bound = f"{inflate.name} is {python.median / inflate.median:.2f} times as fast"
    return [
        Goal(f"{ours.name}: time, of that of {gzip.name}", ours.median / gzip.median, most=1.0),
        Goal(f"{ours.name}: time, of that of {inflate.name}", ours.median / inflate.median, most=1.25),
        Goal(f"{ours.name}: times as fast as {python.name} ({bound})", python.median / ours.median, least=3.0),
        Goal(f"{ours.name}: peak memory, MiB", ours.peak, most=32.0),
    ]


def prepared(megabytes: int) -> Path:
    """The archive, written in a process of its own: a child's peak counts from what its parent has at the fork."""
    archive = LOCAL / f"onnx-{megabytes}.tar.gz"
    if not archive.exists():
        print(f"Writing {archive.relative_to(ROOT)}: about a minute, once.", flush=True)
        subprocess.run([sys.executable, ROOT / "tests" / "bench" / "archive.py", archive, str(megabytes)], check=True)
    return archive


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    arguments.add_argument("inspectors", nargs="+", metavar="NAME=PROGRAM", help="what is measured; {} is the archive")
    arguments.add_argument("--inflate", required=True, metavar="PROGRAM", help="what only inflates {}")
    arguments.add_argument("--runs", type=int, default=5, help="of each way (default: %(default)s)")
    arguments.add_argument("--megabytes", type=int, default=500, help="of the archive (default: %(default)s)")
    options = arguments.parse_args()

    archive = str(prepared(options.megabytes))

    def way(name: str, program: str) -> Way:
        return Way(name, [archive if word == "{}" else word for word in program.split()])

    ours = [way(*inspector.split("=", 1)) for inspector in options.inspectors]
    inflate = way("inflate alone", options.inflate)
    gzip = Way("gzip -dc", ["gzip", "-dc", archive])
    listing = Way("gzip -dc | tar t", ["sh", "-c", 'gzip -dc "$0" | tar t', archive])
    python = Way("tarfile + onnx.load", [sys.executable, str(ROOT / "tests" / "bench" / "with_onnx.py"), archive])
    ways = [*ours, inflate, gzip, listing, python]

    # Not counted: it brings the archive and the programs into memory.
    for each in ours:
        Way(each.name, each.command).run()
    for number in range(options.runs):
        if sys.stderr.isatty():
            print(f"run {number + 1} of {options.runs}", end="\r", file=sys.stderr, flush=True)
        for each in ways:
            each.run()

    size = Path(archive).stat().st_size / 1e6
    print(f"{Path(archive).name}: {size:.0f} MB, median of {options.runs} runs, {os.cpu_count()} processors")
    print(f"{'':24}{'seconds':>9}{'processor':>11}{'MB/s':>8}{'peak MiB':>10}{'to gzip -dc':>13}")
    for each in ways:
        processor = statistics.median(each.processor)
        speed, ratio = size / each.median, each.median / gzip.median
        print(f"{each.name:24}{each.median:9.2f}{processor:11.2f}{speed:8.0f}{each.peak:10.1f}{ratio:12.2f}×")
    print()
    reached = True
    for goal in [goal for each in ours for goal in goals(each, inflate, gzip, python)]:
        bound = f"at most {goal.most:g}" if goal.most is not None else f"at least {goal.least:g}"
        print(f"{'reached' if goal.reached else 'MISSED':8} {goal.text}: {goal.value:.2f}, {bound}")
        reached = reached and goal.reached
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
