"""`make soak`: the whole stack under load and faults, with live progress and a table at the end."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from tests.local.environment import DEFAULT_STATE, ROOT, isolate
from tests.local.errors import LocalError
from tests.local.processes import interrupt_on_every_end
from tests.local.stack import Stack
from tests.local.terminal import Reporter

from .load import Load
from .run import Soak

CONFIG: Path = ROOT / "tests/e2e/automation.yaml"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak OPTIONS='...'", description=__doc__)
    for field in fields(Load):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=type(field.default), default=field.default, help="default: %(default)s")
    load = Load(**vars(parser.parse_args()))
    interrupt_on_every_end()
    isolate()
    reporter = Reporter()
    stack = Stack(DEFAULT_STATE / "soak")
    try:
        with stack.alone():
            reporter.heading(f"{load.uploads} uploads, three targets each, at most {load.quota} jobs at a time")
            stack.up(reporter, CONFIG)
            try:
                soak = Soak(stack, load, reporter)
                held = soak.run()
                soak.print()
            finally:
                stack.down()
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing of it is left running", file=sys.stderr)
        return 1
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
