"""One stack per test run, separate from that of `make up`, and always stopped afterwards."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from rich.console import Console

from tests.local.environment import DEFAULT_STATE, ROOT, isolate_process
from tests.local.processes import treat_signals_as_interrupt
from tests.local.stack import FAST_PARAMETERS, Stack
from tests.local.terminal import Reporter

from .harness import ARTIFACT_BUCKET, CONFIG, EXISTING_BUCKET, KMS_KEY, Harness

STATE = DEFAULT_STATE / "e2e"
OWN_SERVERS = ("MINISTACK_PORT", "SAGEMAKER_PORT", "SAGEMAKER_ENDPOINT")
PARAMETERS = {
    "ModelBuckets": EXISTING_BUCKET,
    "ArtifactBuckets": ARTIFACT_BUCKET,
    "KmsKeyArns": KMS_KEY,
    "CompilationVpc": "true",
}
# The emulator's descriptions are a second old, which is longer than a job takes.
FAST_JOBS = {"starting_ms": 50, "in_progress_ms": 150, "stopping_ms": 50}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs the test of what the others used at the end."""
    items.sort(key=lambda item: item.path.name == "test_used_permissions.py")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The deployed stack. A compilation job takes a fifth of a second."""
    isolate_process()
    for variable in OWN_SERVERS:
        os.environ.pop(variable, None)
    treat_signals_as_interrupt()
    stack = Stack(STATE)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with stack.hold_lock():
        with capture.global_and_fixture_disabled():
            reporter = Reporter(Console(soft_wrap=True, width=120))
            reporter.print()
            # The stack itself does not need the CLI, but tests run it.
            subprocess.run(["cargo", "build", "--locked", "--quiet", "--workspace", "--bins"], cwd=ROOT, check=True)
            stack.bring_up(reporter, CONFIG, FAST_PARAMETERS | PARAMETERS)
        try:
            stack.call_emulator("settings", FAST_JOBS)
            create_existing_buckets(stack)
            yield stack
        finally:
            stack.tear_down()


def create_existing_buckets(stack: Stack) -> None:
    """Creates the buckets that the stack did not make: without versioning, the one for models with EventBridge on."""
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=ARTIFACT_BUCKET)
    s3.create_bucket(Bucket=EXISTING_BUCKET)
    s3.put_bucket_notification_configuration(
        Bucket=EXISTING_BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


@pytest.fixture(scope="module")
def harness(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Harness]:
    """A test module's access to the stack. The module must leave no messages in any queue."""
    harness = Harness(stack, request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-"))
    yield harness
    harness.close()
