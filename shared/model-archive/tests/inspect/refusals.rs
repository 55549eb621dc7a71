//! Files of each framework that cannot be compiled, each with its own sentence, and names that mislead.

use crate::common::{codes, fixture, fixtures, look_at, onnx, tar_gz};
use model_archive::{Dim, Framework, Inspection, Limits, inspect};

fn member(suite: &str, path: &str) -> Vec<u8> {
    let found = fixtures(&format!("{suite}/suite.tar.gz")).into_iter().find(|(name, _)| name == path);
    found.unwrap_or_else(|| panic!("no {path} in {suite}")).1
}

fn saved_model() -> Vec<u8> {
    member("tensorflow", "saved-fixed/saved_model.pb")
}

fn symbol() -> Vec<u8> {
    member("mxnet", "gluon/net-symbol.json")
}

fn params() -> Vec<u8> {
    member("mxnet", "gluon/net-0000.params")
}

type Files<'f> = &'f [(&'f str, &'f [u8])];

const CFG: &[u8] = b"# a classifier\n[net]\nbatch=1\nheight=32\nwidth = 48\nchannels=3\nmomentum=0.9\n\n[convolutional]\nbatch=7\nfilters=16\n";

#[test]
fn what_is_missing_malformed_or_too_much_is_named() {
    let variables: &[u8] = b"";
    let graph = member("tensorflow", "graph-one/frozen.pb");
    let h5 = member("keras", "keras2-sequential/model.h5");
    let tflite = member("tflite", "image/model.tflite");
    let cases: [(Files<'_>, &str, &str); 32] = [
        (&[("m/saved_model.pb", &saved_model())], "variables-missing", "the folder `m/variables`"),
        (&[("saved_model.pb", b"\x08\x01")], "model-invalid", "it ends without a graph"),
        (
            &[("saved_model.pb", &saved_model()), ("variables/x", variables), ("b.pb", &graph)],
            "several-models",
            "`saved_model.pb`, `b.pb`",
        ),
        (&[("a.pb", &graph), ("labels.pbtxt", b"item {}")], "several-models", "`a.pb`, `labels.pbtxt`"),
        (&[("model.pb", &saved_model()), ("variables/x", variables)], "model-misnamed", "saved_model.pb"),
        (&[("a.pb", b"\x0a\x03\x0a\x01x")], "inputs-none", "no Placeholder node"),
        (&[("a.pbtxt", b"node { name: \"x\" ")], "model-invalid", "it ends within `node`"),
        (&[("a.pbtxt", b"node { } }")], "model-invalid", "a message ends that did not begin"),
        (&[("a.h5", b"\x89HDF")], "model-invalid", "it lacks the signature of an HDF5 file"),
        (&[("a.h5", b"<html>")], "model-invalid", "it looks like an HTML or XML page"),
        (&[("a.h5", &fixture("keras/refused/weights.h5"))], "keras-weights-only", "holds the weights of a Keras model"),
        (&[("a.h5", &fixture("keras/refused/data.h5"))], "keras-no-config", "no whole Keras model"),
        (&[("a.keras", b"PK\x03\x04")], "keras-zip", ".keras format"),
        (&[("a.hdf5", &h5)], "model-misnamed", "only by the ending .h5"),
        (&[("a.tflite", b"\x1c\0\0\0TFL2")], "model-invalid", "it lacks the identifier TFL3"),
        (&[("a.tflite", &tflite[..tflite.len() / 3])], "model-invalid", "an offset leads to byte"),
        (&[("model.bin", &tflite)], "model-misnamed", "only by the ending .tflite"),
        (&[("a.pth", b"\x01\x02")], "model-invalid", "neither a zip file nor a pickle"),
        (&[("a.pt", b"PK\x03\x04\0\0")], "model-invalid", "its zip directory is damaged"),
        (&[("net-symbol.json", &symbol())], "part-missing", "`net-symbol.json` but no MXNet parameter file (.params)"),
        (&[("net-0000.params", &params())], "part-missing", "`net-0000.params` but no MXNet symbol file"),
        (
            &[("net-symbol.json", b"{\"nodes\": 1}"), ("n.params", &params())],
            "model-invalid",
            "its JSON is not as expected",
        ),
        (
            &[("net-symbol.json", &symbol()), ("n.params", &params()[..200])],
            "model-invalid",
            "`n.params` is not a valid MXNet",
        ),
        (&[("net.cfg", CFG)], "part-missing", "no Darknet weight file (.weights)"),
        (&[("m.model", b"\x0a\x0a\x01sentencepiece")], "model-invalid", "it is none of XGBoost's formats"),
        (&[("xgboost-model", b"\x80\x05\x95")], "model-invalid", "it looks like a Python pickle"),
        (&[("saved_model.pb", &graph)], "model-invalid", "it begins like a frozen graph"),
        (&[("model.torchscript", &member("pytorch", "traced/model.pt"))], "model-misnamed", "only by the ending .pth"),
        (&[("export.pkl", &member("pytorch", "module/model.pt"))], "torch-not-script", "a pickle of torch.save"),
        (&[("a.pbtxt", b"node { name: 'x' op: 'PlaceholderWithDefault' }")], "inputs-none", "a default, such as `x`"),
        (&[("a.bin", &tflite), ("b.bin", &tflite)], "several-models", "2 files that each are a TensorFlow Lite file"),
        (&[("pytorch_model.bin", &member("pytorch", "state-dict-legacy/model.pt"))], "torch-not-script", "a pickle"),
    ];
    for (files, code, expected) in cases {
        let inspection = look_at(files);
        assert_eq!(codes(&inspection), [code], "{expected}: {inspection:#?}");
        let problem = &inspection.problems[0];
        assert!(problem.problem.contains(expected), "{expected}: {problem:?}");
        assert!(!problem.remedy.is_empty());
    }
}

#[test]
fn darknet_is_read_from_its_first_section() {
    let inspection = look_at(&[("net.cfg", CFG), ("net.weights", b"\0")]);
    assert_eq!(inspection.problems, []);
    let model = inspection.model.unwrap();
    assert_eq!((model.framework, model.read), (Framework::Darknet, true));
    assert_eq!(model.inputs[0].name, "data");
    assert_eq!(model.inputs[0].dims, Some([1, 3, 32, 48].map(Dim::Known).to_vec()));

    let yolo = [CFG, b"[yolo]\n"].concat();
    assert_eq!(codes(&look_at(&[("net.cfg", &yolo), ("net.weights", b"\0")])), ["darknet-yolo"]);
    let odd = "\u{feff}[net]\r\nwidth = 2 24 # pixels\r\nheight=416.0\r\nheight=1\r\nbatch=1;\r\n".as_bytes();
    let odd = look_at(&[("net.cfg", odd), ("net.weights", b"\0")]).model.unwrap();
    assert_eq!(odd.inputs[0].dims, Some(vec![Dim::Known(1), Dim::Unknown, Dim::Known(416), Dim::Known(224)]));

    let training = look_at(&[("net.cfg", b"[network]\nbatch=64\n"), ("net.weights", b"\0")]);
    assert_eq!(training.warnings[0].code, "darknet-batch");
    assert_eq!(
        training.model.unwrap().inputs[0].dims.as_ref().unwrap()[1..],
        [Dim::Unknown, Dim::Unknown, Dim::Unknown]
    );
}

#[test]
fn scikit_learn_is_told_by_its_name_and_never_opened() {
    for name in ["model.pkl", "a/model.joblib"] {
        let inspection = look_at(&[(name, b"\x80\x04 not opened")]);
        assert_eq!(inspection.problems, []);
        let model = inspection.model.unwrap();
        assert_eq!((model.framework, model.read, model.path.as_str()), (Framework::Sklearn, false, name));
    }
}

#[test]
fn files_of_uncertain_meaning_make_way_for_a_model() {
    let model = onnx("made/symbolic.onnx");
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
    let inspection = look_at(&beside);
    assert_eq!(inspection.problems, []);
    let model = inspection.model.unwrap();
    assert_eq!((model.framework, model.inputs.len()), (Framework::Onnx, 1));
}

#[test]
fn a_saved_model_may_have_its_usual_companions() {
    let files: [(&str, &[u8]); 5] = [
        ("export/fingerprint.pb", b"\x08\x01"),
        ("export/keras_metadata.pb", b"\x0a\x01"),
        ("export/assets/vocabulary.txt", b"a"),
        ("export/saved_model.pb", &saved_model()),
        ("export/variables/variables.index", b""),
    ];
    let inspection = look_at(&files);
    assert_eq!(inspection.problems, []);
    assert_eq!(inspection.warnings.len(), 1);
    assert!(inspection.warnings[0].warning.contains("`export/fingerprint.pb`, `export/keras_metadata.pb`"));
    assert_eq!(inspection.model.unwrap().path, "export/saved_model.pb");
}

/// A `SavedModel` in text, with these signatures.
fn text_model(signatures: &[&str]) -> Inspection {
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
    look_at(&[("saved_model.pbtxt", text.as_bytes()), ("variables/x", b"")])
}

#[test]
fn an_ambiguous_signature_is_not_guessed() {
    let inspection = text_model(&["b", "a", "__saved_model_init_op"]);
    assert_eq!(codes(&inspection), ["signature-ambiguous"]);
    assert!(inspection.problems[0].problem.contains("`a`, `b`"), "{:?}", inspection.problems);
    assert_eq!(inspection.model, None);
    assert_eq!(codes(&text_model(&["__saved_model_init_op"])), ["signature-none"]);
    assert_eq!(codes(&text_model(&["a"])), Vec::<&str>::new());
    assert_eq!(codes(&text_model(&["a", "serving_default"])), Vec::<&str>::new());
}

#[test]
fn the_newest_encoding_of_hdf5_is_read_and_a_fractal_heap_is_not() {
    let inspection = look_at(&[("m.h5", &fixture("keras/refused/latest.h5"))]);
    assert_eq!(inspection.problems, []);
    let model = inspection.model.unwrap();
    assert_eq!((model.inputs[0].name.as_str(), model.producer.as_deref()), ("latest", Some("keras 2.9.0")));

    let inspection = look_at(&[("m.h5", &fixture("keras/refused/dense.h5"))]);
    assert!(!inspection.model.unwrap().read);
    assert!(inspection.warnings[0].warning.contains("fractal heap"), "{:?}", inspection.warnings);
}

/// A Keras file with this configuration.
fn keras(config: &str) -> Inspection {
    let h5 = fixture("keras/refused/latest.h5");
    // The same length, so that nothing else in the file changes.
    let at = h5.windows(15).position(|window| window == br#"{"class_name": "#).unwrap();
    let end = at + h5[at..].iter().position(|byte| *byte == 0).unwrap_or(h5.len() - at);
    assert!(config.len() <= end - at, "{} bytes where {} are", config.len(), end - at);
    let config = format!("{config:<width$}", width = end - at);
    look_at(&[("m.h5", &[&h5[..at], config.as_bytes(), &h5[end..]].concat())])
}

/// Name and shape of each input of a Keras model with these layers.
fn keras_inputs(class: &str, config: &str) -> String {
    let inspection = keras(&format!(r#"{{"class_name":"{class}","config":{config}}}"#));
    let inputs = inspection.model.unwrap_or_else(|| panic!("{config}: {:?}", inspection.problems)).inputs;
    let dims = |dims: Option<Vec<Dim>>| serde_json::to_string(&dims).unwrap();
    let each: Vec<_> = inputs.into_iter().map(|input| format!("{} {}", input.name, dims(input.dims))).collect();
    each.join(", ")
}

#[test]
fn an_old_sequential_model_names_its_input_after_its_first_layer() {
    let model = keras(
        r#"{"class_name":"Sequential","config":[{"class_name":"Dense","config":
        {"name":"dense_1","batch_input_shape":[null,7],"dtype":"float64"}}]}"#,
    )
    .model
    .unwrap();
    assert_eq!((model.inputs[0].name.as_str(), model.inputs[0].element_type.as_str()), ("dense_1_input", "float64"));
    assert_eq!(model.inputs[0].dims, Some(vec![Dim::Unknown, Dim::Known(7)]));

    // The first layer may be a model: transfer learning. Its own first layer has the shape.
    let inner = r#"{"layers":[{"class_name":"InputLayer","config":{"name":"i","batch_shape":[1,2]}}]}"#;
    let nested = format!(r#"[{{"class_name":"Model","name":"net","config":{inner}}}]"#);
    assert_eq!(keras_inputs("Sequential", &nested), "net_input [1,2]");
    let list =
        r#"[{"class_name":"Sequential","name":"s","config":[{"class_name":"D","config":{"batch_input_shape":[4]}}]}]"#;
    assert_eq!(keras_inputs("Sequential", list), "s_input [4]");
}

#[test]
fn an_input_of_keras_whose_name_the_file_does_not_tell_is_not_guessed() {
    for config in [
        r#"[{"class_name":"Sequential","config":[{"class_name":"D","config":{"batch_input_shape":[4]}}]}]"#,
        r#"{"name":"s","build_input_shape":[null,7],"layers":[{"class_name":"D","config":{"name":"d"}}]}"#,
    ] {
        let inspection = keras(&format!(r#"{{"class_name":"Sequential","config":{config}}}"#));
        assert_eq!(codes(&inspection), Vec::<&str>::new(), "{config}");
        assert!(!inspection.model.unwrap().read, "{config}");
        assert_eq!(inspection.warnings[0].code, "inputs-not-read", "{config}");
    }
}

#[test]
fn a_layer_that_is_no_input_may_be_configured_in_any_way() {
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
        // Not where its channels are.
        r#"{"class_name":"X","name":"channels_first","config":{}}"#,
    ] {
        assert_eq!(keras_inputs("Model", &format!(r#"{{"layers":[{input},{other}]}}"#)), "i [null,4]", "{other}");
    }
}

#[test]
fn inputs_of_keras_come_in_its_order() {
    let layer = |name: &str| format!(r#"{{"class_name":"InputLayer","name":"{name}","config":{{}}}}"#);
    let layers = format!("{},{}", layer("z"), layer("a"));
    let ordered = |order: &str| format!(r#"{{"layers":[{layers}],"input_layers":{order}}}"#);
    assert_eq!(keras_inputs("M", &ordered(r#"[["a",0,0],["z",0,0]]"#)), "a null, z null");
    assert_eq!(keras_inputs("M", &ordered(r#"["z",0,0]"#)), "z null, a null");
    // An object is sorted, as Keras flattens it.
    assert_eq!(keras_inputs("M", &ordered(r#"{"q":["z"],"b":["a"]}"#)), "a null, z null");
}

#[test]
fn a_graph_that_is_not_frozen_says_so() {
    let variable = r#"node { name: "w" op: "VariableV2" } node { name: "x" op: "Placeholder" }"#;
    let inspection = look_at(&[("m.pbtxt", variable.as_bytes())]);
    assert_eq!(codes(&inspection), ["graph-not-frozen"]);
    assert!(inspection.problems[0].problem.contains("`w`"));
}

#[test]
fn old_graphs_wrote_an_unknown_shape_as_that_of_a_scalar() {
    let graph = |producer: u32, op: &str| {
        let shape = r#"attr { key: "shape" value { shape { } } }"#;
        let text = format!(r#"node {{ name: "x" op: "{op}" {shape} }} versions {{ producer: {producer} }}"#);
        look_at(&[("m.pbtxt", text.as_bytes())]).model.unwrap().inputs.remove(0).dims
    };
    assert_eq!(graph(21, "Placeholder"), None);
    assert_eq!(graph(22, "Placeholder"), Some(Vec::new()));
    assert_eq!(graph(22, "PlaceholderV2"), Some(Vec::new()));
}

#[test]
fn text_may_write_lists_and_texts_in_parts() {
    let text = "node { name: \"in\" 'put' op: 'Placeholder' attr { key: 'dtype' value { type: 3 } } \
                attr { key: 'shape' value { shape { dim: [{ size: 1 }, { size: 3, name: 'n' }] } } } } \
                versions { producer: 22 }";
    let input = look_at(&[("m.pbtxt", text.as_bytes())]).model.unwrap().inputs.remove(0);
    assert_eq!((input.name.as_str(), input.element_type.as_str()), ("input", "int32"));
    assert_eq!(input.dims, Some(vec![Dim::Known(1), Dim::Known(3)]));
}

#[test]
fn the_graph_that_only_serves_is_taken() {
    let graph = |tags: &str, input: &str| {
        format!(
            "meta_graphs {{ meta_info_def {{ tags: {tags} }} signature_def {{ key: 'a' value {{ inputs {{ key: '{input}' \
             value {{ dtype: DT_FLOAT }} }} }} }} }}\n"
        )
    };
    let text = graph("['serve', 'tpu']", "t") + &graph("['train']", "u") + &graph("'serve'", "x");
    let inspection = look_at(&[("saved_model.pbtxt", text.as_bytes()), ("variables/x", b"")]);
    assert_eq!(inspection.model.unwrap().inputs[0].name, "x");
}

#[test]
fn old_mxnet_symbols_have_two_kinds_of_attributes() {
    let symbol = br#"{"nodes": [{"op": "null", "param": {}, "name": "data", "attr": {"__shape__": "(1,3,2,2)"}},
        {"op": "null", "param": {}, "name": "x_label"}]}"#;
    let empty = [&[0x12, 1][..], &[0; 30]].concat();
    let inspection = look_at(&[("n-symbol.json", symbol), ("n.params", &empty)]);
    assert_eq!(inspection.problems, []);
    let inputs = inspection.model.unwrap().inputs;
    assert_eq!(inputs.len(), 1);
    assert_eq!(inputs[0].dims, Some([1, 3, 2, 2].map(Dim::Known).to_vec()));

    // What is called a label is the input if there is no other.
    let only = br#"{"nodes": [{"op": "null", "name": "label"}]}"#;
    assert_eq!(look_at(&[("n-symbol.json", only), ("n.params", &empty)]).model.unwrap().inputs[0].name, "label");
}

#[test]
fn numbers_that_json_does_not_know_are_no_mistake_of_xgboost() {
    let model = br#"{"learner": {"gradient_booster": {"model": {"trees": [{"split_conditions": [NaN, -Infinity]}]}},
        "learner_model_param": {"num_feature": "7"}}, "version": [2, 1, 4]}"#;
    let inspection = look_at(&[("m.model", model)]);
    assert_eq!(inspection.problems, []);
    assert_eq!(inspection.model.unwrap().inputs[0].dims, Some(vec![Dim::Unknown, Dim::Known(7)]));

    let broken = look_at(&[("m.model", b"{\"learner\": [?]}")]);
    assert!(broken.problems[0].problem.contains("at byte 14 of 16"), "{:?}", broken.problems);
}

#[test]
fn what_lies_in_the_skipped_middle_of_a_file_is_said_to_be_unread() {
    let limits = Limits { head_bytes: 64, tail_bytes: 64, ..Limits::default() };
    for (name, data) in
        [("m.tflite", member("tflite", "weights/model.tflite")), ("m.pt", member("pytorch", "traced/model.pt"))]
    {
        let inspection = inspect(tar_gz(&[(name, &data)]).as_slice(), &limits).unwrap();
        assert_eq!(inspection.problems, [], "{name}");
        assert!(!inspection.model.unwrap().read, "{name}");
        assert!(inspection.warnings[0].warning.contains("in the middle of the file"), "{:?}", inspection.warnings);
    }
    // Both ends are enough for a model whose weights are between them.
    let limits = Limits { head_bytes: 4096, tail_bytes: 4096, ..Limits::default() };
    let data = member("tflite", "weights/model.tflite");
    assert!(data.len() > 500_000);
    let inspection = inspect(tar_gz(&[("m.tflite", &data)]).as_slice(), &limits).unwrap();
    assert!(inspection.model.unwrap().read, "{:?}", inspection.warnings);
    // Of HDF5 the attributes must be at hand, which come before the weights.
    let data = member("keras", "keras3-deep/model.h5");
    assert!(data.len() > 200_000);
    for (head_bytes, read) in [(100_000, true), (16_384, false)] {
        let limits = Limits { head_bytes, ..Limits::default() };
        let inspection = inspect(tar_gz(&[("m.h5", &data)]).as_slice(), &limits).unwrap();
        assert_eq!(inspection.model.unwrap().read, read, "{:?}", inspection.warnings);
        assert_eq!(inspection.warnings.iter().any(|warning| warning.warning.contains("out of order")), !read);
    }
}
