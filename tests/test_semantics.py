"""Every guarantee in docs/SEMANTICS.md is quoted by a test, word for word."""

import re

from tests.local.environment import ROOT

GUARANTEE = re.compile(r"^- \*\*([a-z-]+)\*\*: (.+)$", re.MULTILINE)
QUOTATION = re.compile(r"SEMANTICS ([a-z-]+): ([^\"]+?\.)(?= SEMANTICS|\s*(?:#\[|async fn|fn |\"\"\"))")
SOURCES = ("functions/**/*.rs", "shared/**/*.rs", "tests/**/*.rs", "tests/**/*.py")


def read_guarantees() -> dict[str, str]:
    text = (ROOT / "docs/SEMANTICS.md").read_text()
    return dict(GUARANTEE.findall(text.partition("## Guarantees")[2].partition("\n## ")[0]))


def find_quotations() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in (path for pattern in SOURCES for path in ROOT.glob(pattern)):
        # A quotation can span several comment lines.
        lines = (re.sub(r"^\s*(///|//|#(?!\[))\s?", "", line) for line in path.read_text().splitlines())
        found += QUOTATION.findall(re.sub(r"\s+", " ", " ".join(lines)))
    return found


def test_every_guarantee_is_quoted_by_a_test() -> None:
    guarantees, quoted = read_guarantees(), {name for name, _ in find_quotations()}
    assert guarantees
    assert guarantees.keys() - quoted == set()


def test_every_quotation_matches_word_for_word() -> None:
    known = read_guarantees()
    wrong = [(name, words) for name, words in find_quotations() if known.get(name) != words]
    assert wrong == []
