"""`make up`, `make down` and `make demo`."""

import sys

from .environment import ROOT, isolate
from .errors import LocalError
from .processes import interrupt_on_every_end
from .stack import Stack
from .terminal import Reporter


def up(reporter: Reporter) -> int:
    """Starts the stack and leaves it running."""
    stack = Stack()
    with stack.alone():
        if stack.is_up():
            reporter.print(f"The stack is already up at {stack.env['AWS_ENDPOINT_URL']}; stop it with `make down`.")
            return 0
        stack.up(reporter)
    env = (stack.state / "env").relative_to(ROOT)
    reporter.print(f"\nThe stack is up. Its endpoints, credentials and outputs: `. {env}`; stop it with `make down`.")
    return 0


def down(reporter: Reporter) -> int:
    """Stops what `make up` started."""
    stopped = Stack().down()
    reporter.print("The stack is down." if stopped else "The stack was not up.")
    return 0


def demo(reporter: Reporter) -> int:
    """Sends models through the stack and says whether all went as promised."""
    from .demo import run

    return run(reporter)


def main() -> int:
    commands = {command.__name__: command for command in (up, down, demo)}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        print(f"usage: python -m tests.local {'|'.join(commands)}", file=sys.stderr)
        return 2
    interrupt_on_every_end()
    isolate()
    try:
        return commands[sys.argv[1]](Reporter())
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; nothing of it is left running", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
