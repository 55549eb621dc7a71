"""The checks of a demo, printed one per line."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rich.markup import escape

from .terminal import Reporter


@dataclass
class Expectations:
    """Collects which checks passed and which failed."""

    _results: list[tuple[bool, str, str]] = field(default_factory=list)

    def add_result(self, sentence: str, passed: bool | Callable[[], bool], found: object = "") -> None:
        """Adds a check. `found` is printed only if the check failed."""
        result = passed() if callable(passed) else passed
        self._results.append((result, sentence, "" if result else str(found)))

    @property
    def all_passed(self) -> bool:
        return all(passed for passed, _, _ in self._results)

    def print_results(self, reporter: Reporter) -> None:
        for passed, sentence, found in self._results:
            mark = "[green]✓[/]" if passed else "[red]✗[/]"
            reporter.print(f"  {mark} {escape(sentence)}" + (f" [red](found: {escape(found)})[/]" if found else ""))
