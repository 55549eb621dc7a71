//! Planning rules that name a model package version: nothing is inspected, since SageMaker has the
//! model.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::parse_document;
use neo::{CompilationPlan, CompilationRequest, ModelBuckets, ModelSource, PackagePlanInput};

const ARN: &str = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";

/// Plans a rule for the package; `rule` is the rest of it, in YAML flow style.
fn plan_package(rule: &str, defaults: &str, region: &str) -> (ModelSource, CompilationPlan) {
    let text = format!(
        "version: 1\ncompilation:\n  defaults: {{ {defaults} }}\n  rules:\n    - {{ name: registry, model_package_version: \"{ARN}\", {rule} }}\n"
    );
    let (config, _) = parse_document(&text).unwrap_or_else(|error| panic!("{error}"));
    let rule = &config.rules[0];
    neo::plan_package(&PackagePlanInput {
        created_again_at: None,
        package: rule.model_package().unwrap(),
        rule,
        defaults: &config.defaults,
        artifact_bucket: "artifacts",
        model_buckets: &ModelBuckets::new("models", Vec::new()),
        region: Some(region),
    })
}

fn job_names(plan: &CompilationPlan) -> Vec<&str> {
    plan.requests().map(|request| request.job_name.as_str()).collect()
}

/// These names exist in AWS accounts; a changed name would compile every package again.
#[test]
fn every_target_is_a_request_for_the_package() {
    let rule = "tags: { owner: me }, targets: [ { device: ml_c5 }, { platform: { os: LINUX, arch: ARM64, accelerator: NVIDIA },
        compiler_options: { gpu-code: sm_72, trt-ver: 8.2.1, cuda-ver: \"10.2\" }, max_runtime_seconds: 1800 } ]";
    let (source, plan) = plan_package(rule, "", "eu-west-1");
    assert!(plan.all_problems().is_empty() && plan.requests().all(|request| request.source == source));
    let bodies: Vec<_> =
        plan.requests().map(|request| request.to_api("arn:aws:iam::123456789012:role/stack")).collect();
    insta::assert_json_snapshot!(bodies);
    for request in plan.requests() {
        let json = serde_json::to_string(request).unwrap();
        assert_eq!(serde_json::from_str::<CompilationRequest>(&json).unwrap(), *request);
    }
}

/// These versions exist in AWS accounts: a better text of a problem must not change them.
#[test]
fn a_reworded_problem_does_not_change_the_version() {
    let (region, _) = plan_package("targets: [ { device: ml_inf2 } ]", "", "eu-west-1");
    assert_eq!(region.version(), "3-jngadoa6sjplnm3s");
    let triggering = "output: \"s3://models/out/{job}\", targets: [ { device: ml_c5 } ]";
    let (triggers, plan) = plan_package(triggering, "", "eu-west-1");
    assert_eq!(plan.all_problems()[0].code, "output-triggers");
    assert_eq!(triggers.version(), "3-dwzy4ijjlgtpthjd");
}

#[test]
fn a_changed_rule_is_a_new_model_with_the_same_content() {
    let targets = "targets: [ { device: ml_c5 } ]";
    let (first, plan) = plan_package(targets, "", "eu-west-1");
    let (again, repeated) = plan_package(targets, "", "eu-west-1");
    assert_eq!((first.model_id(), job_names(&plan)), (again.model_id(), job_names(&repeated)));
    for (rule, defaults) in [
        ("targets: [ { device: ml_c5 }, { device: ml_m5 } ]", ""),
        ("tags: { attempt: second }, targets: [ { device: ml_c5 } ]", ""),
        (targets, "role_arn: \"arn:aws:iam::123456789012:role/other\""),
    ] {
        let (changed, later) = plan_package(rule, defaults, "eu-west-1");
        assert_ne!(first.model_id(), changed.model_id(), "{rule}");
        assert_ne!(job_names(&plan)[0], job_names(&later)[0], "{rule}");
        // The content id finds a job that is running or has completed.
        assert_eq!(plan.requests().next().unwrap().content, later.requests().next().unwrap().content, "{rule}");
    }
}

#[test]
fn targets_that_cannot_be_compiled_are_problems() {
    let cases = [
        ("targets: [ { device: ml_eia2 }, { device: ml_inf2 } ]", "", "ap-east-1"),
        ("targets: [ { device: ml_c5 } ]", "output: \"s3://models/{job}\"", "eu-west-1"),
    ];
    let answers = cases.map(|(rule, defaults, region)| {
        let (_, plan) = plan_package(rule, defaults, region);
        let problems: Vec<_> = plan.all_problems().iter().map(|problem| problem.code.to_string()).collect();
        let case = [rule, defaults].join(" ");
        format!("{}\n  => {} requests; {}", case.trim_end(), plan.requests().count(), problems.join(", "))
    });
    insta::assert_snapshot!(answers.join("\n"), @r#"
    targets: [ { device: ml_eia2 }, { device: ml_inf2 } ]
      => 1 requests; target-region
    targets: [ { device: ml_c5 } ] output: "s3://models/{job}"
      => 0 requests; output-triggers
    "#);
}
