//! The checker against the real model.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

static MODEL: LazyLock<ServiceModel> = LazyLock::new(|| ServiceModel::load(&ServiceModel::locate().unwrap()).unwrap());

fn valid() -> Value {
    json!({
        "CompilationJobName": "resnet-ml-c5-1a2b",
        "RoleArn": "arn:aws:iam::123456789012:role/neo",
        "InputConfig": {"S3Uri": "s3://models/resnet.tar.gz", "Framework": "ONNX", "DataInputConfig": "{\"data\":[1,3,224,224]}"},
        "OutputConfig": {"S3OutputLocation": "s3://artifacts/", "TargetDevice": "ml_c5"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 900},
        "Tags": [{"Key": "owner", "Value": ""}]
    })
}

/// `valid()` with the member at a JSON pointer set.
fn with(pointer: &str, value: Value) -> Value {
    let mut request = valid();
    if let Some(member) = request.pointer_mut(pointer) {
        *member = value;
    } else {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        request.pointer_mut(parent).unwrap()[name] = value;
    }
    request
}

fn found(operation: &str, request: &Value) -> Vec<String> {
    MODEL.violations(operation, request).iter().map(Violation::to_string).collect()
}

#[test]
fn a_valid_request_has_no_violation() {
    assert_eq!(found("CreateCompilationJob", &valid()), [""; 0]);
    assert_eq!(found("CreateCompilationJob", &with("/VpcConfig", Value::Null)), [""; 0]);
    assert_eq!(found("ListCompilationJobs", &json!({})), [""; 0]);
    assert_eq!(
        found("ListCompilationJobs", &json!({"CreationTimeAfter": 1_795_374_827.5, "MaxResults": 100})),
        [""; 0]
    );
}

#[test]
#[allow(clippy::too_many_lines)] // a table of cases
fn each_kind_of_constraint_is_named_in_the_words_of_the_service() {
    let long = "a".repeat(64);
    let cases = [
        ("/RoleArn", Value::Null, "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"),
        (
            "/OutputConfig/S3OutputLocation",
            Value::Null,
            "Value null at 'outputConfig.s3OutputLocation' failed to satisfy constraint: Member must not be null",
        ),
        (
            "/CompilationJobName",
            json!("a_b"),
            "Value 'a_b' at 'compilationJobName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            "/CompilationJobName",
            json!("ends-"),
            "Value 'ends-' at 'compilationJobName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            "/CompilationJobName",
            json!(5),
            "Value '5' at 'compilationJobName' failed to satisfy constraint: Member must be of type String",
        ),
        (
            "/InputConfig/Framework",
            json!("onnx"),
            "Value 'onnx' at 'inputConfig.framework' failed to satisfy constraint: Member must satisfy enum value set: [TENSORFLOW, KERAS, MXNET, ONNX, PYTORCH, XGBOOST, TFLITE, DARKNET, SKLEARN]",
        ),
        (
            "/InputConfig/FrameworkVersion",
            json!("1.2.3.4.5.6"),
            "Value '1.2.3.4.5.6' at 'inputConfig.frameworkVersion' failed to satisfy constraint: Member must have length less than or equal to 10",
        ),
        (
            "/OutputConfig/CompilerOptions",
            json!("{}"),
            "Value '{}' at 'outputConfig.compilerOptions' failed to satisfy constraint: Member must have length greater than or equal to 3",
        ),
        (
            "/StoppingCondition/MaxRuntimeInSeconds",
            json!(0),
            "Value '0' at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "/StoppingCondition/MaxPendingTimeInSeconds",
            json!(2_419_201),
            "Value '2419201' at 'stoppingCondition.maxPendingTimeInSeconds' failed to satisfy constraint: Member must have value less than or equal to 2419200",
        ),
        (
            "/StoppingCondition/MaxRuntimeInSeconds",
            json!(1.5),
            "Value '1.5' at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: Member must be of type Integer",
        ),
        (
            "/StoppingCondition/MaxRuntimeInSeconds",
            json!(2_147_483_648_i64),
            "Value '2147483648' at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: Member must be of type Integer",
        ),
        (
            "/OutputConfig",
            json!("s3://b"),
            "Value 's3://b' at 'outputConfig' failed to satisfy constraint: Member must be of type Structure",
        ),
        (
            "/OutputConfig/TargetDevices",
            json!(["ml_c5"]),
            "Value '[ml_c5]' at 'outputConfig.targetDevices' failed to satisfy constraint: Member is not part of OutputConfig",
        ),
        (
            "/Tags",
            json!({"owner": "me"}),
            "Value '{\"owner\":\"me\"}' at 'tags' failed to satisfy constraint: Member must be of type List",
        ),
        (
            "/Tags",
            json!([{"Key": "a", "Value": "b"}, {"Key": "", "Value": "b"}]),
            "Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "/Tags/0/Key",
            json!("a?"),
            "Value 'a?' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)",
        ),
        (
            "/VpcConfig",
            json!({"SecurityGroupIds": [], "Subnets": ["subnet-1"]}),
            "Value '[]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "/VpcConfig",
            json!({"SecurityGroupIds": ["sg-1"], "Subnets": ["a b", "c d", long]}),
            "Value '[a b, c d, LONG]' at 'vpcConfig.subnets' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy regular expression pattern: [-0-9a-zA-Z]+, Member must have length less than or equal to 32]",
        ),
    ];
    for (pointer, value, expected) in cases {
        let request = with(pointer, value);
        assert_eq!(found("CreateCompilationJob", &request), [expected.replace("LONG", &long)], "{pointer}");
    }
    let bad_time = json!({"LastModifiedTimeAfter": "2026-11-22T10:00:00Z"});
    let expected = "Value '2026-11-22T10:00:00Z' at 'lastModifiedTimeAfter' failed to satisfy constraint: Member must be of type Timestamp";
    assert_eq!(found("ListCompilationJobs", &bad_time), [expected]);
}

#[test]
fn all_violations_stand_in_one_message() {
    let mut request = with("/CompilationJobName", json!("a_b"));
    request["OutputConfig"]["TargetDevice"] = json!(null);
    request["InputConfig"]["S3Uri"] = json!("ftp://x");
    let text = message(&MODEL.violations("CreateCompilationJob", &request));
    assert!(text.starts_with("2 validation errors detected: Value 'a_b' at 'compilationJobName' failed"), "{text}");
    assert!(text.contains("; Value 'ftp://x' at 'inputConfig.s3Uri' failed to satisfy constraint: "), "{text}");
    let one = MODEL.violations("DescribeCompilationJob", &json!({}));
    let expected = "1 validation error detected: Value null at 'compilationJobName' failed to satisfy constraint: Member must not be null";
    assert_eq!(message(&one), expected);
}

#[test]
fn an_operation_that_was_not_loaded_is_a_violation_and_no_pass() {
    assert_eq!(MODEL.violations("CreateTrainingJob", &json!({})).len(), 1);
}

/// Maps, unions, floats, booleans and long integers occur in no operation offered yet; the checker must know them.
#[test]
fn kinds_of_other_operations_are_checked_too() {
    let chosen =
        ["CreateTrainingJob", "CreateAIBenchmarkJob", "UpdatePartnerApp", "CreateAutoMLJobV2", "CreateWorkteam"];
    let model = ServiceModel::load_operations(&ServiceModel::locate().unwrap(), |name| chosen.contains(&name)).unwrap();
    let at = |operation: &str, request: Value, path: &str| -> Vec<String> {
        let all = model.violations(operation, &request);
        all.iter().filter(|found| found.path == path).map(|found| found.constraint.to_string()).collect()
    };
    let environment = json!({"Environment": {"1": "a"}});
    let keys =
        "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*]";
    assert_eq!(at("CreateTrainingJob", environment, "environment"), [keys]);
    let values = "Map value must satisfy constraint: [Member must be of type String]";
    assert_eq!(at("CreateTrainingJob", json!({"HyperParameters": {"epochs": 3}}), "hyperParameters"), [values]);
    let network = json!({"EnableNetworkIsolation": "yes"});
    assert_eq!(at("CreateTrainingJob", network, "enableNetworkIsolation"), ["Member must be of type Boolean"]);
    let both = json!({"AutoMLProblemTypeConfig": {"ImageClassificationJobConfig": {}, "TextGenerationJobConfig": {}}});
    assert_eq!(at("CreateAutoMLJobV2", both, "autoMLProblemTypeConfig"), ["Member must have exactly one member set"]);
    let window = json!({"MaintenanceConfig": {"MaintenanceWindowStart": "TUE:03:30"}});
    assert_eq!(at("UpdatePartnerApp", window, "maintenanceConfig.maintenanceWindowStart").len(), 1);
    let groups = json!({"MemberDefinitions": [{"OidcMemberDefinition": {"Groups": []}}]});
    let path = "memberDefinitions.1.member.oidcMemberDefinition.groups";
    assert_eq!(at("CreateWorkteam", groups, path), ["Member must have length greater than or equal to 1"]);
}

/// The patterns of the whole model with look-around, which the `regex` crate leaves out. None is in an operation that
/// the emulator offers; one more in this list is a decision to take, not a check to lose.
const UNCHECKED: [&str; 8] = [
    r"(?!^[.-])^([a-zA-Z0-9-_.]+)",
    r"(?=.{1,1024}$)(https)://([^/]+)/(.+)",
    r"(?=.{1,255}$)([a-zA-Z0-9]([a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?)*",
    r"(?=.{1,32}$)[a-zA-Z0-9](-*[a-zA-Z0-9])*",
    r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*/)?([a-zA-Z0-9]([a-zA-Z0-9\-]){0,62})(?<!-)",
    r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)",
    r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?",
    r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+",
];

#[test]
fn every_pattern_is_checked_but_those_that_are_known() {
    let all = ServiceModel::load_operations(&ServiceModel::locate().unwrap(), |_| true).unwrap();
    assert!(all.operations().count() > 350);
    let surprising: Vec<&str> =
        all.unchecked_patterns().into_iter().filter(|pattern| !UNCHECKED.contains(pattern)).collect();
    assert_eq!(surprising, [""; 0]);
    assert_eq!(MODEL.unchecked_patterns(), [""; 0]);
}

proptest! {
    #[test]
    fn names_made_by_the_rule_pass(name in "[a-zA-Z0-9](-{0,2}[a-zA-Z0-9]){0,20}") {
        prop_assert_eq!(found("CreateCompilationJob", &with("/CompilationJobName", json!(name))), [""; 0]);
    }

    #[test]
    fn names_with_any_other_character_do_not(name in "[a-z]{1,20}[^a-zA-Z0-9-][a-z]{1,20}") {
        prop_assert_eq!(found("CreateCompilationJob", &with("/CompilationJobName", json!(name))).len(), 1);
    }

    #[test]
    fn no_json_makes_it_panic(request in any_json(), pointer in prop::sample::select(vec![
        "/CompilationJobName", "/InputConfig", "/InputConfig/S3Uri", "/OutputConfig/TargetPlatform", "/Tags", "/Tags/0",
        "/VpcConfig", "/StoppingCondition/MaxRuntimeInSeconds",
    ])) {
        for operation in crate::operations::names() {
            message(&MODEL.violations(operation, &request));
        }
        message(&MODEL.violations("CreateCompilationJob", &with(pointer, request)));
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let name = prop_oneof![
        any::<String>(),
        prop::sample::select(vec!["CompilationJobName", "InputConfig", "Tags", "Key", "NextToken", "Subnets"])
            .prop_map(String::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}
