"""Measures what it costs to inspect an archive on Lambda, by memory size.

plan-compilation receives one upload. A stand-in for S3 sends the archive as fast as the network of a
Lambda function is, and the process gets the share of a processor core that Lambda gives to the memory
size. A size is cheapest if its share of a core just keeps up with the network.
"""

import argparse
import asyncio
import statistics
import sys
from pathlib import Path

from .__main__ import prepare_archive
from .functions import LOCAL, Bench, Program
from .scenarios import SCENARIOS, Scenario, get_object
from .stand_in import Answer, Request, StandIn

# Bytes per second, at every memory size: github.com/sjakthol/aws-network-benchmark, June 2024.
NETWORK = 75e6
# The memory size in MB that has one core. A smaller one has its share of a core:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
ONE_CORE = 1769
MEMORY_SIZES = (256, 512, 768, 1024, 1280, ONE_CORE)


def send_archive(archive: bytes) -> Scenario:
    """The scenario of plan-compilation with this archive, sent as fast as Lambda's network is."""

    def answer_get(request: Request) -> Answer:
        answer = get_object(request)
        if "/config/" in request.path:
            return answer
        return Answer(archive, headers=answer.headers, bytes_per_second=NETWORK)

    [scenario] = (each for each in SCENARIOS if each.function == "plan-compilation")
    return Scenario(scenario.function, scenario.event, {**scenario.answers, "GetObject": answer_get})


async def measure_sizes(options: argparse.Namespace) -> None:
    LOCAL.mkdir(parents=True, exist_ok=True)
    archive = prepare_archive(options.megabytes).read_bytes()
    scenario = send_archive(archive)
    stand_in = StandIn()
    bench = await Bench.start(stand_in)
    command = [str(options.binaries / scenario.function)]
    programs = [
        (size, Program(f"{size} MB", command, processor_share=min(size / ONE_CORE, 1))) for size in MEMORY_SIZES
    ]
    for _ in range(options.runs):
        for _, program in programs:
            await bench.run_program(program, scenario, LOCAL / "no-calls.json", 1)
    print(f"{'memory':10}{'s per GB':>10}{'MB/s':>8}{'GB-s per GB':>13}{'peak MiB':>10}")
    gigabytes = len(archive) / 1e9
    for size, program in programs:
        seconds = statistics.median(program.first) / 1e3 / gigabytes
        peak = max(program.peak)
        print(
            f"{program.name:10}{seconds:10.1f}{1e3 / seconds:8.0f}{seconds * size / 1024:13.1f}{peak:10.1f}", flush=True
        )


def main() -> int:
    arguments = argparse.ArgumentParser(
        prog="python -m tests.bench.memory_sizes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--binaries", type=Path, required=True, help="folder of the functions' release binaries")
    arguments.add_argument("--runs", type=int, default=3, help="number of runs of each size (default: %(default)s)")
    arguments.add_argument("--megabytes", type=int, default=500, help="size of the archive (default: %(default)s)")
    asyncio.run(measure_sizes(arguments.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
