"""Runs the SAM CLI against the local endpoint."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import boto3

from .environment import ROOT, VENV_BIN
from .errors import LocalError

STACK_NAME = "sagemaker-automation"
POLL_SECONDS = "0.5"  # default of SAM: 5 s


def _quiet_environment(state: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Turns off SAM's telemetry and its weekly check for a newer version on PyPI."""
    folder = state / "sam"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time(), "telemetryEnabled": False}))
    return {**env, "SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(folder), "SAM_CLI_POLL_DELAY": POLL_SECONDS}


def _run_sam(state: Path, env: Mapping[str, str], *arguments: str) -> None:
    log = state / "logs" / f"sam-{arguments[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        done = subprocess.run(
            [VENV_BIN / "sam", *arguments],
            cwd=ROOT,
            env=_quiet_environment(state, env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    if done.returncode != 0:
        reason = next((line for line in reversed(log.read_text().splitlines()) if line.strip()), "no output")
        raise LocalError(f"sam {arguments[0]} failed: {reason.strip()} (full log: {log})")


def build_functions(state: Path, env: Mapping[str, str]) -> None:
    """Packs the functions into a release folder, as `make release` does.

    These are the ones that cargo built for this machine; with FUNCTIONS_FOR=aws, the binaries for AWS.
    """
    architecture = _find_architecture()
    build = {"FUNCTIONS_FOR": os.environ.get("FUNCTIONS_FOR", "host"), "ARCHITECTURE": architecture}
    _run_sam(state, {**env, **build}, "build", "--build-dir", str(state / "build"))
    arguments = [state / "build", architecture, state / "release"]
    packed = subprocess.run(
        [sys.executable, ROOT / "functions/package_release.py", *arguments], capture_output=True, text=True
    )
    if packed.returncode != 0:
        raise LocalError(f"the functions could not be packed: {packed.stderr.strip()}")


def _find_architecture() -> str:
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def deploy_stack(state: Path, env: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Creates or updates the stack."""
    overrides = {"Architecture": _find_architecture(), **parameters}
    _run_sam(
        state, env, "deploy", "--template-file", str(state / "release" / "template.yaml"),
        "--config-file", str(ROOT / "samconfig.toml"), "--stack-name", STACK_NAME, "--no-progressbar", "--parameter-overrides", *(f'{name}="{value}"' for name, value in overrides.items()),  # with quotes: a value can have spaces
    )  # fmt: skip


def get_outputs(session: boto3.Session, endpoint: str) -> dict[str, str]:
    """Returns the outputs of the deployed stack by name."""
    [stack] = session.client("cloudformation", endpoint_url=endpoint).describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def list_resources(session: boto3.Session, endpoint: str, stack: str = STACK_NAME) -> dict[str, str]:
    """Returns the physical ids of a stack's resources by logical id."""
    pages = (
        session.client("cloudformation", endpoint_url=endpoint)
        .get_paginator("list_stack_resources")
        .paginate(StackName=stack)
    )
    return {r["LogicalResourceId"]: r["PhysicalResourceId"] for page in pages for r in page["StackResourceSummaries"]}
