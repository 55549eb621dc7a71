"""Who needs which permission: the template grants exactly this. These tests need no stack.

A statement that is missing here is one that no call needs; a statement that is missing in the template is a call that
AWS would refuse.
"""

from typing import Any

from .test_template import FUNCTIONS, RESOURCES, TEMPLATE

Json = dict[str, Any]
Grants = set[str]  # "action resource", or "action resource if condition of the template"

SAGEMAKER = "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:"
QUEUE_OF = {"PlanCompilation": "Uploads", "StartCompilation": "Requests", "RelayCompilation": "JobStates"}
QUEUE_OF |= {"RelayWorkteam": "Workteam"} | {name: name for name in FUNCTIONS.values() if name.startswith("Maintain")}
SCHEDULED = {"PlanCompilation", "SweepCompilations"} | {
    name for name in FUNCTIONS.values() if name.startswith("Maintain")
}
PUBLISHES = set(FUNCTIONS.values()) - {"StartCompilation"}
READS_CONFIGURATION = {"PlanCompilation", "RelayWorkteam"} | {
    name for name in FUNCTIONS.values() if name.startswith("Maintain")
}

# Tables and topics.
LEDGER = {"dynamodb:GetItem LedgerTable", "dynamodb:PutItem LedgerTable"}
LEDGER_BATCH = {"dynamodb:BatchGetItem LedgerTable"}
LEDGER_LISTS = {"dynamodb:Query LedgerTable/index/by-list"}
PUBLISH = {"sns:Publish NotificationsTopic", "events:PutEvents event-bus/${EventBusName} if HasEventBus"}
# HEAD of an artifact; without ListBucket, a missing object is a 403 and not a 404.
CHECK_ARTIFACTS = {"s3:GetObject ArtifactBucket/*", "s3:ListBucket ArtifactBucket"}
CHECK_EXISTING_ARTIFACTS = {
    "s3:GetBucketLocation ArtifactBuckets if HasArtifactBuckets",
    "s3:GetObject ArtifactBuckets/* if HasArtifactBuckets",
    "s3:ListBucket ArtifactBuckets if HasArtifactBuckets",
}
WRITE_SUMMARY = {"s3:PutObject ArtifactBucket/*/summary.json"}
READ_EXISTING_MODELS = {
    "s3:GetBucketLocation ModelBuckets if HasModelBuckets",
    "s3:GetObject ModelBuckets/* if HasModelBuckets",
    "s3:GetObjectVersion ModelBuckets/* if HasModelBuckets",
    "s3:ListBucket ModelBuckets if HasModelBuckets",
}
USE_KEYS = {"kms:Decrypt KmsKeyArns if HasKmsKeys", "kms:GenerateDataKey KmsKeyArns if HasKmsKeys"}

# What only one role does.
NEEDS: dict[str, Grants] = {
    "PlanCompilation": {
        "s3:GetObject ModelBucket/*",  # a bucket without versioning
        "s3:GetObjectVersion ModelBucket/*",
        "s3:ListBucket ModelBucket",
        "sagemaker:ListModelPackageGroups *",
        "sagemaker:ListModelPackages *",
        "sqs:SendMessage RequestsQueue",
        *(f"sqs:SendMessage {name}Queue" for name in QUEUE_OF if name.startswith("Maintain")),  # a missed configuration
        *LEDGER_BATCH,
        *CHECK_ARTIFACTS,
        *CHECK_EXISTING_ARTIFACTS,
        *READ_EXISTING_MODELS,
        *WRITE_SUMMARY,
    },
    "StartCompilation": {
        "iam:PassRole CompilationRole",
        "iam:PassRole CompilationRoleArns if HasCompilationRoles",
        "iam:PassRole PassableRoleArns if HasPassableRoles",
        "sagemaker:AddTags compilation-job/*",  # CreateCompilationJob with tags
        "sagemaker:CreateCompilationJob compilation-job/*",
        "sagemaker:DescribeCompilationJob compilation-job/*",
        "sagemaker:DescribeModelPackage model-package/*",
        "sagemaker:StopCompilationJob compilation-job/*",
        "sqs:SendMessage JobStatesQueue",
    },
    "SweepCompilations": {
        "sagemaker:DescribeCompilationJob compilation-job/*",
        "sagemaker:ListCompilationJobs *",
        "sqs:SendMessage JobStatesQueue",
        "sqs:SendMessage RequestsQueue",
        *LEDGER_BATCH,
        *LEDGER_LISTS,
    },
    "RelayCompilation": {
        "sagemaker:DescribeCompilationJob compilation-job/*",
        "sqs:SendMessage RequestsQueue",
        *LEDGER_BATCH,
        *LEDGER_LISTS,
        *CHECK_ARTIFACTS,
        *CHECK_EXISTING_ARTIFACTS,
        *WRITE_SUMMARY,
    },
    "RelayWorkteam": {
        "sagemaker:DescribeLabelingJob labeling-job/*",
        "sagemaker:ListLabelingJobsForWorkteam workteam/*",
        "sagemaker:ListWorkteams *",
    },
    "MaintainWorkteams": {
        "cognito-idp:DescribeUserPool WorkteamUserPoolArns if HasUserPools",
        "cognito-idp:DescribeUserPoolClient WorkteamUserPoolArns if HasUserPools",
        "cognito-idp:UpdateUserPool WorkteamUserPoolArns if HasUserPools",
        "cognito-idp:UpdateUserPoolClient WorkteamUserPoolArns if HasUserPools",
        "sagemaker:AddTags workteam/*",
        "sagemaker:CreateWorkteam workteam/*",
        "sagemaker:ListTags workteam/*",
        "sagemaker:ListWorkteams *",
        "sagemaker:UpdateWorkteam workteam/*",
        *LEDGER_BATCH,
    },
    "MaintainPartnerApps": {
        "sagemaker:AddTags partner-app/*",
        "sagemaker:DescribePartnerApp partner-app/*",
        "sagemaker:ListPartnerApps *",
        "sagemaker:ListTags partner-app/*",
        "sagemaker:UpdatePartnerApp partner-app/*",
        *LEDGER_BATCH,
    },
    "MaintainImages": {
        "iam:PassRole ImageRoleArns if HasImageRoles",
        "iam:PassRole PassableRoleArns if HasPassableRoles",
        "sagemaker:AddTags image/*",
        "sagemaker:DescribeImage image/*",
        "sagemaker:ListTags image/*",
        "sagemaker:UpdateImage image/*",
        *LEDGER_BATCH,
    },
}
NETWORK_INTERFACES = {f"ec2:{name} * if HasCompilationVpc" for name in (
    "CreateNetworkInterface", "CreateNetworkInterfacePermission", "DeleteNetworkInterface",
    "DeleteNetworkInterfacePermission", "DescribeDhcpOptions", "DescribeNetworkInterfaces", "DescribeRouteTables",
    "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcEndpoints", "DescribeVpcs",
)}  # fmt: skip
OTHERS: dict[str, Grants] = {
    "CompilationRole": {
        "cloudwatch:PutMetricData *",
        "s3:AbortMultipartUpload ArtifactBucket/*",
        "s3:AbortMultipartUpload ArtifactBuckets/* if HasArtifactBuckets",
        "s3:GetBucketLocation ArtifactBucket",
        "s3:GetBucketLocation ModelBucket",
        "s3:GetObject ModelBucket/*",
        "s3:ListBucket ModelBucket",
        "s3:PutObject ArtifactBucket/*",
        "s3:PutObject ArtifactBuckets/* if HasArtifactBuckets",
        *(
            f"logs:{action} /aws/sagemaker/CompilationJobs:*"
            for action in ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
        ),
        *CHECK_ARTIFACTS,
        *CHECK_EXISTING_ARTIFACTS,
        *READ_EXISTING_MODELS,
        *USE_KEYS,
        *NETWORK_INTERFACES,
    },
    "SlackRole": set(),  # notifications need no permissions
    "ScheduleRole": {
        "sqs:SendMessage SchedulesDeadLetterQueue",
        *(f"lambda:InvokeFunction {function}" for function in SCHEDULED),
    },
}


def expect_grants(function: str) -> Grants:
    """Returns what the role of a function needs: what all of its kind need, and its own calls."""
    grants = NEEDS[function] | LEDGER
    grants |= {f"xray:{action} * if HasTracing" for action in ("PutTraceSegments", "PutTelemetryRecords")}
    grants |= {f"logs:{action} {function}Logs" for action in ("CreateLogStream", "PutLogEvents")}
    if queue := QUEUE_OF.get(function):
        # Lambda receives and deletes; the function sends a record again, changes when it is
        # visible, and dead-letters.
        actions = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes")
        grants |= {f"sqs:{action} {queue}Queue" for action in (*actions, "GetQueueUrl", "SendMessage")}
        grants |= {f"sqs:{action} {queue}DeadLetterQueue" for action in ("GetQueueUrl", "SendMessage")}
    if function in SCHEDULED:
        grants |= {"sqs:SendMessage SchedulesDeadLetterQueue"}
    if function in PUBLISHES:
        grants |= PUBLISH | USE_KEYS
    if function in READS_CONFIGURATION:
        grants |= {f"s3:{action} ConfigBucket/${{ConfigKey}}" for action in ("GetObject", "GetObjectVersion")}
        grants |= {f"s3:{action} ConfigBucket" for action in ("ListBucket", "ListBucketVersions")}
    network = ("AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface")
    network += ("DescribeNetworkInterfaces", "DescribeSubnets", "UnassignPrivateIpAddresses")
    return grants | {f"ec2:{action} * if HasFunctionSubnets" for action in network}


def name_resource(resource: Any) -> str:
    """Returns a short name of the resource of a statement."""
    if isinstance(resource, str):
        return resource
    [(function, value)] = resource.items()
    if function == "Fn::Split":  # names of buckets
        text, [names] = value[1]["Fn::Sub"][0], value[1]["Fn::Sub"][1].values()
        [delimiter, buckets] = names["Fn::Join"]
        objects = text.removeprefix("arn:*:s3:::${Names}")  # arn:*, because a name is unique in all partitions
        assert objects in ("", "/*") and delimiter == f"{objects},arn:*:s3:::"
        return str(buckets["Ref"]) + objects
    name = ".".join(value) if isinstance(value, list) else str(value)
    name = name.rpartition(":${AWS::AccountId}:")[2].replace(".Arn}", "").removesuffix(".Arn")
    name = name.removeprefix("log-group:")
    return name.removeprefix("${")


def list_statements(role: str) -> list[tuple[Json, str]]:
    """Returns the statements of a role with the condition of the template that each depends on."""
    properties = RESOURCES[role]["Properties"]
    documents = [(policy["PolicyDocument"], "") for policy in properties.get("Policies", [])]
    managed = properties.get("ManagedPolicyArns")
    attached = [managed["Fn::If"][1][0]["Ref"]] if managed else []
    for name, resource in RESOURCES.items():
        if name in attached or {"Ref": role} in resource.get("Properties", {}).get("Roles", []):
            documents.append((resource["Properties"]["PolicyDocument"], resource.get("Condition", "")))
    return [(statement, condition) for document, condition in documents for statement in document["Statement"]]


def list_grants(role: str) -> list[str]:
    grants = []
    for statement, condition in list_statements(role):
        assert statement["Effect"] == "Allow", role
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        suffix = f" if {condition}" if condition else ""
        grants += [f"{action} {name_resource(resource)}{suffix}" for action in actions for resource in resources]
    return grants


def test_roles_grant_exactly_what_is_needed() -> None:
    expected = OTHERS | {f"{function}Role": expect_grants(function) for function in FUNCTIONS.values()}
    roles = {name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::Role"}
    assert roles == set(expected)
    for role in roles:
        grants = list_grants(role)
        assert len(grants) == len(set(grants)), f"{role} grants something twice"
        assert sorted(grants) == sorted(expected[role]), role


def test_conditions_of_permissions() -> None:
    """Roles are passed to SageMaker only, and only jobs with the stack's tag can be stopped."""
    conditions = {
        "iam:PassRole": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        "sagemaker:StopCompilationJob": {"Null": {"aws:ResourceTag/sagemaker-automation:rule": "false"}},
        "cloudwatch:PutMetricData": {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "AWS/SageMaker*"]}},
    }
    for role in [name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::Role"]:
        for statement, _ in list_statements(role):
            assert statement.get("Condition") == conditions.get(str(statement["Action"])), (role, statement)


def test_every_function_runs_in_the_given_network() -> None:
    network = {"SubnetIds": {"Ref": "FunctionSubnetIds"}, "SecurityGroupIds": {"Ref": "FunctionSecurityGroupIds"}}
    given = TEMPLATE["Globals"]["Function"]["VpcConfig"]
    assert given == {"Fn::If": ["HasFunctionSubnets", network, {"Ref": "AWS::NoValue"}]}
    assert not [name for name in FUNCTIONS.values() if "VpcConfig" in RESOURCES[name]["Properties"]]
    for function in FUNCTIONS.values():
        managed = RESOURCES[f"{function}Role"]["Properties"]["ManagedPolicyArns"]
        assert managed == {
            "Fn::If": ["HasFunctionSubnets", [{"Ref": "FunctionNetworkPolicy"}], {"Ref": "AWS::NoValue"}]
        }


def test_failed_records_are_redelivered_and_dead_lettered() -> None:
    """Every queue that a function reads has partial batch responses and a redrive policy."""
    for function, name in QUEUE_OF.items():
        sources = RESOURCES[function]["Properties"]["Events"].values()
        [source] = [source["Properties"] for source in sources if source["Type"] == "SQS"]
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"], function
        assert source["Queue"] == {"Fn::GetAtt": f"{name}Queue.Arn"}, function
        redrive = RESOURCES[f"{name}Queue"]["Properties"]["RedrivePolicy"]
        target = {"Fn::GetAtt": [f"{name}DeadLetterQueue", "Arn"]}
        assert redrive == {"deadLetterTargetArn": target, "maxReceiveCount": 5}, name
    for function in SCHEDULED:
        failures = RESOURCES[function]["Properties"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
        assert failures == {"Type": "SQS", "Destination": {"Fn::GetAtt": "SchedulesDeadLetterQueue.Arn"}}, function
        schedules = RESOURCES[function]["Properties"]["Events"].values()
        [schedule] = [schedule["Properties"] for schedule in schedules if schedule["Type"] == "ScheduleV2"]
        assert schedule["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "SchedulesDeadLetterQueue.Arn"}}, function


def test_events_reach_their_queues_or_the_dead_letter_queue() -> None:
    """Every target of a rule may receive its events, and has the queue for undelivered ones."""
    allowed: dict[str, set[str]] = {}  # by queue, the rules that may send to it
    for resource in RESOURCES.values():
        if resource["Type"] != "AWS::SQS::QueuePolicy":
            continue
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Action"] == "sqs:SendMessage" and statement["Condition"].keys() == {"ArnEquals"}
            if statement["Principal"] == {"Service": "events.amazonaws.com"}:
                sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
                sources = sources if isinstance(sources, list) else [sources]
                sources = [source["Fn::If"][1] if "Fn::If" in source else source for source in sources]
                allowed[name_resource(statement["Resource"])] = {name_resource(source) for source in sources}
    rules = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Events::Rule"}
    sent: dict[str, set[str]] = {"EventsDeadLetterQueue": set(rules)}
    for name, rule in rules.items():
        for target in rule["Properties"]["Targets"]:
            sent.setdefault(name_resource(target["Arn"]), set()).add(name)
            assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "EventsDeadLetterQueue.Arn"}}, name
    assert allowed == sent


def test_each_role_can_be_assumed_by_its_service_only() -> None:
    """SageMaker and EventBridge Scheduler only on behalf of this stack's account, jobs and schedules."""
    account = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    jobs = {"aws:SourceArn": {"Fn::Sub": f"{SAGEMAKER}compilation-job/*"}}
    schedules = {"aws:SourceArn": {"Fn::GetAtt": "ScheduleGroup.Arn"}}
    others: dict[str, tuple[str, Json | None]] = {
        "CompilationRole": ("sagemaker", {"ArnLike": jobs, "StringEquals": account}),
        "ScheduleRole": ("scheduler", {"StringEquals": account | schedules}),
        "SlackRole": ("chatbot", None),
    }
    for role in [name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::Role"]:
        service, condition = others.get(role, ("lambda", None))
        [trust] = RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole"), role
        assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}, role
        assert trust.get("Condition") == condition, role


def test_buckets_refuse_calls_without_tls() -> None:
    for bucket in ("ModelBucket", "ArtifactBucket", "ConfigBucket"):
        [denial] = RESOURCES[f"{bucket}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        assert (denial["Effect"], denial["Principal"], denial["Action"]) == ("Deny", "*", "s3:*")
        assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        arn = {"Fn::GetAtt": [bucket, "Arn"]}
        assert denial["Resource"] == [arn, {"Fn::Join": ["", [arn, "/*"]]}]


def test_work_team_messages_reach_their_queue() -> None:
    statements = RESOURCES["WorkteamQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    [allowed] = [statement for statement in statements if statement["Principal"] == {"Service": "sns.amazonaws.com"}]
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Resource"] == {"Fn::GetAtt": "WorkteamQueue.Arn"}
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "WorkteamTopic"}}}
