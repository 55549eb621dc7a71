"""Checks that docs/PROBLEMS.md describes every code of a problem or warning: `python -m tests.lint.codes`.

The codes are the constants that the product passes to `Problem::new` and `Warning::new`, directly or through a function
that has a parameter `code`.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from .rust_source import ROOT, product_sources

PAGE = ROOT / "docs/PROBLEMS.md"

# The position of the code among the arguments, and what is made of it.
CONSTRUCTORS = {"Problem::new": (0, "Problem"), "Warning::new": (0, "Warning")}

# A heading, whose anchor is the code, and how its first paragraph begins.
ENTRY = re.compile(r"^### (\S+)\n\n\*\*(Problem|Warning|Problem or warning)\.\*\* ", re.MULTILINE)

Texts = dict[Path, tuple[str, str]]
Codes = dict[str, set[str]]


def read_texts() -> Texts:
    """Returns the text of each product source file, and the text with only its code."""
    patterns = ("shared/*.rs", "functions/*.rs", "cli/*.rs")
    return {path: (path.read_text(), source.code) for path, source in product_sources(*patterns)}


def split_arguments(text: str, code: str, start: int) -> list[str]:
    """Returns the arguments of a call or the parameters of a function, from its opening parenthesis."""
    found, depth, begin = [], 0, start + 1
    for at in range(start, len(code)):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if depth == 0 or (depth == 1 and code[at] == ","):
            found.append(text[begin:at].strip())
            begin = at + 1
        if depth == 0:
            break
    return found


def find_crate(path: Path) -> str:
    """Returns the folder of the crate that a file belongs to."""
    return "/".join(path.relative_to(ROOT).parts[:2])


def find_makers(texts: Texts) -> dict[tuple[str, str], tuple[int, str]]:
    """Returns the functions that pass a parameter `code` to a constructor, by their crates and names."""
    makers: dict[tuple[str, str], tuple[int, str]] = {}
    for path, (text, code) in texts.items():
        for found in re.finditer(r"\bfn (\w+)(?:<[^(]*>)?\(", code):
            parameters = [each for each in split_arguments(text, code, found.end() - 1) if not each.endswith("self")]
            position = next((at for at, each in enumerate(parameters) if each.startswith("code: &'static str")), None)
            made = re.search(r"\b(Problem|Warning)::new\(code\b|\bfn ", code[found.end() :])
            if position is not None and made and made[1]:
                makers[find_crate(path), found[1]] = (position, made[1])
    return makers


def find_codes(texts: Texts) -> tuple[Codes, list[str]]:
    """Returns the codes of the product, each with what has it, and the calls whose code is not a constant."""
    makers = find_makers(texts)
    names = CONSTRUCTORS.keys() | {name for _, name in makers}
    call = re.compile(r"(?<!fn )\b(" + "|".join(sorted(names)) + r")\(")
    codes, unknown = defaultdict[str, set[str]](set), list[str]()
    for path, (text, code) in texts.items():
        for found in call.finditer(code):
            maker = CONSTRUCTORS.get(found[1]) or makers.get((find_crate(path), found[1]))
            if maker is None:
                continue
            position, kind = maker
            argument = split_arguments(text, code, found.end() - 1)[position]
            if argument == "code":
                continue
            if value := read_constant(argument, text, texts):
                codes[value].add(kind)
            else:
                unknown.append(f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}: {argument}")
    return codes, unknown


def read_constant(argument: str, text: str, texts: Texts) -> str | None:
    """Returns the value of a string literal, or of a constant of the same file or another one."""
    if literal := re.fullmatch(r'"([a-z0-9-]+)"', argument):
        return literal[1]
    definition = re.compile(rf'\bconst {re.escape(argument)}: &str = "([a-z0-9-]+)";')
    values = definition.findall(text) or [value for other, _ in texts.values() for value in definition.findall(other)]
    return values[0] if len(set(values)) == 1 else None


def read_entries(page: str) -> Codes:
    """Returns the codes that the page describes, each with what has it."""
    return {code: {kind.capitalize() for kind in kinds.split(" or ")} for code, kinds in ENTRY.findall(page)}


def find_links(text: str, name: str) -> list[str]:
    """Returns the codes that a page of this name links to."""
    prefix = r"(?:PROBLEMS\.md)?" if name == PAGE.name else r"(?:docs/)?PROBLEMS\.md"
    return re.findall(rf"\]\({prefix}#([^)]+)\)", text)


def compare_page(page: str, codes: Codes) -> Iterator[str]:
    """Returns what is wrong with the page."""
    headings = re.findall(r"^### (.*)", page, re.MULTILINE)
    entries = read_entries(page)
    for code in sorted(codes.keys() - entries.keys()):
        yield f"`{code}` has no entry\n  Fix: add a section `### {code}` that begins with **Problem.** or **Warning.**"
    for heading in sorted(set(headings) - codes.keys()):
        yield f"`{heading}` is not a code of the product\n  Fix: remove its section"
    for heading in sorted({heading for heading in headings if headings.count(heading) > 1}):
        yield f"`{heading}` has several sections\n  Fix: merge them"
    for code in sorted(codes.keys() & entries.keys()):
        if entries[code] != codes[code]:
            kinds = " or ".join(sorted(codes[code])).capitalize()
            yield f"the section of `{code}` does not begin with what it is\n  Fix: begin it with **{kinds}.**"


def print_errors(errors: Iterable[str]) -> bool:
    """Prints the errors; returns whether there are any."""
    listed = list(errors)
    for error in listed:
        print(f"error: {error}", file=sys.stderr)
    return bool(listed)


def main() -> int:
    """Prints the number of codes; returns 1 if the page does not describe exactly them."""
    codes, unknown = find_codes(read_texts())
    print(f"codes of problems and warnings: {len(codes)}")
    wrong = print_errors(f"{place} is not a constant\n  Fix: pass the code as a literal" for place in unknown)
    return 1 if print_errors(compare_page(PAGE.read_text(), codes)) or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
