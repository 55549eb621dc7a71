"""Lists the functions and types that Rust source files define. Macros are not expanded."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Comments (nested once), strings and character literals, but not lifetimes.
NOT_CODE = re.compile(
    r"""(?P<comment>//[^\n]*|/\*(?:/\*.*?\*/|(?!\*/).)*\*/)
    |(?P<raw>b?r(?P<hashes>\#*)"(?P<raw_text>.*?)"(?P=hashes))
    |(?P<string>b?"(?P<text>(?:\\.|[^"\\])*)")
    |(?P<char>b?'(?:\\(?:x..|u\{[^}]*\}|.)|[^'\\\n])')""",
    re.DOTALL | re.VERBOSE,
)
_TOKEN = re.compile(
    r"""(?P<test>\#\[(?:\w+::)*(?:test|cfg\((?:test|all\(test\b[^\]]*\))\))[^\]]*\])
    |\bfn\s+(?:r\#)?(?P<function>\w+)
    |\b(?:struct|enum|union|trait|type)\s+(?P<type>[A-Z]\w*)
    |^[ ]*(?:unsafe\s+)?impl\b(?=(?P<impl>[^{]*))
    |(?P<open>[{(\[])|(?P<close>[])}])|(?P<end>;)""",
    re.MULTILINE | re.VERBOSE,
)


@dataclass
class Definition:
    """A function or a type."""

    kind: str
    name: str
    path: Path
    line: int
    last_line: int
    in_trait_impl: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} {self.name}"


@dataclass
class Source:
    """A source file without its tests. In `code`, comments, strings and tests are replaced by spaces."""

    code: str
    definitions: list[Definition]


@dataclass
class _Block:
    """The text between two brackets. `following` describes the next pair of braces in it."""

    test_start: int | None = None
    is_trait_impl: bool = False
    function: Definition | None = None
    following: "_Block | None" = field(default=None)


def tracked_files(*patterns: str) -> list[Path]:
    """Returns the files that git tracks, or would add, and that match one of these patterns."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [path for name in names if (path := ROOT / name).is_file()]


def is_test(path: Path) -> bool:
    """Returns whether a file holds only tests. Its path decides: the attribute `cfg(test)` is in another file."""
    return "tests" in path.relative_to(ROOT).parts or path.name == "tests.rs"


@cache
def read_source(path: Path) -> Source:
    """Reads a source file once."""
    return parse_source(path.read_text(), path)


def parse_source(text: str, path: Path) -> Source:
    """Lists the functions and types of a source text, except for those of tests and for types that a function defines."""
    code = NOT_CODE.sub(lambda found: blank_text(found[0]), text)
    definitions: list[Definition] = []
    tests: list[tuple[int, int]] = []
    blocks = [_Block()]
    line, counted_to = 1, 0
    for token in _TOKEN.finditer(code):
        line += code.count("\n", counted_to, token.start())
        counted_to = token.start()
        block = blocks[-1]
        following = block.following = block.following or _Block()
        if token["test"]:
            following.test_start = token.start() if following.test_start is None else following.test_start
        elif token["impl"] is not None:
            following.is_trait_impl = re.search(r"\bfor\s+(?!<)", token["impl"]) is not None
        elif token["function"] or token["type"]:
            kind, name = ("function", token["function"]) if token["function"] else ("type", token["type"])
            item = Definition(kind, name, path, line, line, block.is_trait_impl)
            if kind == "function":
                following.function = item
            is_product = following.test_start is None and all(outer.test_start is None for outer in blocks)
            is_local_type = kind == "type" and any(outer.function for outer in blocks)
            if is_product and not is_local_type:
                definitions.append(item)
        elif token["open"] == "{":
            blocks.append(following)
            block.following = None
        elif token["open"]:
            blocks.append(_Block())
        elif token["close"]:
            if len(blocks) > 1:
                blocks.pop()
            if block.function:
                block.function.last_line = line
            if block.test_start is not None:
                tests.append((block.test_start, token.end()))
        else:
            if following.test_start is not None:
                tests.append((following.test_start, token.end()))
            block.following = None
    for start, end in tests:
        code = code[:start] + blank_text(code[start:end]) + code[end:]
    return Source(code, definitions)


def blank_text(text: str) -> str:
    """Replaces everything but line breaks by spaces."""
    return re.sub(r"[^\n]", " ", text)


def product_sources(*patterns: str) -> Iterator[tuple[Path, Source]]:
    """Returns the source files that match one of these patterns, by default all, except for tests."""
    for path in tracked_files(*(patterns or ("*.rs",))):
        if not is_test(path):
            yield path, read_source(path)
