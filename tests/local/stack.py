"""The local stack: two servers, the deployed template, the configuration and `.local/env`."""

import fcntl
import json
import os
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
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
    SAGEMAKER_SERVER,
    VENV_BIN,
    isolated_environment,
    read_env,
    require_tools,
    write_env,
)
from .errors import LocalError
from .processes import HOST, Server, find_free_port, is_answering
from .terminal import Reporter

EXAMPLE_CONFIG = ROOT / "config" / "automation.example.yaml"
CONFIG_KEY = "automation.yaml"
SERVICE_MODEL = Path(botocore.__file__).parent / "data" / "sagemaker" / "2017-07-24" / "service-2.json.gz"
JOB_MILLISECONDS = {"--starting": 600, "--in-progress": 1500}  # long enough to be visible, short enough to wait for

EVENT_BUS = "sagemaker-automation"

FAST_PARAMETERS = {
    "SavedQueries": "false",  # MiniStack has none
    "WorkteamBurstSeconds": "2",  # the default of one minute is too long to wait for
    "MissedUploadsSchedule": "rate(1 day)",  # else it finds the uploads of the sample events before you send these
    "WorkteamUserPoolArns": f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/us-east-1_a1B2c3D4e",  # of the example
}


@dataclass(frozen=True)
class Stack:
    """A running stack, identified by its state folder."""

    state: Path = DEFAULT_STATE

    @cached_property
    def env(self) -> dict[str, str]:
        """Contents of `.local/env`: endpoints, credentials and all template outputs by name."""
        return read_env(self.state / "env")

    @cached_property
    def resources(self) -> dict[str, str]:
        """Physical ids by logical id, for resources that are not outputs."""
        return sam.list_resources(self.session, self.env["AWS_ENDPOINT_URL"])

    @cached_property
    def session(self) -> Any:  # boto3's own type supports only services named as literals
        """Session with the credentials and the Region of the stack."""
        return boto3.Session(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], region_name=REGION)

    def client(self, service: str) -> Any:
        """Creates a boto3 client for an AWS service of this stack."""
        endpoint = self.env.get(f"AWS_ENDPOINT_URL_{service.upper()}", self.env["AWS_ENDPOINT_URL"])
        return self.session.client(service, endpoint_url=endpoint)

    def call_emulator(self, path: str, body: Any = None) -> Any:
        """Calls the control endpoint of the SageMaker emulator."""
        request = urllib.request.Request(
            f"{self.env['AWS_ENDPOINT_URL_SAGEMAKER']}/_control/{path}",
            None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.load(answer)

    @contextmanager
    def disable_rule(self, rule: str) -> Iterator[None]:
        """Disables an EventBridge rule, identified by its logical id."""
        events, name = self.client("events"), self.resources[rule]
        events.disable_rule(Name=name)
        try:
            yield
        finally:
            events.enable_rule(Name=name)

    def list_schedules(self) -> list[dict[str, Any]]:
        """Describes the stack's schedules."""
        scheduler, group = self.client("scheduler"), self.resources["ScheduleGroup"]
        pages = scheduler.get_paginator("list_schedules").paginate(GroupName=group)
        names = [schedule["Name"] for page in pages for schedule in page["Schedules"]]
        return [scheduler.get_schedule(Name=name, GroupName=group) for name in names]

    @contextmanager
    def disable_schedules(self) -> Iterator[None]:
        """Disables the stack's schedules: a function that fails would send a record to their dead-letter queue."""
        scheduler, schedules = self.client("scheduler"), self.list_schedules()
        settings = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")

        def set_state(state: str) -> None:
            for schedule in schedules:
                scheduler.update_schedule(**{name: schedule[name] for name in settings}, State=state)

        set_state("DISABLED")
        try:
            yield
        finally:
            set_state("ENABLED")

    @property
    def _servers(self) -> tuple[Server, Server]:
        return Server("emulator", self.state), Server("ministack", self.state)

    def is_up(self) -> bool:
        """Whether the stack is deployed and responds."""
        if not (self.state / "env").exists():
            return False
        return self._servers[1].is_running() and is_answering(self.env["AWS_ENDPOINT_URL_SAGEMAKER"])

    def tear_down(self) -> bool:
        """Stops only what `bring_up` started. Returns False if nothing was running."""
        stopped = [server.stop_process() for server in self._servers]
        for name in ("env", "functions.env"):
            (self.state / name).unlink(missing_ok=True)
        shutil.rmtree(self.state / "events", ignore_errors=True)
        return any(stopped)

    @contextmanager
    def hold_lock(self) -> Iterator[None]:
        """Prevents other processes from starting a stack in the same state folder."""
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalError(f"another run uses {self.state}. Fix: wait until it has finished") from None
            yield

    def bring_up(
        self, reporter: Reporter, config: Path = EXAMPLE_CONFIG, parameters: Mapping[str, str] = FAST_PARAMETERS
    ) -> None:
        """Compiles, starts and deploys everything. Stops all processes if it fails."""
        require_tools()
        self.tear_down()
        try:
            self._start_and_deploy(reporter, config, parameters)
        except BaseException:
            self.tear_down()
            raise

    def _start_and_deploy(self, reporter: Reporter, config: Path, parameters: Mapping[str, str]) -> None:
        env = isolated_environment()
        (self.state / "tmp").mkdir(parents=True, exist_ok=True)
        # Check first what would otherwise fail after minutes of compiling.
        aws_port, sagemaker_port = find_free_port("MINISTACK_PORT"), find_free_port("SAGEMAKER_PORT")
        given = os.environ.get("SAGEMAKER_ENDPOINT", "").rstrip("/")
        if given and not is_answering(given):
            raise LocalError(
                f"no server responds at SAGEMAKER_ENDPOINT={given}. Fix: start the server first, or unset the variable"
            )
        with reporter.start_step("functions", "compiling; takes about ten minutes the first time") as step:
            compiled = binaries.compile_workspace(step, self.state / "logs" / "cargo.log", env)
            step.set_result(f"compiled {compiled} crates" if compiled else "up to date")
        with reporter.start_step("local AWS", "starting MiniStack") as step:
            aws = self._start_ministack(env, aws_port, given or f"http://{HOST}:{sagemaker_port}")
            env["AWS_ENDPOINT_URL"] = aws
            step.set_result(f"MiniStack at {aws}")
        with reporter.start_step("SageMaker", "starting the emulator") as step:
            sagemaker = given or self._start_emulator(env, sagemaker_port, aws)
            step.set_result(f"{'your server' if given else 'emulator'} at {sagemaker}")
        with reporter.start_step("template", "sam build") as step:
            sam.build_functions(self.state, env)
            step.show_progress("sam deploy")
            self.session.client("events", endpoint_url=aws).create_event_bus(Name=EVENT_BUS)
            # The functions call SageMaker through MiniStack, which enforces their roles.
            given_parameters = {"SageMakerEndpointUrl": aws, "EventBusName": EVENT_BUS, **parameters}
            sam.deploy_stack(self.state, env, given_parameters)
            outputs = sam.get_outputs(self.session, aws)
            step.set_result(f"stack {sam.STACK_NAME} deployed with sam build and sam deploy")
        s3 = self.session.client("s3", endpoint_url=aws)
        s3.upload_file(str(config), outputs["ConfigBucketName"], CONFIG_KEY)
        endpoints = {"AWS_ENDPOINT_URL": aws, "AWS_ENDPOINT_URL_SAGEMAKER": sagemaker, "AWS_REGION": REGION}
        write_env(self.state / "functions.env", endpoints | CREDENTIALS | self._read_function_variables(aws))
        write_env(self.state / "env", endpoints | CREDENTIALS | outputs)
        reporter.print_event(
            "configuration", f"{config.relative_to(ROOT)} uploaded to the configuration bucket as {CONFIG_KEY}"
        )

    def _read_function_variables(self, aws: str) -> dict[str, str]:
        """Reads the functions' environment variables, to run a function outside the stack.

        A variable has the same value in every function that has it.
        """
        pages = self.session.client("lambda", endpoint_url=aws).get_paginator("list_functions").paginate()
        functions = [function for page in pages for function in page["Functions"]]
        return {name: value for function in functions for name, value in function["Environment"]["Variables"].items()}

    def _start_ministack(self, env: dict[str, str], port: int, sagemaker: str) -> str:
        url = f"http://{HOST}:{port}"
        settings = {
            "AUTH": "true",  # enforce the functions' roles
            "AWS_LAMBDA_LOG_FORMAT": "JSON",  # passed on to the functions; in Lambda, LoggingConfig sets it
            "AWS_ENDPOINT_URL": url,  # passed on to the functions
            "DOCKER_HOST": f"unix://{self.state / 'no-docker.sock'}",  # otherwise it cleans up containers there
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "PYTHONPATH": str(ROOT),
            SAGEMAKER_SERVER: sagemaker,
            "SFTP_ENABLED": "0",
            "TMPDIR": str(self.state / "tmp"),
        }
        app = "tests.local.ministack_app:app"
        options = ["--workers", "0", "--keep-alive", "75", "--graceful-timeout", "0"]
        command = [str(VENV_BIN / "python"), "-m", "hypercorn", app, "--bind", f"{HOST}:{port}", *options]
        self._servers[1].start_process(command, env | settings, f"{url}/_ministack/health")
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
        self._servers[0].start_process(command, env, f"{url}/_control/health")
        return url
