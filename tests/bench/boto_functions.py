"""The functions of a straightforward boto3 solution: one job per upload and target, one message per finished job.

Each reads a queue: that of S3's events, and that of a rule for SageMaker's events. A message that fails is received
again after the visibility timeout, and after some times it is moved to the dead-letter queue.
"""

import hashlib
import json
import os
from contextlib import suppress
from urllib.parse import unquote_plus

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# What throttling needs first: each call is tried five times, with waits of up to 20 s.
CONFIG = Config(retries={"mode": "standard", "max_attempts": 5})
TARGETS = {
    "jetson-nano": {"TargetDevice": "jetson_nano"},
    "ml-c5": {"TargetDevice": "ml_c5"},
    "linux-arm64-nvidia": {
        "TargetPlatform": {"Os": "LINUX", "Arch": "ARM64", "Accelerator": "NVIDIA"},
        "CompilerOptions": json.dumps({"gpu-code": "sm_72", "trt-ver": "8.2.1", "cuda-ver": "10.2"}),
    },
}
FINAL = ("COMPLETED", "FAILED", "STOPPED")

sagemaker = boto3.client("sagemaker", config=CONFIG)
sns = boto3.client("sns", config=CONFIG)


def start_jobs(event, context):
    return process_records(event, start_jobs_of_message)


def publish_states(event, context):
    return process_records(event, publish_state)


def process_records(event, process):
    """Processes each message; returns those that failed."""
    failures = []
    for record in event["Records"]:
        try:
            process(json.loads(record["body"]))
        except (BotoCoreError, ClientError) as error:
            print(f"message {record['messageId']} failed: {error}")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def start_jobs_of_message(message):
    for upload in message.get("Records", []):  # S3's test event has none
        bucket, stored = upload["s3"]["bucket"]["name"], upload["s3"]["object"]
        source = f"s3://{bucket}/{unquote_plus(stored['key'])}"
        version = hashlib.sha256(f"{source}?{stored['eTag']}".encode()).hexdigest()[:16]
        for suffix, target in TARGETS.items():
            create_job(f"{version}-{suffix}", source, target)


def create_job(name, source, target):
    # The job exists if an earlier delivery of the message created it.
    with suppress(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_compilation_job(
            CompilationJobName=name,
            RoleArn=os.environ["COMPILATION_ROLE_ARN"],
            InputConfig={"S3Uri": source, "Framework": "ONNX", "DataInputConfig": os.environ["DATA_INPUT_CONFIG"]},
            OutputConfig={"S3OutputLocation": os.environ["OUTPUT_LOCATION"], **target},
            StoppingCondition={"MaxRuntimeInSeconds": 900},
        )


def publish_state(event):
    job = event["detail"]
    if job["CompilationJobStatus"].upper() in FINAL:
        sns.publish(TopicArn=os.environ["TOPIC_ARN"], Message=json.dumps(job))
