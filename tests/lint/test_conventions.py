"""Conventions that make files easy to read: short names of tests, and short expectations beside their test."""

import re

from tests.lint.rust_source import ROOT, tracked_files

# Maximum length of the name of a test.
NAME = 60

# Maximum lines of an expectation that is written in the test itself, as an inline snapshot.
INLINE = 10

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
