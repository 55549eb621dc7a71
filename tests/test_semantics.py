"""Every promise of docs/SEMANTICS.md is quoted by a test, and every quotation is a promise."""

import re

from tests.local.environment import ROOT

PROMISE = re.compile(r"^- \*\*([a-z-]+)\*\*: (.+)$", re.MULTILINE)
QUOTATION = re.compile(r"SEMANTICS ([a-z-]+): ([^\"]+?\.)(?= SEMANTICS|\s*(?:#\[|async fn|fn |\"\"\"))")
SOURCES = ("functions/**/*.rs", "shared/**/*.rs", "tests/**/*.rs", "tests/**/*.py")


def promises() -> dict[str, str]:
    text = (ROOT / "docs/SEMANTICS.md").read_text()
    return dict(PROMISE.findall(text.partition("## Promises")[2].partition("\n## ")[0]))


def quotations() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in (path for pattern in SOURCES for path in ROOT.glob(pattern)):
        # A quotation may run over several comment lines.
        lines = (re.sub(r"^\s*(///|//|#(?!\[))\s?", "", line) for line in path.read_text().splitlines())
        found += QUOTATION.findall(re.sub(r"\s+", " ", " ".join(lines)))
    return found


def test_every_promise_is_quoted_by_a_test() -> None:
    quoted = {name for name, _ in quotations()}
    assert promises().keys() - quoted == set()


def test_every_quotation_is_word_for_word() -> None:
    known = promises()
    wrong = [(name, words) for name, words in quotations() if known.get(name) != words]
    assert wrong == []
