"""One stack for the whole run, apart from the one of `make up`; gone afterwards, whatever happens."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tests.local.environment import DEFAULT_STATE, isolate
from tests.local.processes import interrupt_on_every_end
from tests.local.stack import Stack
from tests.local.terminal import Reporter

from .scene import Scene

STATE = DEFAULT_STATE / "e2e"
CONFIG = Path(__file__).with_name("automation.yaml")
OWN_SERVERS = ("MINISTACK_PORT", "SAGEMAKER_PORT", "SAGEMAKER_ENDPOINT")
FAST_JOBS = {"starting_ms": 50, "in_progress_ms": 150, "stopping_ms": 50}


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The deployed stack; jobs take a fifth of a second."""
    isolate()
    for variable in OWN_SERVERS:
        os.environ.pop(variable, None)
    interrupt_on_every_end()
    stack = Stack(STATE)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with stack.alone():
        with capture.global_and_fixture_disabled():
            reporter = Reporter(Console(soft_wrap=True, width=120))
            reporter.print()
            stack.up(reporter, CONFIG)
        try:
            stack.emulator("settings", FAST_JOBS)
            yield stack
        finally:
            stack.down()


@pytest.fixture(scope="module")
def scene(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """What a module does with the stack; it must leave nothing behind in any queue."""
    scene = Scene(stack, request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-"))
    yield scene
    scene.close()
