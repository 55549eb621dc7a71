"""Prints the progress of a run: one short line per step, with the elapsed time.

On a terminal, the line of the running step is updated in place; in a pipe, the output is plain.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

HEARTBEAT_SECONDS = 15.0
NAME_WIDTH = 15
PIPE_WIDTH = 160
REFRESH_PER_SECOND = 8


@dataclass
class Step:
    """A step in progress: its current status and its final result."""

    reporter: "Reporter"
    name: str
    status: str
    result: str = ""
    _last_printed: float = field(default_factory=time.monotonic)
    _spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))

    def show_progress(self, text: str) -> None:
        """Shows the current status; in a pipe at most one line every 15 s."""
        self.status = text
        if not self.reporter.is_live and time.monotonic() - self._last_printed >= HEARTBEAT_SECONDS:
            self._last_printed = time.monotonic()
            self.reporter.print_event(self.name, text, "dim")

    def set_result(self, text: str) -> None:
        """Sets the result, printed when the step ends. Optional if the step prints events."""
        self.result = text

    def __rich__(self) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        grid.add_row(self._spinner, self.reporter.format_line(self.name, self.status))
        return grid


class Reporter:
    """Prints to stdout. Elapsed times count from its creation."""

    def __init__(self, console: Console | None = None) -> None:
        terminal = sys.stdout.isatty()
        self._console = console or Console(
            highlight=False, soft_wrap=not terminal, width=None if terminal else PIPE_WIDTH
        )
        self._start = time.monotonic()

    @property
    def is_live(self) -> bool:
        """Whether the output is a terminal, where lines can be overwritten."""
        return self._console.is_terminal

    def format_line(self, name: str, text: str, style: str = "") -> Text:
        """Formats an aligned line with the elapsed time."""
        minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
        return Text.assemble(
            (f"{minutes:>2}:{seconds:02}", "dim"), "  ", (f"{name:<{NAME_WIDTH}}", "bold"), (text, style)
        )

    def print_heading(self, text: str) -> None:
        """Prints the title of a section."""
        self._console.print()
        self._console.print(Text(text, "bold cyan"))

    def print_event(self, name: str, text: str, style: str = "") -> None:
        """Prints one event."""
        self.print(Text.assemble("  ", self.format_line(name, text, style)))

    def print_quote(self, line: str) -> None:
        """Prints a line of quoted text. Only the terminal wraps it, so that links stay intact."""
        self._console.print(Text.assemble("  ", ("│ ", "cyan"), (line, "dim")), soft_wrap=True)

    def print(self, what: RenderableType = "") -> None:
        self._console.print(what)

    @contextmanager
    def start_step(self, name: str, status: str) -> Iterator[Step]:
        """Shows the status of a long step while it runs, and prints its result when it ends."""
        step = Step(self, name, status)
        if self.is_live:
            with Live(step, console=self._console, refresh_per_second=REFRESH_PER_SECOND, transient=True):
                yield step
        else:
            yield step
        if step.result:
            self.print_event(name, step.result)
