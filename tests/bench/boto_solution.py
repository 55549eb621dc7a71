"""Deploys the boto3 solution that the stack is compared with, in the local AWS of a running stack."""

import json
from pathlib import Path

from tests.local import sam
from tests.local.models import read_input_shapes
from tests.local.stack import Stack

NAME = "boto3-solution"
FOLDER = Path(__file__).parent
WAIT = {"Delay": 1, "MaxAttempts": 60}


def deploy_solution(stack: Stack, model: bytes, receive_count: int, visibility_seconds: int) -> dict[str, str]:
    """Deploys the template and returns the physical ids by logical id.

    The solution does not read archives: all uploads have the input shapes of this model.
    """
    parameters = {
        "Code": (FOLDER / "boto_functions.py").read_text(),
        "DataInputConfig": json.dumps(read_input_shapes(model)),
        "MaxReceiveCount": str(receive_count),
        "VisibilityTimeout": str(visibility_seconds),
    }
    cloudformation = stack.client("cloudformation")
    cloudformation.create_stack(
        StackName=NAME,
        TemplateBody=(FOLDER / "boto_solution.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig=WAIT)
    return sam.list_resources(stack.session, stack.env["AWS_ENDPOINT_URL"], NAME)
