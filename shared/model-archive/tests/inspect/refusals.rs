//! Files of each framework that cannot be compiled, each with its own problem, and misleading
//! names.

use crate::common::{
    extract_fixture, inspect_members, onnx_model, problem_codes, read_fixture, saved_variables, tar_gz,
};
use model_archive::{Dim, Framework, Inspection, Limits, inspect_archive};

fn suite_member(suite: &str, path: &str) -> Vec<u8> {
    let found = extract_fixture(&format!("{suite}/suite.tar.gz")).into_iter().find(|(name, _)| name == path);
    found.unwrap_or_else(|| panic!("no {path} in {suite}")).1
}

fn saved_model_member() -> Vec<u8> {
    suite_member("tensorflow", "saved-fixed/saved_model.pb")
}

fn symbol_member() -> Vec<u8> {
    suite_member("mxnet", "gluon/net-symbol.json")
}

fn params_member() -> Vec<u8> {
    suite_member("mxnet", "gluon/net-0000.params")
}

type Files<'f> = &'f [(&'f str, &'f [u8])];

const CFG: &[u8] = b"# a classifier\n[net]\nbatch=1\nheight=32\nwidth = 48\nchannels=3\nmomentum=0.9\n\n[convolutional]\nbatch=7\nfilters=16\n";

/// Version 0.2.0 of Darknet's weight file, after no image.
const WEIGHTS: &[u8] = b"\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn missing_malformed_and_surplus_files_are_reported() {
    let [index, shard] = saved_variables();
    let index = ("variables/variables.index", &index[..]);
    let shard = ("variables/variables.data-00000-of-00001", &shard[..]);
    let graph = suite_member("tensorflow", "graph-one/frozen.pb");
    let h5 = suite_member("keras", "keras2-sequential/model.h5");
    let tflite = suite_member("tflite", "image/model.tflite");
    let cases: [(Files<'_>, &str, &str); 32] = [
        (&[("m/saved_model.pb", &saved_model_member())], "variables-missing", "the folder `m/variables`"),
        (&[("saved_model.pb", b"\x08\x01")], "model-invalid", "it ends without a graph"),
        (
            &[("saved_model.pb", &saved_model_member()), index, shard, ("b.pb", &graph)],
            "several-models",
            "`saved_model.pb`, `b.pb`",
        ),
        (&[("a.pb", &graph), ("labels.pbtxt", b"item {}")], "several-models", "`a.pb`, `labels.pbtxt`"),
        (&[("model.pb", &saved_model_member()), index, shard], "model-misnamed", "saved_model.pb"),
        (&[("a.pb", b"\x0a\x03\x0a\x01x")], "inputs-none", "no Placeholder node"),
        (&[("a.pbtxt", b"node { name: \"x\" ")], "model-invalid", "it ends within `node`"),
        (&[("a.pbtxt", b"node { } }")], "model-invalid", "a message ends that did not start"),
        (&[("a.h5", b"\x89HDF")], "model-invalid", "the signature of an HDF5 file is missing"),
        (&[("a.h5", b"<html>")], "model-invalid", "it looks like an HTML or XML page"),
        (
            &[("a.h5", &read_fixture("keras/refused/weights.h5"))],
            "keras-weights-only",
            "contains the weights of a Keras model",
        ),
        (&[("a.h5", &read_fixture("keras/refused/data.h5"))], "keras-no-config", "not a complete Keras model"),
        (&[("a.keras", b"PK\x03\x04")], "keras-zip", ".keras format"),
        (&[("a.hdf5", &h5)], "model-misnamed", "only if its name ends in .h5"),
        (&[("a.tflite", b"\x1c\0\0\0TFL2")], "model-invalid", "the identifier TFL3 is missing"),
        (&[("a.tflite", &tflite[..tflite.len() / 3])], "model-invalid", "an offset points to byte"),
        (&[("model.bin", &tflite)], "model-misnamed", "only if its name ends in .tflite"),
        (&[("a.pth", b"\x01\x02")], "model-invalid", "expected a zip file or a pickle"),
        (&[("a.pt", b"PK\x03\x04\0\0")], "model-invalid", "the zip directory is damaged"),
        (
            &[("net-symbol.json", &symbol_member())],
            "part-missing",
            "`net-symbol.json` but no MXNet parameter file (.params)",
        ),
        (&[("net-0000.params", &params_member())], "part-missing", "`net-0000.params` but no MXNet symbol file"),
        (
            &[("net-symbol.json", b"{\"nodes\": 1}"), ("n.params", &params_member())],
            "model-invalid",
            "its JSON is not valid",
        ),
        (
            &[("net-symbol.json", &symbol_member()), ("n.params", &params_member()[..200])],
            "model-invalid",
            "`n.params` is not a valid MXNet",
        ),
        (&[("net.cfg", CFG)], "part-missing", "no Darknet weight file (.weights)"),
        (&[("m.model", b"\x0a\x0a\x01sentencepiece")], "model-invalid", "expected one of XGBoost's formats"),
        (&[("xgboost-model", b"\x80\x05\x95")], "model-invalid", "it looks like a Python pickle"),
        (&[("saved_model.pb", &graph)], "model-misnamed", "its content is a TensorFlow graph"),
        (
            &[("model.torchscript", &suite_member("pytorch", "traced/model.pt"))],
            "model-misnamed",
            "only if its name ends in .pth",
        ),
        (&[("export.pkl", &suite_member("pytorch", "module/model.pt"))], "torch-not-script", "a pickle of torch.save"),
        (&[("a.pbtxt", b"node { name: 'x' op: 'PlaceholderWithDefault' }")], "inputs-none", "a default, such as `x`"),
        (
            &[("a.bin", &tflite), ("b.bin", &tflite)],
            "several-models",
            "one TensorFlow Lite file, but the archive contains 2",
        ),
        (
            &[("pytorch_model.bin", &suite_member("pytorch", "state-dict-legacy/model.pt"))],
            "torch-not-script",
            "a pickle",
        ),
    ];
    for (files, code, expected) in cases {
        let inspection = inspect_members(files);
        assert_eq!(problem_codes(&inspection), [code], "{expected}: {inspection:#?}");
        let problem = &inspection.problems[0];
        assert!(problem.problem.contains(expected), "{expected}: {problem:?}");
        assert!(!problem.remedy.is_empty());
    }
}

#[test]
fn darknet_reads_only_the_first_section() {
    let inspection = inspect_members(&[("net.cfg", CFG), ("net.weights", WEIGHTS)]);
    assert_eq!(inspection.problems, []);
    let model = inspection.model.unwrap();
    assert_eq!((model.framework, model.read), (Framework::Darknet, true));
    assert_eq!(model.inputs[0].name, "data");
    assert_eq!(model.inputs[0].dims, Some([1, 3, 32, 48].map(Dim::Known).to_vec()));

    let yolo = [CFG, b"[yolo]\n"].concat();
    assert_eq!(problem_codes(&inspect_members(&[("net.cfg", &yolo), ("net.weights", WEIGHTS)])), ["darknet-yolo"]);
    let odd = "\u{feff}[net]\r\nwidth = 2 24 # pixels\r\nheight=416.0\r\nheight=1\r\nbatch=1;\r\n".as_bytes();
    let odd = inspect_members(&[("net.cfg", odd), ("net.weights", WEIGHTS)]).model.unwrap();
    assert_eq!(odd.inputs[0].dims, Some(vec![Dim::Known(1), Dim::Unknown, Dim::Known(416), Dim::Known(224)]));

    let training = inspect_members(&[("net.cfg", b"[network]\nbatch=64\n"), ("net.weights", WEIGHTS)]);
    assert_eq!(training.warnings[0].code, "darknet-batch");
    assert_eq!(
        training.model.unwrap().inputs[0].dims.as_ref().unwrap()[1..],
        [Dim::Unknown, Dim::Unknown, Dim::Unknown]
    );
}

#[test]
fn scikit_learn_is_recognized_by_name_only() {
    for name in ["model.pkl", "a/model.joblib"] {
        let inspection = inspect_members(&[(name, b"\x80\x04 not opened")]);
        assert_eq!(inspection.problems, []);
        let model = inspection.model.unwrap();
        assert_eq!((model.framework, model.read, model.path.as_str()), (Framework::Sklearn, false, name));
    }
}

#[test]
fn model_takes_precedence_over_possible_models() {
    let model = onnx_model("made/symbolic.onnx");
    let beside: [(&str, &[u8]); 10] = [
        ("vocabulary.pkl", b"\x80\x04"),
        ("scaler.pkl", b"\x80\x04"),
        ("tokenizer.model", b"\x0a\x0a"),
        ("setup.cfg", b"[metadata]\n"),
        ("hyper.params", b"a=1"),
        ("labels.pbtxt", b"item { id: 1 }"),
        ("m.onnx", &model),
        ("old.weights", b"\0"),
        ("backup.bin", &model),
        ("settings.json", b"{\"learner_type\": \"svm\"}"),
    ];
    let inspection = inspect_members(&beside);
    assert_eq!(inspection.problems, []);
    let model = inspection.model.unwrap();
    assert_eq!((model.framework, model.inputs.len()), (Framework::Onnx, 1));
}

#[test]
fn saved_model_may_have_its_usual_companions() {
    let [index, shard] = saved_variables();
    let files: [(&str, &[u8]); 6] = [
        ("export/variables/variables.data-00000-of-00001", &shard),
        ("export/fingerprint.pb", b"\x08\x01"),
        ("export/keras_metadata.pb", b"\x0a\x01"),
        ("export/assets/vocabulary.txt", b"a"),
        ("export/saved_model.pb", &saved_model_member()),
        ("export/variables/variables.index", &index),
    ];
    let inspection = inspect_members(&files);
    assert_eq!(inspection.problems, []);
    assert_eq!(inspection.warnings.len(), 1);
    assert!(inspection.warnings[0].warning.contains("`export/fingerprint.pb`, `export/keras_metadata.pb`"));
    assert_eq!(inspection.model.unwrap().path, "export/saved_model.pb");
}

/// Inspects a `SavedModel` in text with these signatures.
fn inspect_signatures(signatures: &[&str]) -> Inspection {
    let each: Vec<_> = signatures
        .iter()
        .map(|key| {
            format!(
                "signature_def {{ key: \"{key}\" value {{ inputs {{ key: \"x\" value {{ dtype: DT_FLOAT }} }} }} }}"
            )
        })
        .collect();
    let each = each.join("\n");
    let text = format!(
        "saved_model_schema_version: 1\nmeta_graphs {{ meta_info_def {{ tags: [\"serve\", 'gpu'] }}\n{each} }}"
    );
    inspect_members(&[("saved_model.pbtxt", text.as_bytes()), ("variables/x", b"")])
}

#[test]
fn ambiguous_signature_is_not_guessed() {
    let inspection = inspect_signatures(&["b", "a", "__saved_model_init_op"]);
    assert_eq!(problem_codes(&inspection), ["signature-ambiguous"]);
    assert!(inspection.problems[0].problem.contains("`a`, `b`"), "{:?}", inspection.problems);
    assert_eq!(inspection.model, None);
    assert_eq!(problem_codes(&inspect_signatures(&["__saved_model_init_op"])), ["signature-none"]);
    assert_eq!(problem_codes(&inspect_signatures(&["a"])), Vec::<&str>::new());
    assert_eq!(problem_codes(&inspect_signatures(&["a", "serving_default"])), Vec::<&str>::new());
}

#[test]
fn latest_hdf5_encoding_is_read_except_fractal_heaps() {
    let inspection = inspect_members(&[("m.h5", &read_fixture("keras/refused/latest.h5"))]);
    assert_eq!(inspection.problems, []);
    let model = inspection.model.unwrap();
    assert_eq!((model.inputs[0].name.as_str(), model.producer.as_deref()), ("latest", Some("keras 2.9.0")));

    let inspection = inspect_members(&[("m.h5", &read_fixture("keras/refused/dense.h5"))]);
    assert!(!inspection.model.unwrap().read);
    assert!(inspection.warnings[0].warning.contains("fractal heap"), "{:?}", inspection.warnings);
}

/// Inspects a Keras file with this configuration.
fn inspect_keras(config: &str) -> Inspection {
    let h5 = read_fixture("keras/refused/latest.h5");
    // Padded to the same length, so that nothing else in the file changes.
    let at = h5.windows(15).position(|window| window == br#"{"class_name": "#).unwrap();
    let end = at + h5[at..].iter().position(|byte| *byte == 0).unwrap_or(h5.len() - at);
    assert!(config.len() <= end - at, "{} bytes do not fit into {}", config.len(), end - at);
    let config = format!("{config:<width$}", width = end - at);
    inspect_members(&[("m.h5", &[&h5[..at], config.as_bytes(), &h5[end..]].concat())])
}

/// The name and shape of each input of a Keras model with these layers.
fn keras_inputs(class: &str, config: &str) -> String {
    let inspection = inspect_keras(&format!(r#"{{"class_name":"{class}","config":{config}}}"#));
    let inputs = inspection.model.unwrap_or_else(|| panic!("{config}: {:?}", inspection.problems)).inputs;
    let dims = |dims: Option<Vec<Dim>>| serde_json::to_string(&dims).unwrap();
    let each: Vec<_> = inputs.into_iter().map(|input| format!("{} {}", input.name, dims(input.dims))).collect();
    each.join(", ")
}

#[test]
fn old_sequential_model_derives_its_input_name() {
    let model = inspect_keras(
        r#"{"class_name":"Sequential","config":[{"class_name":"Dense","config":
        {"name":"dense_1","batch_input_shape":[null,7],"dtype":"float64"}}]}"#,
    )
    .model
    .unwrap();
    assert_eq!((model.inputs[0].name.as_str(), model.inputs[0].element_type.as_str()), ("dense_1_input", "float64"));
    assert_eq!(model.inputs[0].dims, Some(vec![Dim::Unknown, Dim::Known(7)]));

    // For transfer learning, the first layer may be a model, whose first layer has the shape.
    let inner = r#"{"layers":[{"class_name":"InputLayer","config":{"name":"i","batch_shape":[1,2]}}]}"#;
    let nested = format!(r#"[{{"class_name":"Model","name":"net","config":{inner}}}]"#);
    assert_eq!(keras_inputs("Sequential", &nested), "net_input [1,2]");
    let list =
        r#"[{"class_name":"Sequential","name":"s","config":[{"class_name":"D","config":{"batch_input_shape":[4]}}]}]"#;
    assert_eq!(keras_inputs("Sequential", list), "s_input [4]");
}

#[test]
fn keras_input_without_name_is_not_guessed() {
    for config in [
        r#"[{"class_name":"Sequential","config":[{"class_name":"D","config":{"batch_input_shape":[4]}}]}]"#,
        r#"{"name":"s","build_input_shape":[null,7],"layers":[{"class_name":"D","config":{"name":"d"}}]}"#,
    ] {
        let inspection = inspect_keras(&format!(r#"{{"class_name":"Sequential","config":{config}}}"#));
        assert_eq!(problem_codes(&inspection), Vec::<&str>::new(), "{config}");
        assert!(!inspection.model.unwrap().read, "{config}");
        assert_eq!(inspection.warnings[0].code, "inputs-not-read", "{config}");
    }
}

#[test]
fn other_keras_layers_may_have_any_configuration() {
    let input = r#"{"class_name":"InputLayer","config":{"name":"i","batch_shape":[null,4]}}"#;
    for other in [
        r#"{"class_name":"X","config":{"batch_shape":7,"name":3}}"#,
        r#"{"class_name":"X","config":{"dtype":[1,"a"],"layers":[]}}"#,
        r#"{"class_name":"X","config":{"v":NaN,"w":-Infinity}}"#,
        r#"{"class_name":"X","config":null}"#,
        r#"{"class_name":"X","config":{"layers":6}}"#,
        r#"{"class_name":"X","config":{"layers":{"a":1}}}"#,
        r#"{"class_name":"X","config":{"layers":["a",[1]]}}"#,
        r#"{"class_name":"X"},7"#,
        // This is a name, not a data format.
        r#"{"class_name":"X","name":"channels_first","config":{}}"#,
    ] {
        assert_eq!(keras_inputs("Model", &format!(r#"{{"layers":[{input},{other}]}}"#)), "i [null,4]", "{other}");
    }
}

#[test]
fn keras_inputs_keep_the_order_of_keras() {
    let layer = |name: &str| format!(r#"{{"class_name":"InputLayer","name":"{name}","config":{{}}}}"#);
    let layers = format!("{},{}", layer("z"), layer("a"));
    let ordered = |order: &str| format!(r#"{{"layers":[{layers}],"input_layers":{order}}}"#);
    assert_eq!(keras_inputs("M", &ordered(r#"[["a",0,0],["z",0,0]]"#)), "a null, z null");
    assert_eq!(keras_inputs("M", &ordered(r#"["z",0,0]"#)), "z null, a null");
    // Keras flattens an object in the order of its keys.
    assert_eq!(keras_inputs("M", &ordered(r#"{"q":["z"],"b":["a"]}"#)), "a null, z null");
}

#[test]
fn graph_that_is_not_frozen_is_a_problem() {
    let variable = r#"node { name: "w" op: "VariableV2" } node { name: "x" op: "Placeholder" }"#;
    let inspection = inspect_members(&[("m.pbtxt", variable.as_bytes())]);
    assert_eq!(problem_codes(&inspection), ["graph-not-frozen"]);
    assert!(inspection.problems[0].problem.contains("`w`"));
}

#[test]
fn scalar_shape_is_unknown_in_old_graphs() {
    let graph = |producer: u32, op: &str| {
        let shape = r#"attr { key: "shape" value { shape { } } }"#;
        let text = format!(r#"node {{ name: "x" op: "{op}" {shape} }} versions {{ producer: {producer} }}"#);
        inspect_members(&[("m.pbtxt", text.as_bytes())]).model.unwrap().inputs.remove(0).dims
    };
    assert_eq!(graph(21, "Placeholder"), None);
    assert_eq!(graph(22, "Placeholder"), Some(Vec::new()));
    assert_eq!(graph(22, "PlaceholderV2"), Some(Vec::new()));
}

#[test]
fn text_format_joins_lists_and_strings() {
    let text = "node { name: \"in\" 'put' op: 'Placeholder' attr { key: 'dtype' value { type: 3 } } \
                attr { key: 'shape' value { shape { dim: [{ size: 1 }, { size: 3, name: 'n' }] } } } } \
                versions { producer: 22 }";
    let input = inspect_members(&[("m.pbtxt", text.as_bytes())]).model.unwrap().inputs.remove(0);
    assert_eq!((input.name.as_str(), input.element_type.as_str()), ("input", "int32"));
    assert_eq!(input.dims, Some(vec![Dim::Known(1), Dim::Known(3)]));
}

#[test]
fn graph_with_only_the_serve_tag_is_chosen() {
    let graph = |tags: &str, input: &str| {
        format!(
            "meta_graphs {{ meta_info_def {{ tags: {tags} }} signature_def {{ key: 'a' value {{ inputs {{ key: '{input}' \
             value {{ dtype: DT_FLOAT }} }} }} }} }}\n"
        )
    };
    let text = graph("['serve', 'tpu']", "t") + &graph("['train']", "u") + &graph("'serve'", "x");
    let inspection = inspect_members(&[("saved_model.pbtxt", text.as_bytes()), ("variables/x", b"")]);
    assert_eq!(inspection.model.unwrap().inputs[0].name, "x");
}

#[test]
fn old_mxnet_symbols_have_two_kinds_of_attributes() {
    let symbol = br#"{"nodes": [{"op": "null", "param": {}, "name": "data", "attr": {"__shape__": "(1,3,2,2)"}},
        {"op": "null", "param": {}, "name": "x_label"}]}"#;
    let empty = [&[0x12, 1][..], &[0; 30]].concat();
    let inspection = inspect_members(&[("n-symbol.json", symbol), ("n.params", &empty)]);
    assert_eq!(inspection.problems, []);
    let inputs = inspection.model.unwrap().inputs;
    assert_eq!(inputs.len(), 1);
    assert_eq!(inputs[0].dims, Some([1, 3, 2, 2].map(Dim::Known).to_vec()));

    // An argument called a label is the input if there is no other.
    let only = br#"{"nodes": [{"op": "null", "name": "label"}]}"#;
    assert_eq!(
        inspect_members(&[("n-symbol.json", only), ("n.params", &empty)]).model.unwrap().inputs[0].name,
        "label"
    );
}

#[test]
fn xgboost_json_may_contain_nan_and_infinity() {
    let model = br#"{"learner": {"gradient_booster": {"model": {"trees": [{"split_conditions": [NaN, -Infinity]}]}},
        "learner_model_param": {"num_feature": "7"}}, "version": [2, 1, 4]}"#;
    let inspection = inspect_members(&[("m.model", model)]);
    assert_eq!(inspection.problems, []);
    assert_eq!(inspection.model.unwrap().inputs[0].dims, Some(vec![Dim::Unknown, Dim::Known(7)]));

    let broken = inspect_members(&[("m.model", b"{\"learner\": [?]}")]);
    assert!(broken.problems[0].problem.contains("at byte 14 of 16"), "{:?}", broken.problems);
}

#[test]
fn inputs_in_the_skipped_middle_are_a_warning() {
    let limits = Limits { head_bytes: 64, tail_bytes: 64, ..Limits::default() };
    for (name, data) in [
        ("m.tflite", suite_member("tflite", "weights/model.tflite")),
        ("m.pt", suite_member("pytorch", "traced/model.pt")),
    ] {
        let inspection = inspect_archive(tar_gz(&[(name, &data)]).as_slice(), &limits).unwrap();
        assert_eq!(inspection.problems, [], "{name}");
        assert!(!inspection.model.unwrap().read, "{name}");
        assert!(inspection.warnings[0].warning.contains("in the middle of the file"), "{:?}", inspection.warnings);
    }
    // Head and tail are enough for a model whose weights are between them.
    let limits = Limits { head_bytes: 4096, tail_bytes: 4096, ..Limits::default() };
    let data = suite_member("tflite", "weights/model.tflite");
    assert!(data.len() > 500_000);
    let inspection = inspect_archive(tar_gz(&[("m.tflite", &data)]).as_slice(), &limits).unwrap();
    assert!(inspection.model.unwrap().read, "{:?}", inspection.warnings);
    // In HDF5, the attributes come before the weights and must be in the head.
    let data = suite_member("keras", "keras3-deep/model.h5");
    assert!(data.len() > 200_000);
    for (head_bytes, read) in [(100_000, true), (16_384, false)] {
        let limits = Limits { head_bytes, ..Limits::default() };
        let inspection = inspect_archive(tar_gz(&[("m.h5", &data)]).as_slice(), &limits).unwrap();
        assert_eq!(inspection.model.unwrap().read, read, "{:?}", inspection.warnings);
        assert_eq!(inspection.warnings.iter().any(|warning| warning.warning.contains("out of order")), !read);
    }
}
