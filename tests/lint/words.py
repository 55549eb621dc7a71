"""Finds phrases that are not plain technical English: `python -m tests.lint.words`, or `--count` for totals per phrase.

words.toml lists the phrases with their replacements. Only prose is searched: comments, documentation and messages, without
names in backticks. A comment `lint: quoted` exempts its own line and the next one, for a message of another program.
"""

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .prose import GAP, NAME, mask_file
from .rust_source import ROOT, tracked_files

LIST = Path(__file__).with_name("words.toml")
QUOTED = "lint: quoted"

# Spaces, or a line break within a paragraph.
_SPACE = r"(?:[ ]*\n[ ]*|[ ]+)"
# Characters before and after a phrase in which `unless` is searched.
_SURROUNDINGS = 80


def _compile_expression(expression: str) -> re.Pattern[str]:
    return re.compile(expression.replace(" ", _SPACE), re.IGNORECASE)


@dataclass(frozen=True)
class Phrase:
    """An entry of the list."""

    find: re.Pattern[str]
    write: str
    unless: re.Pattern[str] | None

    @classmethod
    def from_entry(cls, find: str, entry: Any) -> "Phrase":
        """Reads an entry: the replacements, alone or in a table with `unless`."""
        write, unless = (entry["write"], entry["unless"]) if isinstance(entry, dict) else (entry, [])
        choices = [f'"{choice}"' for choice in ([write] if isinstance(write, str) else write)]
        return cls(
            _compile_expression(rf"(?:{find})(?![\w-])"),
            " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]])),
            _compile_expression("|".join(unless)) if unless else None,
        )

    def find_in(self, text: str) -> Iterator[re.Match[str]]:
        """Finds the phrase in masked text, except where it is right."""
        for found in self.find.finditer(text):
            start, end = found.span()
            if re.match(r"[\w-]", text[start - 1 : start]):
                continue
            around = (max(0, start - _SURROUNDINGS), min(len(text), end + _SURROUNDINGS))
            if self.unless and any(
                right.start() < end and right.end() > start for right in self.unless.finditer(text, *around)
            ):
                continue
            yield found


@dataclass(frozen=True)
class Finding:
    """A phrase in a file."""

    path: Path
    line: int
    text: str
    phrase: Phrase

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: error: "{self.text}"\n  Fix: write {self.phrase.write}'


def read_list() -> tuple[list[Phrase], set[str]]:
    """Returns the phrases and the exempt files."""
    document = tomllib.loads(LIST.read_text())
    phrases = [Phrase.from_entry(find, entry) for find, entry in document["phrases"].items()]
    return phrases, set(document["exempt"])


def check_text(path: Path, text: str, phrases: list[Phrase]) -> Iterator[Finding]:
    """Finds the phrases in a file's prose."""
    masked = mask_file(path, text)
    if masked is None:
        return
    # Most of a source file is masked. Shorter gaps make the search four times as fast.
    masked = re.sub(f"{GAP}+", GAP, masked)
    quoted = {number for number, line in enumerate(text.splitlines(), 1) if QUOTED in line}
    for phrase in phrases:
        for found in phrase.find_in(masked):
            line = masked.count("\n", 0, found.start() + len(found[0]) - len(found[0].lstrip())) + 1
            if not quoted & {line, line - 1}:
                yield Finding(path, line, re.sub(f"{NAME}+", "…", " ".join(found[0].split())), phrase)


def check_tree() -> list[Finding]:
    """Finds the phrases in all files of the repository."""
    phrases, exempt = read_list()
    findings: list[Finding] = []
    for path in tracked_files():
        name = path.relative_to(ROOT)
        if name.as_posix() not in exempt and "seeds" not in name.parts:
            try:
                findings += check_text(name, path.read_text(), phrases)
            except UnicodeDecodeError:
                continue
    return sorted(findings, key=lambda finding: (finding.path, finding.line))


def main() -> int:
    """Prints the findings; returns 1 if there are any."""
    findings = check_tree()
    if "--count" in sys.argv:
        print_counts(findings)
    else:
        print(*findings, sep="\n" if findings else "", end="\n" if findings else "", file=sys.stderr)
    print(f"phrases to rewrite: {len(findings)}")
    return 1 if findings else 0


def print_counts(findings: list[Finding]) -> None:
    """Prints the total of each phrase with its most frequent forms, the largest total first."""
    totals = Counter(finding.phrase for finding in findings)
    for phrase, total in totals.most_common():
        forms = Counter(finding.text.lower() for finding in findings if finding.phrase == phrase)
        print(f"{total:5}  {', '.join(form for form, _ in forms.most_common(4))} -> {phrase.write}")


if __name__ == "__main__":
    sys.exit(main())
