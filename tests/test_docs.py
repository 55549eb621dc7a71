"""The documentation: links lead somewhere, every page is in the book, and what it names exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.lint.rust_source import tracked_files
from tests.local.environment import ROOT

FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PAGES = sorted(tracked_files("*.md"))


def read_prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def make_anchor(heading: str) -> str:
    """The anchor that GitHub and mdBook give to a heading."""
    words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
    return words.replace(" ", "-")


def find_broken_links(page: Path) -> Iterator[str]:
    for link in LINK.findall(read_prose(page)):
        if re.match("https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        if not target.exists():
            yield f"{page.relative_to(ROOT)}: {link} does not exist"
        elif anchor and target.suffix == ".md":
            text = read_prose(target)
            anchors = {make_anchor(heading) for heading in HEADING.findall(text)}
            anchors |= set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
            if anchor not in anchors:
                yield f"{page.relative_to(ROOT)}: {link} has no such heading"


def test_links_lead_somewhere() -> None:
    assert len(PAGES) > 20
    assert [broken for page in PAGES for broken in find_broken_links(page)] == []


def test_every_page_is_in_the_book() -> None:
    listed = re.findall(r"\]\(([^)]+)\)", (ROOT / "docs/SUMMARY.md").read_text())
    pages = {page.name for page in PAGES if page.parent == ROOT / "docs"} - {"SUMMARY.md"}
    assert sorted(listed) == sorted(pages)


def test_pages_of_the_book_link_to_each_other_by_title() -> None:
    """The book does not contain the files outside docs/, and its readers do not know file names."""
    links = {
        f"{page.name}: [{text}]({target})"
        for page in PAGES
        if page.parent == ROOT / "docs"
        for text, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", read_prose(page))
        if target.startswith("../") or text.endswith(".md")
    }
    assert links == set()


def test_every_parameter_of_the_template_is_documented() -> None:
    section = re.search(r"^Parameters:\n(.*?)^\S", (ROOT / "template.yaml").read_text(), re.MULTILINE | re.DOTALL)
    assert section
    parameters = set(yaml.safe_load(re.sub(r"![A-Z]\w+", "", section[1])))
    table = (ROOT / "docs/DEPLOYMENT.md").read_text().partition("## Parameters")[2].partition("\n## ")[0]
    assert parameters - set(re.findall(r"`(\w+)`", table)) == set()


def test_make_targets_in_the_documentation_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (page.name, target)
        for page in PAGES
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert len(named) > 10
    assert {(page, target) for page, target in named if target not in targets} == set()
