"""The local stack: two servers, the deployed template, the example configuration, and `.local/env`."""

import fcntl
import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import botocore

from . import binaries, sam
from .environment import (
    ACCOUNT,
    CREDENTIALS,
    DEFAULT_STATE,
    REGION,
    ROOT,
    VENV_BIN,
    isolated,
    read_env,
    require_tools,
    write_env,
)
from .errors import LocalError
from .processes import HOST, Server, answers, free_port
from .terminal import Reporter

EXAMPLE_CONFIG = ROOT / "config" / "automation.example.yaml"
CONFIG_KEY = "automation.yaml"
SERVICE_MODEL = Path(botocore.__file__).parent / "data" / "sagemaker" / "2017-07-24" / "service-2.json.gz"
JOB_MILLISECONDS = {"--starting": 600, "--in-progress": 1500}  # long enough to be seen, short enough to wait for

# Nobody waits a minute here to see what becomes of a message.
QUICK = {"WorkteamBurstSeconds": "2"}


@dataclass(frozen=True)
class Stack:
    """A running stack, known by its state folder."""

    state: Path = DEFAULT_STATE

    @cached_property
    def env(self) -> dict[str, str]:
        """What `.local/env` says: endpoints, credentials and every template output under its own name."""
        return read_env(self.state / "env")

    @cached_property
    def resources(self) -> dict[str, str]:
        """Physical ids by logical id, for what is no output."""
        return sam.resources(self.session, self.env["AWS_ENDPOINT_URL"])

    @cached_property
    def session(self) -> Any:  # boto3's own type knows only services that are named in the source
        """Credentials and Region of the stack."""
        return boto3.Session(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], region_name=REGION)

    def client(self, service: str) -> Any:
        """A boto3 client of this stack's AWS, or of its SageMaker."""
        endpoint = self.env.get(f"AWS_ENDPOINT_URL_{service.upper()}", self.env["AWS_ENDPOINT_URL"])
        return self.session.client(service, endpoint_url=endpoint)

    def emulator(self, path: str, body: Any = None) -> Any:
        """Asks our SageMaker emulator's control endpoint."""
        request = urllib.request.Request(
            f"{self.env['AWS_ENDPOINT_URL_SAGEMAKER']}/_control/{path}",
            None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.load(answer)

    @property
    def _servers(self) -> tuple[Server, Server]:
        return Server("emulator", self.state), Server("ministack", self.state)

    def is_up(self) -> bool:
        """Whether it was deployed and still answers."""
        if not (self.state / "env").exists():
            return False
        return self._servers[1].running() and answers(self.env["AWS_ENDPOINT_URL_SAGEMAKER"])

    def down(self) -> bool:
        """Stops what `up` started, and only that. False: there was nothing to stop."""
        stopped = [server.stop() for server in self._servers]
        for name in ("env", "functions.env"):
            (self.state / name).unlink(missing_ok=True)
        return any(stopped)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps others from starting a stack in this state folder meanwhile."""
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalError(f"another run is at work in {self.state}: wait until it has ended") from None
            yield

    def up(self, reporter: Reporter, config: Path = EXAMPLE_CONFIG) -> None:
        """Compiles, starts and deploys everything; leaves nothing running when it fails."""
        require_tools()
        self.down()
        try:
            self._up(reporter, config)
        except BaseException:
            self.down()
            raise

    def _up(self, reporter: Reporter, config: Path) -> None:
        env = isolated()
        (self.state / "tmp").mkdir(parents=True, exist_ok=True)
        # Before the minutes of compiling: what would stop it afterwards.
        aws_port, sagemaker_port = free_port("MINISTACK_PORT"), free_port("SAGEMAKER_PORT")
        given = os.environ.get("SAGEMAKER_ENDPOINT", "").rstrip("/")
        if given and not answers(given):
            raise LocalError(f"nothing answers at SAGEMAKER_ENDPOINT={given}: start it first, or leave it out")
        with reporter.step("functions", "compiling; the first time takes about ten minutes") as step:
            compiled = binaries.compile_all(step, self.state / "logs" / "cargo.log", env)
            step.done(f"compiled, {compiled} crates" if compiled else "up to date")
        with reporter.step("local AWS", "starting MiniStack") as step:
            aws = self._start_ministack(env, aws_port)
            env["AWS_ENDPOINT_URL"] = aws
            step.done(f"MiniStack at {aws}")
        with reporter.step("SageMaker", "starting the emulator") as step:
            sagemaker = given or self._start_emulator(env, sagemaker_port, aws)
            step.done(f"{'yours' if given else 'our emulator'} at {sagemaker}")
        with reporter.step("template", "sam build") as step:
            sam.build(self.state, env)
            step.say("sam deploy")
            sam.deploy(self.state, env, {"SageMakerEndpointUrl": sagemaker, **QUICK})
            outputs = sam.outputs(self.session, aws)
            step.done(f"sam build, sam deploy: stack {sam.STACK_NAME}")
        s3 = self.session.client("s3", endpoint_url=aws)
        s3.upload_file(str(config), outputs["ConfigBucketName"], CONFIG_KEY)
        endpoints = {"AWS_ENDPOINT_URL": aws, "AWS_ENDPOINT_URL_SAGEMAKER": sagemaker, "AWS_REGION": REGION}
        write_env(self.state / "functions.env", endpoints | CREDENTIALS | self._function_variables(aws))
        write_env(self.state / "env", endpoints | CREDENTIALS | outputs)
        reporter.event("configuration", f"{config.relative_to(ROOT)} is ConfigBucket's {CONFIG_KEY}")

    def _function_variables(self, aws: str) -> dict[str, str]:
        """What the template sets for the functions, for running one of them outside the stack. Names mean the same in each."""
        pages = self.session.client("lambda", endpoint_url=aws).get_paginator("list_functions").paginate()
        functions = [function for page in pages for function in page["Functions"]]
        return {name: value for function in functions for name, value in function["Environment"]["Variables"].items()}

    def _start_ministack(self, env: dict[str, str], port: int) -> str:
        url = f"http://{HOST}:{port}"
        settings = {
            "AUTH": "true",  # the functions' roles are enforced
            "AWS_LAMBDA_LOG_FORMAT": "JSON",  # handed on to the functions, as Lambda does by their LoggingConfig
            "AWS_ENDPOINT_URL": url,  # handed on to the functions
            "DOCKER_HOST": f"unix://{self.state / 'no-docker.sock'}",  # it would tidy up containers there
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "PYTHONPATH": str(ROOT),
            "SFTP_ENABLED": "0",
            "TMPDIR": str(self.state / "tmp"),
        }
        app = "tests.local.ministack_app:app"
        options = ["--workers", "0", "--keep-alive", "75", "--graceful-timeout", "0"]
        command = [str(VENV_BIN / "python"), "-m", "hypercorn", app, "--bind", f"{HOST}:{port}", *options]
        self._servers[1].start(command, env | settings, f"{url}/_ministack/health")
        return url

    def _start_emulator(self, env: dict[str, str], port: int, aws: str) -> str:
        url = f"http://{HOST}:{port}"
        flags: dict[str, object] = {
            "--port": port,
            "--service-model": SERVICE_MODEL,
            "--aws-endpoint": aws,
            "--account": ACCOUNT,
            **JOB_MILLISECONDS,
        }
        program = binaries.target_dir() / "sagemaker-emulator"
        command = [str(program), *(str(part) for flag in flags.items() for part in flag), "--events"]
        self._servers[0].start(command, env, f"{url}/_control/health")
        return url
