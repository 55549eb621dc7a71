"""Conventions that make files easy to read: short names of tests, short expectations beside their test, narrow prose."""

import re
from pathlib import Path

from tests.lint.rust_source import ROOT, tracked_files

# Maximum length of the name of a test.
NAME = 60

# Maximum lines of an expectation that is written in the test itself, as an inline snapshot.
INLINE = 10

# Maximum width of comments and Markdown.
COLUMNS = 100

PROSE = ["*.rs", "*.md", "*.py", "*.yaml", "*.yml", "*.toml", "Makefile"]

TEST_NAME = re.compile(r"^ *(?:async )?(?:fn|def) (test_\w+)|test\b[^\]]*\]\s+(?:async )?fn (\w+)", re.MULTILINE)


def test_names_of_tests_are_short() -> None:
    names = [
        (path.relative_to(ROOT).as_posix(), found[1] or found[2])
        for path in tracked_files("*.rs", "*.py")
        for found in TEST_NAME.finditer(path.read_text())
    ]
    assert len(names) > 1000
    assert [(path, name) for path, name in names if len(name) > NAME] == []


def test_short_expectations_are_inline_snapshots() -> None:
    snapshots = {path: path.read_text().split("\n---\n", 1)[1].rstrip("\n") for path in tracked_files("*.snap")}
    assert len(snapshots) > 20
    short = [path.relative_to(ROOT).as_posix() for path, text in snapshots.items() if text.count("\n") < INLINE]
    assert short == []


def find_wide_lines(path: Path, text: str) -> list[str]:
    """Lines of prose that do not wrap: without tables, code, guarantees and addresses."""
    marker = r"\s*//[/!]? " if path.suffix == ".rs" else "" if path.suffix == ".md" else r"\s*# "
    in_code, wide = False, []
    for number, line in enumerate(text.splitlines(), 1):
        prose = re.match(rf"{marker}(.*)", line)
        in_code ^= bool(prose) and prose[1].lstrip().startswith("```")
        if not prose or in_code or re.match(r"\s*\||\s*\[[^]]*\]:|- \*\*[a-z-]+\*\*: ", prose[1]):
            continue
        if len(line) > COLUMNS and " " in prose[1].strip()[:COLUMNS]:
            wide.append(f"{path}:{number}")
    return wide


def test_comments_and_markdown_wrap() -> None:
    files = [path for path in tracked_files(*PROSE) if "seeds" not in path.parts]
    assert len(files) > 400
    texts = [(path.relative_to(ROOT), path.read_text()) for path in files]
    assert [line for path, text in texts for line in find_wide_lines(path, text)] == []
