"""Work teams and labeling jobs, and their control requests, tested with boto3."""

import pytest
from botocore.exceptions import ClientError

TOPIC = "arn:aws:sns:us-east-1:000000000000:workteams"


@pytest.fixture
def team(emulator):
    """The ARN of a work team with two groups."""
    members = [
        {"CognitoMemberDefinition": {"UserPool": "us-east-1_pool", "UserGroup": group, "ClientId": "client"}}
        for group in ("first", "second")
    ]
    return emulator.client().create_workteam(
        WorkteamName="radiology",
        Description="People who label",
        MemberDefinitions=members,
        NotificationConfiguration={"NotificationTopicArn": TOPIC},
    )["WorkteamArn"]


def test_labeling_jobs_are_listed_newest_first_in_pages(emulator, team):
    emulator.control("settings", {"max_list_rps": None})
    for number in range(23):
        answer = emulator.control("labeling_jobs", {"name": f"job-{number:02}", "workteam": "radiology", "objects": 5})
        assert answer["LabelingJobStatus"] == "InProgress", answer
        emulator.control("clock", {"advance_ms": 1_000})
    pages = emulator.client().get_paginator("list_labeling_jobs_for_workteam")
    found = [
        [job["LabelingJobName"] for job in page["LabelingJobSummaryList"]]
        for page in pages.paginate(WorkteamArn=team, SortOrder="Descending")
    ]
    assert [len(page) for page in found] == [10, 10, 3]
    assert [name for page in found for name in page] == [f"job-{number:02}" for number in range(22, -1, -1)]
    assert len(emulator.control("notices")["notices"]) == 23


def test_missing_workteam_is_a_validation_error(emulator):
    with pytest.raises(ClientError) as rejected:
        emulator.client().describe_workteam(WorkteamName="nobody")
    error = rejected.value.response["Error"]
    assert (error["Code"], error["Message"][:13]) == ("ValidationException", "The work team")


def test_label_counters_follow_the_clock(emulator, team):
    script = {"name": "chest", "workteam": "radiology", "objects": 2_000, "labeled": 1_000, "per_object_ms": 1_000}
    emulator.control("labeling_jobs", script)
    emulator.control("clock", {"advance_ms": 260_000})
    [job] = emulator.client().list_labeling_jobs_for_workteam(WorkteamArn=team)["LabelingJobSummaryList"]
    assert job["LabelCounters"] == {"HumanLabeled": 1_260, "PendingHuman": 740, "Total": 2_000}
    described = emulator.client().describe_labeling_job(LabelingJobName="chest")
    assert described["HumanTaskConfig"]["WorkteamArn"] == team
    [notice] = emulator.control("notices")["notices"]
    assert (notice["topic"], notice["message"]) == (TOPIC, "1000 work items are available to radiology.")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ({"name": "x", "workteam": "nobody", "objects": 1}, "nobody"),
        ({"name": "x", "objekts": 1}, "objekts"),
    ],
)
def test_invalid_labeling_job_is_rejected(emulator, script, expected):
    assert expected in emulator.control("labeling_jobs", script)["error"]
