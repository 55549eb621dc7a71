//! Tests each cell of the table in the crate's README.

use std::fs;

use crate::{
    common::{inspect_members, onnx_model, problem_codes, read_fixture, reference_form},
    frameworks::suite_models,
    onnx::external_data_model,
};
use model_archive::{Dim, ElementType, InspectedModel, Inspection, ModelInput};
use serde_json::Value;

struct Row {
    framework: &'static str,
    files: &'static str,
    /// Checks that everything in the third cell is read.
    read: fn(),
    /// Checks that nothing in the fourth cell is read.
    not: fn(),
}

const ROWS: [Row; 10] = [
    Row { framework: "ONNX", files: "`.onnx`", read: onnx_read, not: onnx_not_read },
    Row {
        framework: "TENSORFLOW",
        files: "`saved_model.pb`, `.pbtxt` with `variables/`",
        read: saved_model_read,
        not: saved_model_not_read,
    },
    Row { framework: "TENSORFLOW", files: "`.pb`, `.pbtxt`", read: graph_read, not: graph_not_read },
    Row { framework: "KERAS", files: "`.h5`", read: keras_read, not: keras_not_read },
    Row { framework: "TFLITE", files: "`.tflite`", read: tflite_read, not: tflite_not_read },
    Row { framework: "PYTORCH", files: "`.pth`, `.pt`", read: pytorch_read, not: pytorch_not_read },
    Row { framework: "MXNET", files: "`-symbol.json`, `.params`", read: mxnet_read, not: mxnet_not_read },
    Row { framework: "DARKNET", files: "`.cfg`, `.weights`", read: darknet_read, not: darknet_not_read },
    Row { framework: "XGBOOST", files: "`.model`, `xgboost-model`", read: xgboost_read, not: xgboost_not_read },
    Row { framework: "SKLEARN", files: "`.pkl`, `.joblib`", read: sklearn_read, not: sklearn_not_read },
];

#[test]
fn every_row_of_the_table_has_a_test() {
    let source = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let table =
        source.lines().filter_map(|line| line.strip_prefix("| ")).skip(1).take_while(|line| !line.starts_with("layer"));
    let table: Vec<_> = table.map(|row| row.split(" | ").collect::<Vec<_>>()).collect();
    assert!(table.iter().all(|cells| cells.len() == 4));
    let listed: Vec<_> = table.iter().map(|cells| (cells[0], cells[1])).collect();
    assert_eq!(listed, ROWS.map(|row| (row.framework, row.files)));
}

#[test]
fn everything_listed_as_read_is_read() {
    for row in ROWS {
        (row.read)();
    }
}

#[test]
fn nothing_listed_as_not_read_is_read() {
    for row in ROWS {
        (row.not)();
    }
}

type Members = Vec<(String, Vec<u8>)>;

fn suite_members(suite: &str, model: &str) -> Members {
    suite_models(suite).remove(model).unwrap_or_else(|| panic!("no {model} in {suite}"))
}

fn inspect_sound(members: &[(String, Vec<u8>)]) -> Inspection {
    let members: Vec<_> = members.iter().map(|(path, data)| (path.as_str(), data.as_slice())).collect();
    let inspection = inspect_members(&members);
    assert!(inspection.problems.iter().all(|problem| problem.code == "xgboost-ubjson"), "{:?}", inspection.problems);
    inspection
}

fn sound_model(members: &[(String, Vec<u8>)]) -> InspectedModel {
    inspect_sound(members).model.unwrap()
}

/// Compares a model with its reference answer, which must contain each of `parts`.
fn assert_answer(suite: &str, name: &str, inspection: &Inspection, parts: &[&str]) {
    let expected: Value = serde_json::from_slice(&read_fixture(&format!("{suite}/suite.json"))).unwrap();
    assert_eq!(reference_form(inspection), expected[name], "{name}");
    assert!(inspection.model.as_ref().unwrap().read, "{name}");
    let text = expected[name].to_string();
    for part in parts {
        assert!(text.contains(part), "{name} lacks {part}: {text}");
    }
}

fn assert_suite_answer(suite: &str, name: &str, parts: &[&str]) {
    assert_answer(suite, name, &inspect_sound(&suite_members(suite, name)), parts);
}

/// Replaces every `from` in `data`, which must contain at least one.
fn replace_bytes(data: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let (mut data, mut count) = (data.to_vec(), 0);
    for at in 0..=data.len() - from.len() {
        if data[at..].starts_with(from) {
            data[at..at + from.len()].copy_from_slice(to);
            count += 1;
        }
    }
    assert!(count > 0);
    data
}

fn onnx_read() {
    for (name, parts) in [
        ("made/producer.onnx", &["IR 8", "opset 17", "pytorch 2.1.0"][..]),
        ("made/domains.onnx", &["ai.onnx.ml 2"]),
        // Initializers that are also inputs, and sparse initializers.
        ("made/weights-among-inputs.onnx", &["IR 3"]),
        ("made/sparse-weights.onnx", &["float32"]),
    ] {
        assert_answer("onnx", name, &inspect_members(&[("m.onnx", &onnx_model(name))]), parts);
    }
    let model = external_data_model("weights.bin");
    assert_eq!(problem_codes(&inspect_members(&[("m.onnx", &model)])), ["external-data-missing"]);
    assert_eq!(problem_codes(&inspect_members(&[("m.onnx", &model), ("weights.bin", b"\x01")])), Vec::<&str>::new());
}

fn onnx_not_read() {
    let data = onnx_model("made/inputs-first.onnx");
    let other = replace_bytes(&data, &0.5_f32.to_le_bytes(), &0.75_f32.to_le_bytes());
    assert_eq!(inspect_members(&[("m.onnx", &data)]).model, inspect_members(&[("m.onnx", &other)]).model);
}

fn saved_model_read() {
    for text in ["", "-text"] {
        let parts = ["SavedModel 1", "tensorflow 2.21.0", "serving_default_", "\"tensor\""];
        assert_suite_answer("tensorflow", &format!("saved-default-among-several{text}"), &parts);
        assert_suite_answer("tensorflow", &format!("saved-one-of-another-name{text}"), &["\"tensor\""]);
    }
}

fn saved_model_not_read() {
    let signature = |key: &str, input: &str| {
        format!(
            "signature_def {{ key: \"{key}\" value {{ inputs {{ key: \"{input}\" value {{ dtype: DT_FLOAT }} }} }} }}"
        )
    };
    let text = format!(
        "meta_graphs {{ meta_info_def {{ tags: \"serve\" }} {} {} }}",
        signature("other", "unread"),
        signature("serving_default", "x")
    );
    let members = [("saved_model.pbtxt".to_owned(), text.into_bytes()), ("variables/x".to_owned(), Vec::new())];
    let names: Vec<_> = sound_model(&members).inputs.into_iter().map(|input| input.name).collect();
    assert_eq!(names, ["x"]);
}

fn graph_read() {
    for text in ["", "-text"] {
        assert_suite_answer(
            "tensorflow",
            &format!("graph-several{text}"),
            &["GraphDef 2474", "\"a\"", "\"b\"", "int32"],
        );
    }
}

fn graph_not_read() {
    let model = sound_model(&suite_members("tensorflow", "graph-open-rank"));
    assert_eq!((model.inputs.len(), model.inputs[0].dims.as_ref()), (1, None));
}

fn keras_read() {
    for version in ["keras2", "keras3"] {
        let parts = ["\"producer\":\"keras ", "\"right\"", "\"left\"", "[null,1,28,28]"];
        assert_suite_answer("keras", &format!("{version}-two-images"), &parts);
    }
}

fn keras_not_read() {
    let inspection = inspect_members(&[("m.h5", &read_fixture("keras/refused/dense.h5"))]);
    assert!(!inspection.model.as_ref().unwrap().read);
    assert!(inspection.warnings[0].warning.contains("fractal heap"), "{:?}", inspection.warnings);

    // An attribute that points to its text contains the length of the text.
    let (path, data) = suite_members("keras", "keras3-deep").remove(0);
    let text = data.windows(14).position(|window| window == b"{\"class_name\":").unwrap();
    let length = u32::from_le_bytes(data[text - 8..text - 4].try_into().unwrap()).to_le_bytes();
    let inspection = inspect_sound(&[(path, replace_bytes(&data, &length, &(3_u32 << 20).to_le_bytes()))]);
    assert!(!inspection.model.as_ref().unwrap().read);
    assert!(inspection.warnings[0].warning.contains("has 3145728 bytes"), "{:?}", inspection.warnings);
}

fn tflite_read() {
    assert_suite_answer("tflite", "pair", &["TFLite 3", "\"a\"", "\"b\""]);
    // The batch is dynamic; the interpreter starts with size 1.
    assert_suite_answer("tflite", "batch-open", &["[null,32,32,3]"]);
}

fn tflite_not_read() {
    // The tables of a large file are in its middle, moved there by bytes before and after them.
    let (path, data) = suite_members("tflite", "image").remove(0);
    let gap = 9_u32 << 20;
    let root = u32::from_le_bytes(data[..4].try_into().unwrap()) + gap;
    let (before, after) = (vec![0; gap as usize], vec![0; gap as usize]);
    let moved = [&root.to_le_bytes()[..], &data[4..8], &before, &data[8..], &after].concat();
    let inspection = inspect_sound(&[(path, moved)]);
    assert!(!inspection.model.as_ref().unwrap().read);
    assert!(inspection.warnings[0].warning.contains("in the middle of the file"), "{:?}", inspection.warnings);
}

fn pytorch_read() {
    for name in ["traced", "scripted", "frozen"] {
        assert_eq!(sound_model(&suite_members("pytorch", name)).format_version.as_deref(), Some("TorchScript 3"));
    }
    for (name, code) in
        [("state-dict", "torch-not-script"), ("module", "torch-not-script"), ("exported", "torch-exported")]
    {
        let (path, data) = suite_members("pytorch", name).remove(0);
        assert_eq!(problem_codes(&inspect_members(&[(&path, &data)])), [code]);
    }
}

fn pytorch_not_read() {
    let inspection = inspect_sound(&suite_members("pytorch", "traced"));
    let model = inspection.model.as_ref().unwrap();
    assert_eq!((model.read, model.inputs.len()), (false, 0));
}

fn mxnet_read() {
    // Its label is an argument too, and its shapes are in `__shape__`.
    assert_suite_answer("mxnet", "classifier", &["mxnet 1.9.1", "[1,3,32,32]"]);
}

fn mxnet_not_read() {
    let symbol = br#"{"nodes": [{"op": "null", "name": "data"}, {"op": "null", "name": "fc_weight"}]}"#;
    // Magic number, reserved word, one array: of version 2, sparse by rows.
    let params = [&[0x12, 1][..], &[0; 14], &1_u64.to_le_bytes(), &0xf993_fac9_u32.to_le_bytes(), &1_u32.to_le_bytes()];
    let members = [("n-symbol.json".to_owned(), symbol.to_vec()), ("n.params".to_owned(), params.concat())];
    let inspection = inspect_sound(&members);
    assert!(!inspection.model.as_ref().unwrap().read);
    assert!(inspection.warnings[0].warning.contains("array 0 of the parameter file is sparse"));
}

/// Version 0.2.0, after no image.
const WEIGHT_HEADER: &[u8] = b"\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const CFG: &[u8] = b"[net]\nbatch=2\nchannels=1\nheight=32\nwidth=48\n\n[convolutional]\nfilters=16\n";

fn darknet_model(weights: &[u8]) -> InspectedModel {
    let weights = [WEIGHT_HEADER, weights].concat();
    sound_model(&[("n.cfg".to_owned(), CFG.to_vec()), ("n.weights".to_owned(), weights)])
}

fn darknet_read() {
    let dims = Some([2, 1, 32, 48].map(Dim::Known).to_vec());
    let input = ModelInput { name: "data".to_owned(), element_type: ElementType::Float32, dims, tensor: None };
    assert_eq!(darknet_model(b"").inputs, [input]);
    let other = [("n.cfg", CFG), ("n.weights", &[0xff; 20][..])];
    assert_eq!(problem_codes(&inspect_members(&other)), ["model-invalid"]);
}

fn darknet_not_read() {
    assert_eq!(darknet_model(b"").inputs, darknet_model(&[0xff; 1000]).inputs);
}

fn xgboost_read() {
    for (kind, version) in [("json", "XGBoost 1.7.6"), ("ubj", "XGBoost 1.7.6"), ("deprecated", "XGBoost 1.7")] {
        assert_suite_answer("xgboost/1-7", &format!("1-7-classes-{kind}"), &[version, "[null,12]"]);
    }
}

fn xgboost_not_read() {
    let (path, data) = suite_members("xgboost/1-7", "1-7-classes-json").remove(0);
    let other = replace_bytes(&data, b"\"split_conditions\":[", b"\"unknown_keys____\":[");
    assert_eq!(sound_model(&[(path.clone(), data)]), sound_model(&[(path, other)]));
}

fn inspect_sklearn(data: &[u8]) -> Inspection {
    inspect_sound(&[("m.pkl".to_owned(), data.to_vec())])
}

fn sklearn_read() {
    let model = inspect_sklearn(b"\x80\x04.").model.unwrap();
    assert_eq!((model.framework.as_str(), model.path.as_str()), ("SKLEARN", "m.pkl"));
    assert_eq!(problem_codes(&inspect_members(&[("m.pkl", b"<html>")])), ["model-invalid"]);
}

fn sklearn_not_read() {
    let inspection = inspect_sklearn(b"\x80\x04.");
    assert!(!inspection.model.as_ref().unwrap().read);
    assert_eq!(inspection.warnings[0].code, "sklearn-not-opened");
    assert_eq!(inspection.warnings, inspect_sklearn(b"\x80\x04not a pickle").warnings);
}
