"""What is documented of notifications is what the snapshots of the tests hold."""

import json
from typing import Any

from jsonschema import Draft202012Validator

from tests import notifications
from tests.local.environment import ROOT

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/notification.schema.json").read_text())


def test_every_notification_is_of_the_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    documents = notifications.documents()
    assert documents
    wrong = [(document["id"], error.message) for document in documents for error in validator.iter_errors(document)]
    assert wrong == []


def test_every_type_and_member_of_the_schema_is_sent() -> None:
    documents = notifications.documents()
    assert {document["type"] for document in documents} == set(SCHEMA["properties"]["type"]["enum"])
    assert {member for document in documents for member in document} == set(SCHEMA["properties"])
    jobs = [job for document in documents for job in [*document.get("jobs", []), document.get("job", {})]]
    assert {member for job in jobs for member in job} == set(SCHEMA["$defs"]["job"]["properties"])


def test_the_page_shows_what_people_get() -> None:
    assert notifications.PAGE.read_text() == notifications.written(), "run python -m tests.notifications"
