"""Dead letters have a way back, and going it changes nothing that was done already."""

import json
import subprocess
from typing import Any

from .scene import Scene, object_created, wait_until

QUEUES = {"uploads": "UploadsDeadLetterQueueUrl", "requests": "RequestsDeadLetterQueueUrl"}
QUEUES |= {"job-states": "JobStatesDeadLetterQueueUrl", "events": "EventsDeadLetterQueueUrl"}


def redrive(scene: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    return scene.automation("redrive", *arguments)


def letters(scene: Scene, *arguments: str) -> list[dict[str, Any]]:
    done = redrive(scene, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["letters"]  # type: ignore[no-any-return]


def bury(scene: Scene, queue: str, body: Any, **attributes: str) -> None:
    """Puts a message where it ends when nobody could work it off."""
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    url = scene.stack.env[QUEUES[queue]]
    scene.stack.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body), MessageAttributes=told)


def test_a_letter_is_shown_filtered_and_sent_back(scene: Scene) -> None:
    bodies = [{"version": 99, "job_name": "from-the-future"}, {"nothing": "we know"}]
    scene.send("RequestsQueue", *bodies)

    def shown(*filters: str) -> list[str]:
        return [letter["body"] for letter in letters(scene, "requests", "--dry-run", *filters)]

    assert wait_until(lambda: len(shown()) == 2), "dead letters did not arrive"
    assert shown("--filter", "cause=version is 99") == [json.dumps(bodies[0])]
    assert shown("--filter", "function=*Start*", "--filter", "cause=*version is 99*") == [json.dumps(bodies[0])]
    assert shown("--filter", "function=Relay") == []
    before = letters(scene, "requests", "--dry-run")
    assert {letter["outcome"] for letter in before} == {"shown"}
    table = redrive(scene, "requests", "--dry-run").stdout
    assert "version is 99" in table and "2 would be sent back" in table
    sent = redrive(scene, "requests", "--filter", "cause=version is 99")
    assert (sent.returncode, sent.stdout.splitlines()[-1]) == (0, "1 sent back; 1 that do not match stay")
    # It dies again, of the same cause, and tells the same as the first time: nothing piles up.
    again = scene.take_dead_letters("RequestsDeadLetterQueueUrl", 2)
    told = {"body", "cause", "correlation_id", "first_seen", "function", "message_id"}
    assert [set(letter) for letter in again] == [told] * 2
    assert sorted(letter["first_seen"][:19] for letter in again) == sorted(
        letter["first_seen"][:19] for letter in before
    )


def test_redriving_everything_twice_changes_nothing(scene: Scene) -> None:
    """SEMANTICS redrive: Redriving a dead letter that was worked off before changes nothing."""
    key = scene.key("three", "twice")
    uploaded = scene.put(key)
    jobs = scene.summary(key)["jobs"]
    scene.settle()
    ledger, told = scene.ledger(), len(scene.about(key))
    requests = [ledger[f"job#{job['name']}"]["row"]["request"] for job in jobs]
    for _ in range(2):
        bury(scene, "uploads", object_created(scene.bucket, uploaded), cause="a", function="f", correlation_id="c")
        for job, request in zip(jobs, requests, strict=True):
            bury(scene, "requests", json.loads(json.dumps(request, default=int)))
            bury(scene, "job-states", {"version": 1, "job_name": job["name"]})
        for queue, count in (("uploads", 1), ("requests", 3), ("job-states", 3)):
            assert [letter["outcome"] for letter in letters(scene, queue)] == ["sent"] * count
        scene.settle()
    assert len(scene.requested(key)) == 3
    assert len(scene.about(key)) == told
    assert scene.ledger() == ledger


def test_an_event_goes_back_to_the_queue_it_was_for(scene: Scene) -> None:
    key = scene.key("one", "undelivered")
    with scene.without_rule("UploadRule"):
        uploaded = scene.put(key)
    event, arn = object_created(scene.bucket, uploaded), scene.queue_arn("UploadsQueue")
    bury(scene, "events", event, RULE_ARN="arn:aws:events:::rule/r", TARGET_ARN=arn, ERROR_CODE="NO_PERMISSIONS")
    [letter] = letters(scene, "events")
    assert (letter["cause"], letter["outcome"]) == ("NO_PERMISSIONS", "sent")
    assert scene.summary(key)["jobs"][0]["status"] == "COMPLETED"


def test_what_cannot_be_sent_back_stays_and_is_told(scene: Scene) -> None:
    bury(scene, "events", {"lost": True}, TARGET_ARN="arn:aws:lambda:us-east-1:000000000000:function:sweep")
    done = redrive(scene, "events")
    assert done.returncode == 1
    assert "function:sweep, which is no queue" in done.stdout and "0 of 1 sent back" in done.stdout
    assert len(scene.take_dead_letters("EventsDeadLetterQueueUrl", 1)) == 1
    for queue, said in (
        ("nowhere", "there is no queue `nowhere`; give the URL or the name"),
        (scene.stack.resources["RequestsQueue"], "is no dead-letter queue: its own is"),
    ):
        done = redrive(scene, queue)
        assert done.returncode == 2 and said in done.stderr, done.stderr
