"""Checks the layers of crates, cycles of imports, and the length of functions: `python -m tests.lint.layers`."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .imports import find_cycles, find_imports
from .rust_source import ROOT, Source, product_sources, tracked_files

# The crates under shared/, the lowest first. Each may depend on those before it.
ORDER = [
    "document",
    "model-archive",
    "neo",
    "maintenance",
    "configuration",
    "worker",
    "ledger",
    "sagemaker",
    "notifications",
    "automation",
]

# Only one crate depends on the SDK, which takes minutes to compile. Tests use the same client.
SDK = "aws-sdk-sagemaker"
SDK_OWNER = "shared/sagemaker"
SDK_TESTS = (("tests/emulator", "dev-dependencies"), ("tests/support", "dependencies"))

# Maximum number of lines of a Lambda function's main.rs, and of any Rust function.
MAIN_LINES = 30
FUNCTION_LINES = 70

# Maximum number of files in a cycle of imports, by crate; 1 allows no cycle.
CYCLES = {"shared/model-archive": 3, "cli": 1}

Manifest = dict[str, Any]
Sources = dict[Path, Source]


def check_mains(sources: Sources) -> Iterator[str]:
    """Checks that each main.rs of a Lambda function only creates clients and calls the library."""
    for path, source in sources.items():
        lines = len(source.code.splitlines())
        if path.match("functions/*/src/main.rs") and lines > MAIN_LINES:
            yield (
                f"{path}: main.rs has {lines} lines, at most {MAIN_LINES} are allowed\n"
                "  Fix: move everything but telemetry, configuration and clients into the library"
            )


def check_functions(sources: Sources) -> Iterator[str]:
    """Checks the length of functions."""
    for path, source in sources.items():
        for item in source.definitions:
            lines = item.last_line - item.line + 1
            if item.kind == "function" and lines > FUNCTION_LINES:
                yield (
                    f"{path}:{item.line}: `{item.name}` has {lines} lines, at most {FUNCTION_LINES} are allowed\n"
                    "  Fix: split it into its steps"
                )


def check_cycles(sources: Sources) -> Iterator[str]:
    """Checks that files do not import each other in cycles; reports the largest cycle of a crate."""
    for crate, limit in CYCLES.items():
        root = Path(crate, "src")
        edges = find_imports(root, {path: source for path, source in sources.items() if path.is_relative_to(root)})
        cycles = [cycle for cycle in find_cycles(edges) if len(cycle) > limit]
        for cycle in cycles[:1]:
            imports = "\n".join(
                f"  {path.relative_to(root)} imports {', '.join(str(p.relative_to(root)) for p in sorted(edges[path] & set(cycle)))}"
                for path in cycle
            )
            yield (
                f"{crate}: {len(cycle)} files import each other in a cycle, at most {limit} are allowed:\n{imports}\n"
                "  Fix: move the items that several files need into a separate file"
            )


def list_dependencies(manifest: Manifest) -> Iterator[tuple[str, str, Any]]:
    """Returns the dependencies of a package: the table, the package's name, and its entry."""
    tables = [manifest, *manifest.get("target", {}).values()]
    for kind in ("dependencies", "build-dependencies", "dev-dependencies"):
        for table in tables:
            for name, entry in table.get(kind, {}).items():
                yield kind, entry.get("package", name) if isinstance(entry, dict) else name, entry


def check_order(manifests: dict[str, Manifest]) -> Iterator[str]:
    """Checks that shared crates depend only on lower ones. Their tests may depend on test doubles, which are higher."""
    folders = {manifest["package"]["name"]: folder for folder, manifest in manifests.items()}
    for folder, manifest in manifests.items():
        if not folder.startswith("shared/"):
            continue
        name = manifest["package"]["name"]
        if name not in ORDER:
            yield f"{folder}: `{name}` is not in the list of layers\n  Fix: add it to ORDER in tests/lint/layers.py"
            continue
        allowed = ORDER[: ORDER.index(name)]
        for kind, dependency, _ in list_dependencies(manifest):
            if kind != "dev-dependencies" and dependency in folders and dependency not in allowed:
                yield (
                    f"{folder}/Cargo.toml: `{name}` depends on `{dependency}`, which is not a lower layer\n"
                    f"  Fix: move the shared items into {' or '.join(allowed) or name}"
                )


def check_sdk(manifests: dict[str, Manifest]) -> Iterator[str]:
    """Checks that only `shared/sagemaker` depends on the SDK, and that no feature enables it."""
    for folder, manifest in manifests.items():
        for kind, dependency, entry in list_dependencies(manifest):
            if dependency == SDK and folder != SDK_OWNER and (folder, kind) not in SDK_TESTS:
                yield f"{folder}/Cargo.toml: only {SDK_OWNER} may depend on {SDK}\n  Fix: depend on `sagemaker`"
            if isinstance(entry, dict) and "sagemaker" in entry.get("features", []):
                yield (
                    f"{folder}/Cargo.toml: enables the feature `sagemaker` of `{dependency}`\n  Fix: depend on the crate `sagemaker`"
                )
        if "sagemaker" in manifest.get("features", {}):
            yield f"{folder}/Cargo.toml: defines a feature `sagemaker`\n  Fix: move what it enables into {SDK_OWNER}"


def read_manifests() -> dict[str, Manifest]:
    """Returns the manifests of the workspace's packages, by folder."""
    manifests: dict[str, Manifest] = {}
    for path in tracked_files("*/Cargo.toml"):
        manifest = tomllib.loads(path.read_text())
        # Benchmarks and fuzz targets are separate workspaces.
        if "workspace" not in manifest:
            manifests[path.parent.relative_to(ROOT).as_posix()] = manifest
    return manifests


def main() -> int:
    """Prints the errors; returns 1 if there are any."""
    sources = {path.relative_to(ROOT): source for path, source in product_sources()}
    manifests = read_manifests()
    errors = [
        *check_mains(sources),
        *check_functions(sources),
        *check_cycles(sources),
        *check_order(manifests),
        *check_sdk(manifests),
    ]
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    print(f"layers: {len(errors)} errors in {len(manifests)} packages")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
