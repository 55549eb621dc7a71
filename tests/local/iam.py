"""Evaluates the policies of a caller, for what MiniStack does not check itself."""

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam as iam_service

from .environment import ACCOUNT, REGION

USED_ACTIONS = "used-actions"  # in the temporary folder of MiniStack

Check = tuple[str, str, dict[str, Any]]  # action, resource, condition keys


def record_used_actions() -> None:
    """Writes each action that a role was allowed to a file, once: a line with the ARN of the session and the action."""
    evaluate, file = iam_evaluator.evaluate, Path(tempfile.gettempdir()) / USED_ACTIONS
    file.unlink(missing_ok=True)
    recorded: set[str] = set()

    def evaluate_and_record(context: Any, *policies: Any) -> Any:
        result = evaluate(context, *policies)
        line = f"{context.principal_arn} {context.action}\n"
        if result.decision == "Allow" and line not in recorded:
            recorded.add(line)
            with file.open("a") as out:
                out.write(line)
        return result

    iam_evaluator.evaluate = evaluate_and_record


def read_access_key(headers: Mapping[str, str]) -> str:
    """Returns the access key that signed a request."""
    found = re.search(r"Credential=([^/,\s]+)/", headers.get("authorization", ""))
    return found.group(1) if found else ""


def find_denial(access_key: str, checks: Iterable[Check]) -> str | None:
    """Returns the message of a refusal; None if the caller's policies allow everything that is checked."""
    principal = iam_evaluator.resolve_principal(access_key, ACCOUNT)
    if isinstance(principal, iam_evaluator.AuthError):
        return principal.message
    if principal.policies is None:  # the account's own credentials
        return None
    return _find_denial_of(principal, checks)


def find_role_denial(role: str, checks: Iterable[Check]) -> str | None:
    """Like `find_denial`, for what AWS does with a role, identified by its ARN."""
    policies = iam_evaluator._gather_role_policies(role.rpartition("/")[2], ACCOUNT)
    return _find_denial_of(iam_evaluator.PrincipalInfo(role, "AssumedRole", ACCOUNT, policies), checks)


def is_known_role(role: str) -> bool:
    """Whether the account has a role, identified by its ARN."""
    return iam_service._roles.get_scoped(ACCOUNT, None, role.rpartition("/")[2]) is not None


def _find_denial_of(principal: iam_evaluator.PrincipalInfo, checks: Iterable[Check]) -> str | None:
    for action, resource, keys in checks:
        context = iam_evaluator.EvalContext(
            principal_arn=principal.arn,
            principal_type=principal.type,
            principal_account=principal.account,
            action=action,
            resource_arn=resource,
            region=REGION,
            service_context={key.lower(): value for key, value in keys.items()},
            principal_keys=principal.keys,
        )
        if iam_evaluator.evaluate(context, principal.policies, *principal.limits).decision != "Allow":
            return (
                f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} because no "
                f"identity-based policy allows the {action} action"
            )
    return None
