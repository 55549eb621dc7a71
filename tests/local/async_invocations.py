"""Asynchronous invocations by EventBridge Scheduler, with the OnFailure destination, which MiniStack lacks.

Scheduler invokes a function asynchronously and does not see its errors. Lambda retries as the function's
`EventInvokeConfig` says, then sends a record to the destination, with the permissions of the function's role (source:
AWS Lambda Developer Guide, "Adding a destination").
"""

import json
import logging
from typing import Any

from ministack.services import eventbridge, lambda_svc

from . import iam


def patch() -> None:
    """Makes MiniStack retry what a schedule invokes, and check the role before it sends the record."""
    route = lambda_svc._route_async_failure

    def invoke(arn: str, payload: str) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        lambda_svc.invoke_async_with_retry(
            lambda_svc._execution_record_for_config(function, config), json.loads(payload)
        )

    def route_if_allowed(destination: str, name: str, *rest: Any) -> None:
        role = lambda_svc._functions[name]["config"]["Role"]
        if denial := iam.find_role_denial(role, [("sqs:SendMessage", destination, {})]):
            logging.getLogger(__name__).error("record of %s not sent to its destination: %s", name, denial)
        else:
            route(destination, name, *rest)

    eventbridge._dispatch_to_lambda = invoke
    lambda_svc._route_async_failure = route_if_allowed
