"""Implements `make up`, `make down` and `make demo`."""

import sys

from .environment import ROOT, isolate_process
from .errors import LocalError
from .processes import treat_signals_as_interrupt
from .sample_events import write_sample_events
from .stack import Stack
from .terminal import Reporter


def start_stack(reporter: Reporter) -> int:
    """Starts the stack and keeps it running."""
    stack = Stack()
    with stack.hold_lock():
        if stack.is_up():
            reporter.print(
                f"The stack is already running at {stack.env['AWS_ENDPOINT_URL']}. To stop it, run `make down`."
            )
            return 0
        stack.bring_up(reporter)
        folder = write_sample_events(stack).relative_to(ROOT)
        reporter.print_event("sample events", f"filled in and written to {folder}; see events/README.md")
    env = (stack.state / "env").relative_to(ROOT)
    reporter.print(
        f"\nThe stack is running. To load its endpoints, credentials and outputs, run `. {env}`; to stop it, `make down`."
    )
    return 0


def stop_stack(reporter: Reporter) -> int:
    """Stops the stack that `make up` started."""
    stopped = Stack().tear_down()
    reporter.print("The stack is stopped." if stopped else "The stack was not running.")
    return 0


def start_demo(reporter: Reporter) -> int:
    """Uploads models to the stack and checks the results."""
    from .demo import run_demo

    return run_demo(reporter)


def main() -> int:
    commands = {"up": start_stack, "down": stop_stack, "demo": start_demo}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        print(f"usage: python -m tests.local {'|'.join(commands)}", file=sys.stderr)
        return 2
    treat_signals_as_interrupt()
    isolate_process()
    try:
        return commands[sys.argv[1]](Reporter())
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted. All processes of this run were stopped.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
