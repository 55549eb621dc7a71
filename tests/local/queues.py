"""The stack's queues: when they are empty, and what lies in those nobody reads."""

import time

from .stack import Stack

KINDS = ("Workteams", "PartnerApps", "Images")  # of what is kept as declared
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
DEAD_LETTERS = tuple(f"{source}DeadLetterQueueUrl" for source in SOURCES)
COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
QUIET_SECONDS = 1.5  # longer than a message takes from one queue to the next
WAIT_SECONDS = 60.0


def waiting(stack: Stack, url: str) -> int:
    """Messages in the queue: waiting, being handled, delayed."""
    attributes = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)["Attributes"]
    return sum(int(attributes[count]) for count in COUNTS)


def settle(stack: Stack, seconds: float = WAIT_SECONDS) -> bool:
    """Waits until every queue has been empty for a while: nothing is on its way any more."""
    deadline = time.monotonic() + seconds
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_SECONDS:
        if any(waiting(stack, stack.resources[queue]) for queue in QUEUES):
            quiet_since = time.monotonic()
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def take(stack: Stack, url: str) -> list[dict[str, str]]:
    """Receives and deletes what is in a queue right now: each body, and beside it the message's attributes."""
    sqs = stack.client("sqs")
    some = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    taken = []
    while messages := sqs.receive_message(**some).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
            taken.append({"body": message["Body"], **attributes})
    return taken


def take_dead_letters(stack: Stack) -> list[dict[str, str]]:
    """What no function could work off, with its cause."""
    return [letter for name in DEAD_LETTERS for letter in take(stack, stack.env[name])]
