"""Every sample event, invoked with cargo-lambda, does what events/README.md says."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.local.environment import VENV_BIN
from tests.local.processes import HOST, Server, find_free_port
from tests.local.sample_events import FOLDER, write_sample_events
from tests.local.stack import CONFIG_KEY, EXAMPLE_CONFIG

from .harness import CONFIG, Harness, wait_until

ROW = re.compile(r"^\| \[(.+)\.json\]\(\1\.json\) \| (\S+) \| `(.+)` \| `(.+)` \|$", re.MULTILINE)
# In the order of the table: a job is requested before its status is observed.
EVENTS = {name: tuple(columns) for name, *columns in ROW.findall((FOLDER / "README.md").read_text())}
FAILED = {"upload-unknown": 1, "upload-batch-of-ten": 2}  # records that are moved to the dead-letter queue
UPLOADS = [
    "vision/résumé of 100% a+b.tar.gz",
    "vision/resnet50.tar.gz",
    "vision/replayed.tar.gz",
    *(f"vision/batch/model-{n}.tar.gz" for n in (0, 1, 2, 4, 5, 6, 8, 9)),
]


@dataclass(frozen=True)
class LocalRuntime:
    """A running `cargo lambda watch`."""

    server: Server
    port: int
    events: Path

    def invoke_function(self, function: str, event: str) -> str:
        """Invokes a function with a sample event. Returns the answer."""
        address = ["--invoke-address", HOST, "--invoke-port", str(self.port)]
        data = ["--data-file", str(self.events / f"{event}.json")]
        command = [str(VENV_BIN / "cargo-lambda"), "lambda", "invoke", *address, function, *data]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr + self.read_log()
        return done.stdout.strip()

    def read_log(self) -> str:
        return self.server.log_file.read_text()


@pytest.fixture(scope="module")
def runtime(harness: Harness) -> Iterator[LocalRuntime]:
    """Runs cargo-lambda as events/README.md describes, with the configuration of `make up`."""
    stack, port = harness.stack, find_free_port("INVOKE_PORT")
    s3, bucket = stack.client("s3"), stack.env["ConfigBucketName"]
    s3.upload_file(str(EXAMPLE_CONFIG), bucket, CONFIG_KEY)
    harness.wait_until_idle()
    server = Server("cargo-lambda", stack.state)
    address = ["--invoke-address", HOST, "--invoke-port", str(port)]
    env_file = ["--env-file", str(stack.state / "functions.env")]
    command = [str(VENV_BIN / "cargo-lambda"), "lambda", "watch", *address, *env_file]
    server.start_process(command, os.environ, f"http://{HOST}:{port}/")
    try:
        yield LocalRuntime(server, port, write_sample_events(stack))
    finally:
        server.stop_process()
        s3.upload_file(str(CONFIG), bucket, CONFIG_KEY)
        harness.wait_until_idle()
        stack.client("sagemaker").delete_workteam(WorkteamName="radiology")


def test_every_sample_event_is_documented() -> None:
    assert set(EVENTS) == {path.stem for path in FOLDER.glob("*.json")}


@pytest.mark.parametrize("name", EVENTS)
def test_sample_event_does_what_its_row_says(harness: Harness, runtime: LocalRuntime, name: str) -> None:
    function, sentence, expected = EVENTS[name]
    logged = len(runtime.read_log())
    answer = runtime.invoke_function(function, name)
    assert re.fullmatch(re.escape(expected).replace("…", ".*"), answer), answer

    def has_line() -> bool:
        lines = runtime.read_log()[logged:].splitlines()
        return any(re.match(" INFO|ERROR", line) and sentence in line for line in lines)

    assert wait_until(has_line, 5), runtime.read_log()[logged:]
    dead_letters = harness.take_dead_letter_messages("UploadsDeadLetterQueueUrl", FAILED.get(name, 0))
    assert all(message["cause"] for message in dead_letters)


def test_uploads_of_sample_events_reach_sagemaker(harness: Harness, runtime: LocalRuntime) -> None:
    for key in UPLOADS:
        assert wait_until(lambda key=key: bool(harness.requests_for(key))), key


def test_second_invocation_starts_no_job(harness: Harness, runtime: LocalRuntime) -> None:
    harness.wait_until_idle()
    before = len(harness.accepted_requests())
    for name in ("upload-eventbridge", "compilation-request"):
        runtime.invoke_function(EVENTS[name][0], name)
    harness.wait_until_idle()
    assert len(harness.accepted_requests()) == before
