"""A record that fails never affects other records of its batch."""

from .harness import Harness, object_created_event


def test_bad_records_are_dead_lettered_with_their_cause(harness: Harness) -> None:
    with harness.stack.disable_rule("UploadRule"):  # so that their events are in the queue together
        uploads = [harness.upload_archive(harness.object_key("one", f"model-{number}")) for number in range(8)]
    events = [object_created_event(harness.bucket, upload) for upload in uploads]
    bad = ["this is not JSON", '{"detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2"}']
    harness.send_messages("UploadsQueue", *events[:4], bad[0], *events[4:], bad[1])
    dead_letters = harness.take_dead_letter_messages("UploadsDeadLetterQueueUrl", 2)
    for upload in uploads:
        assert harness.wait_for_summary(upload["key"])["jobs"][0]["status"] == "COMPLETED"
    harness.wait_until_idle()
    assert sorted(message["body"] for message in dead_letters) == sorted(bad)
    for message in dead_letters:
        assert message["cause"]
        assert "PlanCompilation" in message["function"]
        assert message["message_id"] and message["first_seen"]


def test_poison_messages_reach_their_own_dead_letter_queue(harness: Harness) -> None:
    harness.send_messages("RequestsQueue", {"version": 99, "job_name": "from-the-future"})
    harness.send_messages("JobStatesQueue", '{"nothing": "we know"}')
    [request] = harness.take_dead_letter_messages("RequestsDeadLetterQueueUrl", 1)
    [state] = harness.take_dead_letter_messages("JobStatesDeadLetterQueueUrl", 1)
    assert "StartCompilation" in request["function"] and request["cause"]
    assert "RelayCompilation" in state["function"] and state["cause"]
