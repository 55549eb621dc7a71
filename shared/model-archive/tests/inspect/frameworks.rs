//! Models of every framework, compared with what the framework's own package reads
//! (`tests/models`).

use std::collections::BTreeMap;

use crate::common::{extract_fixture, inspect_members, problem_codes, read_fixture, reference_form};
use model_archive::{Framework, InputLayout, Inspection};
use serde_json::{Map, Value};

/// The members of each model of a suite, without the folder of the model.
pub fn suite_models(suite: &str) -> BTreeMap<String, Vec<(String, Vec<u8>)>> {
    let mut models: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (path, data) in extract_fixture(&format!("{suite}/suite.tar.gz")) {
        let (model, member) = path.split_once('/').unwrap();
        models.entry(model.to_owned()).or_default().push((member.to_owned(), data));
    }
    models
}

fn inspect_owned(members: &[(String, Vec<u8>)]) -> Inspection {
    let members: Vec<_> = members.iter().map(|(path, data)| (path.as_str(), data.as_slice())).collect();
    inspect_members(&members)
}

/// Compares every model of a suite with its reference answer and returns the inspections.
fn check_suite(suite: &str, framework: Framework, layout: InputLayout) -> BTreeMap<String, Inspection> {
    let expected: Map<String, Value> = serde_json::from_slice(&read_fixture(&format!("{suite}/suite.json"))).unwrap();
    let models = suite_models(suite);
    assert_eq!(models.len(), expected.len());
    let inspections = models.into_iter().filter(|(name, _)| expected[name] != Value::Null).map(|(name, members)| {
        let inspection = inspect_owned(&members);
        // The documented version of XGBoost cannot read UBJSON.
        let expected_codes: &[&str] = if name.ends_with("-ubj") { &["xgboost-ubjson"] } else { &[] };
        assert_eq!(problem_codes(&inspection), expected_codes, "{name}");
        assert_eq!(reference_form(&inspection), expected[&name], "{name}");
        let model = inspection.model.as_ref().unwrap();
        assert_eq!((model.framework, model.layout), (framework, layout), "{name}");
        // The order of the members makes no difference.
        let reversed: Vec<_> = members.into_iter().rev().collect();
        assert_eq!(inspect_owned(&reversed).model, inspection.model, "{name}");
        (name, inspection)
    });
    inspections.collect()
}

fn assert_inputs_read(inspections: &BTreeMap<String, Inspection>) {
    for (name, inspection) in inspections {
        assert!(inspection.model.as_ref().unwrap().read, "{name}: {:?}", inspection.warnings);
    }
}

#[test]
fn tensorflow_suite_matches_its_package() {
    let inspections = check_suite("tensorflow", Framework::Tensorflow, InputLayout::Nhwc);
    assert_inputs_read(&inspections);
    assert_eq!(inspections.len(), 26);
}

#[test]
fn keras_suite_matches_its_package() {
    let inspections = check_suite("keras", Framework::Keras, InputLayout::Nchw);
    assert_inputs_read(&inspections);
    assert_eq!(inspections.len(), 16);
}

#[test]
fn tflite_suite_matches_its_package() {
    let inspections = check_suite("tflite", Framework::Tflite, InputLayout::Nhwc);
    assert_inputs_read(&inspections);
    assert_eq!(inspections.len(), 12);
    assert_eq!(inspections["pair"].warnings[0].code, "inputs-several");
}

#[test]
fn mxnet_suite_matches_its_package() {
    let inspections = check_suite("mxnet", Framework::Mxnet, InputLayout::Nchw);
    assert_inputs_read(&inspections);
    assert_eq!(inspections.len(), 4);
    assert_eq!(inspections["classifier"].warnings[0].code, "mxnet-label");
}

#[test]
fn xgboost_suite_matches_its_package() {
    let (old, new) = (
        check_suite("xgboost/1-7", Framework::Xgboost, InputLayout::None),
        check_suite("xgboost/3-2", Framework::Xgboost, InputLayout::None),
    );
    assert_inputs_read(&old);
    assert_inputs_read(&new);
    assert_eq!((old.len(), new.len()), (12, 8));
}

#[test]
fn pytorch_suite_matches_its_package() {
    let inspections = check_suite("pytorch", Framework::Pytorch, InputLayout::Nchw);
    assert_eq!(inspections.keys().collect::<Vec<_>>(), ["frozen", "scripted", "traced"]);
    for inspection in inspections.values() {
        assert!(!inspection.model.as_ref().unwrap().read);
        assert_eq!(inspection.warnings, []);
    }
    let models = suite_models("pytorch");
    for (name, code) in [
        ("state-dict", "torch-not-script"),
        ("state-dict-legacy", "torch-not-script"),
        ("module", "torch-not-script"),
        ("exported", "torch-exported"),
    ] {
        let inspection = inspect_owned(&models[name]);
        assert_eq!(problem_codes(&inspection), [code], "{name}");
        assert!(inspection.problems[0].remedy.contains("torch.jit.trace"));
    }
}
