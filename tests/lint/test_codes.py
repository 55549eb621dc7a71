"""The page of problems has exactly the codes of the product, and the check finds them all."""

import pytest

from tests.lint import codes
from tests.lint.rust_source import ROOT, parse_source

PRODUCT, UNKNOWN = codes.find_codes(codes.read_texts())


def read_rust(text: str) -> codes.Texts:
    path = ROOT / "shared/x/src/lib.rs"
    return {path: (text, parse_source(text, path).code)}


def test_page_has_exactly_the_codes_of_the_product() -> None:
    assert UNKNOWN == []
    assert list(codes.compare_page(codes.PAGE.read_text(), PRODUCT)) == []
    assert len(PRODUCT) > 100


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('fn f() { Problem::new("a-b", format!("{}, {}", 1, x(2)), "c") }', {"a-b": {"Problem"}}),
        ('fn f() { Warning::new(\n    "a",\n    "b") } // Problem::new("x", "")', {"a": {"Warning"}}),
        ('const A: &str = "a"; fn f() { Problem::new(A, b, c) }', {"a": {"Problem"}}),
        (
            "fn warn(&mut self, text: &str, code: &'static str) { Warning::new(code, text) }"
            'fn f() { self.warn(&format!("{}, {}", 1, 2), "a") }',
            {"a": {"Warning"}},
        ),
        ('fn f() { Problem::new("a", b, c); Warning::new("a", b) }', {"a": {"Problem", "Warning"}}),
        ('#[cfg(test)] mod tests { fn f() { Problem::new("a", b, c) } }', {}),
    ],
)
def test_codes_are_found(source: str, expected: codes.Codes) -> None:
    assert codes.find_codes(read_rust(source)) == (expected, [])


def test_code_that_is_computed_is_an_error() -> None:
    found, unknown = codes.find_codes(read_rust("fn f() { Problem::new(name(), b, c) }"))
    assert (found, unknown) == ({}, ["shared/x/src/lib.rs:1: name()"])


@pytest.mark.parametrize(
    ("page", "error"),
    [
        ("", "`a` has no entry"),
        ("### a\n\n**Warning.** Text.\n", "does not begin with what it is"),
        ("### a\n\nText.\n", "`a` has no entry"),
        ("### a\n\n**Problem.** Text.\n\n### b\n\n**Problem.** Text.\n", "`b` is not a code"),
        ("### a\n\n**Problem.** Text.\n\n### a\n\n**Problem.** Text.\n", "several sections"),
    ],
)
def test_page_that_differs_is_an_error(page: str, error: str) -> None:
    assert [error in found for found in codes.compare_page(page, {"a": {"Problem"}})] == [True]


def test_links_of_the_pages_lead_to_a_code() -> None:
    for page in (codes.PAGE, ROOT / "docs/NOTIFICATIONS.md", ROOT / "docs/MODELS.md"):
        for target in codes.find_links(page.read_text(), page.name):
            assert target in PRODUCT, f"{page}: {target}"
