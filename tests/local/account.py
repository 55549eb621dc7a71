"""Prints the account and Region that `make deploy` deploys to."""

import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def main() -> int:
    session = boto3.Session()
    if session.region_name is None:
        print("error: no Region is set. Fix: export AWS_REGION=eu-west-1, or set one in your profile", file=sys.stderr)
        return 1
    try:
        identity = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        print(
            f"error: AWS did not accept your credentials: {error}. Fix: run `aws sso login`, or set AWS_PROFILE",
            file=sys.stderr,
        )
        return 1
    print(f"Deploying to account {identity['Account']}, Region {session.region_name}, as {identity['Arn']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
