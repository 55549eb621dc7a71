//! The version of a model is compared with the versions that AWS documents for each target.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{holding, input, plan_with_rule};
use model_archive::{
    Framework::{self, Keras, Mxnet, Onnx, Pytorch, Tensorflow, Tflite, Xgboost},
    Inspection,
};
use neo::find_version_warnings;

/// What a file says about its version: the format, the producer and the runtime.
type SavedVersion = (Option<&'static str>, Option<&'static str>, Option<&'static str>);

fn saved(framework: Framework, path: &str, (format, producer, runtime): SavedVersion) -> Inspection {
    let mut inspection = holding(framework, &[input("x", &[1, 8])]);
    let model = inspection.model.as_mut().unwrap();
    path.clone_into(&mut model.path);
    model.format_version = format.map(str::to_owned);
    model.producer = producer.map(str::to_owned);
    model.runtime_version = runtime.map(str::to_owned);
    inspection
}

fn producer(name: &'static str) -> SavedVersion {
    (None, Some(name), None)
}

fn format(name: &'static str) -> SavedVersion {
    (Some(name), None, None)
}

#[test]
fn newer_models_are_warned_about_with_both_versions() {
    let xgboost = |version| (Xgboost, "m.model", format(version), "ml_c5");
    for ((framework, path, version, device), expected) in [
        ((Keras, "m.h5", producer("keras 2.15.0"), "ml_c5"), "Keras 2.15.0; AWS documents Keras 2.2.4 for ml_c5"),
        ((Keras, "m.h5", producer("keras 2.4.0"), "jetson_nano"), "Keras 2.4.0; AWS documents Keras 2.2 for"),
        ((Keras, "m.h5", producer("keras 2.2.4-tf"), "ml_c5"), "Keras 2.2.4-tf; AWS documents Keras 2.2.4"),
        ((Keras, "m.h5", producer("keras 2.2.4"), "ml_c5"), ""),
        ((Keras, "m.h5", producer("keras 1.2.2"), "ml_c5"), ""),
        (xgboost("XGBoost 3.2.0"), "XGBoost 3.2.0; AWS documents XGBoost 1.3.3 for ml_c5"),
        (xgboost("XGBoost 1.3.3"), ""),
        (xgboost("XGBoost 0.90"), ""),
        ((Onnx, "m.onnx", format("IR 8, opset 17"), "ml_c5"), "ONNX IR 8, opset 17; AWS documents ONNX 1.7.0 (IR 7"),
        ((Onnx, "m.onnx", format("IR 8, opset 12"), "rasp4b"), "ONNX 1.7 (IR 7, opset 12) for rasp4b"),
        ((Onnx, "m.onnx", format("IR 7, opset 13, ai.onnx.ml 2"), "ml_c5"), "opset_version=12"),
        ((Onnx, "m.onnx", format("IR 7, opset 12, ai.onnx.ml 15"), "ml_c5"), ""),
        ((Tflite, "m.tflite", (None, None, Some("2.3.0")), "rasp4b"), "TensorFlow Lite 2.3.0 or later; AWS documents"),
        ((Tflite, "m.tflite", (None, None, Some("1.14.0")), "rasp4b"), ""),
        (
            (Tensorflow, "m.pb", producer("tensorflow 2.16.1"), "ml_c5"),
            "TensorFlow 2.16.1; AWS documents TensorFlow 1.15.3, 2.9",
        ),
        ((Tensorflow, "m.pb", producer("tensorflow 2.5.0"), "rasp4b"), "1.15, 2.4 for rasp4b"),
        ((Tensorflow, "m.pb", producer("tensorflow 2.4.1"), "rasp4b"), ""),
        ((Tensorflow, "m.pb", producer("tensorflow 1.15.0"), "ml_c5"), ""),
        ((Mxnet, "m-symbol.json", producer("mxnet 1.9.1"), "ml_c5"), "MXNet 1.9.1; AWS documents MXNet 1.8.0"),
        ((Pytorch, "a/model.pt", format("TorchScript 3"), "jetson_xavier"), "rename it to `a/model.pth`"),
        ((Pytorch, "a/model.pth", format("TorchScript 3"), "jetson_xavier"), ""),
        ((Onnx, "m.onnx", (None, None, None), "ml_c5"), ""),
    ] {
        let rule = format!("targets: [ {{ device: {device}, inputs: {{ x: [1, 8] }} }} ]");
        let inspection = saved(framework, path, version);
        let plan = plan_with_rule(&rule, &[], &inspection);
        let warnings: Vec<_> = plan.targets[0]
            .warnings
            .iter()
            .filter(|warning| ["model-version", "torch-suffix"].contains(&warning.code.as_ref()))
            .collect();
        assert_eq!(warnings.len(), usize::from(!expected.is_empty()), "{version:?} {warnings:?}");
        assert_eq!(plan.requests().count(), 1, "it is not blocked: {:?}", plan.all_problems());
        for warning in warnings {
            assert!(warning.warning.contains(expected) && warning.warning.contains("Fix: "), "{}", warning.warning);
        }
        let shown = find_version_warnings(inspection.model.as_ref().unwrap());
        assert!(shown.len() <= usize::from(!expected.is_empty()), "inspect shows what no target is documented for");
    }
}

#[test]
fn a_configured_version_is_what_the_model_is_compared_with() {
    let model = saved(Tensorflow, "m.pb", producer("tensorflow 2.5.0"));
    let codes = |rule: &str| {
        let plan = plan_with_rule(&format!("{rule}targets: [ {{ device: ml_c5 }} ]"), &[], &model);
        plan.all_warnings().into_iter().map(|warning| warning.code.into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes("framework_version: 1.15.3, "), ["model-version"]);
    assert_eq!(codes("framework_version: \"2.9\", "), [""; 0]);
    assert_eq!(codes(""), ["framework-version-advised"], "without one, SageMaker may choose TensorFlow 1");
}

#[test]
fn the_suggested_file_name_is_the_fix() {
    let model = saved(Pytorch, "model.pt", format("TorchScript 3"));
    let warning = find_version_warnings(model.model.as_ref().unwrap()).remove(0);
    let name = warning.warning.rsplit('`').nth(1).unwrap();
    let renamed = saved(Pytorch, name, format("TorchScript 3"));
    assert_eq!(find_version_warnings(renamed.model.as_ref().unwrap()), []);
}

#[test]
fn saved_models_are_exported_as_the_keras_version_can() {
    for (version, fix) in [
        ("keras 3.15.0", "archive it as a SavedModel: model.export(\"export\")"),
        ("keras 2.15.0", "archive it as a SavedModel: tf.saved_model.save(model, \"export\")"),
        ("keras 2.2.4-tf", "archive it as a SavedModel: tf.saved_model.save(model, \"export\")"),
    ] {
        let model = saved(Keras, "m.h5", producer(version));
        let warning = find_version_warnings(model.model.as_ref().unwrap()).remove(0);
        assert!(warning.warning.ends_with(fix), "{}", warning.warning);
    }
}
