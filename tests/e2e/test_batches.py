"""A record that fails never takes another record of its batch with it."""

from .scene import Scene, object_created


def test_two_bad_records_of_ten_reach_the_dead_letter_queue_with_their_cause(scene: Scene) -> None:
    with scene.without_rule("UploadRule"):  # their events come in one batch
        uploads = [scene.put(scene.key("one", f"model-{number}")) for number in range(8)]
    events = [object_created(scene.bucket, upload) for upload in uploads]
    bad = ["this is not JSON", '{"detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2"}']
    scene.send("UploadsQueue", *events[:4], bad[0], *events[4:], bad[1])
    dead = scene.take_dead_letters("UploadsDeadLetterQueueUrl", 2)
    for upload in uploads:
        assert scene.summary(upload["key"])["jobs"][0]["status"] == "COMPLETED"
    scene.settle()
    assert sorted(letter["body"] for letter in dead) == sorted(bad)
    for letter in dead:
        assert letter["cause"]
        assert "PlanCompilation" in letter["function"]
        assert letter["message_id"] and letter["first_seen"]


def test_a_poison_request_and_a_poison_state_reach_their_own_queues(scene: Scene) -> None:
    scene.send("RequestsQueue", {"version": 99, "job_name": "from-the-future"})
    scene.send("JobStatesQueue", '{"nothing": "we know"}')
    [request] = scene.take_dead_letters("RequestsDeadLetterQueueUrl", 1)
    [state] = scene.take_dead_letters("JobStatesDeadLetterQueueUrl", 1)
    assert "StartCompilation" in request["function"] and request["cause"]
    assert "RelayCompilation" in state["function"] and state["cause"]
