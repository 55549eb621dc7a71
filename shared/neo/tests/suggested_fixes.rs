//! Every setting that a fix suggests is pasted into the rule, and the problem or warning is gone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{holding, input, plan_with_rule};
use model_archive::{
    Framework::{Keras, Onnx, Tensorflow, Tflite},
    Inspection, ModelInput,
};
use neo::CompilationPlan;
use serde_json::json;

const TARGET: &str = "targets: [ { device: rasp4b } ]";

/// Codes of problems and warnings whose texts suggest a setting.
const SUGGESTING: [&str; 3] = ["input-dimension-open", "input-rank-unknown", "symbolic-dims-default"];

#[expect(clippy::needless_pass_by_value, reason = "json! makes values")]
fn model_input(name: &str, dims: serde_json::Value) -> ModelInput {
    serde_json::from_value(json!({ "name": name, "element_type": "float32", "dims": dims })).unwrap()
}

/// The setting in a text, with a size in place of each `<size>`.
fn find_setting(text: &str) -> Option<(&'static str, String)> {
    let (start, key) = ["batch_size", "symbolic_dims", "inputs"]
        .into_iter()
        .filter_map(|key| Some((text.rfind(&format!("{key}: "))?, key)))
        .min()?;
    let setting = &text[start..];
    let end = if key == "batch_size" { "batch_size: 1".len() } else { setting.rfind('}')? + 1 };
    Some((key, setting[..end].replace("<size>", "7")))
}

/// The texts of the problems and warnings that suggest a setting.
fn find_suggestions(plan: &CompilationPlan) -> Vec<String> {
    let problems = plan.all_problems().into_iter().map(|problem| (problem.code, problem.remedy));
    let warnings = plan.all_warnings().into_iter().map(|warning| (warning.code, warning.warning));
    let suggesting = problems.chain(warnings).filter(|(code, _)| SUGGESTING.contains(&code.as_ref()));
    suggesting.map(|(_, text)| text).collect()
}

/// Pastes one suggestion after the other until there is none, and returns the plan and the rule.
fn paste_all(inspection: &Inspection, rule: &str) -> (CompilationPlan, Vec<String>) {
    let mut settings: Vec<(&str, String)> = Vec::new();
    loop {
        let pasted: Vec<_> = settings.iter().map(|(_, setting)| setting.clone()).collect();
        let all = [&pasted[..], &[rule.to_owned()], &[TARGET.to_owned()]].concat().into_iter();
        let all: Vec<_> = all.filter(|setting| !setting.is_empty()).collect();
        let plan = plan_with_rule(&all.join(", "), &[], inspection);
        let suggestions = find_suggestions(&plan);
        let Some(text) = suggestions.first() else { return (plan, pasted) };
        let (key, setting) = find_setting(text).unwrap_or_else(|| panic!("{text}"));
        settings.retain(|(earlier, _)| *earlier != key);
        settings.push((key, setting));
        assert!(settings.len() <= 3, "{settings:?} {text}");
        let again = plan_with_rule(&format!("{}, {TARGET}", settings.last().unwrap().1), &[], inspection);
        assert!(find_suggestions(&again).len() <= suggestions.len(), "{text}");
        assert!(!find_suggestions(&again).contains(text), "{text}");
    }
}

#[test]
fn every_suggested_size_works_when_pasted() {
    let names = [
        "height", "Max(1, s0)", "a: b", "a #b", "{", "*", "null", "?", "a + 1", "floor(h/2)", "p2o.X.0", "1", "yes",
        "", "größe", "\"quoted\"", "tab\t", "default",
    ];
    for name in names {
        for framework in [Onnx, Tensorflow, Keras, Tflite] {
            for dims in [
                json!([name]),
                json!([1, name]),
                json!([null, 3, name, "width"]),
                json!([name, 9, name]),
                json!([null, name, null]),
                json!([1, null]),
                json!(null),
            ] {
                let model = holding(framework, &[model_input(name, dims.clone())]);
                let (plan, pasted) = paste_all(&model, "");
                assert_eq!(plan.requests().count(), 1, "{framework} {dims}: {pasted:?} {:?}", plan.all_problems());
            }
        }
    }
}

#[test]
fn the_name_default_is_no_size_of_other_dimensions() {
    let model = holding(Onnx, &[model_input("x", json!([1, "default", "w", null]))]);
    let (plan, pasted) = paste_all(&model, "");
    assert_eq!(pasted, ["inputs: { x: [1, 7, 7, 7] }"], "{:?}", plan.all_problems());
}

#[test]
fn sizes_of_several_inputs_are_suggested_together() {
    let inputs: Vec<_> = (0..48)
        .map(|number| match number % 2 {
            0 => model_input(&format!("past.{number}"), json!(["batch", 12, "past", 64])),
            _ => model_input(&format!("ids.{number}"), json!(["batch", "past"])),
        })
        .collect();
    let model = holding(Onnx, &inputs);
    let plan = plan_with_rule(TARGET, &[], &model);
    let problems: Vec<_> =
        plan.all_problems().into_iter().map(|problem| format!("{}\n  {}", problem.problem, problem.remedy)).collect();
    insta::assert_snapshot!(problems.join("\n"), @r"
    the model's batch size is dynamic: `batch` (dimension 0 of `past.0`, `ids.1`, `past.2`, `ids.3`, `past.4` and 43 more inputs)
      set batch_size: 1 in automation.yaml
    the model has dynamic dimensions without a size: `past` (dimensions 1, 2 of `past.0`, `ids.1`, `past.2`, `ids.3`, `past.4` and 43 more inputs)
      set symbolic_dims: { past: <size> } in automation.yaml
    ");
    let (plan, pasted) = paste_all(&model, "");
    assert_eq!(pasted, ["batch_size: 1", "symbolic_dims: { past: 7 }"]);
    let sent = plan.requests().next().unwrap().data_input_config.clone().unwrap();
    assert!(sent.starts_with(r#"{"past.0":[1,12,7,64],"ids.1":[1,7],"#), "{sent}");
}

#[test]
fn a_batch_size_fills_the_first_dimension_only() {
    let model = holding(Onnx, &[model_input("x", json!(["N", 3, "h", "w"])), model_input("n", json!([null]))]);
    let sent = |rule: &str| {
        let plan = plan_with_rule(&format!("{rule}, {TARGET}"), &[], &model);
        let sent = plan.requests().next().and_then(|request| request.data_input_config.clone());
        sent.ok_or_else(|| plan.all_problems().into_iter().map(|problem| problem.problem).collect::<Vec<_>>())
    };
    assert_eq!(
        sent("batch_size: 8").unwrap_err(),
        ["the model has dynamic dimensions without a size: `h` (dimension 2 of `x`), `w` (dimension 3 of `x`)"]
    );
    let sizes = "symbolic_dims: { h: 20, w: 30 }";
    assert_eq!(sent(&format!("batch_size: 8, {sizes}")).unwrap(), r#"{"x":[8,3,20,30],"n":[8]}"#);
    let named = "symbolic_dims: { N: 2, h: 20, w: 30 }";
    assert_eq!(sent(&format!("batch_size: 8, {named}")).unwrap(), r#"{"x":[2,3,20,30],"n":[8]}"#);
    let default = "symbolic_dims: { default: 224 }";
    assert_eq!(sent(&format!("batch_size: 8, {default}")).unwrap(), r#"{"x":[8,3,224,224],"n":[8]}"#);
    assert_eq!(sent(default).unwrap(), r#"{"x":[224,3,224,224],"n":[224]}"#, "as in the first release");
}

#[test]
fn the_default_warns_of_what_is_no_batch_size() {
    let warnings = |inputs: &[ModelInput], rule: &str| {
        let plan = plan_with_rule(&format!("{rule}, {TARGET}"), &[], &holding(Onnx, inputs));
        assert_eq!(plan.requests().count(), 1, "{:?}", plan.all_problems());
        plan.all_warnings().into_iter().filter(|warning| warning.code == "symbolic-dims-default").collect::<Vec<_>>()
    };
    let image = [model_input("image", json!([null, null, null, 3]))];
    let default = "symbolic_dims: { default: 1 }";
    let warned = warnings(&image, default);
    assert!(warned[0].warning.contains("dimensions 1, 2 of `image`"), "{}", warned[0].warning);
    assert!(warned[0].warning.ends_with("inputs: { image: [1, <size>, <size>, 3] }"), "{}", warned[0].warning);
    let named = [model_input("image", json!(["N", 3, "H", "W"]))];
    let warned = warnings(&named, "symbolic_dims: { H: 9, default: 1 }");
    insta::assert_snapshot!(warned[0].warning, @"the default of symbolic_dims sets dimensions beyond the first to 1: `W` (dimension 3 of `image`); if that is not intended, set batch_size: 1 and symbolic_dims: { H: 9, W: <size> } instead");
    let batch = [model_input("image", json!(["N", 3, 9, 9]))];
    assert_eq!(warnings(&batch, default), []);
    assert_eq!(warnings(&named, "batch_size: 1, symbolic_dims: { H: 9, W: 9 }"), []);
}

/// The converter writes 1 for a dynamic dimension: documents without a batch size keep working.
#[test]
fn the_batch_of_tflite_is_one_by_default() {
    let sent = |rule: &str, dims: serde_json::Value| {
        let plan = plan_with_rule(&format!("{rule}{TARGET}"), &[], &holding(Tflite, &[model_input("x", dims)]));
        plan.requests().next().and_then(|request| request.data_input_config.clone())
    };
    assert_eq!(sent("", json!([null, 96, 96, 3])).as_deref(), Some(r#"{"x":[1,96,96,3]}"#));
    assert_eq!(sent("batch_size: 4, ", json!([null, 96, 96, 3])).as_deref(), Some(r#"{"x":[4,96,96,3]}"#));
    assert_eq!(sent("", json!([null, null, null, 3])), None, "an image of one pixel is not what anybody wants");
}

#[test]
fn a_batch_size_is_shown_with_its_origin() {
    let model = holding(Onnx, &[input("x", &[0, 3])]);
    let plan = plan_with_rule(&format!("batch_size: 2, {TARGET}"), &[], &model);
    let shown = plan.targets[0].resolved_settings.iter().find(|resolved| resolved.setting == "batch_size").unwrap();
    assert_eq!((shown.value.as_str(), shown.origin.to_string().as_str()), ("2", "rule"));
}
