//! A rule that names a version of a model package: nothing is looked into, SageMaker knows the model.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use neo::{CompilationRequest, Document, Plan, PlannedPackage, Source};

const ARN: &str = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";

/// What becomes of a rule for the package: `rule` is the rest of it, in YAML's flow style.
fn planned(rule: &str, defaults: &str, region: &str) -> (Source, Plan) {
    let text = format!(
        "version: 1\ncompilation:\n  defaults: {{ {defaults} }}\n  rules:\n    - {{ name: registry, model_package_version: \"{ARN}\", {rule} }}\n"
    );
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let rule = &document.compilation.rules[0];
    neo::plan_package(&PlannedPackage {
        package: rule.package().unwrap(),
        rule,
        defaults: &document.compilation.defaults,
        artifact_bucket: "artifacts",
        model_bucket: "models",
        region: Some(region),
    })
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.requests().map(|request| request.job_name.as_str()).collect()
}

/// These names are in running accounts; one that changes asks for every package again.
#[test]
fn every_target_is_a_request_for_the_package() {
    let rule = "tags: { owner: me }, targets: [ { device: ml_c5 }, { platform: { os: LINUX, arch: ARM64, accelerator: NVIDIA },
        compiler_options: { gpu-code: sm_72, trt-ver: 8.2.1, cuda-ver: \"10.2\" }, max_runtime_seconds: 1800 } ]";
    let (source, plan) = planned(rule, "", "eu-west-1");
    assert!(plan.all_problems().is_empty() && plan.requests().all(|request| request.source == source));
    let bodies: Vec<_> =
        plan.requests().map(|request| request.to_api("arn:aws:iam::123456789012:role/stack")).collect();
    insta::assert_json_snapshot!(bodies);
    for request in plan.requests() {
        let json = serde_json::to_string(request).unwrap();
        assert_eq!(serde_json::from_str::<CompilationRequest>(&json).unwrap(), *request);
    }
}

#[test]
fn the_same_wishes_are_the_same_model_and_others_are_another_over_the_same_content() {
    let targets = "targets: [ { device: ml_c5 } ]";
    let (first, plan) = planned(targets, "", "eu-west-1");
    let (again, repeated) = planned(targets, "", "eu-west-1");
    assert_eq!((first.model_id(), names(&plan)), (again.model_id(), names(&repeated)));
    for (rule, defaults) in [
        ("targets: [ { device: ml_c5 }, { device: ml_m5 } ]", ""),
        ("tags: { attempt: second }, targets: [ { device: ml_c5 } ]", ""),
        (targets, "role_arn: \"arn:aws:iam::123456789012:role/other\""),
    ] {
        let (changed, later) = planned(rule, defaults, "eu-west-1");
        assert_ne!(first.model_id(), changed.model_id(), "{rule}");
        assert_ne!(names(&plan)[0], names(&later)[0], "{rule}");
        // What a job that ran or completed is found by.
        assert_eq!(plan.requests().next().unwrap().content, later.requests().next().unwrap().content, "{rule}");
    }
}

#[test]
fn what_cannot_be_compiled_is_answered_here() {
    let cases = [
        ("targets: [ { device: ml_eia2 }, { device: ml_inf2 } ]", "", "ap-east-1"),
        ("targets: [ { device: ml_c5 } ]", "output: \"s3://models/{job}\"", "eu-west-1"),
    ];
    let told = cases.map(|(rule, defaults, region)| {
        let (_, plan) = planned(rule, defaults, region);
        let problems: Vec<_> = plan.all_problems().iter().map(|problem| problem.code.to_string()).collect();
        format!("{rule} {defaults}\n  => {} requests; {}", plan.requests().count(), problems.join(", "))
    });
    insta::assert_snapshot!(told.join("\n"));
}
