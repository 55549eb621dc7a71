"""Uploads many models to the local stack, injects faults, then checks the results."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from tests.e2e.harness import EXISTING_BUCKET
from tests.local.environment import DEFAULT_STATE, ROOT, isolate_process
from tests.local.errors import LocalError
from tests.local.processes import treat_signals_as_interrupt
from tests.local.stack import FAST_PARAMETERS, Stack
from tests.local.terminal import Reporter

from .load import Load
from .run import Soak

CONFIG: Path = ROOT / "tests/e2e/automation.yaml"
# A rule of this configuration is for the bucket.
PARAMETERS = FAST_PARAMETERS | {"ModelBuckets": EXISTING_BUCKET}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak OPTIONS='...'", description=__doc__)
    for field in fields(Load):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=type(field.default), default=field.default, help="default: %(default)s")
    load = Load(**vars(parser.parse_args()))
    treat_signals_as_interrupt()
    isolate_process()
    reporter = Reporter()
    stack = Stack(DEFAULT_STATE / "soak")
    try:
        with stack.hold_lock():
            reporter.print_heading(
                f"Soak test: {load.uploads} uploads with three targets each, at most {load.quota} concurrent jobs"
            )
            stack.bring_up(reporter, CONFIG, PARAMETERS)
            try:
                soak = Soak(stack, load, reporter)
                passed = soak.run_load()
                soak.print_results()
            finally:
                stack.tear_down()
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. All processes of this run were stopped.", file=sys.stderr)
        return 1
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
