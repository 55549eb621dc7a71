//! Models of every framework as its own package reads them (`tests/models`).

use std::collections::BTreeMap;

use crate::common::{answer, codes, fixture, fixtures, look_at};
use model_archive::{Framework, Inspection, Layout};
use serde_json::{Map, Value};

/// The members of each model of a suite, without the model's own folder.
pub fn models(suite: &str) -> BTreeMap<String, Vec<(String, Vec<u8>)>> {
    let mut models: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (path, data) in fixtures(&format!("{suite}/suite.tar.gz")) {
        let (model, member) = path.split_once('/').unwrap();
        models.entry(model.to_owned()).or_default().push((member.to_owned(), data));
    }
    models
}

fn look(members: &[(String, Vec<u8>)]) -> Inspection {
    let members: Vec<_> = members.iter().map(|(path, data)| (path.as_str(), data.as_slice())).collect();
    look_at(&members)
}

/// Holds every model of a suite against its package's answer and gives the inspections.
fn hold(suite: &str, framework: Framework, layout: Layout) -> BTreeMap<String, Inspection> {
    let expected: Map<String, Value> = serde_json::from_slice(&fixture(&format!("{suite}/suite.json"))).unwrap();
    let models = models(suite);
    assert_eq!(models.len(), expected.len());
    let inspections = models.into_iter().filter(|(name, _)| expected[name] != Value::Null).map(|(name, members)| {
        let inspection = look(&members);
        assert_eq!(inspection.problems, [], "{name}");
        assert_eq!(answer(&inspection), expected[&name], "{name}");
        let model = inspection.model.as_ref().unwrap();
        assert_eq!((model.framework, model.layout), (framework, layout), "{name}");
        // The members in the other order make no difference.
        let reversed: Vec<_> = members.into_iter().rev().collect();
        assert_eq!(look(&reversed).model, inspection.model, "{name}");
        (name, inspection)
    });
    inspections.collect()
}

fn assert_read(inspections: &BTreeMap<String, Inspection>) {
    for (name, inspection) in inspections {
        assert!(inspection.model.as_ref().unwrap().read, "{name}: {:?}", inspection.warnings);
    }
}

#[test]
fn tensorflow() {
    let inspections = hold("tensorflow", Framework::Tensorflow, Layout::Nhwc);
    assert_read(&inspections);
    assert_eq!(inspections.len(), 26);
}

#[test]
fn keras() {
    let inspections = hold("keras", Framework::Keras, Layout::Nchw);
    assert_read(&inspections);
    assert_eq!(inspections.len(), 16);
}

#[test]
fn tflite() {
    let inspections = hold("tflite", Framework::Tflite, Layout::Nhwc);
    assert_read(&inspections);
    assert_eq!(inspections.len(), 11);
    assert_eq!(inspections["pair"].warnings[0].code, "inputs-several");
}

#[test]
fn mxnet() {
    let inspections = hold("mxnet", Framework::Mxnet, Layout::Nchw);
    assert_read(&inspections);
    assert_eq!(inspections.len(), 4);
    assert_eq!(inspections["classifier"].warnings[0].code, "mxnet-label");
}

#[test]
fn xgboost() {
    let (old, new) =
        (hold("xgboost/1-7", Framework::Xgboost, Layout::None), hold("xgboost/3-2", Framework::Xgboost, Layout::None));
    assert_read(&old);
    assert_read(&new);
    assert_eq!((old.len(), new.len()), (12, 8));
}

#[test]
fn pytorch() {
    let inspections = hold("pytorch", Framework::Pytorch, Layout::Nchw);
    assert_eq!(inspections.keys().collect::<Vec<_>>(), ["frozen", "scripted", "traced"]);
    for inspection in inspections.values() {
        assert!(!inspection.model.as_ref().unwrap().read);
        assert_eq!(inspection.warnings[0].code, "inputs-not-read");
    }
    let models = models("pytorch");
    for (name, code) in [
        ("state-dict", "torch-not-script"),
        ("state-dict-legacy", "torch-not-script"),
        ("module", "torch-not-script"),
        ("exported", "torch-exported"),
    ] {
        let inspection = look(&models[name]);
        assert_eq!(codes(&inspection), [code], "{name}");
        assert!(inspection.problems[0].remedy.contains("torch.jit.trace"));
    }
}
