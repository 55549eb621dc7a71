"""Fixtures that start a separate emulator for each test."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

WORKSPACE = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("SAGEMAKER_EMULATOR", WORKSPACE / "target/debug/sagemaker-emulator"))
SETTINGS = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


class Emulator:
    """A running emulator."""

    def __init__(self, *flags, env=None):
        env = {**os.environ, "AWS_REGION": SETTINGS["region_name"], **(env or {})}
        # Tests describe what they have just changed.
        self.process = subprocess.Popen([BINARY, "--lag", "0", *flags], stdout=subprocess.PIPE, text=True, env=env)
        line = self.process.stdout.readline()
        assert line.startswith("sagemaker-emulator listening on http://127.0.0.1:"), line
        self.url = line.split()[-1]

    def client(self, **config):
        config = Config(parameter_validation=False, **{"retries": {"total_max_attempts": 1}, **config})
        return boto3.client("sagemaker", endpoint_url=self.url, config=config, **SETTINGS)

    def control(self, path, body=None, method=None):
        """Sends a control request. Returns the JSON of the response, also of an error response."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_control/{path}", data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def stop(self):
        """Terminates the emulator. Returns its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=10)


@pytest.fixture
def binary():
    """The path of the emulator's binary."""
    if not BINARY.exists():
        pytest.fail(
            f"{BINARY} does not exist; run cargo build -p sagemaker-emulator, or set SAGEMAKER_EMULATOR to its path"
        )
    return BINARY


@pytest.fixture
def start(binary):
    """A function that starts an emulator with flags; the emulator is stopped after the test."""
    running = []

    def start(*flags, **options):
        running.append(Emulator(*flags, **options))
        return running[-1]

    yield start
    for emulator in running:
        if emulator.process.poll() is None:
            emulator.stop()


@pytest.fixture
def emulator(start):
    """An emulator with a paused clock; a job stays in each status for ten seconds."""
    emulator = start("--starting", "10000", "--in-progress", "10000", "--stopping", "10000", "--jitter", "0")
    emulator.control("clock", {"pause": True})
    return emulator


@pytest.fixture
def request_for():
    """A function that builds a valid request with changes; a member set to None is omitted."""

    def request(name="resnet-ml-c5", **changes):
        whole = {
            "CompilationJobName": name,
            "RoleArn": "arn:aws:iam::123456789012:role/neo",
            "InputConfig": {
                "S3Uri": "s3://models/vision/resnet.tar.gz",
                "Framework": "ONNX",
                "DataInputConfig": '{"data":[1,3,224,224]}',
            },
            "OutputConfig": {"S3OutputLocation": "s3://artifacts/vision/", "TargetDevice": "ml_c5"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 900},
            **changes,
        }
        return {member: value for member, value in whole.items() if value is not None}

    return request
