"""Masks everything in a file that is not prose, so that comments, documentation and messages can be searched.

The masked text has the same length and the same lines as the file. A phrase is therefore found at its place in the file, and
also where a comment wraps.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from .rust_source import NOT_CODE

# Replaces each character that is not prose. No phrase matches across it.
GAP = "\0"
# Replaces each character of a name within prose: code in backticks, a placeholder, an address.
NAME = "·"

Span = tuple[int, int]

_PYTHON = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |[rRbBfFuU]{0,2}(?P<quote>\"\"\"|'''|"|')(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)""",
    re.DOTALL | re.VERBOSE,
)
_HASH_COMMENT = re.compile(r"(?:^|(?<=\s))(?P<text>#[^\n]*)", re.MULTILINE)
_DESCRIPTION = r"""(?<![\w"])["']?(?:\w*[Dd]escription|title|label|text|markdown)["']?[ ]*[:=][ ]*"""
_VALUE = re.compile(
    _DESCRIPTION + r"""(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>[^']*)'|(?P<plain>[^\s"'{\[][^\n]*))"""
)
# The lines below a key that are indented further belong to its value.
_BLOCK_VALUE = re.compile(
    r"^(?P<indent>[ ]*)" + _DESCRIPTION + r"[^\n]*(?P<text>(?:\n(?:(?P=indent)[ ]+[^\n]*)?)+)", re.MULTILINE
)
_MAKE = re.compile(r"""(?:^|(?<=\s))(?P<comment>#[^\n]*)|"(?P<text>[^"\n]*)\"""", re.MULTILINE)

_RUST_MARKER = re.compile(r"^[ \0]*(?://[/!]?|/\*[*!]?|\*(?!\*))", re.MULTILINE)
_HASH_MARKER = re.compile(r"^[ \0]*#+", re.MULTILINE)
_FENCE = re.compile(r"[ \0>]*(?:```+|~~~+)\s*(?P<language>[\w-]*)[^\n`]*")
_PROSE_LANGUAGES = {"text", "txt", "console"}
_HASH_LANGUAGES = {"sh", "bash", "shell", "yaml", "toml", "python", "make"}

_NAMES = re.compile(
    r"""(?P<ticks>`+)(?!`)(?:(?!\n[ ]*\n)[^`\0])+(?P=ticks)  # code
    |\]\([^)\s]*\)                                      # the target of a link
    |\b(?:https?|s3)://[^\s`"'<>]+|\barn:[\w:/${}*.-]+
    |\$?\{[^{}\n"]*\}                                    # a placeholder
    """,
    re.VERBOSE,
)
_RELEASES = re.compile(r"^## \[?v?\d.*\Z", re.MULTILINE | re.DOTALL)
_SNAPSHOT_HEADER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def mask_file(path: Path, text: str) -> str | None:
    """Masks a file's text; `None` if files of this kind hold no prose."""
    mask = _MASKS.get(path.suffix) or _MASKS.get(path.name)
    return _NAMES.sub(lambda found: _replace(found[0], NAME), mask(text)) if mask else None


def _replace(text: str, character: str) -> str:
    return re.sub(r"[^\n]", character, text)


def _mask_all(text: str) -> str:
    return _replace(text, GAP)


def _keep_spans(text: str, spans: Iterable[Span]) -> str:
    """Masks everything outside these spans."""
    parts, end = list[str](), 0
    for start, stop in sorted(spans):
        parts += [_mask_all(text[end:start]), text[max(start, end) : stop]]
        end = max(end, stop)
    return "".join([*parts, _mask_all(text[end:])])


def _mask_string(text: str) -> str:
    """Masks the escapes of a string literal, and all of it if it is a single word: that is a value, not a message."""
    if not re.search(r"\S\s+\S", text):
        return _mask_all(text)
    text = re.sub(r"\\\n", " \n", text)
    return re.sub(r"\\[ntr0]|\\x..|\\u\{[^}]*\}", lambda found: _mask_all(found[0]), text).replace("\\", " ")


def _mask_code_blocks(text: str, is_page: bool) -> str:
    """Masks fenced code in Markdown, except for its comments and for text. In source code, a block ends with its comment."""
    lines = text.splitlines(keepends=True)
    language: str | None = None
    for number, line in enumerate(lines):
        if fence := _FENCE.fullmatch(line.rstrip("\n")):
            language = None if language is not None else fence["language"]
            lines[number] = _mask_all(line)
        elif language is not None and not is_page and not line.strip(" \n\0"):
            language = None
        elif language in _HASH_LANGUAGES:
            lines[number] = _keep_spans(line, (found.span() for found in _HASH_COMMENT.finditer(line)))
        elif language is not None and language not in _PROSE_LANGUAGES:
            lines[number] = _mask_all(line)
    return "".join(lines)


def _mask_markdown(text: str) -> str:
    """Released versions of a changelog are history: they are masked."""
    return _mask_code_blocks(_RELEASES.sub(lambda found: _mask_all(found[0]), text), is_page=True)


def _mask_source(text: str, comments: list[Span], strings: list[Span], marker: re.Pattern[str]) -> str:
    """Keeps comments, as Markdown, and strings. Comment markers become spaces, since a sentence goes on after them."""
    masked = marker.sub(lambda found: " " * len(found[0]), _keep_spans(text, comments))
    masked = _mask_code_blocks(masked, is_page=False)
    for start, end in strings:
        masked = masked[:start] + _mask_string(text[start:end]) + masked[end:]
    return masked


def _mask_rust(text: str) -> str:
    comments, strings = list[Span](), list[Span]()
    for found in NOT_CODE.finditer(text):
        if found["comment"]:
            comments.append(found.span())
        elif group := next((name for name in ("raw_text", "text") if found[name]), None):
            strings.append(found.span(group))
    return _mask_source(text, comments, strings, _RUST_MARKER)


def _mask_python(text: str) -> str:
    comments, strings = list[Span](), list[Span]()
    for found in _PYTHON.finditer(text):
        (comments if found["comment"] else strings).append(found.span("comment" if found["comment"] else "text"))
    return _mask_source(text, comments, strings, _HASH_MARKER)


def _mask_settings(text: str) -> str:
    """Keeps the comments of YAML or TOML, and its descriptions."""
    spans = [found.span("text") for found in _HASH_COMMENT.finditer(text)]
    spans += [found.span(found.lastgroup or 0) for found in _VALUE.finditer(text)]
    spans += [found.span("text") for found in _BLOCK_VALUE.finditer(text)]
    return _HASH_MARKER.sub(lambda found: " " * len(found[0]), _keep_spans(text, spans))


def _mask_json(text: str) -> str:
    return _keep_spans(text, (found.span("double") for found in _VALUE.finditer(text) if found["double"]))


def _mask_makefile(text: str) -> str:
    """Keeps comments, with the help of each target, and quoted messages."""
    spans = (found.span("comment" if found["comment"] else "text") for found in _MAKE.finditer(text))
    return _HASH_MARKER.sub(lambda found: " " * len(found[0]), _keep_spans(text, spans))


def _mask_snapshot(text: str) -> str:
    return _SNAPSHOT_HEADER.sub(lambda found: _mask_all(found[0]), text)


_MASKS: dict[str, Callable[[str], str]] = {
    ".md": _mask_markdown,
    ".rs": _mask_rust,
    ".py": _mask_python,
    ".yaml": _mask_settings,
    ".yml": _mask_settings,
    ".toml": _mask_settings,
    ".json": _mask_json,
    ".snap": _mask_snapshot,
    "Makefile": _mask_makefile,
}
