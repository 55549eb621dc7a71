"""Compiles the functions and the emulator for this machine."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from .environment import ROOT
from .errors import LocalError
from .terminal import Step

# The same command as in functions/Makefile. The stack does not need the CLI; without it, the other
# crates have the same features as in the whole workspace (`tests.lint.features` checks this), so
# nothing is compiled twice.
COMMAND = ("cargo", "build", "--locked", "--workspace", "--exclude", "cli", "--bins")
SHOW_PROGRESS = {
    "CARGO_TERM_COLOR": "never",
    "CARGO_TERM_PROGRESS_WHEN": "always",
    "CARGO_TERM_PROGRESS_WIDTH": "200",
}
_PROGRESS = re.compile(r"Building \[[=> ]*\] (\d+)/(\d+)(?:: (.*))?")
_SLOW = "aws-sdk-sagemaker"


def target_dir() -> Path:
    """Directory in which cargo puts the binaries."""
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"


def compile_workspace(step: Step, log: Path, env: Mapping[str, str]) -> int:
    """Compiles the workspace and returns the number of compiled crates."""
    shown = {**env, **SHOW_PROGRESS}
    log.parent.mkdir(parents=True, exist_ok=True)
    compiled = 0
    cargo = subprocess.Popen(COMMAND, cwd=ROOT, env=shown, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with log.open("w") as out, cargo:
        assert cargo.stderr is not None
        for line in _read_lines(cargo.stderr):
            if progress := _PROGRESS.search(line):
                done, total, crates = progress.groups()
                slow = f" · {_SLOW} takes several minutes" if _SLOW in (crates or "") else ""
                step.show_progress(f"compiled {done} of {total} crates{slow}")
            else:
                out.write(line + "\n")
                compiled += line.lstrip().startswith("Compiling ")
    if cargo.returncode != 0:
        raise LocalError(f"cargo could not compile the workspace: {_find_first_error(log)} (full log: {log})")
    return compiled


def _read_lines(stream: IO[bytes]) -> Iterator[str]:
    """Splits cargo's output into lines. Its progress bar ends lines with a carriage return."""
    rest = b""
    while chunk := os.read(stream.fileno(), 65536):
        *lines, rest = re.split(rb"[\r\n]", rest + chunk)
        yield from (text for line in lines if (text := line.decode(errors="replace").rstrip()))
    if rest.strip():
        yield rest.decode(errors="replace").rstrip()


def _find_first_error(log: Path) -> str:
    return next(
        (line for line in log.read_text().splitlines() if line.startswith("error")), "the log has no error line"
    )
