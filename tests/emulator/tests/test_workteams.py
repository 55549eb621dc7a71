"""Work teams and labeling jobs as boto3 sees them, and the control requests for them."""

import pytest
from botocore.exceptions import ClientError

TOPIC = "arn:aws:sns:us-east-1:000000000000:workteams"


@pytest.fixture
def team(emulator):
    """A work team of two groups; its ARN."""
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


def test_jobs_of_a_team_are_listed_over_pages_newest_first(emulator, team):
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
    assert sum(found, []) == [f"job-{number:02}" for number in range(22, -1, -1)]
    assert len(emulator.control("notices")["notices"]) == 23


def test_a_missing_team_is_a_validation_error(emulator):
    with pytest.raises(ClientError) as refused:
        emulator.client().describe_workteam(WorkteamName="nobody")
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"][:13]) == ("ValidationException", "The work team")


def test_counters_move_with_the_clock(emulator, team):
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
    ("script", "said"),
    [
        ({"name": "x", "workteam": "nobody", "objects": 1}, "nobody"),
        ({"name": "x", "objekts": 1}, "objekts"),
    ],
)
def test_a_wrong_script_is_refused(emulator, script, said):
    assert said in emulator.control("labeling_jobs", script)["error"]
