"""The measurements themselves: what is compared, and the programs that functions are compared with."""

import asyncio
import json
import sys
from pathlib import Path

from tests.local.environment import ROOT

from . import functions
from .recorded import find_regressions
from .scenarios import SCENARIOS
from .stand_in import Run, StandIn

CALL = {
    "method": "POST",
    "path": "/",
    "operation": "GetItem",
    "headers": {"x-amz-target": "DynamoDB_20120810.GetItem", "content-type": "application/x-amz-json-1.0"},
    "body": '{"TableName": "ledger", "Key": {"pk": {"S": "one"}}}',
}


def test_every_function_has_a_scenario() -> None:
    folders = {path.parents[1].name for path in ROOT.glob("functions/*/src/main.rs")}
    assert {scenario.function for scenario in SCENARIOS} == folders


def test_worse_ratio_is_a_regression() -> None:
    [line] = find_regressions("start-compilation", {"cold": 2.0, "50th": 1.1}, {"cold": 1.5, "50th": 1.0})
    assert line == "start-compilation: cold is 2.00, recorded: 1.50"


def test_ratio_that_was_not_recorded_passes() -> None:
    assert find_regressions("start-compilation", {"cold": 2.0}, {}) == []


def test_boto3_handler_makes_the_recorded_calls(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(functions, "LOCAL", tmp_path)
    calls = tmp_path / "calls.json"
    calls.write_text(json.dumps({"first": [CALL, CALL], "later": [CALL]}))
    program = functions.Program("boto3", [sys.executable, str(ROOT / "tests" / "bench" / "boto_handler.py")])

    async def run_program() -> Run:
        stand_in = StandIn()
        bench = functions.Bench(stand_in, await stand_in.start())
        return await bench.run_program(program, SCENARIOS[0], calls, 3)

    run = asyncio.run(run_program())
    assert [[call.operation for call in made] for made in run.calls] == [["GetItem"] * 2, ["GetItem"], ["GetItem"]]
    assert json.loads(run.calls[0][0].body) == json.loads(CALL["body"])
    assert program.cold[0] > program.first[0] > 0
    assert program.peak[0] > 10
