//! Tests of the checker with the real service model.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

static MODEL: LazyLock<ServiceModel> =
    LazyLock::new(|| ServiceModel::load_file(&ServiceModel::locate_file().unwrap()).unwrap());

fn valid_request() -> Value {
    json!({
        "CompilationJobName": "resnet-ml-c5-1a2b",
        "RoleArn": "arn:aws:iam::123456789012:role/neo",
        "InputConfig": {"S3Uri": "s3://models/resnet.tar.gz", "Framework": "ONNX", "DataInputConfig": "{\"data\":[1,3,224,224]}"},
        "OutputConfig": {"S3OutputLocation": "s3://artifacts/", "TargetDevice": "ml_c5"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 900},
        "Tags": [{"Key": "owner", "Value": ""}]
    })
}

/// [`valid_request`] with the member at a JSON pointer set.
fn request_with(pointer: &str, value: Value) -> Value {
    let mut request = valid_request();
    if let Some(member) = request.pointer_mut(pointer) {
        *member = value;
    } else {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        request.pointer_mut(parent).unwrap()[name] = value;
    }
    request
}

fn find_messages(operation: &str, request: &Value) -> Vec<String> {
    MODEL.find_violations(operation, request).iter().map(RequestViolation::to_string).collect()
}

#[test]
fn valid_request_has_no_violations() {
    assert_eq!(find_messages("CreateCompilationJob", &valid_request()), [""; 0]);
    assert_eq!(find_messages("CreateCompilationJob", &request_with("/VpcConfig", Value::Null)), [""; 0]);
    assert_eq!(find_messages("ListCompilationJobs", &json!({})), [""; 0]);
    assert_eq!(
        find_messages("ListCompilationJobs", &json!({"CreationTimeAfter": 1_795_374_827.5, "MaxResults": 100})),
        [""; 0]
    );
}

#[test]
#[allow(clippy::too_many_lines)] // a table of cases
fn reports_each_constraint_with_the_message_of_the_service() {
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
        let request = request_with(pointer, value);
        assert_eq!(find_messages("CreateCompilationJob", &request), [expected.replace("LONG", &long)], "{pointer}");
    }
    let bad_time = json!({"LastModifiedTimeAfter": "2026-11-22T10:00:00Z"});
    let expected = "Value '2026-11-22T10:00:00Z' at 'lastModifiedTimeAfter' failed to satisfy constraint: Member must be of type Timestamp";
    assert_eq!(find_messages("ListCompilationJobs", &bad_time), [expected]);
}

#[test]
fn formats_all_violations_in_one_message() {
    let mut request = request_with("/CompilationJobName", json!("a_b"));
    request["OutputConfig"]["TargetDevice"] = json!(null);
    request["InputConfig"]["S3Uri"] = json!("ftp://x");
    let text = format_violations(&MODEL.find_violations("CreateCompilationJob", &request));
    assert!(text.starts_with("2 validation errors detected: Value 'a_b' at 'compilationJobName' failed"), "{text}");
    assert!(text.contains("; Value 'ftp://x' at 'inputConfig.s3Uri' failed to satisfy constraint: "), "{text}");
    let one = MODEL.find_violations("DescribeCompilationJob", &json!({}));
    let expected = "1 validation error detected: Value null at 'compilationJobName' failed to satisfy constraint: Member must not be null";
    assert_eq!(format_violations(&one), expected);
}

#[test]
fn operation_that_is_not_loaded_is_a_violation() {
    assert_eq!(MODEL.find_violations("CreateTrainingJob", &json!({})).len(), 1);
}

/// No supported operation uses maps, unions, floats, booleans or long integers yet. The checker
/// must support them anyway.
#[test]
fn checks_shapes_of_unsupported_operations() {
    let chosen =
        ["CreateTrainingJob", "CreateAIBenchmarkJob", "UpdatePartnerApp", "CreateAutoMLJobV2", "CreateWorkteam"];
    let model =
        ServiceModel::load_operations(&ServiceModel::locate_file().unwrap(), |name| chosen.contains(&name)).unwrap();
    let at = |operation: &str, request: Value, path: &str| -> Vec<String> {
        let all = model.find_violations(operation, &request);
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

/// All patterns of the service model with look-around, which the `regex` crate does not support. No
/// supported operation uses them. Add a pattern only as a deliberate decision: it is then not
/// checked.
const UNCHECKED: [&str; 6] = [
    r"(?!^[.-])^([a-zA-Z0-9-_.]+)",
    r"(?=.{1,1024}$)(https)://([^/]+)/(.+)",
    r"(?=.{1,255}$)([a-zA-Z0-9]([a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?)*",
    r"(?=.{1,32}$)[a-zA-Z0-9](-*[a-zA-Z0-9])*",
    r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*/)?([a-zA-Z0-9]([a-zA-Z0-9\-]){0,62})(?<!-)",
    r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+",
];

#[test]
fn checks_all_patterns_except_the_known_unsupported_ones() {
    let all = ServiceModel::load_operations(&ServiceModel::locate_file().unwrap(), |_| true).unwrap();
    assert!(all.operation_names().count() > 350);
    let unexpected: Vec<&str> =
        all.unchecked_patterns().into_iter().filter(|pattern| !UNCHECKED.contains(pattern)).collect();
    assert_eq!(unexpected, [""; 0]);
    assert_eq!(MODEL.unchecked_patterns(), [""; 0]);
}

proptest! {
    #[test]
    fn accepts_valid_job_names(name in "[a-zA-Z0-9](-{0,2}[a-zA-Z0-9]){0,20}") {
        prop_assert_eq!(find_messages("CreateCompilationJob", &request_with("/CompilationJobName", json!(name))), [""; 0]);
    }

    #[test]
    fn rejects_job_names_with_invalid_characters(name in "[a-z]{1,20}[^a-zA-Z0-9-][a-z]{1,20}") {
        prop_assert_eq!(find_messages("CreateCompilationJob", &request_with("/CompilationJobName", json!(name))).len(), 1);
    }

    #[test]
    fn never_panics_on_any_json(request in any_json(), pointer in prop::sample::select(vec![
        "/CompilationJobName", "/InputConfig", "/InputConfig/S3Uri", "/OutputConfig/TargetPlatform", "/Tags", "/Tags/0",
        "/VpcConfig", "/StoppingCondition/MaxRuntimeInSeconds",
    ])) {
        for operation in crate::operations::operation_names() {
            format_violations(&MODEL.find_violations(operation, &request));
        }
        format_violations(&MODEL.find_violations("CreateCompilationJob", &request_with(pointer, request)));
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
