"""Reads Rust source well enough to list the functions and types it defines. It knows no macros."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What is not code: comments, strings, and characters (but not lifetimes).
_NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(?P<hashes>\#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^']+|[^'\\])'""",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"(?P<test>\#\[cfg\(test\)\]|\#\[test\]|\#\[tokio::test[^\]]*\])"
    r"|\bfn\s+(?P<function>\w+)"
    r"|\b(?:struct|enum|trait|type)\s+(?P<type>\w+)"
    r"|(?P<impl>^\s*(?:unsafe\s+)?impl\b[^{;]*)"
    r"|(?P<open>\{)|(?P<close>\})|(?P<end>;)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Definition:
    """A function or a type, and where it is defined."""

    kind: str
    name: str
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} {self.name}"


def tracked_files(*patterns: str) -> list[Path]:
    """The files that git tracks or would add, below the project's folder, that match one of these patterns."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [path for name in names if (path := ROOT / name).is_file()]


def is_test(path: Path) -> bool:
    """Whether a source file holds tests only."""
    return "tests" in path.relative_to(ROOT).parts or path.name == "tests.rs"


def definitions(path: Path) -> Iterator[Definition]:
    """The functions and types of a file, without those of tests and of trait implementations."""
    text = _NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), path.read_text())
    # One entry per open brace: whether what is inside it counts.
    counted = [True]
    in_test = in_trait_impl = False
    for token in _TOKEN.finditer(text):
        line = text.count("\n", 0, token.start()) + 1
        if token["test"]:
            in_test = True
        elif token["impl"]:
            in_trait_impl = re.search(r"\bfor\s+(?!<)", token["impl"]) is not None
        elif name := token["function"]:
            if counted[-1] and not in_test:
                yield Definition("function", name, path, line)
        elif name := token["type"]:
            if counted[-1] and not in_test:
                yield Definition("type", name, path, line)
        elif token["open"]:
            counted.append(counted[-1] and not in_test and not in_trait_impl)
            in_test = in_trait_impl = False
        elif token["close"]:
            counted.pop()
        else:
            in_test = False
