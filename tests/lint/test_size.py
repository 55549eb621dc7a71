"""A function that grows beyond its limits fails the build."""

import os
import subprocess
from pathlib import Path

from tests.lint.rust_source import ROOT


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
