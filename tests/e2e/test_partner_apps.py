"""Partner apps are upgraded inside their maintenance windows.

The windows are relative to this machine's clock, which the functions use.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from .harness import CONFIG, Harness, wait_until

Json = dict[str, Any]
VERSIONS = [{"version": "1.3"}, {"version": "1.4", "release_notes": ["Faster explanations"]}]


def format_week_time(ahead: timedelta) -> str:
    return (datetime.now(UTC) + ahead).strftime("%a:%H:%M")


OPEN = {"start": format_week_time(timedelta(minutes=-5)), "minutes": 600}
CLOSED = {"start": format_week_time(timedelta(days=3)), "minutes": 60}
APPS = [
    {"app": "staging", "upgrade": "auto", "window": OPEN, "tags": {"team": "ml"}},
    {"app": "production", "upgrade": "auto", "window": OPEN, "after": {"app": "staging", "days": 7}},
    {"app": "closed", "upgrade": "auto", "window": CLOSED},
]


def upload_config(harness: Harness, apps: list[Json]) -> None:
    """Uploads a configuration with these apps."""
    document = {**yaml.safe_load(CONFIG.read_text()), "partner_apps": apps}
    harness.upload_config(document)


@pytest.fixture(scope="module", autouse=True)
def apps(harness: Harness) -> Iterator[None]:
    """Three apps of version 1.3, with an upgrade to 1.4. An update takes half a second."""
    harness.stack.call_emulator("settings", {"updating_ms": 500})
    harness.stack.call_emulator("partner-app-versions", {"fiddler": VERSIONS})
    sagemaker = harness.stack.client("sagemaker")
    for app in APPS:
        role = "arn:aws:iam::000000000000:role/apps"
        sagemaker.create_partner_app(
            Name=app["app"], Type="fiddler", ExecutionRoleArn=role, Tier="small", AuthType="IAM"
        )
    assert wait_until(lambda: {app["Status"] for app in describe_apps(harness).values()} == {"Available"})
    yield
    harness.restore_config()
    harness.wait_until_idle()


def describe_apps(harness: Harness) -> dict[str, Json]:
    """Returns the apps by name."""
    sagemaker = harness.stack.client("sagemaker")
    listed = sagemaker.list_partner_apps()["Summaries"]
    return {app["Name"]: sagemaker.describe_partner_app(Arn=app["Arn"]) for app in listed}


def list_calls(harness: Harness, *operations: str) -> list[Json]:
    log = harness.stack.call_emulator("requests")["requests"]
    return [entry for entry in log if entry["operation"] in operations]


def list_updates(harness: Harness) -> list[tuple[str, Json]]:
    """Returns the update requests with the name of the app, in order."""
    names = {app["Arn"]: name for name, app in describe_apps(harness).items()}
    requests = [entry["body"] for entry in list_calls(harness, "UpdatePartnerApp")]
    return [(names[body["Arn"]], {k: body[k] for k in body if k not in ("Arn", "ClientToken")}) for body in requests]


def notifications_of_type(harness: Harness, kind: str) -> list[Json]:
    return [n for n in harness.subscriber.received if n["type"] == f"partner_app.{kind}"]


def test_apps_are_upgraded_in_open_windows_after_their_wait(harness: Harness) -> None:
    conflict = {"code": "ConflictException", "message": "Another operation is in progress."}
    harness.stack.call_emulator("faults", {"next": {"operation": "UpdatePartnerApp", "count": 1, "error": conflict}})
    # The configuration change starts the update, which fails with the conflict. The next scheduled
    # run continues.
    upload_config(harness, APPS)
    assert wait_until(lambda: len(list_calls(harness, "UpdatePartnerApp")) == 1)
    harness.wait_until_idle()

    def is_upgraded() -> bool:
        harness.invoke_function("MaintainPartnerApps", {})
        return harness.subscriber.wait_until(lambda _: bool(notifications_of_type(harness, "upgraded")), 1)

    assert wait_until(is_upgraded)
    assert list_updates(harness) == [("staging", {"AppVersion": "1.4"})] * 2
    tokens = {entry["body"]["ClientToken"] for entry in list_calls(harness, "UpdatePartnerApp")}
    assert len(tokens) == 1
    versions = {name: app["Version"] for name, app in describe_apps(harness).items()}
    assert versions == {"staging": "1.4", "production": "1.3", "closed": "1.3"}
    arn = describe_apps(harness)["staging"]["Arn"]
    assert harness.stack.client("sagemaker").list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]
    harness.wait_until_idle()
    assert {n["app"]["name"] for n in notifications_of_type(harness, "upgrade_available")} == {
        "staging",
        "production",
        "closed",
    }
    [started] = notifications_of_type(harness, "upgrade_started")
    assert "- Faster explanations" in started["text"] and started["attributes"]["app"] == "staging"


def test_second_run_changes_nothing(harness: Harness) -> None:
    before = list_calls(harness, "UpdatePartnerApp", "AddTags")
    reads = len(list_calls(harness, "ListPartnerApps", "DescribePartnerApp", "ListTags"))
    answer = harness.invoke_function("MaintainPartnerApps", {})
    reads = len(list_calls(harness, "ListPartnerApps", "DescribePartnerApp", "ListTags")) - reads
    print(f"a run over {len(APPS)} apps: {reads} read calls")
    # One list call, one describe call per app, and one call for the tags of the app with tags.
    assert answer["read_calls"] == reads == 1 + len(APPS) + 1
    assert list_calls(harness, "UpdatePartnerApp", "AddTags") == before


def test_plan_explains_what_apps_are_waiting_for(harness: Harness) -> None:
    planned = harness.run_automation("maintain", "partner-apps", "--plan", "--detailed-exitcode")
    assert (planned.returncode, planned.stderr) == (2, "")
    assert "waiting for staging to run 1.4 for 7 days (`after`; 0 days so far)" in planned.stdout
    assert "closed: waiting" in planned.stdout and "the maintenance window, which opens on" in planned.stdout
    window_start = (datetime.now(UTC) + timedelta(days=3, minutes=1)).strftime("%Y-%m-%dT%H:%MZ")
    assert "closed: to be upgraded" in harness.run_automation("maintain", "partner-apps", "--at", window_start).stdout
    timeline = harness.run_automation("maintain", "partner-apps", "--calendar")
    assert timeline.returncode == 0 and "upgrade 1.3 to 1.4" in timeline.stdout, timeline.stdout


def test_schedule_runs_every_fifteen_minutes(harness: Harness) -> None:
    scheduler, group = harness.stack.client("scheduler"), harness.stack.resources["ScheduleGroup"]
    listed = scheduler.list_schedules(GroupName=group)["Schedules"]
    found = [scheduler.get_schedule(Name=each["Name"], GroupName=group) for each in listed]
    function = harness.stack.resources["MaintainPartnerApps"]
    [schedule] = [each for each in found if each["Target"]["Arn"].endswith(function)]
    assert schedule["ScheduleExpression"] == "rate(15 minutes)"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
