"""Paths, and an environment from which no real AWS account can be reached."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from .errors import LocalError

ROOT = Path(__file__).resolve().parents[2]
VENV_BIN = Path(sys.executable).parent
DEFAULT_STATE = ROOT / ".local"

REGION = "us-east-1"
ACCOUNT = "000000000000"
SAGEMAKER_SERVER = "SAGEMAKER_SERVER"  # variable of MiniStack: the server to which it passes calls to SageMaker
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # credentials of MiniStack's root user


def isolated_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Copies the environment without the caller's AWS settings and proxies for this host.

    AWS settings are the profile, credentials and endpoints.
    """
    kept = {
        name: value
        for name, value in (os.environ if base is None else base).items()
        if not name.startswith(("AWS_", "SAM_", "__SAM_"))
    }
    ours = {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PATH": f"{VENV_BIN}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }
    return kept | CREDENTIALS | ours


def isolate_process() -> None:
    """Replaces this process's environment, so that it cannot reach a real AWS account."""
    clean = isolated_environment()
    os.environ.clear()
    os.environ.update(clean)


def require_tools() -> None:
    """Reports a missing tool before a build of several minutes starts."""
    needed = {"cargo": "Rust from rustup.rs", "make": "make", "cc": "a C compiler such as gcc"}
    for tool, what in needed.items():
        if shutil.which(tool) is None:
            raise LocalError(f"{tool} is not on the PATH. Fix: install {what}")


def read_env(path: Path) -> dict[str, str]:
    """Reads the KEY=VALUE lines of a file."""
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {key: value for key, _, value in pairs}


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Writes KEY=VALUE lines that a shell can source. The file is replaced atomically."""
    partial = path.with_suffix(".partial")
    partial.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    partial.replace(path)
