"""Each action that a function's role allows was used by one of the other tests, or has a reason why it cannot be."""

from pathlib import Path

import pytest

from tests.local.iam import USED_ACTIONS

from .harness import Harness
from .test_permissions import FUNCTIONS, list_grants

EXCUSED = {
    "logs:CreateLogStream": "Lambda writes the logs",
    "logs:PutLogEvents": "Lambda writes the logs",
    "sqs:ReceiveMessage": "Lambda reads the queue",
    "sqs:DeleteMessage": "Lambda deletes what was processed",
    "sqs:GetQueueAttributes": "Lambda reads the queue",
    "kms:GenerateDataKey": "SNS encrypts a message with it; MiniStack does not",
}
CONDITIONS = (
    "HasTracing",
    "HasFunctionSubnets",
    "HasPassableRoles",
    "HasCompilationRoles",
    "HasImageRoles",
    "HasArtifactBuckets",
)


def test_each_allowed_action_is_used(harness: Harness, request: pytest.FixtureRequest) -> None:
    modules = {item.path.name for item in request.session.items}
    if missing := {path.name for path in Path(__file__).parent.glob("test_*.py")} - modules:
        pytest.skip(f"only with all tests: {sorted(missing)} did not run")
    used: dict[str, set[str]] = {}  # by name of the role
    for line in (harness.stack.state / "tmp" / USED_ACTIONS).read_text().splitlines():
        session, action = line.rsplit(" ", 1)
        used.setdefault(session.partition("assumed-role/")[2].partition("/")[0], set()).add(action)
    unused = []
    for function in FUNCTIONS.values():
        for grant in list_grants(f"{function}Role"):
            action, _, rest = grant.partition(" ")
            in_this_stack = not rest.endswith(CONDITIONS)
            if (
                in_this_stack
                and action not in EXCUSED
                and action not in used[harness.stack.resources[f"{function}Role"]]
            ):
                unused.append(f"{function}: {grant}")
    assert unused == []
