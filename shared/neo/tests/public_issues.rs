//! Problems with Neo that were reported in public, and how they are reported here: within a second,
//! with the fix.

mod common;

use common::{holding, input, plan_with_rule, silent};
use model_archive::Framework::{Keras, Pytorch, Tensorflow};
use neo::{CompilationPlan, CompilationRequest, Overrides};

#[allow(clippy::panic, reason = "a test")]
fn first_request(plan: &CompilationPlan) -> CompilationRequest {
    let problems = plan.all_problems();
    plan.requests().next().cloned().unwrap_or_else(|| panic!("{problems:?}"))
}

fn problem_codes(plan: &CompilationPlan) -> Vec<String> {
    plan.all_problems().into_iter().map(|problem| problem.code.into_owned()).collect()
}

/// amazon-sagemaker-examples #1284: a Keras detector of (1, None, None, 3) failed with "internal
/// server error" whether the shape was given as `[1,3,null,null]` or guessed.
#[test]
fn examples_1284_dynamic_height_and_width_are_problems() {
    // The inspection returns the NHWC of a Keras file as the NCHW that DataInputConfig expects.
    let detector = holding(Keras, &[input("input", &[1, 3, 0, 0])]);
    let refused = Overrides::from_metadata([("neo-inputs", r#"{"input":[1,3,null,null]}"#)]).unwrap_err();
    assert!(refused[0].problem.contains("compiles for fixed shapes"), "{}", refused[0].problem);
    let target = "targets: [ { device: jetson_xavier } ]";
    let plan = plan_with_rule(target, &[], &detector);
    assert_eq!(problem_codes(&plan), ["input-dimension-open"]);
    assert!(plan.all_problems()[0].remedy.contains("inputs: { input: [1, 3, <size>, <size>] }"));
    let plan = plan_with_rule(&format!("inputs: {{ input: [1, 3, 224, 224] }}, {target}"), &[], &detector);
    assert_eq!(first_request(&plan).data_input_config.as_deref(), Some(r#"{"input":[1,3,224,224]}"#));
}

/// amazon-sagemaker-examples #1322: a detector from the TensorFlow model zoo failed with
/// "`as_list()` is not defined on an unknown `TensorShape`".
#[test]
fn examples_1322_an_unknown_shape_is_a_problem() {
    let mut unknown = input("image_tensor", &[]);
    unknown.dims = None;
    let plan =
        plan_with_rule("targets: [ { device: ml_c5 } ]", &[], &holding(Tensorflow, std::slice::from_ref(&unknown)));
    assert_eq!(problem_codes(&plan), ["input-rank-unknown"]);
    assert!(plan.all_problems()[0].remedy.contains("inputs: { image_tensor: [1, <size>] }"));
    let rule = "inputs: { image_tensor: [1, 600, 1024, 3] }, targets: [ { device: ml_c5 } ]";
    let plan = plan_with_rule(rule, &[], &holding(Tensorflow, &[unknown]));
    assert_eq!(first_request(&plan).data_input_config.as_deref(), Some(r#"{"image_tensor":[1,600,1024,3]}"#));
}

/// amazon-sagemaker-examples #1037: `{"batch_input_shape":[null,256,256,3]}`, copied out of a Keras
/// configuration, was rejected after minutes with "Incompatible Tensorflow model".
#[test]
fn examples_1037_an_unknown_input_name_is_a_problem() {
    let resnext = holding(Tensorflow, &[input("input_1", &[0, 256, 256, 3])]);
    let target = "targets: [ { device: rasp3b } ]";
    let refused = Overrides::from_metadata([("neo-inputs", r#"{"batch_input_shape":[null,256,256,3]}"#)]);
    assert!(refused.unwrap_err()[0].problem.contains("inputs.batch_input_shape[0]"));
    let metadata = [("neo-inputs", r#"{"batch_input_shape":[1,256,256,3]}"#)];
    let plan = plan_with_rule(target, &metadata, &resnext);
    assert_eq!(problem_codes(&plan), ["input-name-unknown"]);
    assert!(plan.all_problems()[0].problem.contains("its inputs are input_1"));
    let plan = plan_with_rule(&format!("batch_size: 1, {target}"), &[], &resnext);
    assert_eq!(first_request(&plan).data_input_config.as_deref(), Some(r#"{"input_1":[1,256,256,3]}"#));
}

/// amazon-sagemaker-examples #2784: a `YOLOv5` of a newer PyTorch for a Jetson ended in "TVM cannot
/// convert the PyTorch model". Operators are not inspected here, but the versions that Neo compiles
/// for the device are reported before the job starts.
#[test]
fn examples_2784_the_supported_versions_are_reported() {
    let rule = "framework: PYTORCH, inputs: { data: [1, 3, 640, 640] }, targets: [ { device: jetson_xavier } ]";
    let plan = plan_with_rule(rule, &[], &silent(Pytorch));
    assert_eq!(first_request(&plan).data_input_config.as_deref(), Some(r#"{"data":[1,3,640,640]}"#));
    assert!(
        plan.all_warnings().iter().any(|warning| warning.warning.contains("1.7, 1.8")),
        "{:?}",
        plan.all_warnings()
    );
    let rule = rule.replace("framework:", "framework_version: \"1.6\", framework:");
    assert_eq!(problem_codes(&plan_with_rule(&rule, &[], &silent(Pytorch))), ["framework-version-unsupported"]);
}

/// amazon-sagemaker-examples #3239: "Unsupported framework version field for target".
#[test]
fn examples_3239_a_version_is_sent_only_where_accepted() {
    let rule = "framework_version: \"1.8\", inputs: [[1, 3, 224, 224]],
        targets: [ { device: ml_c5 }, { device: imx8mplus }, { device: coreml }, { device: lambda } ]";
    let plan = plan_with_rule(rule, &[], &silent(Pytorch));
    let sent: Vec<_> = plan.requests().map(|request| request.framework_version.as_deref()).collect();
    assert_eq!(sent, [Some("1.8"), None, None, None]);
    assert_eq!(plan.targets[1].warnings[0].code, "framework-version-not-sent");
}

/// sagemaker-python-sdk #2259: "Unknown parameter in `InputConfig`: `FrameworkVersion`". The
/// member's name is checked against the service model in the CLI's tests.
#[test]
fn sdk_2259_the_version_is_a_member_of_input_config() {
    let rule = "framework_version: \"1.6\", inputs: { input0: [1, 3, 224, 224] }, targets: [ { device: ml_c5 } ]";
    let body = first_request(&plan_with_rule(rule, &[], &silent(Pytorch))).to_api("arn:aws:iam::123456789012:role/neo");
    assert_eq!(body["InputConfig"]["FrameworkVersion"], "1.6");
}

/// sagemaker-python-sdk #3023: compilations for `ml_inf1` were rejected because of a version that
/// another release omitted.
#[test]
fn sdk_3023_inferentia_gets_a_version_it_accepts() {
    let rule = "framework_version: 1.9.1, inputs: { x: [1, 128] }, targets: [ { device: ml_inf1 } ]";
    assert_eq!(first_request(&plan_with_rule(rule, &[], &silent(Pytorch))).framework_version.as_deref(), Some("1.9"));
    let rule = rule.replace("1.9.1", "\"1.4\"");
    assert_eq!(problem_codes(&plan_with_rule(&rule, &[], &silent(Pytorch))), ["framework-version-unsupported"]);
}

/// sagemaker-python-sdk #3209: the version was dropped for `ml_inf1`, the service chose another,
/// and the job failed after five minutes.
#[test]
fn sdk_3209_inferentia_without_a_version_is_a_warning() {
    let rule = "framework_version: \"1.9\", inputs: { ids: [1, 512], mask: [1, 512] },
        targets: [ { device: ml_inf1, compiler_options: \"--dtype int64\" } ]";
    let body = first_request(&plan_with_rule(rule, &[], &silent(Pytorch))).to_api("arn:aws:iam::123456789012:role/neo");
    assert_eq!(body["InputConfig"]["FrameworkVersion"], "1.9");
    assert_eq!(body["OutputConfig"]["CompilerOptions"], r#""--dtype int64""#);
    let plan = plan_with_rule(&rule.replace("framework_version: \"1.9\", ", ""), &[], &silent(Pytorch));
    assert_eq!(plan.all_warnings()[0].code, "framework-version-advised");
}
