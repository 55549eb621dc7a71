"""Work teams are kept as declared, and what SageMaker tells them becomes worth acting on."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.local.environment import ROOT
from tests.local.stack import EXAMPLE_CONFIG

from .conftest import CONFIG
from .scene import Scene, wait_until

EXAMPLE = yaml.safe_load(EXAMPLE_CONFIG.read_text())["workteams"]
CHANGES = {"CreateWorkteam", "UpdateWorkteam", "DeleteWorkteam"}
Json = dict[str, Any]


def declare(scene: Scene, teams: list[Json]) -> None:
    """Puts a configuration with these teams into force."""
    document = {**yaml.safe_load(CONFIG.read_text()), "workteams": teams}
    body = yaml.safe_dump(document, sort_keys=False).encode()
    scene.stack.client("s3").put_object(Bucket=scene.stack.env["ConfigBucketName"], Key="automation.yaml", Body=body)


@pytest.fixture(scope="module", autouse=True)
def radiology(scene: Scene) -> Iterator[str]:
    """The team of the example configuration, made by the change of the configuration alone; its name."""
    declare(scene, EXAMPLE)
    name = str(EXAMPLE[0]["name"])
    arrived = scene.subscriber.wait(lambda _: bool(told(scene, "workteam.created")), 60)
    assert arrived, scene.subscriber.received
    yield name
    scene.stack.client("s3").upload_file(str(CONFIG), scene.stack.env["ConfigBucketName"], "automation.yaml")
    scene.settle()


def told(scene: Scene, kind: str, holds: str = "") -> list[Json]:
    """The notifications of a type whose text holds a text."""
    return [n for n in scene.subscriber.received if n["type"] == kind and holds in n["text"]]


def wait_for(scene: Scene, kind: str, holds: str = "") -> Json:
    arrived = scene.subscriber.wait(lambda _: bool(told(scene, kind, holds)), 60)
    assert arrived, [(n["type"], n["text"]) for n in scene.subscriber.received]
    return told(scene, kind, holds)[0]


def describe(scene: Scene, name: str) -> Json:
    team: Json = scene.stack.client("sagemaker").describe_workteam(WorkteamName=name)["Workteam"]
    return team


def groups(team: Json) -> set[str]:
    return {member["CognitoMemberDefinition"]["UserGroup"] for member in team["MemberDefinitions"]}


def calls(scene: Scene) -> list[str]:
    """The calls so far that changed a team."""
    log = scene.stack.emulator("requests")["requests"]
    return [entry["operation"] for entry in log if entry["operation"] in CHANGES]


def automation(scene: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as somebody who has sourced `.local/env`."""
    program = ROOT / "target" / "debug" / "automation"
    return subprocess.run(
        [program, *arguments], env={**os.environ, **scene.stack.env}, capture_output=True, text=True, check=False
    )


def envelope(scene: Scene, message_id: str, message: str) -> Json:
    """A message to the Workteam topic, as SNS puts it into a queue."""
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": scene.stack.env["WorkteamTopicArn"],
        "Message": message,
        "Timestamp": "2026-11-22T10:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "none",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/cert.pem",
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/",
    }


def test_the_team_is_as_the_example_declares_it(scene: Scene, radiology: str) -> None:
    team = describe(scene, radiology)
    assert team["Description"] == EXAMPLE[0]["description"]
    assert groups(team) == {member["user_group"] for member in EXAMPLE[0]["members"]["cognito"]}
    assert team["NotificationConfiguration"]["NotificationTopicArn"] == scene.stack.env["WorkteamTopicArn"]


def test_what_sagemaker_tells_says_what_waits_and_where_to_begin(scene: Scene, radiology: str) -> None:
    script = {"name": "chest-xray", "workteam": radiology, "objects": 2000, "labeled": 1260, "workers_per_object": 3}
    scene.stack.emulator("labeling_jobs", script)
    news = wait_for(scene, "workteam.notification", "chest-xray")
    portal = describe(scene, radiology)["SubDomain"]
    for part in ("████░░ 63 %  1,260 / 2,000", "740 waiting", "3 workers per object", f"https://{portal}"):
        assert part in news["text"], news["text"]
    assert news["subject"] == "radiology: 740 objects wait in 1 labeling job"
    assert news["attributes"]["workteam"] == radiology
    assert news["messages"][0]["message"] == "740 work items are available to radiology."
    assert news["workteams"][0]["labeling_jobs"][0]["pending"] == 740
    state = wait_for(scene, "labeling_job.state", "is in progress")
    assert (state["labeling_job"]["status"], state["workteams"][0]["name"]) == ("InProgress", radiology)


def test_ten_duplicates_give_one(scene: Scene) -> None:
    scene.send("WorkteamQueue", *[envelope(scene, "e2e-duplicate", "ten times the same")] * 10)
    wait_for(scene, "workteam.notification", "ten times the same")
    scene.settle()
    assert len(told(scene, "workteam.notification", "ten times the same")) == 1
    scene.send("WorkteamQueue", envelope(scene, "e2e-duplicate", "ten times the same"))
    scene.settle()
    assert len(told(scene, "workteam.notification", "ten times the same")) == 1


def test_a_burst_is_told_in_one_that_counts_it(scene: Scene) -> None:
    scene.send("WorkteamQueue", *[envelope(scene, f"e2e-burst-{number}", "a burst") for number in range(5)])
    wait_for(scene, "workteam.notification", "a burst")
    scene.settle()
    folded = told(scene, "workteam.notification", "a burst")
    assert [len(news["messages"]) for news in folded] == [5]
    assert "5 × a burst" in folded[0]["text"]


def test_a_second_run_changes_nothing_and_a_change_by_hand_is_put_right(scene: Scene, radiology: str) -> None:
    before = calls(scene)
    counts = scene.invoke("MaintainWorkteams", {})
    assert (counts["unchanged"], counts["applied"], counts["failed"]) == (1, 0, 0)
    assert calls(scene) == before
    assert automation(scene, "maintain", "workteams", "--plan").returncode == 0
    teams = scene.stack.client("sagemaker")
    teams.update_workteam(WorkteamName=radiology, Description="Changed by hand")
    planned = automation(scene, "maintain", "workteams", "--plan")
    assert (planned.returncode, planned.stderr) == (2, "")
    assert "- description: Changed by hand" in planned.stdout
    assert scene.invoke("MaintainWorkteams", {})["applied"] == 1
    assert describe(scene, radiology)["Description"] == EXAMPLE[0]["description"]
    wait_for(scene, "workteam.updated", "description: Changed by hand → Radiologists")


def test_a_team_that_would_lose_most_of_its_groups_is_left_alone(scene: Scene, radiology: str) -> None:
    members = [{**EXAMPLE[0]["members"]["cognito"][0], "user_group": "others"}]
    declare(scene, [{**EXAMPLE[0], "members": {"cognito": members}}])
    failed = wait_for(scene, "workteam.failed", "allow_shrink: true")
    assert len(failed["changes"]) == 3
    assert len(groups(describe(scene, radiology))) == 2
    declare(scene, EXAMPLE)
    scene.settle()


def test_a_message_in_no_envelope_is_a_dead_letter_with_its_cause(scene: Scene) -> None:
    scene.send("WorkteamQueue", {"hello": "world"})
    [letter] = scene.take_dead_letters("WorkteamDeadLetterQueueUrl", 1)
    assert (letter["body"], "no event this system reads" in letter["cause"]) == (json.dumps({"hello": "world"}), True)


def test_the_topic_admits_sagemaker_alone(scene: Scene) -> None:
    attributes = scene.stack.client("sns").get_topic_attributes(TopicArn=scene.stack.env["WorkteamTopicArn"])
    [statement] = json.loads(attributes["Attributes"]["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert statement["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":workteam/*")


def test_the_schedule_maintains_daily(scene: Scene) -> None:
    scheduler = scene.stack.client("scheduler")
    group = scene.stack.resources["ScheduleGroup"]

    def target() -> list[str]:
        listed = scheduler.list_schedules(GroupName=group)["Schedules"]
        found = [scheduler.get_schedule(Name=each["Name"], GroupName=group) for each in listed]
        function = scene.stack.resources["MaintainWorkteams"]
        return [each["ScheduleExpression"] for each in found if each["Target"]["Arn"].endswith(function)]

    assert wait_until(lambda: target() == ["rate(1 day)"])
