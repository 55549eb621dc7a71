"""The stack's queues: waits until they are empty, and reads dead-letter queues. Creates queues of subscribers."""

import json
import time

from .stack import Stack

KINDS = ("Workteams", "PartnerApps", "Images")  # kinds of managed resources
QUEUES = (
    "UploadsQueue",
    "RequestsQueue",
    "JobStatesQueue",
    "WorkteamQueue",
    *(f"Maintain{kind}Queue" for kind in KINDS),
)
SOURCES = (
    "Uploads",
    "Requests",
    "JobStates",
    "Workteam",
    *(f"Maintain{kind}" for kind in KINDS),
    "Events",
    "Schedules",
)
DEAD_LETTER_QUEUES = tuple(f"{source}DeadLetterQueueUrl" for source in SOURCES)
COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
QUIET_SECONDS = 1.5  # longer than a message takes to get from one queue to the next
WAIT_SECONDS = 60.0


def create_receiver(stack: Stack, name: str, service: str, source: str) -> tuple[str, str]:
    """Creates a queue to which a topic or a rule may send, identified by its ARN. Returns its URL and its ARN."""
    sqs = stack.client("sqs")
    url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    arn = str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def count_messages(stack: Stack, url: str) -> int:
    """Counts the messages in a queue: visible, in flight and delayed."""
    attributes = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)["Attributes"]
    return sum(int(attributes[count]) for count in COUNTS)


def wait_until_empty(stack: Stack, seconds: float = WAIT_SECONDS) -> bool:
    """Waits until all queues have been empty for a while. Returns False on timeout."""
    deadline = time.monotonic() + seconds
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_SECONDS:
        if any(count_messages(stack, stack.resources[queue]) for queue in QUEUES):
            quiet_since = time.monotonic()
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def take_messages(stack: Stack, url: str) -> list[dict[str, str]]:
    """Receives and deletes the messages in a queue: the body and the message attributes of each."""
    sqs = stack.client("sqs")
    request = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    taken = []
    while messages := sqs.receive_message(**request).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
            taken.append({"body": message["Body"], **attributes})
    return taken


def take_dead_letter_messages(stack: Stack) -> list[dict[str, str]]:
    """Takes the messages out of all dead-letter queues."""
    return [message for name in DEAD_LETTER_QUEUES for message in take_messages(stack, stack.env[name])]
