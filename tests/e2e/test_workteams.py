"""Work teams are reconciled, and their notifications are relayed with job details."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.local.stack import EXAMPLE_CONFIG
from tests.local.subscriber import Subscriber

from .harness import CONFIG, Harness, wait_until
from .test_emails import receive_all, subscription_attributes

TAGS = {"owner": "e2e", "site": "north"}
EXAMPLE = [team | {"tags": TAGS} for team in yaml.safe_load(EXAMPLE_CONFIG.read_text())["workteams"]]
CHANGES = {"CreateWorkteam", "UpdateWorkteam", "DeleteWorkteam"}
Json = dict[str, Any]


def upload_config(harness: Harness, teams: list[Json]) -> None:
    """Uploads a configuration with these teams."""
    document = {**yaml.safe_load(CONFIG.read_text()), "workteams": teams}
    harness.upload_config(document)


@pytest.fixture(scope="module", autouse=True)
def radiology(harness: Harness) -> Iterator[str]:
    """Creates the team of the example configuration by uploading it. Yields its name."""
    upload_config(harness, EXAMPLE)
    name = str(EXAMPLE[0]["name"])
    arrived = harness.subscriber.wait_until(lambda _: bool(notifications_of_type(harness, "workteam.created")), 60)
    assert arrived, harness.subscriber.received
    yield name
    harness.restore_config()
    harness.wait_until_idle()


@pytest.fixture(scope="module")
def labeling_email(harness: Harness) -> Iterator[Subscriber]:
    """A subscriber with the filter of the template parameter LabelingEmail."""
    subscriber = Subscriber(harness.stack, "e2e-labeling", subscription_attributes("LabelingEmailSubscription"))
    yield subscriber
    subscriber.close()


def notifications_of_type(harness: Harness, kind: str, text: str = "") -> list[Json]:
    """Returns the notifications of a type whose text contains a string."""
    return [n for n in harness.subscriber.received if n["type"] == kind and text in n["text"]]


def wait_for_notification(harness: Harness, kind: str, text: str = "") -> Json:
    arrived = harness.subscriber.wait_until(lambda _: bool(notifications_of_type(harness, kind, text)), 60)
    assert arrived, [(n["type"], n["text"]) for n in harness.subscriber.received]
    return notifications_of_type(harness, kind, text)[0]


def describe_team(harness: Harness, name: str) -> Json:
    team: Json = harness.stack.client("sagemaker").describe_workteam(WorkteamName=name)["Workteam"]
    return team


def user_groups(team: Json) -> set[str]:
    return {member["CognitoMemberDefinition"]["UserGroup"] for member in team["MemberDefinitions"]}


def list_changes(harness: Harness) -> list[str]:
    """Returns the calls so far that changed a team."""
    log = harness.stack.call_emulator("requests")["requests"]
    return [entry["operation"] for entry in log if entry["operation"] in CHANGES]


def build_envelope(harness: Harness, message_id: str, message: str) -> Json:
    """Builds the SNS envelope of a message to the Workteam topic."""
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": harness.stack.env["WorkteamTopicArn"],
        "Message": message,
        "Timestamp": "2026-11-22T10:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "none",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/cert.pem",
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/",
    }


def test_team_matches_the_example_configuration(harness: Harness, radiology: str) -> None:
    team = describe_team(harness, radiology)
    assert team["Description"] == EXAMPLE[0]["description"]
    assert user_groups(team) == {member["user_group"] for member in EXAMPLE[0]["members"]["cognito"]}
    assert team["NotificationConfiguration"]["NotificationTopicArn"] == harness.stack.env["WorkteamTopicArn"]


def test_labeling_email_has_no_message_without_objects(harness: Harness, labeling_email: Subscriber) -> None:
    harness.send_messages("WorkteamQueue", build_envelope(harness, "e2e-nothing-left", "nothing is left"))
    published = wait_for_notification(harness, "workteam.notification", "nothing is left")
    assert published["attributes"]["objects_left"] == "0"
    harness.wait_until_idle()
    assert receive_all(labeling_email) == []


def test_notification_reports_open_jobs_and_portal_link(
    harness: Harness, radiology: str, labeling_email: Subscriber
) -> None:
    script = {"name": "chest-xray", "workteam": radiology, "objects": 2000, "labeled": 1260, "workers_per_object": 3}
    harness.stack.call_emulator("labeling_jobs", script)
    news = wait_for_notification(harness, "workteam.notification", "chest-xray")
    portal = describe_team(harness, radiology)["SubDomain"]
    for part in ("████░░ 63 %  1,260 / 2,000", "740 objects left", "3 workers per object", f"https://{portal}"):
        assert part in news["text"], news["text"]
    assert news["subject"] == "radiology: 740 objects left in 1 labeling job"
    assert news["attributes"]["workteam"] == radiology
    assert news["messages"][0]["message"] == "740 work items are available to radiology."
    assert news["workteams"][0]["labeling_jobs"][0]["pending"] == 740
    state = wait_for_notification(harness, "labeling_job.state", "is in progress")
    assert (state["labeling_job"]["status"], state["workteams"][0]["name"]) == ("InProgress", radiology)
    harness.wait_until_idle()
    about_labeling = [n for n in harness.subscriber.received if n["type"] in (news["type"], state["type"])]
    with_work = [n["subject"] for n in about_labeling if n["attributes"].get("objects_left") != "0"]
    assert sorted(receive_all(labeling_email)) == sorted(with_work)
    assert {news["subject"], state["subject"]} <= set(with_work) and len(with_work) < len(about_labeling)


def test_ten_duplicates_give_one_notification(harness: Harness) -> None:
    harness.send_messages("WorkteamQueue", *[build_envelope(harness, "e2e-duplicate", "ten times the same")] * 10)
    wait_for_notification(harness, "workteam.notification", "ten times the same")
    harness.wait_until_idle()
    assert len(notifications_of_type(harness, "workteam.notification", "ten times the same")) == 1
    harness.send_messages("WorkteamQueue", build_envelope(harness, "e2e-duplicate", "ten times the same"))
    harness.wait_until_idle()
    assert len(notifications_of_type(harness, "workteam.notification", "ten times the same")) == 1


def test_burst_is_published_as_one_notification(harness: Harness) -> None:
    harness.send_messages(
        "WorkteamQueue", *[build_envelope(harness, f"e2e-burst-{number}", "a burst") for number in range(5)]
    )
    wait_for_notification(harness, "workteam.notification", "a burst")
    harness.wait_until_idle()
    folded = notifications_of_type(harness, "workteam.notification", "a burst")
    assert [len(news["messages"]) for news in folded] == [5]
    assert "5 × a burst" in folded[0]["text"]


def reconcile(harness: Harness) -> dict[str, int]:
    """Runs the function until a run finishes: the emulator throttles lists, as SageMaker does."""
    counts: dict[str, int] = {}

    def has_finished() -> bool:
        counts.update(harness.invoke_function("MaintainWorkteams", {}))
        return "applied" in counts

    assert wait_until(has_finished), counts
    return counts


def test_second_run_changes_nothing_and_drift_is_corrected(harness: Harness, radiology: str) -> None:
    before = list_changes(harness)
    counts = reconcile(harness)
    assert (counts["unchanged"], counts["applied"], counts["failed"]) == (1, 0, 0)
    assert list_changes(harness) == before
    plan = ("maintain", "workteams", "--plan", "--detailed-exitcode")
    assert harness.run_automation(*plan).returncode == 0
    teams = harness.stack.client("sagemaker")
    teams.update_workteam(WorkteamName=radiology, Description="Changed by hand")
    planned = harness.run_automation(*plan)
    assert (planned.returncode, planned.stderr) == (2, "")
    assert "description: Changed by hand -> Radiologists" in planned.stdout
    reconcile(harness)
    assert describe_team(harness, radiology)["Description"] == EXAMPLE[0]["description"]
    wait_for_notification(harness, "workteam.updated", "description: Changed by hand → Radiologists")


def list_tags(harness: Harness, name: str) -> dict[str, str]:
    arn = describe_team(harness, name)["WorkteamArn"]
    tags = harness.stack.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_tags_are_set_with_the_team_and_kept(harness: Harness, radiology: str) -> None:
    assert list_tags(harness, radiology) == TAGS
    changed = [{"Key": "owner", "Value": "someone"}, {"Key": "theirs", "Value": "kept"}]
    arn = describe_team(harness, radiology)["WorkteamArn"]
    harness.stack.client("sagemaker").add_tags(ResourceArn=arn, Tags=changed)
    reconcile(harness)
    assert list_tags(harness, radiology) == TAGS | {"theirs": "kept"}
    harness.wait_until_idle()


def test_update_that_removes_most_groups_is_refused(harness: Harness, radiology: str) -> None:
    members = [{**EXAMPLE[0]["members"]["cognito"][0], "user_group": "others"}]
    upload_config(harness, [{**EXAMPLE[0], "members": {"cognito": members}}])
    failed = wait_for_notification(harness, "workteam.failed", "allow_shrink: true")
    assert len(failed["changes"]) == 3
    assert len(user_groups(describe_team(harness, radiology))) == 2
    upload_config(harness, EXAMPLE)
    harness.wait_until_idle()


def test_team_of_an_unlisted_user_pool_names_the_parameter(harness: Harness, radiology: str) -> None:
    """SageMaker reads and updates the pool with the function's permissions, which only a template parameter gives."""
    members = [{**EXAMPLE[0]["members"]["cognito"][0], "user_pool": "us-east-1_Unlisted0"}]
    upload_config(harness, [*EXAMPLE, {**EXAMPLE[0], "name": "surgery", "members": {"cognito": members}}])
    failed = wait_for_notification(harness, "workteam.failed", "WorkteamUserPoolArns")
    assert "userpool/us-east-1_Unlisted0 to the template parameter" in failed["text"]
    upload_config(harness, EXAMPLE)
    harness.wait_until_idle()


def test_message_without_envelope_is_dead_lettered(harness: Harness) -> None:
    harness.send_messages("WorkteamQueue", {"hello": "world"})
    [message] = harness.take_dead_letter_messages("WorkteamDeadLetterQueueUrl", 1)
    assert (message["body"], "unrecognized event" in message["cause"]) == (json.dumps({"hello": "world"}), True)


def test_only_sagemaker_can_publish_to_the_topic(harness: Harness) -> None:
    attributes = harness.stack.client("sns").get_topic_attributes(TopicArn=harness.stack.env["WorkteamTopicArn"])
    [statement] = json.loads(attributes["Attributes"]["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert statement["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":workteam/*")


def test_schedule_runs_daily(harness: Harness) -> None:
    scheduler = harness.stack.client("scheduler")
    group = harness.stack.resources["ScheduleGroup"]

    def read_expressions() -> list[str]:
        listed = scheduler.list_schedules(GroupName=group)["Schedules"]
        found = [scheduler.get_schedule(Name=each["Name"], GroupName=group) for each in listed]
        function = harness.stack.resources["MaintainWorkteams"]
        return [each["ScheduleExpression"] for each in found if each["Target"]["Arn"].endswith(function)]

    assert wait_until(lambda: read_expressions() == ["rate(1 day)"])
