"""Redriving messages from dead-letter queues is safe, even if they were already processed."""

import json
import subprocess
from typing import Any

from .harness import Harness, object_created_event, wait_until

QUEUES = {"uploads": "UploadsDeadLetterQueueUrl", "requests": "RequestsDeadLetterQueueUrl"}
QUEUES |= {"job-states": "JobStatesDeadLetterQueueUrl", "events": "EventsDeadLetterQueueUrl"}


def run_redrive(harness: Harness, *arguments: str) -> subprocess.CompletedProcess[str]:
    confirmation = () if "--dry-run" in arguments else ("--yes",)
    return harness.run_automation("redrive", *arguments, *confirmation)


def redrive_messages(harness: Harness, *arguments: str) -> list[dict[str, Any]]:
    done = run_redrive(harness, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["letters"]  # type: ignore[no-any-return]


def dead_letter_message(harness: Harness, queue: str, body: Any, **attributes: str) -> None:
    """Puts a message into a dead-letter queue."""
    message_attributes = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    url = harness.stack.env[QUEUES[queue]]
    harness.stack.client("sqs").send_message(
        QueueUrl=url, MessageBody=json.dumps(body), MessageAttributes=message_attributes
    )


def test_messages_are_listed_filtered_and_redriven(harness: Harness) -> None:
    bodies = [{"version": 99, "job_name": "from-the-future"}, {"nothing": "we know"}]
    harness.send_messages("RequestsQueue", *bodies)

    def list_bodies(*filters: str) -> list[str]:
        return [message["body"] for message in redrive_messages(harness, "requests", "--dry-run", *filters)]

    assert wait_until(lambda: len(list_bodies()) == 2), "the messages did not arrive in the dead-letter queue"
    assert list_bodies("--filter", "cause=version is 99") == [json.dumps(bodies[0])]
    assert list_bodies("--filter", "function=*Start*", "--filter", "cause=*version is 99*") == [json.dumps(bodies[0])]
    assert list_bodies("--filter", "function=Relay") == []
    before = redrive_messages(harness, "requests", "--dry-run")
    assert {message["outcome"] for message in before} == {"shown"}
    table = run_redrive(harness, "requests", "--dry-run").stdout
    assert "version is 99" in table and "2 messages would be redriven" in table
    sent = run_redrive(harness, "requests", "--filter", "cause=version is 99")
    assert (sent.returncode, sent.stdout.splitlines()[-1]) == (
        0,
        "1 message redriven; 1 not matched, left in the queue",
    )
    # It fails again with the same cause and attributes: attributes do not accumulate.
    again = harness.take_dead_letter_messages("RequestsDeadLetterQueueUrl", 2)
    attributes = {"body", "cause", "correlation_id", "first_seen", "function", "message_id"}
    assert [set(message) for message in again] == [attributes] * 2
    assert sorted(message["first_seen"][:19] for message in again) == sorted(
        message["first_seen"][:19] for message in before
    )


def test_redriving_everything_twice_changes_nothing(harness: Harness) -> None:
    """SEMANTICS redrive: Redriving a message that was already processed changes nothing."""
    key = harness.object_key("three", "twice")
    uploaded = harness.upload_archive(key)
    jobs = harness.wait_for_summary(key)["jobs"]
    harness.wait_until_idle()
    ledger, published = harness.read_ledger(), len(harness.notifications_about(key))
    requests = [ledger[f"job#{job['name']}"]["row"]["request"] for job in jobs]
    for _ in range(2):
        dead_letter_message(
            harness,
            "uploads",
            object_created_event(harness.bucket, uploaded),
            cause="a",
            function="f",
            correlation_id="c",
        )
        for job, request in zip(jobs, requests, strict=True):
            dead_letter_message(harness, "requests", json.loads(json.dumps(request, default=int)))
            dead_letter_message(harness, "job-states", {"version": 1, "job_name": job["name"]})
        for queue, count in (("uploads", 1), ("requests", 3), ("job-states", 3)):
            assert [message["outcome"] for message in redrive_messages(harness, queue)] == ["sent"] * count
        harness.wait_until_idle()
    assert len(harness.requests_for(key)) == 3
    assert len(harness.notifications_about(key)) == published
    # A sweep may have been due meanwhile.
    without_sweeps = [
        {key: row for key, row in rows.items() if not key.startswith("sweep#")}
        for rows in (harness.read_ledger(), ledger)
    ]
    assert without_sweeps[0] == without_sweeps[1]


def test_event_is_redriven_to_its_target_queue(harness: Harness) -> None:
    key = harness.object_key("one", "undelivered")
    with harness.stack.disable_rule("UploadRule"):
        uploaded = harness.upload_archive(key)
    event, arn = object_created_event(harness.bucket, uploaded), harness.get_queue_arn("UploadsQueue")
    dead_letter_message(
        harness, "events", event, RULE_ARN="arn:aws:events:::rule/r", TARGET_ARN=arn, ERROR_CODE="NO_PERMISSIONS"
    )
    [message] = redrive_messages(harness, "events")
    assert (message["cause"], message["outcome"]) == ("NO_PERMISSIONS", "sent")
    assert harness.wait_for_summary(key)["jobs"][0]["status"] == "COMPLETED"


def test_message_that_cannot_be_sent_stays_and_is_reported(harness: Harness) -> None:
    dead_letter_message(
        harness, "events", {"lost": True}, TARGET_ARN="arn:aws:lambda:us-east-1:000000000000:function:sweep"
    )
    done = run_redrive(harness, "events")
    assert done.returncode == 1
    assert "function:sweep is not a queue" in done.stdout and "0 of 1 message redriven" in done.stdout
    assert len(harness.take_dead_letter_messages("EventsDeadLetterQueueUrl", 1)) == 1
    for queue, expected in (
        ("nowhere", "there is no queue `nowhere`\n  Fix: pass the URL or the name"),
        (harness.stack.resources["RequestsQueue"], "is not a dead-letter queue: it has one itself"),
    ):
        done = run_redrive(harness, queue)
        assert done.returncode == 1 and expected in done.stderr, done.stderr
