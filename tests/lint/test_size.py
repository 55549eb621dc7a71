"""A function that grows beyond its limits fails the build, and the CLI without AWS builds in two minutes."""

import os
import subprocess
from pathlib import Path

from tests.lint.features import run_cargo_tree
from tests.lint.rust_source import ROOT

# Crates that the CLI without the AWS SDK compiles. The 94 of today take less than two minutes on
# two cores.
CRATES_WITHOUT_AWS = 100

# Crates that an SDK or a server needs; they take minutes.
SLOW_CRATES = ("aws-", "hyper", "ring", "rustls", "tokio")


def check_size(folder: Path, content: bytes, function: str = "StartCompilation") -> subprocess.CompletedProcess[str]:
    """Checks a binary with this content, as `sam build` does."""
    (folder / "bootstrap").write_bytes(content)
    command = [
        "make",
        "--silent",
        "-C",
        str(ROOT / "functions"),
        f"check-size-{function}",
        f"ARTIFACTS_DIR={folder}",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_small_function_passes(tmp_path: Path) -> None:
    assert check_size(tmp_path, os.urandom(1_000_000)).returncode == 0


def test_large_function_fails_with_its_size(tmp_path: Path) -> None:
    checked = check_size(tmp_path, bytes(20_000_000))
    assert checked.returncode != 0
    assert "error: start-compilation has 20000000 bytes" in checked.stderr


def test_zip_file_has_its_own_limit(tmp_path: Path) -> None:
    checked = check_size(tmp_path, os.urandom(7_000_000))
    assert checked.returncode != 0
    assert "start-compilation has 7000000 bytes, zipped 70" in checked.stderr


def test_plan_compilation_may_be_larger(tmp_path: Path) -> None:
    assert check_size(tmp_path, os.urandom(7_000_000), "PlanCompilation").returncode == 0


def test_cli_without_aws_has_few_crates() -> None:
    """README says that it builds in two minutes."""
    selection = ("-p", "cli", "--no-default-features", "-e", "normal,build")
    tree = run_cargo_tree(*selection, "--prefix", "none", "-f", "{p}")
    crates = {" ".join(line.split()[:2]) for line in tree.splitlines()}
    assert {"cli v0.1.0", "neo v0.1.0"} <= crates and len(crates) <= CRATES_WITHOUT_AWS
    assert [crate for crate in crates if crate.startswith(SLOW_CRATES)] == []
