"""Whatever protects data or restricts access cannot be taken out of the template unnoticed. This needs no stack."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from . import test_permissions, test_template
from .test_template import RESOURCES, TEMPLATE

PROTECTIONS = {
    "BucketEncryption",
    "DeadLetterConfig",
    "DeletionPolicy",
    "DestinationConfig",
    "FunctionResponseTypes",
    "KmsMasterKeyId",
    "LifecycleConfiguration",
    "MessageRetentionPeriod",
    "NotificationConfiguration",
    "PointInTimeRecoverySpecification",
    "PublicAccessBlockConfiguration",
    "RecursiveLoop",
    "RedrivePolicy",
    "SSESpecification",
    "SqsManagedSseEnabled",
    "TimeToLiveSpecification",
    "UpdateReplacePolicy",
    "VersioningConfiguration",
    "VisibilityTimeout",
}
SLOW_TESTS = {
    "test_deployment_asks_and_subscribes_only_on_request",
    "test_flags_of_the_builder_do_not_reach_the_functions",
}

Place = tuple[Any, Any]  # a container, and the key or index of the part


def list_tests() -> list[Callable[[], None]]:
    """Returns the tests of the template that need nothing else."""
    found = [function for module in (test_permissions, test_template) for _, function in inspect.getmembers(module)]
    tests = [one for one in found if inspect.isfunction(one) and one.__name__.startswith("test_")]
    return [test for test in tests if not inspect.signature(test).parameters and test.__name__ not in SLOW_TESTS]


def find_protections(part: Any, path: str = "") -> Iterator[tuple[str, Place]]:
    """Yields the path and the place of each statement of a policy, its condition, and each property that protects data."""
    for key, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
        of_statement = isinstance(value, dict) and (key == "Condition" or "Effect" in value)
        if key in PROTECTIONS or of_statement:
            yield f"{path}/{key}", (part, key)
        if isinstance(value, dict | list):
            yield from find_protections(value, f"{path}/{key}")


def fails(test: Callable[[], None]) -> bool:
    try:
        test()
    except Exception:  # a test may also fail with a KeyError
        return True
    return False


def test_nothing_can_be_taken_out_unnoticed() -> None:
    tests = list_tests()
    assert not [test.__name__ for test in tests if fails(test)]
    protections = list(find_protections(RESOURCES | {"": TEMPLATE["Globals"]}))
    unnoticed = []
    for path, (container, key) in protections:
        value = container.pop(key)
        if not any(fails(test) for test in tests):
            unnoticed.append(path)
        container.insert(key, value) if isinstance(container, list) else container.update({key: value})
    assert len(protections) > 150
    assert unnoticed == [], unnoticed
