"""Partner apps are upgraded inside their windows, which are open now or not: the functions' clock is this machine's."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from tests.local.environment import ROOT

from .conftest import CONFIG
from .scene import Scene, wait_until

Json = dict[str, Any]
VERSIONS = [{"version": "1.3"}, {"version": "1.4", "release_notes": ["Faster explanations"]}]


def week_time(ahead: timedelta) -> str:
    return (datetime.now(UTC) + ahead).strftime("%a:%H:%M")


OPEN = {"start": week_time(timedelta(minutes=-5)), "minutes": 600}
CLOSED = {"start": week_time(timedelta(days=3)), "minutes": 60}
APPS = [
    {"app": "staging", "upgrade": "auto", "window": OPEN, "tags": {"team": "ml"}},
    {"app": "production", "upgrade": "auto", "window": OPEN, "after": {"app": "staging", "days": 7}},
    {"app": "closed", "upgrade": "auto", "window": CLOSED},
]


def declare(scene: Scene, apps: list[Json]) -> None:
    """Puts a configuration with these apps into force."""
    document = {**yaml.safe_load(CONFIG.read_text()), "partner_apps": apps}
    body = yaml.safe_dump(document, sort_keys=False).encode()
    scene.stack.client("s3").put_object(Bucket=scene.stack.env["ConfigBucketName"], Key="automation.yaml", Body=body)


@pytest.fixture(scope="module", autouse=True)
def apps(scene: Scene) -> Iterator[None]:
    """Three apps of version 1.3, of which 1.4 is offered; an update takes half a second."""
    scene.stack.emulator("settings", {"updating_ms": 500})
    scene.stack.emulator("partner-app-versions", {"fiddler": VERSIONS})
    sagemaker = scene.stack.client("sagemaker")
    for app in APPS:
        role = "arn:aws:iam::000000000000:role/apps"
        sagemaker.create_partner_app(
            Name=app["app"], Type="fiddler", ExecutionRoleArn=role, Tier="small", AuthType="IAM"
        )
    assert wait_until(lambda: {app["Status"] for app in standing(scene).values()} == {"Available"})
    yield
    scene.stack.client("s3").upload_file(str(CONFIG), scene.stack.env["ConfigBucketName"], "automation.yaml")
    scene.settle()


def standing(scene: Scene) -> dict[str, Json]:
    """The apps by name."""
    sagemaker = scene.stack.client("sagemaker")
    listed = sagemaker.list_partner_apps()["Summaries"]
    return {app["Name"]: sagemaker.describe_partner_app(Arn=app["Arn"]) for app in listed}


def calls(scene: Scene, *operations: str) -> list[Json]:
    log = scene.stack.emulator("requests")["requests"]
    return [entry for entry in log if entry["operation"] in operations]


def updates(scene: Scene) -> list[tuple[str, Json]]:
    """Which app was asked for what, in order."""
    names = {app["Arn"]: name for name, app in standing(scene).items()}
    asked = [entry["body"] for entry in calls(scene, "UpdatePartnerApp")]
    return [(names[body["Arn"]], {k: body[k] for k in body if k not in ("Arn", "ClientToken")}) for body in asked]


def automation(scene: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as somebody who has sourced `.local/env`."""
    program = ROOT / "target" / "debug" / "automation"
    environment = {**os.environ, **scene.stack.env}
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)


def told(scene: Scene, kind: str) -> list[Json]:
    return [n for n in scene.subscriber.received if n["type"] == f"partner_app.{kind}"]


def test_apps_are_upgraded_in_open_windows_only_and_after_their_soak(scene: Scene) -> None:
    conflict = {"code": "ConflictException", "message": "Another operation is in progress."}
    scene.stack.emulator("faults", {"next": {"operation": "UpdatePartnerApp", "count": 1, "error": conflict}})
    # The change of the configuration alone starts it, and meets the conflict; the schedule's next run goes on.
    declare(scene, APPS)
    assert wait_until(lambda: len(calls(scene, "UpdatePartnerApp")) == 1)
    scene.settle()

    def upgraded() -> bool:
        scene.invoke("MaintainPartnerApps", {})
        return scene.subscriber.wait(lambda _: bool(told(scene, "upgraded")), 1)

    assert wait_until(upgraded)
    assert updates(scene) == [("staging", {"AppVersion": "1.4"})] * 2
    tokens = {entry["body"]["ClientToken"] for entry in calls(scene, "UpdatePartnerApp")}
    assert len(tokens) == 1
    versions = {name: app["Version"] for name, app in standing(scene).items()}
    assert versions == {"staging": "1.4", "production": "1.3", "closed": "1.3"}
    arn = standing(scene)["staging"]["Arn"]
    assert scene.stack.client("sagemaker").list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]
    scene.settle()
    assert {n["app"]["name"] for n in told(scene, "upgrade_available")} == {"staging", "production", "closed"}
    [started] = told(scene, "upgrade_started")
    assert "- Faster explanations" in started["text"] and started["attributes"]["app"] == "staging"


def test_a_second_run_changes_nothing(scene: Scene) -> None:
    before = calls(scene, "UpdatePartnerApp", "AddTags")
    reads = len(calls(scene, "ListPartnerApps", "DescribePartnerApp", "ListTags"))
    answer = scene.invoke("MaintainPartnerApps", {})
    reads = len(calls(scene, "ListPartnerApps", "DescribePartnerApp", "ListTags")) - reads
    print(f"a run over {len(APPS)} apps: {reads} read calls")
    # One list, a description for each app, and the tags of the one that has some declared.
    assert answer["read_calls"] == reads == 1 + len(APPS) + 1
    assert calls(scene, "UpdatePartnerApp", "AddTags") == before


def test_the_plan_says_why_not_now_and_what_then(scene: Scene) -> None:
    planned = automation(scene, "maintain", "partner-apps", "--plan")
    assert (planned.returncode, planned.stderr) == (2, "")
    assert "soak: staging has run 1.4 for 0 of 7 days" in planned.stdout
    assert "closed: differs" in planned.stdout and "window opens" in planned.stdout
    then = (datetime.now(UTC) + timedelta(days=3, minutes=1)).strftime("%Y-%m-%dT%H:%MZ")
    assert "closed: to be upgraded" in automation(scene, "maintain", "partner-apps", "--at", then).stdout
    timeline = automation(scene, "maintain", "partner-apps", "--calendar")
    assert timeline.returncode == 0 and "upgrade 1.3 to 1.4" in timeline.stdout, timeline.stdout


def test_the_schedule_looks_every_quarter_of_an_hour(scene: Scene) -> None:
    scheduler, group = scene.stack.client("scheduler"), scene.stack.resources["ScheduleGroup"]
    listed = scheduler.list_schedules(GroupName=group)["Schedules"]
    found = [scheduler.get_schedule(Name=each["Name"], GroupName=group) for each in listed]
    function = scene.stack.resources["MaintainPartnerApps"]
    [schedule] = [each for each in found if each["Target"]["Arn"].endswith(function)]
    assert schedule["ScheduleExpression"] == "rate(15 minutes)"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
