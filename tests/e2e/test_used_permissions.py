"""Each action that a function's role allows was used by one of the other tests, or has a reason why it cannot be."""

from pathlib import Path

import pytest

from tests.local.iam import USED_ACTIONS

from .harness import Harness
from .test_permissions import FUNCTIONS, list_grants

EXCUSED = {
    "logs:CreateLogStream": "Lambda writes the logs",
    "logs:PutLogEvents": "Lambda writes the logs",
    "s3:GetBucketLocation": "SageMaker reads it with the compilation role, which shares the policy",
    "s3:ListBucketVersions": "only if a configuration is invalid: shared/automation/tests/config.rs",
    "sqs:ReceiveMessage": "Lambda reads the queue",
}
# Used in some runs only.
DEPENDS_ON_TIMING = {
    "sqs:ChangeMessageVisibility": "only if a call of a deployed function fails: shared/worker tests it",
}
NOT_DEPLOYED = (
    "HasTracing",
    "HasFunctionSubnets",
    "HasPassableRoles",
    "HasCompilationRoles",
    "HasImageRoles",
)


def test_each_allowed_action_is_used(harness: Harness, request: pytest.FixtureRequest) -> None:
    modules = {item.path.name for item in request.session.items}
    if missing := {path.name for path in Path(__file__).parent.glob("test_*.py")} - modules - {"test_soak.py"}:
        pytest.skip(f"only with all tests: {sorted(missing)} did not run")
    lines = (harness.stack.state / "tmp" / USED_ACTIONS).read_text().splitlines()
    used = {line.rpartition(" ")[2] for line in lines}
    grants = [grant for function in FUNCTIONS.values() for grant in list_grants(f"{function}Role")]
    allowed = {grant.partition(" ")[0] for grant in grants if not grant.endswith(NOT_DEPLOYED)}
    assert allowed - used - EXCUSED.keys() - DEPENDS_ON_TIMING.keys() == set(), (
        "no test needs these: remove them, or test them"
    )
    assert used & EXCUSED.keys() == set(), "these need no excuse any more"
