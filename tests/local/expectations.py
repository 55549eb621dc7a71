"""What must hold at the end of a demo, said one by one."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rich.markup import escape

from .terminal import Reporter


@dataclass
class Expectations:
    """Collects what held and what did not."""

    _held: list[tuple[bool, str, str]] = field(default_factory=list)

    def expect(self, sentence: str, holds: bool | Callable[[], bool], found: object = "") -> None:
        """Notes whether the sentence is true, and what was found instead if it is not."""
        true = holds() if callable(holds) else holds
        self._held.append((true, sentence, "" if true else str(found)))

    @property
    def all_held(self) -> bool:
        return all(true for true, _, _ in self._held)

    def print(self, reporter: Reporter) -> None:
        """A line each."""
        for true, sentence, found in self._held:
            mark = "[green]✓[/]" if true else "[red]✗[/]"
            reporter.print(f"  {mark} {escape(sentence)}" + (f" [red]({escape(found)})[/]" if found else ""))
