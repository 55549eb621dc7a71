"""Finds the imports between the files of a crate: `use` declarations and paths in code, followed through re-exports."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .rust_source import Source, blank_text

Module = tuple[str, ...]

_USE = re.compile(r"\b(?P<public>pub(?:\([^)]*\))?\s+)?use\s+(?P<tree>[^;]+);")
_CHILD = re.compile(r"\bmod\s+(\w+)\s*;")
_PATH = re.compile(r"(?<![\w:])(?:crate|self|super|\w+)(?:\s*::\s*\w+)+")


@dataclass
class _File:
    """A module with its own file."""

    path: Path
    # The path of each imported name.
    imports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # The paths it depends on. Re-exports are followed where they are used, and do not count here.
    used: list[tuple[str, ...]] = field(default_factory=list)


def find_imports(root: Path, sources: dict[Path, Source]) -> dict[Path, set[Path]]:
    """Returns the files that each source file below `root` imports."""
    # main.rs next to lib.rs is a separate crate, which imports the library by name.
    library, program = root / "lib.rs", root / "main.rs"
    paths = [path for path in sources if path != program or library not in sources]
    files = {_derive_module(path.relative_to(root)): _read_file(path, sources[path].code) for path in paths}
    edges: dict[Path, set[Path]] = {}
    for module, file in files.items():
        targets = (_resolve_path(files, module, path, 0) for path in file.used)
        edges[file.path] = {files[target].path for target in targets if target is not None and target != module}
    return edges


def find_cycles(edges: dict[Path, set[Path]]) -> list[list[Path]]:
    """Returns the groups of files that import each other, the largest first (Tarjan's algorithm)."""
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    cycles: list[list[Path]] = []

    def visit(node: Path) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(edges.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                cycles.append(sorted(group))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return sorted(cycles, key=len, reverse=True)


def _derive_module(path: Path) -> Module:
    """Returns the module path of a file below `src`."""
    parts = path.with_suffix("").parts
    if parts[-1] == "mod" or parts in {("lib",), ("main",)}:
        parts = parts[:-1]
    return parts


def _read_file(path: Path, code: str) -> _File:
    file = _File(path)
    children = set(_CHILD.findall(code))
    for found in _USE.finditer(code):
        for full, name in _expand_tree(" ".join(found["tree"].split())):
            if full[0] not in {"crate", "self", "super"} and full[0] not in children:
                continue
            absolute = full if full[0] in {"crate", "self", "super"} else ("self", *full)
            if name != "*":
                file.imports[name] = absolute
            if not found["public"]:
                file.used.append(absolute)
    for found in _PATH.finditer(_USE.sub(lambda use: blank_text(use[0]), code)):
        names = tuple(part.strip() for part in found[0].split("::"))
        if names[0] in children:
            file.used.append(("self", *names))
        elif names[0] in {"crate", "self", "super"}:
            file.used.append(names)
    return file


def _expand_tree(tree: str, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Returns the paths of a `use` tree, each with the name that it imports."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    if brace:
        prefix += tuple(part.strip() for part in head.split("::") if part.strip())
        depth, start = 0, 0
        body = rest[: rest.rindex("}")]
        for place, character in enumerate(body + ","):
            depth += (character == "{") - (character == "}")
            if character == "," and depth == 0:
                if body[start:place].strip():
                    yield from _expand_tree(body[start:place], prefix)
                start = place + 1
        return
    path, _, alias = tree.partition(" as ")
    full = prefix + tuple(part.strip() for part in path.split("::") if part.strip())
    if full[-1] == "self" and len(full) > 1:
        full = full[:-1]
    if full:
        yield full, alias.strip() or full[-1]


def _resolve_path(files: dict[Module, _File], module: Module, path: tuple[str, ...], depth: int) -> Module | None:
    """Returns the module whose file defines the item of a path; `None` if it is not a module of this crate."""
    place, rest = list(module), list(path)
    if rest[0] == "crate":
        place, rest = [], rest[1:]
    elif rest[0] == "self":
        rest = rest[1:]
    while rest and rest[0] == "super":
        place, rest = place[:-1], rest[1:]
    while rest and (*place, rest[0]) in files:
        place.append(rest.pop(0))
    here = tuple(place)
    if here not in files:
        return None
    if rest and rest[0] != "*" and depth < 8:
        file = files[here]
        if rest[0] in file.imports and file.imports[rest[0]] != path:
            return _resolve_path(files, here, (*file.imports[rest[0]], *rest[1:]), depth + 1)
    return here
