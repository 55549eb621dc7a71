"""The measurements themselves: what is compared, and the programs that functions are compared with."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.local.environment import ROOT

from . import functions
from .processor import limit_processor, read_children_time, read_processor_time
from .recorded import find_regressions
from .scenarios import SCENARIOS, VARIABLES
from .stand_in import Answer, Run, StandIn

CALL = {
    "service": "DYNAMODB",
    "method": "POST",
    "path": "/",
    "operation": "GetItem",
    "headers": {"x-amz-target": "DynamoDB_20120810.GetItem", "content-type": "application/x-amz-json-1.0"},
    "body": '{"TableName": "ledger", "Key": {"pk": {"S": "one"}}}',
}


def test_every_function_has_a_scenario() -> None:
    folders = {path.parents[1].name for path in ROOT.glob("functions/*/src/main.rs")}
    assert {scenario.function for scenario in SCENARIOS} == folders


def test_every_variable_of_the_functions_is_set() -> None:
    constants = (ROOT / "shared/worker/src/env.rs").read_text()
    assert set(VARIABLES) == set(re.findall(r'pub const \w+: &str = "([A-Z_]+)";', constants))


def test_worse_ratio_is_a_regression() -> None:
    [line] = find_regressions("start-compilation", {"cold": 2.0, "50th": 1.1}, {"cold": 1.5, "50th": 1.0})
    assert line == "start-compilation: cold is 2.000, recorded: 1.500"


def test_ratio_that_was_not_recorded_passes() -> None:
    assert find_regressions("start-compilation", {"cold": 2.0}, {}) == []


@pytest.mark.parametrize("tls", [False, True])
def test_boto3_handler_makes_the_recorded_calls(tls: bool, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(functions, "LOCAL", tmp_path)
    calls = tmp_path / "calls.json"
    calls.write_text(json.dumps({"first": [CALL, CALL], "later": [CALL]}))
    program = functions.Program("boto3", [sys.executable, str(ROOT / "tests" / "bench" / "boto_handler.py")])

    async def run_program() -> Run:
        stand_in = StandIn()
        bench = await functions.Bench.start(stand_in, tls)
        return await bench.run_program(program, SCENARIOS[0], calls, 3)

    run = asyncio.run(run_program())
    assert [[call.operation for call in made] for made in run.calls] == [["GetItem"] * 2, ["GetItem"], ["GetItem"]]
    assert json.loads(run.calls[0][0].body) == json.loads(CALL["body"])
    assert program.cold[0] > program.first[0] > 0
    assert program.peak[0] > 10


def test_process_gets_its_share_of_a_core() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        with limit_processor(process.pid, 0.2):
            time.sleep(1)
            used = read_processor_time(process.pid)
        process.kill()
    assert 0.05 < used < 0.35


def test_time_of_running_and_ended_children_is_added_up() -> None:
    work, code = "sum(range(5_000_000))", "import subprocess, sys, time; "
    code += f"subprocess.run([sys.executable, '-c', '{work}']); "
    code += f"subprocess.Popen([sys.executable, '-c', '{work}; import time; time.sleep(60)']); print(); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ended, deadline = read_children_time(process.pid), time.monotonic() + 30
        while read_children_time(process.pid) < 1.5 * ended and time.monotonic() < deadline:
            time.sleep(0.05)
        total = read_children_time(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
    assert 0 < ended < total


def test_body_with_a_rate_is_sent_no_faster() -> None:
    async def read_body() -> float:
        stand_in = StandIn()
        stand_in.answer = lambda _: Answer(bytes(1_000_000), bytes_per_second=5e6)
        reader, writer = await asyncio.open_connection("127.0.0.1", await stand_in.start())
        start = time.perf_counter()
        writer.write(b"GET /models/one HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(1_000_000) == bytes(1_000_000)
        writer.close()
        return time.perf_counter() - start

    assert asyncio.run(read_body()) > 0.18
