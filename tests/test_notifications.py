"""Checks the documentation of notifications against the test snapshots."""

import json
from typing import Any

from jsonschema import Draft202012Validator

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
