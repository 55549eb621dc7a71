"""The source tree in docs/ARCHITECTURE.md names every crate, the layers in order, and every folder of tests."""

import re

from tests.lint import layers
from tests.lint.rust_source import tracked_files
from tests.local.environment import ROOT

ROW = re.compile(r"^\| (`[^|]+) \| [^|]+ \|$", re.MULTILINE)


def read_documented_paths() -> list[str]:
    tree = (ROOT / "docs/ARCHITECTURE.md").read_text().partition("## Source tree")[2].partition("\n## ")[0]
    return [path.rstrip("/") for row in ROW.findall(tree) for path in re.findall(r"`([^`]+)`", row)]


def test_every_crate_and_every_folder_of_tests_is_documented() -> None:
    folders = {path.relative_to(ROOT).parts[:2] for path in tracked_files("tests/*/*")}
    crates = {re.sub("^functions/.*", "functions/<name>", folder) for folder in layers.read_manifests()}
    assert len(folders) > 5 and len(crates) > 10
    assert ({"/".join(parts) for parts in folders} | crates) - set(read_documented_paths()) == set()


def test_shared_crates_are_documented_from_the_lowest_layer() -> None:
    shared = [path for path in read_documented_paths() if re.fullmatch("shared/[^/]+", path)]
    assert shared == [f"shared/{crate}" for crate in layers.ORDER]


def test_documented_paths_exist() -> None:
    paths = [path for path in read_documented_paths() if "<" not in path]
    assert [path for path in paths if not (ROOT / path).exists()] == []
