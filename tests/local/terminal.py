"""What a run prints: one short line a step, with the time since the start; live on a terminal, plain in a pipe."""

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
    """A step in progress: what it says now, and what it will have done."""

    reporter: "Reporter"
    name: str
    now: str
    result: str = ""
    _spoke: float = field(default_factory=time.monotonic)
    _spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))

    def say(self, text: str) -> None:
        """What is going on; in a pipe at most a line every 15 s."""
        self.now = text
        if not self.reporter.live and time.monotonic() - self._spoke >= HEARTBEAT_SECONDS:
            self._spoke = time.monotonic()
            self.reporter.event(self.name, text, "dim")

    def done(self, text: str) -> None:
        """What the step has done, printed when it ends; a step that printed its events need not say it."""
        self.result = text

    def __rich__(self) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        grid.add_row(self._spinner, self.reporter.line(self.name, self.now))
        return grid


class Reporter:
    """Prints to stdout; elapsed times count from its creation."""

    def __init__(self, console: Console | None = None) -> None:
        terminal = sys.stdout.isatty()
        self._console = console or Console(
            highlight=False, soft_wrap=not terminal, width=None if terminal else PIPE_WIDTH
        )
        self._start = time.monotonic()

    @property
    def live(self) -> bool:
        """Whether lines can be written over."""
        return self._console.is_terminal

    def line(self, name: str, text: str, style: str = "") -> Text:
        """One aligned line."""
        minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
        return Text.assemble(
            (f"{minutes:>2}:{seconds:02}", "dim"), "  ", (f"{name:<{NAME_WIDTH}}", "bold"), (text, style)
        )

    def heading(self, text: str) -> None:
        """Begins a part of the run."""
        self._console.print()
        self._console.print(Text(text, "bold cyan"))

    def event(self, name: str, text: str, style: str = "") -> None:
        """Something that happened."""
        self.print(Text.assemble("  ", self.line(name, text, style)))

    def quote(self, line: str) -> None:
        """A line of somebody else's text; the terminal may wrap it, so that links in it stay whole."""
        self._console.print(Text.assemble("  ", ("│ ", "cyan"), (line, "dim")), soft_wrap=True)

    def print(self, what: RenderableType = "") -> None:
        """Anything else."""
        self._console.print(what)

    @contextmanager
    def step(self, name: str, beginning: str) -> Iterator[Step]:
        """A step that takes a while: what it says now moves on a terminal; its result is a line when it ends."""
        step = Step(self, name, beginning)
        if self.live:
            with Live(step, console=self._console, refresh_per_second=REFRESH_PER_SECOND, transient=True):
                yield step
        else:
            yield step
        if step.result:
            self.event(name, step.result)
