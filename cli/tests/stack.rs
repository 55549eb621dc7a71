//! `validate` and `plan` against a stack: what its roles may not use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "common/cloudformation.rs"]
mod cloudformation;
mod common;
#[path = "common/folder.rs"]
mod folder;

use cloudformation::describe_stack;
use common::{run_automation, serve_aws};
use folder::Folder;
use serde_json::{Value, json};
use support::{build_archive, read_squeezenet};

const CONFIG: &str = "version: 1
compilation:
  rules:
    - name: own
      keys: \"own/*.tar.gz\"
      targets: [ { device: ml_c5 } ]
    - name: team
      bucket: team-models
      keys: \"**/*.tar.gz\"
      output: \"s3://team-artifacts/{job}\"
      kms_key_id: 1234abcd-12ab-34cd-56ef-1234567890ab
      vpc: { security_group_ids: [sg-0a1b2c3d4e5f60718], subnets: [subnet-0a1b2c3d4e5f60718] }
      targets: [ { device: ml_c5 }, { device: jetson_nano } ]
";

/// The parameters of a stack whose roles may use everything that the configuration names.
const EVERYTHING: [(&str, &str); 4] = [
    ("ModelBuckets", "other-models,team-models"),
    ("ArtifactBuckets", "team-artifacts"),
    ("KmsKeyArns", "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
    ("CompilationVpc", "true"),
];

/// A folder with a configuration and an archive.
struct ModelFolder(Folder);

impl ModelFolder {
    fn new(test: &str) -> Self {
        let folder = Folder::new(test);
        folder.write_file("automation.yaml", CONFIG);
        folder.write_file("model.tar.gz", build_archive(&[("model.onnx", &read_squeezenet())]));
        Self(folder)
    }

    /// Runs a command with `--stack` against a stack with these parameters; returns its output, in
    /// which the folder has no name, and its exit status.
    fn run_cli(&self, parameters: &[(&str, &str)], args: &[&str]) -> (String, i32) {
        let outputs = [
            ("ModelBucketName", "stack-models"),
            ("ArtifactBucketName", "stack-artifacts"),
            ("CompilationRoleArn", "arn:aws:iam::123456789012:role/stack-compilation"),
        ];
        let stack = describe_stack(parameters, &outputs);
        let url = serve_aws(move |request| {
            let body = String::from_utf8_lossy(&request.body);
            if let Some(answer) = answer_registry(&request.operation, &body) {
                return answer;
            }
            assert_eq!(body, "Action=DescribeStacks&Version=2010-05-15&StackName=automation");
            ("200 OK", stack.clone())
        });
        let config = self.0.0.join("automation.yaml");
        let model = self.0.0.join("model.tar.gz");
        let args: Vec<_> = args
            .iter()
            .map(|arg| match *arg {
                "CONFIG" => config.to_str().unwrap(),
                "MODEL" => model.to_str().unwrap(),
                other => other,
            })
            .chain(["--stack", "automation"])
            .collect();
        let (text, status) = run_automation(&url, &args);
        (text.replace(&format!("{}/", self.0.0.display()), ""), status)
    }
}

#[test]
fn validate_warns_of_what_the_stack_may_not_use() {
    let folder = ModelFolder::new("validate-stack");
    let buckets = &EVERYTHING[..1];
    insta::assert_snapshot!(folder.run_cli(buckets, &["validate", "CONFIG"]).0, @"
    warning: rule `team` uses the bucket `team-artifacts`, which the stack may not use
      --> automation.yaml: compilation.rules[1]
      Fix: add it to the template parameter ArtifactBuckets, or set `role_arn` to a role that may use it

    warning: rule `team` uses the KMS key `1234abcd-12ab-34cd-56ef-1234567890ab`, which the stack may not use
      --> automation.yaml: compilation.rules[1]
      Fix: add it to the template parameter KmsKeyArns, or set `role_arn` to a role that may use it

    warning: rule `team` sets `vpc`, but the stack's compilation role may not use a VPC
      --> automation.yaml: compilation.rules[1]
      Fix: set the template parameter CompilationVpc to true, or set `role_arn`

    automation.yaml is valid: 2 rules (3 targets); 3 warnings
    ");
    assert_eq!(folder.run_cli(buckets, &["validate", "CONFIG", "--strict"]).1, 1);
    let (json, status) = folder.run_cli(buckets, &["validate", "CONFIG", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let warnings = json["warnings"].as_array().unwrap();
    assert_eq!((warnings.len(), status), (3, 0), "{json:#}");
    assert!(warnings.iter().all(|warning| warning["path"] == "compilation.rules[1]"), "{json:#}");

    let (text, status) = folder.run_cli(&EVERYTHING, &["validate", "CONFIG", "--strict"]);
    assert!(text.contains("is valid: 2 rules (3 targets)\n") && status == 0, "{text}");
}

/// Answers as the model registry does, with one approved version in the group `resnet`.
fn answer_registry(operation: &str, body: &str) -> Option<(&'static str, String)> {
    let arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";
    let names =
        ["resnet", "audio"].map(str::to_owned).into_iter().chain((0..=50).map(|number| format!("many-{number}")));
    let groups = names.map(|name| json!({ "ModelPackageGroupName": name })).collect::<Vec<_>>();
    let answer = match operation {
        "ListModelPackageGroups" => json!({ "ModelPackageGroupSummaryList": groups }),
        "ListModelPackages" if body.contains("resnet") => json!({ "ModelPackageSummaryList": [
            { "ModelPackageArn": arn, "ModelPackageVersion": 3, "CreationTime": 1, "ModelPackageStatus": "Completed" }
        ] }),
        "ListModelPackages" if body.contains("secret") => {
            let error = json!({ "__type": "AccessDeniedException", "message": "not authorized" });
            return Some(("400 Bad Request", error.to_string()));
        }
        "ListModelPackages" => {
            let error = json!({ "__type": "ValidationException", "message": "Model Package Group does not exist." });
            return Some(("400 Bad Request", error.to_string()));
        }
        "DescribeModelPackage" => json!({ "InferenceSpecification": { "Containers": [
            { "ModelDataUrl": "s3://team-registry/resnet.tar.gz" }
        ] } }),
        _ => return None,
    };
    Some(("200 OK", answer.to_string()))
}

#[test]
fn validate_warns_of_packages_the_stack_cannot_compile() {
    let folder = ModelFolder::new("validate-packages");
    let rules = |extra: &str| {
        let targets = "targets: [ { device: ml_c5 } ]";
        let rule = |name: &str, group: &str| {
            format!("    - {{ name: {name}, model_package_group: '{group}', {extra}{targets} }}\n")
        };
        let rules = ["resnet", "res*", "other", "many*"].map(|group| rule(&group.replace('*', "-all"), group)).concat();
        folder.0.write_file("automation.yaml", format!("version: 1\ncompilation:\n  rules:\n{rules}"));
    };
    let role = "arn:aws:iam::123456789012:role/neo";
    rules("");
    let (text, status) = folder.run_cli(&[], &["validate", "CONFIG"]);
    assert_eq!(status, 0, "{text}");
    let unreadable = "compiles resnet/3, whose archive is in the bucket `team-registry`, which the stack's \
                      compilation role may not read\n";
    assert_eq!(text.matches(unreadable).count(), 2, "{text}");
    assert!(text.contains("rule `other` names the model package group `other`, which does not exist"), "{text}");
    let many = "model_package_group of rule `many-all` matches more than 50 model package groups, so that none of them is \
                compiled\n  --> automation.yaml: compilation.rules[3]\n  Fix: write a narrower glob, or several rules\n";
    assert!(text.contains(many), "{text}");
    rules(&format!("role_arn: '{role}', "));
    let (text, _) = folder.run_cli(&[("CompilationRoleArns", role)], &["validate", "CONFIG"]);
    assert!(!text.contains("team-registry") && text.contains("does not exist"), "{text}");
    rules("");
    let (text, _) = folder.run_cli(&[("ModelBuckets", "team-registry")], &["validate", "CONFIG"]);
    assert!(!text.contains("team-registry"), "{text}");
}

/// The stack could neither list nor compile their versions.
#[test]
fn groups_of_another_account_or_region_are_errors() {
    let folder = ModelFolder::new("foreign-groups");
    let write_rule = |place: &str| {
        let group = format!("arn:aws:sagemaker:{place}:model-package-group/resnet");
        let rule = format!("{{ name: registry, model_package_group: '{group}', targets: [ {{ device: ml_c5 }} ] }}");
        let document = format!("version: 1\ncompilation: {{ rules: [ {rule} ] }}\n");
        folder.0.write_file("automation.yaml", document);
    };
    for (place, account, region) in [
        ("us-east-1:123456789012", "123456789012", "us-east-1"),
        ("eu-west-1:210987654321", "210987654321", "eu-west-1"),
    ] {
        write_rule(place);
        let (text, status) = folder.run_cli(&[], &["validate", "CONFIG"]);
        let expected = format!(
            "`arn:aws:sagemaker:{place}:model-package-group/resnet` of rule `registry` is not in the account 123456789012 \
             and Region eu-west-1 of the stack\n  --> automation.yaml: compilation.rules[0].model_package_group\n  Fix: name \
             a group of that account and Region, or add the rule to a stack in account {account} and Region {region}\n"
        );
        assert!(text.contains(&expected) && status == 1, "{text}");
    }
    write_rule("eu-west-1:123456789012");
    let (text, status) = folder.run_cli(&[], &["validate", "CONFIG"]);
    assert_eq!(status, 0, "{text}");
}

#[test]
fn validate_warns_if_model_packages_may_not_be_listed() {
    let folder = ModelFolder::new("validate-denied");
    let rule = "{ name: registry, model_package_group: secret, targets: [ { device: ml_c5 } ] }";
    let document = format!("version: 1\ncompilation: {{ rules: [ {rule} ] }}\n");
    folder.0.write_file("automation.yaml", document);
    let (text, status) = folder.run_cli(&[], &["validate", "CONFIG"]);
    assert!(
        text.contains("the model packages of the rules are not checked: ListModelPackages") && status == 0,
        "{text}"
    );
}

#[test]
fn a_bucket_that_the_stack_rejects_is_an_error() {
    let folder = ModelFolder::new("validate-bucket");
    let (text, status) = folder.run_cli(&[], &["validate", "CONFIG"]);
    assert!(
        text.contains("`team-models` of rule `team` matches no model bucket of the stack (stack-models)"),
        "{text}"
    );
    assert!(text.contains("is not valid: 1 error") && status == 1, "{text}");
    let (json, _) = folder.run_cli(&[], &["validate", "CONFIG", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["valid"], &json["errors"][0]["path"]), (&false.into(), &"compilation.rules[1].bucket".into()));
    let (text, status) = folder.run_cli(&[], &["plan", "MODEL", "-c", "CONFIG", "-k", "own/model.tar.gz"]);
    assert!(text.contains("add the bucket to the template parameter ModelBuckets") && status == 1, "{text}");
}

#[test]
fn plan_warns_of_what_its_rule_may_not_use() {
    let folder = ModelFolder::new("plan-stack");
    let team = ["plan", "MODEL", "-c", "CONFIG", "--bucket", "team-models"];
    let (text, status) = folder.run_cli(&EVERYTHING[..1], &team);
    let warnings: Vec<_> = text.lines().filter(|line| line.ends_with("[permission-missing]")).collect();
    assert_eq!((warnings.len(), status), (3, 0), "{text}");
    let (json, _) = folder.run_cli(&EVERYTHING[..1], &[&team[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["warnings"].as_array().unwrap().len(), 3, "{json:#}");
    assert_eq!(json["warnings"][0]["code"], "permission-missing");
    let (text, _) = folder.run_cli(&EVERYTHING, &team);
    assert!(text.contains("Plan: 2 jobs to start.") && !text.contains("permission-missing"), "{text}");
}

#[test]
fn plan_takes_names_from_the_stack() {
    let folder = ModelFolder::new("plan-names");
    let own = ["plan", "MODEL", "-c", "CONFIG", "-k", "own/model.tar.gz", "--json"];
    let (json, status) = folder.run_cli(&EVERYTHING[..1], &own);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["upload"]["bucket"], status), (&"stack-models".into(), 0), "{json:#}");
    assert_eq!(json["warnings"].as_array().unwrap().len(), 0, "another rule than the one that lacks permissions");
    let request = &json["targets"][0]["request"];
    assert_eq!(request["RoleArn"], "arn:aws:iam::123456789012:role/stack-compilation");
    let output = request["OutputConfig"]["S3OutputLocation"].as_str().unwrap();
    assert!(output.starts_with("s3://stack-artifacts/"), "{output}");
    let options =
        ["--model-bucket", "team-models", "--artifact-bucket", "mine", "--role-arn", "arn:aws:iam::1:role/me"];
    let (json, _) = folder.run_cli(&EVERYTHING[..1], &[&own[..], &options].concat());
    assert!(json.contains("s3://mine/") && json.contains("arn:aws:iam::1:role/me"), "options come first: {json}");
}
