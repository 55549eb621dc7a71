//! Formats that SageMaker Neo does not take, each with what to archive instead.

use crate::common::{inspect_members, onnx_model, problem_codes};

/// The first bytes of a zip file with one entry.
fn zip_with(entry: &str) -> Vec<u8> {
    let length = u16::try_from(entry.len()).unwrap().to_le_bytes();
    [b"PK\x03\x04", &[0; 22][..], &length, &[0, 0], entry.as_bytes(), b"content"].concat()
}

/// Checks what a file is called, and its fix; each case has its path, its content and both.
fn assert_unsupported(cases: &[(&str, &[u8], &str, &str)]) {
    let onnx = onnx_model("made/symbolic.onnx");
    for (path, data, name, fix) in cases.iter().copied() {
        let inspection = inspect_members(&[("notes.txt", b"x"), (path, data)]);
        assert_eq!(problem_codes(&inspection), ["model-unsupported"], "{path}: {inspection:#?}");
        let problem = &inspection.problems[0];
        assert!(problem.problem.contains(&format!("`{path}` is {name}")), "{problem:?}");
        assert!(problem.remedy.contains(fix), "{problem:?}");
        assert!(!problem.remedy.contains("export the model again"), "{problem:?}");
        // Beside a model, it does not matter.
        let inspection = inspect_members(&[(path, data), ("m.onnx", &onnx)]);
        assert_eq!(problem_codes(&inspection), Vec::<&str>::new(), "{path}");
    }
}

#[test]
fn formats_of_other_frameworks_are_named() {
    let npz = zip_with("arr_0.npy");
    let (dlc, block) = (zip_with("model"), [&[0; 512][..], b"\x89HDF\r\n\x1a\n"].concat());
    let glove = format!("the{}\nof{}\n", " 0.25312".repeat(300), " -0.5123".repeat(300)).into_bytes();
    let signature = r#""a": {"dtype": "DT_FLOAT"}, "#.repeat(200);
    let long_tfjs = format!(r#"{{"format":"graph-model","generatedBy":"2.9","signature":{{{signature}"#).into_bytes();
    assert_unsupported(&[
        ("m.mlmodel", b"\x08\x01\x12\x0dR\x0b\x0a\x09predicted\xa2\x1f\0", "a Core ML model", "was converted"),
        ("a.bin", b"\x08\x01\x12\x09\xa2\x06\x06\x0a\x04main\xb2\x1f\0", "a Core ML model", "was converted"),
        ("m.onnxtxt", b"<\n   ir_version: 7,\n>\ng (", "an ONNX model in the text format", "format=\"onnxtxt\""),
        ("m.json", &long_tfjs, "a TensorFlow.js model", "SavedModel"),
        ("m.dlc", &dlc, "a Qualcomm model", ".onnx"),
        ("m.param.bin", b"\xdd\x85\x76\0\x4b\0\0\0", "an ncnn model", ".onnx"),
        ("m.pdparams", b"\x80\x04\x95\x0a\0\0\0\0\0\0\0}\x94", "a file of PaddlePaddle weights", "paddle.onnx.export"),
        ("inference.json", br#"{"base_code":{"magic":"pir"}}"#, "a PaddlePaddle model", "paddle2onnx"),
        ("m.pdiparams", b"\0\x01\0", "a PaddlePaddle model", "paddle2onnx"),
        (
            "m.json",
            br#"{"name":"tree","num_tree_per_iteration":1,"max_feature_idx":4}"#,
            "a LightGBM model",
            "Booster.save_model",
        ),
        ("m.model", b"ccopy_reg\n_reconstructor\np0\n(clightgbm.basic\nBooster\n", "a LightGBM model", "XGBoost"),
        ("m.ckpt.data-00001-of-00002", b"\x01\x02", "the data of a TensorFlow", "tf.saved_model.save"),
        ("_METADATA", br#"{"tree_metadata":{}}"#, "an Orbax checkpoint", "jax2tf"),
        ("manifest.ocdbt", b"\0\x01", "an Orbax checkpoint", "jax2tf"),
        ("m/meta.json", br#"{"lang":"en","spacy_version":">=3"}"#, "a spaCy model", "without compiling"),
        ("m/config.cfg", b"[paths]\ntrain = null\n[nlp]\n", "a spaCy model", "without compiling"),
        ("glove.txt", b"the 0.4 0.2 -0.4 0.1\n, 0.0 0.2 0.1 0.2\n", "a file of word vectors (GloVe)", "the network"),
        ("w.bin", &glove, "a file of word vectors (GloVe)", "the network"),
        ("m.bin", &block, "an HDF5 file after a user block", "h5unjam"),
        ("m.joblib", b"\x93NUMPY\x01\0v\0", "a NumPy array", "archive the model itself"),
        ("net.params", &npz, "NumPy arrays (.npz), not an MXNet parameter file", "net.export"),
    ]);
    let other_texts: [&[u8]; 4] =
        [b"the 0.4 0.2\nof 0.1 0.2\n", b"a 0.1 0.2 0.3 0.4\nb 0.1\n", b"a 0.1 0.2 0.3 0.4", b"<html> ir_version"];
    for text in other_texts {
        assert_eq!(problem_codes(&inspect_members(&[("notes.txt", text)])), ["no-model"], "{}", text.escape_ascii());
    }
}

#[test]
fn unsupported_formats_are_named_with_what_to_archive() {
    let skops = zip_with("139735623133552.npy");
    let (npz, mojo, mar) = (zip_with("arr_0.npy"), zip_with("model.ini"), zip_with("MAR-INF/MANIFEST.json"));
    let cases: [(&str, &[u8], &str, &str); 48] = [
        ("m.mlmodel", b"\x08\x07\x12\x05\x0a\x03\x0a\x01x\xa2\x1f\x00", "a Core ML model", "was converted"),
        ("m.mlmodel", b"\x08\x01\x12\x05\x0a\x03\x0a\x01x\xa2\x1f\x00", "a Core ML model", "was converted"),
        ("a.bin", b"\x08\x04\x12\x0b\x0a\x05\x0a\x01x\x12\0R\x02\x08\x01", "a Core ML model", "was converted"),
        ("m.ort", b"\x20\0\0\0ORTM\0\0", "an ONNX Runtime model", ".onnx"),
        ("m.pte", b"\x20\0\0\0ET12\0\0", "an ExecuTorch program", "torch.jit.trace"),
        ("m.json", br#"{"irVersion": "8", "graph": {}}"#, "an ONNX model as JSON", "onnx.save"),
        ("m.txt", b"ir_version: 8\ngraph {", "an ONNX model as text", "onnx.save"),
        ("m.json", br#"{"format": "graph-model", "modelTopology": {}}"#, "a TensorFlow.js model", "SavedModel"),
        (
            "face-weights_manifest.json",
            br#"[{"weights":[{"name":"conv0/filters","shape":[3,3,3,32],"dtype":"float32"}"#,
            "a TensorFlow.js model",
            "SavedModel",
        ),
        ("m.json", br#"{"class_name": "Model", "config": {}}"#, "the architecture of a Keras model", "model.save("),
        ("m.xml", b"<?xml version=\"1.0\"?>\n<net name=\"m\">", "an OpenVINO model", ".onnx"),
        ("m.params", b"\xb7\x9c\x04\x05\x4f\x8d\xe5\xf7\0", "a model compiled by TVM", "that was compiled"),
        ("m.engine", b"ptrt\0\0", "a TensorRT engine", ".onnx"),
        ("m.gguf", b"GGUF\x03\0\0\0", "a GGUF model", ".onnx"),
        ("m.param", b"7767517\n75 83\n", "an ncnn model", ".onnx"),
        ("m.caffemodel", b"\x0a\x06ResNet\xa2\x06\x06\x0a\x04conv", "a Caffe model", "ONNX"),
        ("__model__", b"\x0a\x06\x08\0\x10\x01\x1a\0", "a PaddlePaddle model", "paddle2onnx"),
        ("n.model", b"\x0a\x0d\x0a\x07version\x12\x02\x18\x01", "a CNTK model", "ModelFormat.ONNX"),
        ("n.model", b"B\0C\0N\0B\0", "a CNTK model", "ModelFormat.ONNX"),
        ("m.model", b"tree\nversion=v3\nnum_class=1\n", "a LightGBM model", "Booster.save_model"),
        ("m.txt", b"tree\r\nversion=v4\r\n", "a LightGBM model", "Booster.save_model"),
        ("m.json", br#"{"features_info":{"float_features":[]}}"#, "a CatBoost model", "Booster.save_model"),
        ("m.cbm", b"CBM1\x10\0", "a CatBoost model", "Booster.save_model"),
        ("m.model", b"booster[0]:\n0:[f1<0.5] yes=1,no=2\n", "a dump of an XGBoost model", "Booster.save_model"),
        ("dump.json", b"[\n  { \"nodeid\": 0, \"depth\": 0", "a dump of an XGBoost model", "Booster.save_model"),
        (
            "t.model",
            b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02",
            "a SentencePiece tokenizer",
            "the model that uses it",
        ),
        ("m.safetensors", b"\x02\0\0\0\0\0\0\0{}", "a safetensors file", "torch.jit.trace"),
        ("m.ckpt.index", b"\0\0\x06\x08\x01\x1a\x02\x08\x01\0\x01", "the index of a TensorFlow", "tf.saved_model.save"),
        ("m.ckpt.meta", b"\x0a\x0b\x12\x09\x0a\x07\x0a\x05AddV2", "the graph of a TensorFlow", "tf.saved_model.save"),
        ("checkpoint", b"model_checkpoint_path: \"m\"", "the list of a TensorFlow", "tf.saved_model.save"),
        ("m.ckpt.data-00000-of-00001", b"\x01\x02", "the data of a TensorFlow", "tf.saved_model.save"),
        ("config.pbtxt", b"name: \"m\"\nbackend: \"x\"", "a Triton configuration", "model.onnx"),
        ("w.model", b"\x80\x04\x95\x0a\0\0\0\0\0\0\0\x8c\x0cgensim.models", "a gensim model", "the network"),
        ("w.model", b"\x80\x02cgensim.models.word2vec\nWord2Vec\n", "a gensim model", "the network"),
        ("w.model", b"100 50\nthe \x9d\x73\xce\xbf", "a file of word vectors", "the network"),
        ("w.bin", b"\xba\x16\x4f\x2f\x0c\0\0\0", "a fastText model", "the network"),
        ("m.model", b"svm_type c_svc\nkernel_type rbf\n", "a LIBSVM model", "without compiling"),
        ("m.model", b"solver_type L2R_LR\n", "a LIBLINEAR model", "without compiling"),
        ("m.model", b"lCRF\xf4\x01\0\0", "a CRFsuite model", "without compiling"),
        ("m.model", b"\x07\0\0\x008.11.0\0", "a Vowpal Wabbit model", "without compiling"),
        ("m.model", b"\\data\\\nngram 1=10\n", "an n-gram language model", "without compiling"),
        ("m.model", b"\xac\xed\0\x05sr\0\x1bweka", "a Weka model", "without compiling"),
        ("m.model", b"<?xml version=\"1.0\"?><PMML version=\"4.4\">", "a PMML model", "without compiling"),
        ("m.model", b"\x93NUMPY\x01\0v\0", "a NumPy array", "torch.jit.trace"),
        ("m.npz", &npz, "NumPy arrays", "torch.jit.trace"),
        ("m.skops", &skops, "a scikit-learn model of skops", "skops.io.load"),
        ("m.zip", &mojo, "an H2O model", "without compiling"),
        ("m.mar", &mar, "a TorchServe archive", "model.pth"),
    ];
    assert_unsupported(&cases);
}

#[test]
fn tokenizer_beside_weights_is_explained_by_the_weights() {
    let tokenizer = b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02";
    let inspection = inspect_members(&[("tokenizer.model", tokenizer), ("model.safetensors", b"\x02\0\0\0\0\0\0\0{}")]);
    assert_eq!(problem_codes(&inspection), ["model-unsupported"]);
    let problem = &inspection.problems[0];
    assert!(problem.problem.contains("a SentencePiece tokenizer, not an XGBoost model"), "{problem:?}");
    assert!(problem.remedy.contains("load the weights"), "{problem:?}");
}

#[test]
fn unsupported_content_under_the_name_of_a_model_is_named() {
    for (path, data, name) in [
        ("m.onnx", &b"\x20\0\0\0ORTM\0\0"[..], "an ONNX Runtime model"),
        ("m.onnx", br#"{"ir_version": 8, "graph": {}}"#, "an ONNX model as JSON"),
        ("m.h5", br#"{"class_name": "Sequential", "config": []}"#, "the architecture of a Keras model"),
        ("m.pth", b"\x02\0\0\0\0\0\0\0{}", "a safetensors file"),
        ("m.onnx", br#"{"message": "Not Found"}"#, "a server's error response"),
        ("m.onnx", br#"{"error": {"code": 404}, "requestId": "a"}"#, "a server's error response"),
        ("m.onnx", br#"{"name": "m", "errors_total": 1, "message": "trained", "layers": [1]}"#, "JSON text"),
        ("m.onnx", b"<\n   ir_version: 7,\n>\ng (", "an ONNX model in the text format"),
        ("m.h5", &[&[0; 1024][..], b"\x89HDF\r\n\x1a\n"].concat(), "an HDF5 file after a user block"),
    ] {
        let inspection = inspect_members(&[(path, data)]);
        assert_eq!(problem_codes(&inspection), ["model-invalid"], "{path}: {inspection:#?}");
        let problem = &inspection.problems[0];
        assert!(problem.problem.contains(path) && problem.problem.contains(name), "{problem:?}");
    }
}
