//! Planning uploads: rules and model facts in, requests or problems out.

mod common;

use common::{config_with_rule, format_plan, holding, input, plan_with_rule, silent, upload};
use model_archive::{
    Framework::{Keras, Onnx, Pytorch, Sklearn, Tensorflow, Tflite, Xgboost},
    Inspection, Problem,
};
use neo::{CompilationRequest, FailureClass, NewVersionPolicy, Overrides, PlanInput, SettingOrigin};

#[test]
fn every_framework_is_sent_as_neo_expects_it() {
    let image = [input("data", &[1, 3, 224, 224])];
    let cases = [
        ("ONNX", "targets: [ { device: ml_c5 } ]", holding(Onnx, &image)),
        ("ONNX, several inputs in their order", "targets: [ { device: ml_c5 } ]", {
            holding(Onnx, &[input("z", &[1, 2]), input("a", &[3])])
        }),
        ("Keras, as NCHW from the inspection", "targets: [ { device: ml_c5 } ]", {
            holding(Keras, &[input("input_1", &[1, 3, 224, 224]), input("words", &[1, 128])])
        }),
        ("Keras, written as in the file", "inputs: { input_1: [1, 224, 224, 3] }, targets: [ { device: ml_c5 } ]", {
            holding(Keras, &[input("input_1", &[0, 3, 0, 0])])
        }),
        ("TensorFlow", "framework_version: 1.15.3, targets: [ { device: ml_c5 }, { device: lambda } ]", {
            holding(Tensorflow, &[input("x", &[1, 224, 224, 3])])
        }),
        ("TensorFlow, channels first in the model", "targets: [ { device: ml_c5 } ]", {
            holding(Tensorflow, &[input("x", &[1, 3, 224, 224])])
        }),
        ("TFLite", "targets: [ { device: rasp4b }, { device: ml_c5 } ]", holding(Tflite, &[input("x", &[1, 9])])),
        ("TFLite, two inputs", "targets: [ { device: rasp4b } ]", {
            holding(Tflite, &[input("x", &[1, 9]), input("y", &[1])])
        }),
        ("PyTorch, a list", "inputs: [[1, 3, 224, 224]], targets: [ { device: ml_c5 } ]", silent(Pytorch)),
        (
            "PyTorch 2 without inputs",
            "framework_version: \"2.0\", targets: [ { device: ml_c5 }, { device: rasp4b } ]",
            { silent(Pytorch) },
        ),
        ("PyTorch 1 without inputs", "framework_version: \"1.8\", targets: [ { device: ml_c5 } ]", silent(Pytorch)),
        ("XGBoost", "targets: [ { device: ml_c5 } ]", silent(Xgboost)),
        ("SKLearn", "targets: [ { device: ml_c5 } ]", silent(Sklearn)),
        ("Core ML", "targets: [ { device: coreml }, { device: ml_c5 } ]", {
            holding(Tensorflow, &[input("x", &[1, 224, 224, 3])])
        }),
        (
            "Core ML, enumerated shapes",
            "targets: [ { device: coreml, inputs: { x: { shape: [[1, 224, 224, 3], [1, 160, 160, 3]], default_shape: [1, 224, 224, 3] } } } ]",
            holding(Tensorflow, &[input("x", &[1, 0, 0, 3])]),
        ),
        (
            "Core ML's form elsewhere",
            "inputs: { x: { shape: [\"1..10\", 224, 224, 3] } }, targets: [ { device: coreml }, { device: ml_c5 } ]",
            holding(Tensorflow, &[input("x", &[0, 224, 224, 3])]),
        ),
    ];
    let answers: Vec<_> = cases
        .iter()
        .map(|(name, rule, facts)| format!("# {name}\n{}", format_plan(&plan_with_rule(rule, &[], facts))))
        .collect();
    insta::assert_snapshot!(answers.join("\n\n"));
}

#[test]
fn a_compilation_that_would_fail_is_a_problem() {
    let onnx = || holding(Onnx, &[input("data", &[1, 3, 224, 224])]);
    let tensorflow = |dims: &[u64]| holding(Tensorflow, &[input("input_1", dims)]);
    let cases = [
        ("inputs: { dta: [1, 3, 224, 224] }, targets: [ { device: ml_c5 } ]", onnx()),
        ("inputs: { data: [3, 224, 224] }, targets: [ { device: ml_c5 } ]", onnx()),
        ("inputs: { data: [1, 224, 224, 3] }, targets: [ { device: ml_c5 } ]", onnx()),
        ("inputs: { data: [1, 3, 256, 256] }, targets: [ { device: ml_c5 } ]", onnx()),
        ("inputs: { data: [8, 3, 224, 224] }, targets: [ { device: ml_c5 } ]", onnx()),
        ("inputs: { input_1: [1, 3, 224, 224] }, targets: [ { device: ml_c5 } ]", tensorflow(&[0, 0, 0, 0])),
        (
            "inputs: { input_1: [1, 3, 224, 224] }, layout: NCHW, targets: [ { device: ml_c5 } ]",
            tensorflow(&[0, 0, 0, 0]),
        ),
        ("inputs: { input_1: [1, 3, 224, 224] }, targets: [ { device: ml_c5 } ]", tensorflow(&[0, 3, 224, 224])),
        ("inputs: { input_1: [1, 3, 224, 224] }, targets: [ { device: ml_c5 } ]", tensorflow(&[0, 224, 224, 3])),
        ("inputs: [[1, 3, 224, 224]], targets: [ { device: ml_c5 } ]", onnx()),
        ("targets: [ { device: ml_inf1 } ]", onnx()),
        ("targets: [ { device: ml_trn1 } ]", tensorflow(&[1, 8])),
        ("framework_version: \"2.4\", targets: [ { device: ml_c5 }, { device: rasp4b } ]", tensorflow(&[1, 8])),
        ("framework_version: \"2.12\", targets: [ { device: ml_c5 } ]", tensorflow(&[1, 8])),
        (
            "targets: [ { device: ml_eia2 }, { device: jetson_orin }, { platform: { os: LINUX, arch: ARM64, accelerator: NNA } } ]",
            onnx(),
        ),
        (
            "targets: [ { device: ml_c5, framework_version: \"1.8\" }, { device: ml_c5, framework_version: \"1.9\" } ]",
            onnx(),
        ),
        ("framework: PYTORCH, targets: [ { device: ml_c5 } ]", onnx()),
        ("output: \"s3://models/{job}\", targets: [ { device: ml_c5 } ]", onnx()),
    ];
    let answers: Vec<_> = cases
        .iter()
        .map(|(rule, facts)| format!("# {rule}\n{}", format_plan(&plan_with_rule(rule, &[], facts))))
        .collect();
    insta::assert_snapshot!(answers.join("\n\n"));
}

/// The relay publishes them, and has the request only.
#[test]
fn requests_carry_the_warnings_of_model_and_target() {
    let mut inspection = holding(Onnx, &[input("x", &[1])]);
    inspection.warnings.push(model_archive::Warning::new("macos-metadata", "it has macOS metadata"));
    let plan = plan_with_rule("targets: [ { device: ml_c5 }, { device: ml_c7g } ]", &[], &inspection);
    let codes: Vec<Vec<_>> =
        plan.requests().map(|request| request.warnings.iter().map(|warning| warning.code.as_ref()).collect()).collect();
    assert_eq!(codes, [vec!["macos-metadata"], vec!["macos-metadata", "target-unknown"]]);
    let first = plan.requests().next().unwrap();
    let json = serde_json::to_value(first).unwrap();
    assert_eq!(serde_json::from_value::<CompilationRequest>(json).unwrap(), *first);
    assert_eq!(first.next_attempt(FailureClass::Service).unwrap().warnings, first.warnings);
}

#[test]
fn one_invalid_target_does_not_block_the_others() {
    let plan =
        plan_with_rule("targets: [ { device: ml_c5 }, { device: ml_inf1 } ]", &[], &holding(Onnx, &[input("x", &[1])]));
    assert_eq!(plan.requests().map(|request| request.target.to_string()).collect::<Vec<_>>(), ["ml_c5"]);
    assert_eq!(plan.all_problems().len(), 1);
    let broken = model_archive::inspect_archive(b"PK\x03\x04".as_slice(), &model_archive::Limits::default()).unwrap();
    let plan = plan_with_rule("framework: ONNX, targets: [ { device: ml_c5 } ]", &[], &broken);
    assert_eq!(plan.requests().count(), 0, "nothing is requested for an invalid archive");
    assert!(!plan.all_problems().is_empty());
}

/// For ten targets, a list of all of them would be ten million problems of 64 KiB each.
#[test]
fn a_million_dynamic_sizes_cost_no_more_than_ten() {
    let long = "x".repeat(64 * 1024);
    let mut inputs: Vec<_> = (0..1000).map(|number| input(&format!("{number}{long}"), &[0; 1000])).collect();
    inputs[998].dims = Some((0..1000).map(|number| model_archive::Dim::Symbolic(format!("{number}{long}"))).collect());
    inputs[999].dims = None;
    let target = |number| format!("{{ device: ml_c5, compiler_options: {{ mcpu: cpu-{number} }} }}");
    let targets: Vec<_> = (0..10).map(target).collect();
    let plan = plan_with_rule(&format!("targets: [ {} ]", targets.join(", ")), &[], &holding(Onnx, &inputs));
    let problems = plan.all_problems();
    assert_eq!(problems.len(), 4);
    assert!(problems.iter().all(|problem| problem.problem.len() < 2000 && problem.remedy.len() < 1000));
    assert!(problems[1].problem.ends_with("and 979 more"), "{}", problems[1].problem);
    assert!(problems[2].problem.ends_with("and 993 more inputs"), "{}", problems[2].problem);
}

#[test]
fn long_lists_of_names_are_counted() {
    let inputs: Vec<_> = (0..1000).map(|number| input(&format!("input_{number}"), &[1, 3])).collect();
    let rule = "inputs: { other: [1, 3] }, targets: [ { device: ml_c5 } ]";
    let plan = plan_with_rule(rule, &[], &holding(Onnx, &inputs));
    let problem = &plan.all_problems()[0].problem;
    assert!(problem.ends_with("input_18, input_19 and 980 more"), "{problem}");
}

#[test]
fn keys_that_sagemaker_rejects_are_problems() {
    let inspection = holding(Onnx, &[input("x", &[1])]);
    let config = config_with_rule("targets: [ { device: ml_c5 } ]");
    let codes = |key: &str, bucket: &str| {
        let overrides = Overrides::default();
        let plan = neo::plan_upload(&PlanInput {
            upload: &upload(key),
            overrides: &overrides,
            rule: &config.rules[0],
            defaults: &config.defaults,
            inspection: &inspection,
            artifact_bucket: bucket,
            model_buckets: &neo::ModelBuckets::new("models", Vec::new()),
            region: None,
        });
        plan.all_problems().into_iter().map(|problem| problem.code.into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes("a.zip", "artifacts"), ["key-suffix"]);
    assert_eq!(codes("a\nb.tar.gz", "artifacts"), ["key-characters"]);
    assert_eq!(codes(&format!("{}.tar.gz", "k".repeat(1017)), "artifacts"), ["key-too-long", "output-too-long"]);
    assert_eq!(codes("a.tar.gz", "Models"), ["output-triggers"], "in upper or lower case");
    assert_eq!(codes("a.tar.gz", "artifacts"), [""; 0]);
}

#[test]
fn the_most_specific_setting_wins_and_is_recorded() {
    let rule = "framework_version: \"1.12\", max_runtime_seconds: 100, tags: { a: rule, b: rule }, on_new_version: stop,
        targets: [ { device: ml_c5, framework_version: \"1.13\", max_runtime_seconds: 200, tags: { b: target }, retries: 0 } ]";
    let metadata = [("neo-framework-version", "2.0"), ("neo-inputs", r#"{"x":[1]}"#)];
    let plan = plan_with_rule(rule, &metadata, &silent(Pytorch));
    let target = &plan.targets[0];
    let origin =
        |setting: &str| target.resolved_settings.iter().find(|resolved| resolved.setting == setting).unwrap().origin;
    assert_eq!(origin("framework"), SettingOrigin::Archive);
    assert_eq!(origin("framework_version"), SettingOrigin::Metadata);
    assert_eq!(origin("inputs"), SettingOrigin::Metadata);
    assert_eq!(origin("max_runtime_seconds"), SettingOrigin::Target);
    assert_eq!(plan.on_new_version, NewVersionPolicy::Stop);
    let request = target.outcome.as_ref().unwrap();
    assert_eq!((request.framework_version.as_deref(), request.max_runtime_seconds), (Some("2.0"), 200));
    assert_eq!((request.tags["a"].as_str(), request.tags["b"].as_str()), ("rule", "target"));
    assert_eq!((request.retries, request.reuse), (0, true));
}

#[test]
fn missing_companion_files_are_problems() {
    let rule = "targets: [ { device: amba_cv22 }, { device: coreml, compiler_options: { class_labels: labels.txt } } ]";
    let codes = |files: &[&str]| {
        let mut inspection = holding(Tensorflow, &[input("x", &[1, 8])]);
        let members: Vec<_> = files.iter().map(|path| serde_json::json!({ "path": path, "size": 1 })).collect();
        inspection.member_count = members.len() as u64;
        inspection.members = serde_json::from_value(members.into()).unwrap();
        let problems = plan_with_rule(rule, &[], &inspection).all_problems();
        problems.into_iter().map(|problem| problem.code.into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&["model.pb"]), ["ambarella-config-missing", "class-labels-missing"]);
    assert_eq!(codes(&["model.pb", "amba_config.json", "images/1.jpg", "labels.txt"]), [""; 0]);
}

#[test]
fn a_retry_is_a_new_job_with_the_same_content() {
    let plan = plan_with_rule("targets: [ { device: ml_c5, retries: 2 } ]", &[], &holding(Onnx, &[input("x", &[1])]));
    let first = plan.requests().next().unwrap();
    let second = first.next_attempt(FailureClass::Service).unwrap();
    let third = second.next_attempt(FailureClass::Capacity).unwrap();
    assert_eq!(third.next_attempt(FailureClass::Service), None, "two retries make three attempts");
    assert_eq!(second.job_name.to_string(), format!("{}-r2", first.job_name));
    assert_eq!(third.job_name.to_string(), format!("{}-r3", first.job_name));
    assert_eq!(third.output_location, format!("s3://artifacts/vision/model/{}/", third.job_name));
    assert_eq!((third.attempt, third.tags["sagemaker-automation:attempt"].as_str()), (3, "3"));
    assert_eq!(third.content, first.content);
    assert_eq!(first.next_attempt(FailureClass::Shape), None, "the model is the cause");
    assert_eq!(first.next_attempt(FailureClass::Timeout), None, "it would exceed the same limit again");
}

#[test]
fn a_timeout_is_retried_with_more_time_if_configured() {
    let rule = "targets: [ { device: ml_c5, max_runtime_seconds: 600, max_runtime_seconds_after_timeout: 1800 } ]";
    let plan = plan_with_rule(rule, &[], &holding(Onnx, &[input("x", &[1])]));
    let first = plan.requests().next().unwrap();
    let second = first.next_attempt(FailureClass::Timeout).unwrap();
    assert_eq!((first.max_runtime_seconds, second.max_runtime_seconds), (600, 1800));
    assert_eq!(second.next_attempt(FailureClass::Timeout), None, "it already had the longer run time");
    assert_eq!(second.next_attempt(FailureClass::Service).unwrap().max_runtime_seconds, 1800);
}

/// During a deployment, messages of the older release are read by the newer one, and the reverse.
#[test]
fn messages_are_compatible_between_releases() {
    let plan = plan_with_rule("targets: [ { device: ml_c5 } ]", &[], &holding(Onnx, &[input("x", &[1])]));
    let request = plan.requests().next().unwrap();
    let json = serde_json::to_value(request).unwrap();
    for new in ["kms_key_id", "vpc", "role_arn", "reuse", "retries"] {
        assert!(json.get(new).is_none(), "{new} is omitted where it has its default");
    }
    assert_eq!(serde_json::from_value::<CompilationRequest>(json).unwrap(), *request);
    let rule = "kms_key_id: alias/models, role_arn: \"arn:aws:iam::123456789012:role/neo\", reuse: false, retries: 5,
        vpc: { security_group_ids: [sg-1], subnets: [subnet-1, subnet-2] }, output: \"s3://elsewhere/{job}\",
        targets: [ { device: ml_c5 } ]";
    let plan = plan_with_rule(rule, &[], &holding(Onnx, &[input("x", &[1])]));
    let request = plan.requests().next().unwrap();
    let json = serde_json::to_string(request).unwrap();
    assert_eq!(serde_json::from_str::<CompilationRequest>(&json).unwrap(), *request);
    insta::assert_json_snapshot!(request.to_api("arn:aws:iam::123456789012:role/stack"));
}

/// An archive that is rejected has no shapes: setting them would not help.
#[test]
fn a_rejected_archive_asks_for_no_shapes() {
    let mut rejected = Inspection { problems: vec![Problem::new("several-models", "two", "one")], ..silent(Onnx) };
    let codes = |inspection: &Inspection| {
        let plan = plan_with_rule("framework: ONNX, targets: [ { device: ml_c5 } ]", &[], inspection);
        assert_eq!(plan.requests().count(), 0);
        plan.all_problems().into_iter().map(|problem| problem.code.into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&rejected), ["several-models", "inputs-not-read"], "a model without shapes needs both");
    rejected.model = None;
    assert_eq!(codes(&rejected), ["several-models"]);
    rejected.model = holding(Onnx, &[]).model;
    assert_eq!(codes(&rejected), ["several-models"], "the problem says that it has no inputs");
    rejected.problems.clear();
    rejected.model = None;
    assert_eq!(codes(&rejected), ["inputs-not-read"]);
}
