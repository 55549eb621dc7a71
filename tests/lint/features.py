"""Checks that all builds share one build of the SageMaker SDK: `python -m tests.lint.features`.

The SDK takes minutes to compile. Cargo compiles it once more for each different set of features of the SDK or of a crate that
it depends on. Therefore these sets must be the same for a single package, for the workspace, and for tests.
"""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .rust_source import ROOT

SDK = "aws-sdk-sagemaker"
OWNER = "shared/sagemaker/Cargo.toml"

# The kinds of dependencies that a command compiles.
BUILD = ("normal,build", "cargo build")
TEST = ("normal,build,dev", "cargo test")

_LINE = re.compile(r"(?P<depth>\d+)\|(?P<name>\S+) v(?P<version>\S+)[^|]*\|(?P<features>\S*)")

# The sets of features of each crate: two, if build scripts use it with different features.
Crates = dict[str, set[frozenset[str]]]


@dataclass(frozen=True)
class Node:
    """A crate with its features."""

    name: str
    version: str
    features: frozenset[str]


@dataclass
class Tree:
    """The dependencies of each crate, as Cargo resolved them for one command."""

    dependencies: dict[Node, set[Node]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def from_output(cls, output: str) -> "Tree":
        """Reads the output of `cargo tree --prefix depth`, which prints the dependencies of a crate only once."""
        tree, path = cls(), list[Node]()
        for found in filter(None, map(_LINE.match, output.splitlines())):
            node = Node(found["name"], found["version"], frozenset(filter(None, found["features"].split(","))))
            tree.dependencies[node] |= set()
            del path[int(found["depth"]) :]
            if path:
                tree.dependencies[path[-1]].add(node)
            path.append(node)
        return tree

    def find_closure(self, name: str) -> set[Node]:
        """Returns the crate with this name and all its direct and indirect dependencies."""
        todo, closure = [node for node in self.dependencies if node.name == name], set[Node]()
        while todo:
            node = todo.pop()
            if node not in closure:
                closure.add(node)
                todo += self.dependencies[node]
        return closure

    def list_crates(self) -> Crates:
        """Returns the SDK and its dependencies."""
        crates: Crates = defaultdict(set)
        for node in self.find_closure(SDK):
            crates[f"{node.name} {node.version}"].add(node.features)
        return dict(crates)


# By package, kinds of dependencies and command.
Trees = dict[tuple[str, str, str], Tree]


def compare_crates(crates: Crates, others: Crates, command: str, other_command: str) -> list[str]:
    """Returns an error if two commands resolve different features for the SDK's crates."""
    differences: list[str] = []
    for crate in sorted(crates.keys() & others.keys()):
        features, other_features = (frozenset[str]().union(*sets[crate]) for sets in (crates, others))
        for which, missing in ((command, other_features - features), (other_command, features - other_features)):
            if missing:
                differences.append(f"`{which}` selects {crate} without {', '.join(sorted(missing))}")
        if features == other_features and crates[crate] != others[crate]:
            differences.append(f"`{command}` selects {crate} with different features for build scripts")
    # Usually a consequence of a feature that is reported above.
    for which, only in ((command, crates.keys() - others.keys()), (other_command, others.keys() - crates.keys())):
        if only and not differences:
            differences.append(f"only `{which}` needs {', '.join(sorted(only))}")
    if not differences:
        return []
    lines = "\n  ".join(differences)
    return [
        f"{SDK} is compiled twice, for `{command}` and for `{other_command}`:\n  {lines}\n"
        f"  Fix: enable the missing features in {OWNER}, and depend on that crate"
    ]


def check_trees(trees: Trees) -> list[str]:
    """Returns the errors in the trees of the packages and the workspace."""
    errors: list[str] = []
    for (package, edges, command), tree in trees.items():
        crates = tree.list_crates()
        if package and crates:
            whole = trees["", edges, command].list_crates()
            errors += compare_crates(crates, whole, f"{command} -p {package}", f"{command} --workspace")
    crates, whole = trees["", *BUILD].list_crates(), trees["", *TEST].list_crates()
    return errors + compare_crates(crates, whole, f"{BUILD[1]} --workspace", f"{TEST[1]} --workspace")


def run_cargo_tree(*arguments: str) -> str:
    """Returns the output of `cargo tree`."""
    command = ["cargo", "tree", "--locked", "--offline", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def read_trees(packages: Iterable[str]) -> Trees:
    """Reads the trees of these packages for both commands. An empty name is the workspace."""

    def read_tree(key: tuple[str, str, str]) -> Tree:
        which = ["-p", key[0]] if key[0] else ["--workspace"]
        return Tree.from_output(run_cargo_tree(*which, "-e", key[1], "--prefix", "depth", "-f", "|{p}|{f}"))

    keys = [(package, *selection) for package in packages for selection in (BUILD, TEST)]
    with ThreadPoolExecutor() as pool:
        return dict(zip(keys, pool.map(read_tree, keys), strict=True))


def main() -> int:
    """Prints the errors; returns 1 if there are any."""
    trees = read_trees([""])
    packages = run_cargo_tree("--workspace", "--depth", "0", "--prefix", "none", "-f", "{p}").split("\n")
    names = sorted({package.split()[0] for package in packages if package})
    users = [name for name in names if any(node.name == SDK for node in trees["", *TEST].find_closure(name))]
    errors = check_trees(trees | read_trees(users))
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    print(f"packages that use {SDK}: {len(users)}; errors: {len(errors)}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
