"""Checks the documentation of notifications against the test snapshots."""

import json
import re
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from ministack.services.eventbridge import _matches_pattern
from ministack.services.sns import _matches_filter_policy

from tests import notifications
from tests.local.environment import ROOT

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/notification.schema.json").read_text())


def test_every_notification_matches_the_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    documents = notifications.read_documents()
    assert documents
    wrong = [(document["id"], error.message) for document in documents for error in validator.iter_errors(document)]
    assert wrong == []


def test_every_type_and_member_of_the_schema_is_used() -> None:
    documents = notifications.read_documents()
    assert {document["type"] for document in documents} == set(SCHEMA["properties"]["type"]["enum"])
    assert {member for document in documents for member in document} == set(SCHEMA["properties"])
    jobs = [job for document in documents for job in [*document.get("jobs", []), document.get("job", {})]]
    assert {member for job in jobs for member in job} == set(SCHEMA["$defs"]["job"]["properties"])


def test_page_shows_the_current_notifications() -> None:
    assert notifications.PAGE.read_text() == notifications.render_page(), (
        "docs/NOTIFICATIONS.md is outdated. Fix: run python -m tests.notifications"
    )


def message_attributes(document: dict[str, Any]) -> dict[str, Any]:
    """Returns the message attributes of a notification."""
    teams = document.get("workteams", [])
    left = [team.get("pending") for team in teams] if document["type"] == "workteam.notification" else []
    team = teams[0]["name"] if len(teams) == 1 else document.get("workteam")
    members = {name: document.get(name) for name in ("type", "severity", "rule")}
    texts = {**members, "target": document.get("job", {}).get("target"), "workteam": team}
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items() if text}
    if left and None not in left:
        attributes["objects_left"] = {"DataType": "Number", "StringValue": str(sum(left))}
    return attributes


def test_filter_policies_of_the_page_select_what_it_says() -> None:
    policies = re.findall(r"```json\n(.*?)```", notifications.read_head(), re.DOTALL)
    attention, rule, team, resources, alarms = (json.loads(policy) for policy in policies)

    def selects(policy: Any, document: dict[str, Any]) -> bool:
        subscription = {"attributes": {"FilterPolicy": json.dumps(policy)}}
        return bool(_matches_filter_policy(subscription, message_attributes(document)))

    for document in notifications.read_documents():
        kind, severity = document["type"], document["severity"]
        attributes = message_attributes(document)
        assert selects(attention, document) == (severity != "info" or kind == "model.summary"), document["subject"]
        is_result = kind in ("model.summary", "compilation.failed", "compilation.rejected")
        assert selects(rule, document) == (is_result and document.get("rule") == "edge-vision"), document["subject"]
        is_team = kind in ("workteam.notification", "labeling_job.state")
        is_radiology = attributes.get("workteam", {}).get("StringValue") == "radiology"
        has_work = attributes.get("objects_left", {}).get("StringValue") != "0"
        assert selects(team, document) == (is_team and is_radiology and has_work), document["subject"]
        family = kind.partition(".")[0]
        is_resource = family in ("partner_app", "image", "config", "workteam") and kind != "workteam.notification"
        assert selects(resources, document) == is_resource, document["subject"]
    body = {"attributes": {"FilterPolicy": json.dumps(alarms), "FilterPolicyScope": "MessageBody"}}
    assert _matches_filter_policy(body, {}, json.dumps({"AlarmName": "a", "NewStateValue": "ALARM"}))
    assert not any(_matches_filter_policy(body, {}, json.dumps(one)) for one in notifications.read_documents())


def test_rules_of_the_page_match_what_it_says() -> None:
    rules = [
        yaml.safe_load(rule) for rule in re.findall(r"```yaml\n(.*?)```", notifications.PAGE.read_text(), re.DOTALL)
    ]
    matched: list[set[str]] = []
    for rule in rules:
        events = [
            {"Source": "sagemaker-automation", "DetailType": one["type"], "Detail": json.dumps(one)}
            for one in notifications.read_documents()
        ]
        found = [event for event in events if _matches_pattern(json.dumps(rule["EventPattern"]), event)]
        matched.append({event["DetailType"] for event in found})
        assert 0 < len(found) < len(events)
        [target] = rule["Targets"]
        paths = target.get("InputTransformer", {}).get("InputPathsMap", {}).values()
        for event in found:
            detail = json.loads(event["Detail"])
            assert all(path.removeprefix("$.detail.") in detail for path in paths)
    assert matched == [{"model.summary"}, {"compilation.failed"}, {"compilation.completed"}]
