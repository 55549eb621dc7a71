//! The content of a file decides what it is, and its name breaks ties.

use crate::common::{
    archive_with_links, extract_fixture, gzip_bytes, inspect_bytes, inspect_members, onnx_model, problem_codes,
    read_fixture, saved_variables, tar_gz, tar_member,
};
use model_archive::{Framework, Inspection, Limits, inspect_archive_for};
use tar::EntryType;

const LFS: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n";
const PAGE: &[u8] = b"<!DOCTYPE html><html><body>Sign in</body></html>";
const CFG: &[u8] = b"[net]\nbatch=1\nheight=32\nwidth=48\nchannels=3\n[softmax]\n";
const WEIGHTS: &[u8] = b"\0\0\0\0\x02\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0";

/// The files of the variables of a SavedModel.
const INDEX: &str = "variables/variables.index";
const SHARD: &str = "variables/variables.data-00000-of-00001";

fn onnx() -> Vec<u8> {
    onnx_model("made/symbolic.onnx")
}

fn suite_member(suite: &str, path: &str) -> Vec<u8> {
    let found = extract_fixture(&format!("{suite}/suite.tar.gz")).into_iter().find(|(name, _)| name == path);
    found.unwrap_or_else(|| panic!("no {path} in {suite}")).1
}

/// Checks that there is one problem, and that its text and its fix contain these.
fn assert_only_problem(inspection: &Inspection, code: &str, text: &str, fix: &str) {
    assert_eq!(problem_codes(inspection), [code], "{inspection:#?}");
    let problem = &inspection.problems[0];
    assert!(problem.problem.contains(text), "{text}: {problem:?}");
    assert!(problem.remedy.contains(fix), "{fix}: {problem:?}");
}

#[test]
fn model_under_the_name_of_another_format_is_renamed() {
    let (h5, script) =
        (suite_member("keras", "keras2-sequential/model.h5"), suite_member("pytorch", "traced/model.pt"));
    let (tflite, params) =
        (suite_member("tflite", "image/model.tflite"), suite_member("mxnet", "gluon/net-0000.params"));
    let (xgboost, graph) = (
        suite_member("xgboost/1-7", "1-7-classes-deprecated/xgboost.model"),
        suite_member("tensorflow", "graph-one/frozen.pb"),
    );
    let cases: [(&str, &[u8], &str, &str); 12] = [
        ("best.model", &h5, "name of an XGBoost model, but its content is a Keras HDF5 file", "best.h5"),
        ("net.model", &onnx(), "but its content is an ONNX file", "net.onnx"),
        ("net.pth", &onnx(), "name of a PyTorch file", "net.onnx"),
        ("net.h5", &onnx(), "name of a Keras HDF5 file", "net.onnx"),
        ("net.params", &script, "name of an MXNet parameter file", "net.pth"),
        ("net.weights", &script, "name of a Darknet weight file", "net.pth"),
        ("xgboost-model", &script, "name of an XGBoost model", "xgboost-model.pth"),
        ("net.onnx", &tflite, "name of an ONNX file", "net.tflite"),
        ("m.bst", &xgboost, "the content of `m.bst` is an XGBoost model", "m.model"),
        ("1/model.graphdef", &graph, "the content of `1/model.graphdef` is a TensorFlow graph", "model.pb"),
        ("saved_model.pb", &graph, "name of a TensorFlow SavedModel", "frozen_graph.pb"),
        ("net.bin", &params, "is an MXNet parameter file", "net.params"),
    ];
    for (path, data, text, name) in cases {
        let inspection = inspect_members(&[(path, data)]);
        let misnamed = inspection.problems.iter().find(|problem| problem.code == "model-misnamed");
        let misnamed = misnamed.unwrap_or_else(|| panic!("{path}: {:?}", inspection.problems));
        assert!(misnamed.problem.contains(text), "{misnamed:?}");
        assert!(misnamed.remedy.contains(&format!("rename the file to `{name}`")), "{misnamed:?}");
        // Renamed, it is found.
        let renamed = inspect_members(&[(name, data)]);
        assert!(!problem_codes(&renamed).contains(&"model-misnamed"), "{name}: {:?}", renamed.problems);
    }
    let symbol = suite_member("mxnet", "gluon/net-symbol.json");
    let inspection = inspect_members(&[("net.json", &symbol), ("net.params", &params)]);
    assert_only_problem(&inspection, "model-misnamed", "is an MXNet symbol file", "`net-symbol.json`");
}

#[test]
fn pickle_of_torch_is_not_taken_for_another_format() {
    let pickle = suite_member("pytorch", "state-dict/model.pt");
    for (path, named) in [
        ("best.model", "an XGBoost model"),
        ("xgboost-model", "an XGBoost model"),
        ("mlp.params", "an MXNet parameter file"),
        ("mlp.weights", "a Darknet weight file"),
    ] {
        let text = format!("`{path}` has the name of {named}, but its content is a PyTorch file");
        assert_only_problem(&inspect_members(&[(path, &pickle)]), "torch-not-script", &text, "torch.jit.trace");
    }
}

#[test]
fn pickles_of_pytorch_have_their_own_reason() {
    let legacy = suite_member("pytorch", "state-dict-legacy/model.pt");
    let cases: [(&[u8], &str); 6] = [
        (&legacy, "a pickle of torch.save"),
        (b"\x80\x04\x95P\0\0\0\0\0\0\0\x8c\x1btorch.nn.modules.container\x94", "a Python pickle, which"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n", "a Python pickle, which"),
        (b"ctorch.nn.modules.linear\nLinear\np0\n", "a Python pickle, which"),
        (b"ccopy_reg\n_reconstructor\np0\n(ctorch.nn.modules.linear\nLinear\n", "a Python pickle, which"),
        // Its class says nothing.
        (b"\x80\x04\x95P\0\0\0\0\0\0\0\x8c\x08__main__\x94", "a Python pickle, which"),
    ];
    for (at, (data, text)) in cases.into_iter().enumerate() {
        let paths = ["m.pth", "m.pkl", "m.bin"];
        for path in if at == 5 { &paths[..1] } else { &paths } {
            assert_only_problem(&inspect_members(&[(path, data)]), "torch-not-script", text, "torch.jit.trace");
        }
    }
}

#[test]
fn half_of_a_pair_does_not_stop_a_whole_model() {
    let symbol = suite_member("mxnet", "gluon/net-symbol.json");
    let params = suite_member("mxnet", "gluon/net-0000.params");
    let script = suite_member("pytorch", "traced/model.pt");
    for (half, other) in [
        (("net.cfg", CFG), ("net.weights", WEIGHTS)),
        (("net-symbol.json", &symbol[..]), ("net-0000.params", &params[..])),
        (("net-0000.params", &params), ("net-symbol.json", &symbol)),
    ] {
        for model in [("yolo.pth", &script[..]), ("yolo.onnx", &onnx())] {
            for files in [[half, model], [model, half]] {
                let inspection = inspect_members(&files);
                assert_eq!(inspection.problems, [], "{}", half.0);
                assert_eq!(inspection.model.unwrap().path, model.0);
                assert_eq!(inspection.warnings[0].code, "files-ignored");
                assert!(inspection.warnings[0].warning.contains(half.0), "{:?}", inspection.warnings);
            }
            for files in [[half, model, other], [other, model, half], [half, other, model], [model, half, other]] {
                assert_eq!(problem_codes(&inspect_members(&files)), ["several-frameworks"], "{}", half.0);
            }
        }
    }
}

#[test]
fn suggested_framework_is_that_of_a_sound_file() {
    let tflite = ("a.tflite", &b"\x1c\0\0\0TFL3"[..]);
    let inspection = inspect_members(&[tflite, ("z.pth", &suite_member("pytorch", "traced/model.pt"))]);
    assert_only_problem(&inspection, "several-frameworks", "not readable", "`framework: PYTORCH` in the rule");
    // Any program may have such a file.
    let settings = ("settings.pb", &b"\x0a\x03abc"[..]);
    let inspection = inspect_members(&[settings, ("m.onnx", &onnx())]);
    assert_eq!((inspection.problems.as_slice(), inspection.model.unwrap().framework), (&[][..], Framework::Onnx));
    assert_only_problem(&inspect_members(&[settings]), "model-invalid", "TensorFlow graph", "GraphDef.FromString");
}

#[test]
fn handles_of_resources_are_not_inputs() {
    let graph = |kind: &str| {
        format!("node {{ name: 'i' op: 'Placeholder' attr {{ key: 'dtype' value {{ type: {kind} }} }} }}").into_bytes()
    };
    for kind in ["DT_RESOURCE", "DT_VARIANT"] {
        let inspection = inspect_members(&[("graph.pbtxt", &graph(kind))]);
        assert_only_problem(&inspection, "input-not-tensor", "found handles of resources, such as iterators: `i`", "");
    }
    assert_eq!(inspect_members(&[("graph.pbtxt", &graph("DT_FLOAT"))]).problems, []);
}

#[test]
fn weights_of_darknet_end_after_their_header() {
    let old = [0, 1, 0, 0].map(u32::to_le_bytes).concat();
    for header in [&old[..], WEIGHTS] {
        let inspect = |weights| inspect_members(&[("net.cfg", CFG), ("net.weights", weights)]);
        assert_eq!(inspect(header).problems, []);
        for size in [5, 11, header.len() - 1] {
            let text = format!("at byte {size} of {size}, it ends within its header");
            assert_only_problem(&inspect(&header[..size]), "model-invalid", &text, "cv2.dnn");
        }
    }
}

#[test]
fn torch_package_is_not_taken_for_torchscript() {
    // A zip file of nothing but a directory: one entry per file.
    let names = ["m/.data/0.storage", "m/model/model.pkl", "m/.data/extern_modules", "m/.data/version"];
    let mut zip: Vec<u8> = Vec::new();
    let mut directory = Vec::new();
    for name in names {
        let (offset, length) = (u32::try_from(zip.len()).unwrap(), u16::try_from(name.len()).unwrap().to_le_bytes());
        zip.extend([b"PK\x03\x04", &[0; 22][..], &length, &[0, 0], name.as_bytes()].concat());
        let entry = [b"PK\x01\x02", &[0; 24][..], &length, &[0; 12], &offset.to_le_bytes(), name.as_bytes()];
        directory.extend(entry.concat());
    }
    let (size, offset) = (u32::try_from(directory.len()).unwrap(), u32::try_from(zip.len()).unwrap());
    let count = u16::try_from(names.len()).unwrap().to_le_bytes();
    zip.extend(&directory);
    let end = [b"PK\x05\x06", &[0; 4][..], &count, &count, &size.to_le_bytes(), &offset.to_le_bytes(), &[0, 0]];
    zip.extend(end.concat());
    let inspection = inspect_members(&[("model.pt", &zip)]);
    assert_only_problem(&inspection, "torch-not-script", "an archive of torch.package", "PackageImporter");
}

#[test]
fn scikit_learn_under_another_name_is_renamed() {
    let pickles: [&[u8]; 3] = [
        b"\x80\x04\x95\xdb\x04\0\0\0\0\0\0\x8c\x10sklearn.pipeline\x94",
        b"\x80\x02csklearn.pipeline\nPipeline\n",
        b"ccopy_reg\n_reconstructor\np0\n(csklearn.pipeline\nPipeline\np1\n",
    ];
    let state_dict = suite_member("pytorch", "state-dict/model.pt");
    for pickle in pickles {
        for (path, name) in
            [("a.sav", "a.pkl"), ("a.pickle", "a.pkl"), ("model/model", "model.pkl"), ("a.model", "a.pkl")]
        {
            let inspection = inspect_members(&[(path, pickle)]);
            let fix = format!("rename the file to `{name}`");
            assert_only_problem(&inspection, "model-misnamed", "a scikit-learn model", &fix);
            assert_eq!(inspect_members(&[(name, pickle)]).problems, []);
            // A scaler beside a model does not matter, nor beside weights.
            let beside = inspect_members(&[(path, pickle), ("m.onnx", &onnx())]);
            assert_eq!(beside.model.unwrap().framework, Framework::Onnx);
            let beside = inspect_members(&[(path, pickle), ("m.pth", &state_dict)]);
            assert_eq!(problem_codes(&beside), ["torch-not-script"], "{path}");
        }
    }
    assert_eq!(problem_codes(&inspect_members(&[("a.sav", b"\x80\x04}\x94.")])), ["no-model"]);
}

#[test]
fn numbers_are_not_an_xgboost_model() {
    let floats: Vec<u8> = (0_u8..200).flat_map(|number| (f32::from(number) / 10.0).to_le_bytes()).collect();
    for path in ["a.model", "xgboost-model"] {
        let inspection = inspect_members(&[(path, &floats)]);
        assert_only_problem(&inspection, "model-invalid", "expected one of XGBoost's formats", "xgboost.Booster");
    }
    // The format of XGBoost 0.90, which has no magic number.
    let model = suite_member("xgboost/1-7", "1-7-classes-deprecated/xgboost.model");
    let old = model.strip_prefix(b"binf").unwrap();
    let inspection = inspect_members(&[("a.model", old)]);
    assert_eq!(inspection.problems, []);
    assert_eq!(inspection.model.unwrap().framework, Framework::Xgboost);
}

#[test]
fn lost_files_are_not_models_or_weights() {
    let params = suite_member("mxnet", "gluon/net-0000.params");
    for (lost, looks) in [(&b""[..], "empty"), (LFS, "a Git LFS pointer"), (PAGE, "an HTML or XML page")] {
        let cases: [&[(&str, &[u8])]; 6] = [
            &[("model.pkl", lost)],
            &[("model.joblib", lost)],
            &[("net.cfg", CFG), ("net.weights", lost)],
            &[("net.cfg", lost), ("net.weights", WEIGHTS)],
            &[("net-symbol.json", lost), ("net-0000.params", &params)],
            &[("m.model", lost)],
        ];
        for files in cases {
            let inspection = inspect_members(files);
            assert_only_problem(&inspection, "model-invalid", looks, "");
        }
    }
    let zeros = inspect_members(&[("net.cfg", CFG), ("net.weights", &[0; 600])]);
    assert_only_problem(&zeros, "model-invalid", "nothing but zeros", "copy the file again");
    let setup = inspect_members(&[("model.onnx", &onnx()), ("setup.cfg", b""), ("empty.model", b"")]);
    assert_eq!(problem_codes(&setup), Vec::<&str>::new());
    let link = archive_with_links(&[("net.cfg", CFG)], &[("net.weights", "/data/net.weights")]);
    assert_only_problem(&link, "model-is-link", "a link to `/data/net.weights`", "--dereference");
}

#[test]
fn lost_file_beside_a_sound_model_is_only_a_warning() {
    let onnx = onnx();
    for (path, lost) in [("model.pth", LFS), ("model.pth", PAGE), ("m.h5", LFS), ("m.h5", b""), ("m.h5", PAGE)] {
        for files in [[(path, lost), ("model.onnx", &onnx)], [("model.onnx", &onnx[..]), (path, lost)]] {
            let inspection = inspect_members(&files);
            assert_eq!(inspection.problems, [], "{path}");
            assert_eq!(inspection.model.unwrap().framework, Framework::Onnx);
            let warning = &inspection.warnings[0];
            assert!(warning.code == "files-ignored" && warning.warning.contains(path), "{warning:?}");
        }
        assert_eq!(problem_codes(&inspect_members(&[(path, lost)])), ["model-invalid"], "{path}");
    }
}

#[test]
fn several_texts_named_like_a_model_are_no_model() {
    let inspection = inspect_members(&[("a.model", b"Model card\n"), ("b.model", b"Model card\n")]);
    assert_only_problem(&inspection, "model-invalid", "the archive contains no model", "this file only has its name");
}

#[test]
fn name_of_a_saved_model_is_exact() {
    let model = suite_member("tensorflow", "saved-fixed/saved_model.pb");
    let [index, shard] = saved_variables();
    for path in ["Saved_Model.PB", "my_saved_model.pb"] {
        let inspection = inspect_members(&[(path, &model), (INDEX, &index), (SHARD, &shard)]);
        assert_only_problem(&inspection, "model-misnamed", "only if its name is saved_model.pb", "`saved_model.pb`");
    }
}

#[test]
fn xgboost_file_that_was_cut_short_is_invalid() {
    let models = extract_fixture("xgboost/1-7/suite.tar.gz");
    let binary: Vec<_> = models.iter().filter(|(_, data)| data.starts_with(b"binf")).collect();
    assert!(binary.len() > 2);
    for (path, data) in binary {
        assert_eq!(inspect_members(&[("m.model", data)]).problems, [], "{path}");
        if path.contains("linear") {
            continue;
        }
        for size in [300, data.len() / 2] {
            let inspection = inspect_members(&[("m.model", &data[..size])]);
            assert_only_problem(&inspection, "model-invalid", "it ends within its trees", "xgboost.Booster");
        }
    }
}

#[test]
fn keras_file_that_was_cut_short_is_invalid() {
    for name in ["keras2-sequential", "keras3-deep"] {
        let model = suite_member("keras", &format!("{name}/model.h5"));
        let expected = format!("its superblock says that it has {} bytes", model.len());
        for size in [model.len() - 1, 20_000] {
            let inspection = inspect_members(&[("m.h5", &model[..size])]);
            assert_only_problem(&inspection, "model-invalid", &expected, "copy or save");
        }
    }
}

#[test]
fn tflite_file_that_was_cut_short_is_invalid() {
    let models = extract_fixture("tflite/suite.tar.gz");
    assert_eq!(models.len(), 12);
    for (path, data) in models {
        // The last bytes may be padding.
        for missing in [16, 24, 32, 64, 100, 300, data.len() / 2] {
            let inspection = inspect_members(&[("m.tflite", &data[..data.len() - missing])]);
            assert_eq!(problem_codes(&inspection), ["model-invalid"], "{path} without its last {missing} bytes");
        }
    }
}

#[test]
fn configuration_of_xgboost_is_not_a_model() {
    for booster in [r#""name": "gbtree""#, r#""name": "dart", "gbtree": {"name": "gbtree"}"#] {
        let text = format!(
            r#"{{"learner": {{"generic_param": {{}}, "gradient_booster": {{{booster}}}, "learner_model_param":
            {{"num_feature": "7"}}}}, "version": [2, 1, 4]}}"#
        );
        let inspection = inspect_members(&[("m.model", text.as_bytes())]);
        assert_only_problem(&inspection, "model-invalid", "configuration of XGBoost without trees", "save_model");
        assert_eq!(inspection.model, None);
    }
}

#[test]
fn pickle_of_another_package_is_not_scikit_learn() {
    let cases: [(&[u8], &str, &str); 7] = [
        (b"\x80\x04\x95P\0\0\0\0\0\0\0\x8c\x1akeras.src.models.sequential\x94", "Keras", "model.export"),
        (b"\x80\x02ctensorflow.python.keras\nModel\n", "Keras", "tf.saved_model.save"),
        (b"\x80\x04\x95P\0\0\0\0\0\0\0\x8c\x11pandas.core.frame\x94", "pandas", "not a model"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n", "NumPy", "not a model"),
        (b"ccopy_reg\n_reconstructor\np0\n(clightgbm.sklearn\nLGBMClassifier\n", "LightGBM", "XGBoost"),
        (b"ccopy_reg\n_reconstructor\nq\0(cxgboost.sklearn\nXGBClassifier\n", "XGBoost", "model.json"),
        (b"cnumpy.core.multiarray\n_reconstruct\np0\n", "NumPy", "not a model"),
    ];
    for (data, text, fix) in cases {
        assert_only_problem(&inspect_members(&[("m.pkl", data)]), "model-unsupported", text, fix);
    }
    let sklearn = b"ccopy_reg\n_reconstructor\np0\n(csklearn.svm\nSVC\np1\n";
    assert_eq!(inspect_members(&[("m.pkl", sklearn)]).model.unwrap().framework, Framework::Sklearn);
}

#[test]
fn weights_of_mxnet_are_no_inputs_without_parameters() {
    let symbol = suite_member("mxnet", "gluon/net-symbol.json");
    for files in [&[("net-symbol.json", &symbol[..])][..], &[("net-symbol.json", &symbol), ("net-0000.params", LFS)]] {
        let inspection = inspect_members(files);
        assert!(!inspection.problems.is_empty());
        let names: Vec<_> = inspection.model.unwrap().inputs.into_iter().map(|input| input.name).collect();
        assert_eq!(names, ["data"]);
    }
}

#[test]
fn stray_file_does_not_stop_a_model_of_another_framework() {
    let path_file = ("lib/distutils-precedence.pth", &b"import os; os.environ\n"[..]);
    let inspection = inspect_members(&[("model.onnx", &onnx()), path_file]);
    assert_eq!(problem_codes(&inspection), Vec::<&str>::new());
    assert_eq!(inspection.model.unwrap().framework, Framework::Onnx);

    let script = suite_member("pytorch", "traced/model.pt");
    let inspection = inspect_members(&[("model.pth", &script), path_file]);
    assert_only_problem(&inspection, "several-models", "(plain text)", "without `lib/distutils-precedence.pth`");
    assert_only_problem(&inspect_members(&[path_file]), "model-invalid", "plain text", "");
}

#[test]
fn weights_left_from_training_do_not_stop_a_model() {
    let (pickle, weights) = (suite_member("pytorch", "state-dict/model.pt"), read_fixture("keras/refused/weights.h5"));
    for left in [("best.pth", &pickle), ("pytorch_model.bin", &pickle), ("weights.h5", &weights)] {
        let model = ("m.onnx", &onnx());
        for files in [[model, left], [left, model]] {
            let inspection = inspect_members(&files.map(|(path, data)| (path, &data[..])));
            assert_eq!(inspection.problems, [], "{}", left.0);
            assert_eq!(inspection.model.unwrap().framework, Framework::Onnx);
            // Neo does not look for the second one anyway.
            let warned = inspection
                .warnings
                .iter()
                .any(|warning| warning.code == "files-ignored" && warning.warning.contains(left.0));
            assert_eq!(warned, left.0 != "pytorch_model.bin", "{}", left.0);
        }
    }
    let script = suite_member("pytorch", "traced/model.pt");
    for files in [[("w.pth", &pickle), ("net.bin", &script)], [("net.bin", &script), ("w.pth", &pickle)]] {
        let inspection = inspect_members(&files.map(|(path, data)| (path, &data[..])));
        assert_only_problem(
            &inspection,
            "model-misnamed",
            "`net.bin`",
            "`net.pth` and create the archive again, without `w.pth`",
        );
    }
    // Nothing but weights, of two frameworks.
    let inspection = inspect_members(&[("w.pth", &pickle), ("w.h5", &weights)]);
    assert_only_problem(&inspection, "several-frameworks", "`w.pth` (PYTORCH, a pickle)", "");
    // A later file of the same path replaces the weights.
    let inspection = inspect_members(&[("w.pth", &script), ("m.onnx", &onnx()), ("./w.pth", &pickle)]);
    assert!(!inspection.problems.is_empty() || inspection.model.is_some());
}

#[test]
fn path_files_of_python_in_any_encoding_are_ignored() {
    for path_file in [&b""[..], b"./caf\xe9\n", b"\xef\xbb\xbf./a\n", b"import os\n"] {
        let inspection = inspect_members(&[("model.onnx", &onnx()), ("a.pth", path_file)]);
        assert_eq!(inspection.problems, [], "{}", path_file.escape_ascii());
        assert_eq!(problem_codes(&inspect_members(&[("a.pth", path_file)])), ["model-invalid"]);
    }
}

#[test]
fn file_that_is_not_a_pickle_is_not_taken_for_scikit_learn() {
    let floats: Vec<u8> = (1_u8..100).flat_map(|number| f32::from(number).to_le_bytes()).collect();
    for (data, path) in [(&floats[..], "model.pkl"), (b"hello world\n", "model.joblib"), (b"node {\n", "m.pkl")] {
        assert_only_problem(&inspect_members(&[(path, data)]), "model-invalid", "expected a pickle", "joblib.load");
    }
    for pickle in [&b"\x80\x04\x95\x10\0\0\0"[..], b"ccopy_reg\n_reconstructor\n", b"x\x9c\xed\x9d"] {
        assert_eq!(inspect_members(&[("model.pkl", pickle)]).problems, []);
    }
}

#[test]
fn extracted_file_of_torch_is_not_taken_for_scikit_learn() {
    let pickle = ("archive/data.pkl", &b"\x80\x02}q\0."[..]);
    let files = [pickle, ("archive/version", b"3\n"), ("archive/data/0", b"\0\0\0\0")];
    for files in [files, [files[2], files[1], files[0]]] {
        assert_only_problem(&inspect_members(&files), "torch-not-script", "that was extracted", "torch.jit.trace");
    }
    assert_eq!(inspect_members(&[pickle]).problems, []);
}

#[test]
fn torchscript_with_files_of_the_user_is_recognized() {
    let script = suite_member("pytorch", "traced/model.pt");
    // The first entry of the zip file decides what it is: let it be one that the user added.
    let length = usize::from(u16::from_le_bytes([script[26], script[27]]));
    let name = String::from_utf8(script[30..30 + length].to_vec()).unwrap();
    let (folder, _) = name.split_once('/').unwrap();
    let renamed = format!("{folder}/extra/");
    let renamed = format!("{renamed}{}", "x".repeat(length - renamed.len()));
    let mut extra = script.clone();
    extra[30..30 + length].copy_from_slice(renamed.as_bytes());
    assert_only_problem(&inspect_members(&[("m.bin", &extra)]), "model-misnamed", "is a PyTorch file", "m.pth");
}

#[test]
fn missing_part_is_explained_by_the_file_with_its_name() {
    let pickle = suite_member("pytorch", "state-dict/model.pt");
    for files in [[("net.cfg", CFG), ("net.weights", &pickle)], [("net.weights", &pickle), ("net.cfg", CFG)]] {
        let inspection = inspect_members(&files);
        assert_only_problem(&inspection, "part-missing", "(.weights): `net.weights` is a PyTorch file", ".weights");
    }
    // A file that only has the name of one part needs no other part.
    for (path, data) in [("m.params", &b"PK\x05\x06\0\0"[..]), ("m.weights", b"{\"a\": 1}"), ("m.params", b"\x01\x02")]
    {
        assert_eq!(problem_codes(&inspect_members(&[(path, data)])), ["model-invalid"], "{path}");
    }
    // Compiled Core ML has such a file too.
    let compiled =
        [("m.mlmodelc/model.espresso.weights", &b"\x09\x91\x92"[..]), ("m.mlmodelc/coremldata.bin", b"\x01")];
    assert_only_problem(&inspect_members(&compiled), "model-unsupported", "a Core ML model", "was converted");
}

#[test]
fn stray_graph_is_named_in_any_order() {
    let graph = suite_member("tensorflow", "saved-fixed/saved_model.pb");
    let [index, shard] = saved_variables();
    let files: [(&str, &[u8]); 4] =
        [("saved_model.pb", &graph), ("labels.pbtxt", b"item { id: 1 }"), (INDEX, &index), (SHARD, &shard)];
    let mut reversed = files;
    reversed.reverse();
    for files in [files, reversed] {
        let inspection = inspect_members(&files);
        assert_only_problem(&inspection, "several-models", "`labels.pbtxt` (not readable)", "without `labels.pbtxt`");
    }
}

#[test]
fn shapes_of_sagemaker_complete_an_mxnet_model() {
    let symbol = br#"{"nodes": [{"op": "null", "name": "data", "inputs": []}, {"op": "null", "name": "fc_weight"}]}"#;
    let params = params_file(1, &["arg:fc_weight"]);
    for (shapes, expected) in [
        (&br#"[{"shape": [1, 3, 224, 224], "name": "data"}]"#[..], "[1,3,224,224]"),
        // The batch size of training.
        (br#"[{"name": "data", "shape": [32, 3, 224, 224]}, {"name": "other", "shape": [1]}]"#, "[null,3,224,224]"),
        (br#"{"data": [1]}"#, "null"),
    ] {
        let files = [("m-symbol.json", &symbol[..]), ("m-0000.params", &params), ("model-shapes.json", shapes)];
        for files in [files, [files[2], files[1], files[0]]] {
            let inspection = inspect_members(&files);
            assert_eq!(inspection.problems, []);
            let dims = serde_json::to_string(&inspection.model.unwrap().inputs[0].dims).unwrap();
            assert_eq!(dims, expected);
        }
    }
}

#[test]
fn several_lost_files_are_one_problem() {
    let inspection = inspect_members(&[("model.pkl", LFS), ("m.model", b""), ("n.model", b"")]);
    assert_only_problem(&inspection, "model-invalid", "`model.pkl` (a Git LFS pointer)", "ls -l");
}

#[test]
fn lost_files_of_other_names_are_named() {
    let config = br#"{"model_type": "bert", "architectures": ["B"]}"#;
    for (path, content, looks, fixes) in [
        ("pytorch_model.bin", LFS, "is a Git LFS pointer", &["git lfs pull"][..]),
        (
            "model.safetensors",
            LFS,
            "is a Git LFS pointer, not a safetensors file",
            &["git lfs pull", "load the weights into the model"],
        ),
        ("m.mlmodel", LFS, "is a Git LFS pointer, not a Core ML model", &["git lfs pull", "was converted"]),
        ("model.bin", PAGE, "is an HTML or XML page", &["download the model again"]),
        ("model.bin", b"", "is an empty file", &["ls -l"]),
        ("model", b"", "is an empty file", &["ls -l"]),
        ("inner.tar.gz", LFS, "is a Git LFS pointer", &["git lfs pull"]),
    ] {
        for beside in ["notes.txt", "__init__.py"] {
            let inspection = inspect_members(&[(beside, b""), (path, content)]);
            for fix in fixes {
                assert_only_problem(&inspection, "model-invalid", &format!(": `{path}` {looks}"), fix);
            }
        }
        let beside_model = inspect_members(&[(path, content), ("m.onnx", &onnx())]);
        assert_eq!(beside_model.problems, [], "{path}");
        let inspection = inspect_members(&[("config.json", config), (path, content)]);
        assert_only_problem(&inspection, "model-invalid", looks, fixes[0]);
        assert_only_problem(&inspection, "model-invalid", looks, "optimum-cli export onnx");
    }
    let weights = inspect_members(&[("w.safetensors", b"\x02\0\0\0\0\0\0\0{}"), ("optimizer.bin", LFS)]);
    assert_eq!(problem_codes(&weights), ["model-unsupported"]);
    assert_eq!(problem_codes(&inspect_members(&[("__init__.py", b""), ("index.html", PAGE)])), ["no-model"]);
}

#[test]
fn named_framework_is_chosen_among_candidates() {
    let (onnx, tflite) = (onnx(), suite_member("tflite", "image/model.tflite"));
    let archive = tar_gz(&[("m.onnx", &onnx), ("m.tflite", &tflite)]);
    let inspect = |framework| inspect_archive_for(framework, archive.as_slice(), &Limits::default()).unwrap();
    assert_only_problem(&inspect(None), "several-frameworks", "", "`framework: ONNX` in the rule");
    for framework in [Framework::Onnx, Framework::Tflite] {
        let inspection = inspect(Some(framework));
        assert_eq!(inspection.problems, []);
        let model = inspection.model.unwrap();
        assert_eq!((model.framework, model.read), (framework, true));
    }
    // Without a candidate of it, the archive decides; the plan then compares both.
    assert_eq!(problem_codes(&inspect(Some(Framework::Keras))), ["several-frameworks"]);
    let refuted = tar_gz(&[("m.onnx", &onnx), ("notes.model", b"svm_type c_svc\n")]);
    let inspection = inspect_archive_for(Some(Framework::Xgboost), refuted.as_slice(), &Limits::default()).unwrap();
    assert_eq!(inspection.model.unwrap().framework, Framework::Onnx);
}

#[test]
fn variables_of_a_saved_model_must_be_complete() {
    let graph = suite_member("tensorflow", "saved-fixed/saved_model.pb");
    let [index, shard] = saved_variables();
    let inspect = |files: &[(&str, &[u8])]| inspect_members(&[&[("saved_model.pb", &graph[..])], files].concat());
    assert_eq!(problem_codes(&inspect(&[(INDEX, &index), (SHARD, &shard)])), Vec::<&str>::new());
    assert_only_problem(&inspect(&[(INDEX, &index)]), "variables-missing", SHARD, "tar -czf");
    assert_only_problem(&inspect(&[(SHARD, &shard)]), "variables-missing", INDEX, "tar -czf");
    let half = inspect(&[(INDEX, &index), ("variables/variables.data-00001-of-00002", &shard)]);
    assert_only_problem(&half, "variables-missing", SHARD, "tar -czf");
    for (lost, looks, fix) in [
        (&b""[..], "an empty file", "ls -l"),
        (LFS, "a Git LFS pointer", "git lfs pull"),
        (PAGE, "an HTML", "download"),
    ] {
        assert_only_problem(&inspect(&[(INDEX, &index), (SHARD, lost)]), "weights-invalid", looks, fix);
        assert_only_problem(&inspect(&[(INDEX, lost), (SHARD, &shard)]), "weights-invalid", looks, fix);
    }
    let files = [("saved_model.pb", &graph[..]), (INDEX, &index)];
    let inspection = archive_with_links(&files, &[(SHARD, "/data/shard")]);
    assert_only_problem(&inspection, "weights-invalid", "a link", "--dereference");
    let inspection = archive_with_links(&files[..1], &[("variables", "/data/variables")]);
    assert_only_problem(&inspection, "variables-link", "its folder `variables` is a link", "--dereference");
}

#[test]
fn variables_may_be_missing_only_if_the_graph_has_none() {
    let text = |node: &str| {
        let signature = "signature_def { key: \"s\" value { inputs { key: \"x\" value { dtype: DT_FLOAT } } } }";
        format!("saved_model_schema_version: 1 meta_graphs {{ graph_def {{ {node} }} {signature} }}").into_bytes()
    };
    let variable = text("node { name: \"w\" op: \"VarHandleOp\" }");
    let constant = text("node { name: \"w\" op: \"Const\" }");
    let binary = suite_member("tensorflow", "saved-fixed/saved_model.pb");
    for (path, graph, has_variables) in [
        ("saved_model.pb", &binary, true),
        ("saved_model.pbtxt", &variable, true),
        ("saved_model.pbtxt", &constant, false),
    ] {
        let folder = tar_member("variables/", b"", EntryType::Directory);
        let empty = [folder, tar_member(path, graph, EntryType::Regular)].concat();
        let inspection = inspect_bytes(&gzip_bytes(&empty));
        if has_variables {
            assert_only_problem(&inspection, "variables-missing", &format!("`{INDEX}`, `{SHARD}`"), "tar -czf");
        } else {
            assert_eq!(inspection.problems, [], "{path}");
        }
        let fix = if has_variables { "archive the whole folder" } else { "mkdir -p <folder>/variables" };
        assert_only_problem(&inspect_members(&[(path, graph)]), "variables-missing", "the folder `variables`", fix);
    }
}

#[test]
fn index_of_variables_is_read() {
    let graph = suite_member("tensorflow", "saved-fixed/saved_model.pb");
    let [index, shard] = saved_variables();
    let inspect =
        |index: &[u8], shard: &[u8]| inspect_members(&[("saved_model.pb", &graph), (INDEX, index), (SHARD, shard)]);
    let zeros = vec![0; index.len()];
    for (damaged, text) in [
        (&zeros[..], "magic number at its end is missing; it looks like nothing but zeros"),
        (b"a text", "it looks like plain text"),
        (b"{\"a\": 1}", "it looks like JSON text"),
        (&index[..index.len() - 1], "magic number"),
        (&index[10..], "damaged"),
    ] {
        let inspection = inspect(damaged, &shard);
        assert_only_problem(&inspection, "weights-invalid", text, "tf.saved_model.load");
        assert!(inspection.problems[0].problem.contains(INDEX), "{:?}", inspection.problems);
    }
    // Nothing is read from it if the graph has no variables.
    let text = b"saved_model_schema_version: 1 meta_graphs { graph_def { node { op: 'Const' } }
        signature_def { key: 's' value { inputs { key: 'x' value { dtype: DT_FLOAT } } } } }";
    let constant = inspect_members(&[("saved_model.pbtxt", text), (INDEX, &zeros), (SHARD, &shard)]);
    assert_eq!(constant.problems, []);
    // The last entry of the index ends where the file does.
    let short = inspect(&index, &shard[1..]);
    let text = format!("`{SHARD}` ({} of at least {} bytes)", shard.len() - 1, shard.len());
    assert_only_problem(&short, "weights-invalid", &text, "ls -l");
    assert_eq!(inspect(&index, &[&shard[..], b"more"].concat()).problems, []);
    // A later file of the same path replaces it.
    let replaced = inspect_members(&[("saved_model.pb", &graph), (INDEX, &zeros), (INDEX, &index), (SHARD, &shard)]);
    assert_eq!(replaced.problems, []);
}

/// An index whose entries name one block many times would take hours to read.
#[test]
fn index_whose_blocks_overlap_is_damaged() {
    let graph = suite_member("tensorflow", "saved-fixed/saved_model.pb");
    let [index, shard] = saved_variables();
    let entry = |value: &[u8]| [&[0, 0, u8::try_from(value.len()).unwrap()], value].concat();
    let block = |entries: &[u8]| [entries, &[0, 0, 0, 0, 1, 0, 0, 0], &[0; 5]].concat();
    let header = block(&entry(&[8, 1]));
    let place = |start: usize, block: &[u8]| [start, block.len() - 5].map(|number| u8::try_from(number).unwrap());
    for (copies, text) in [(1, "lacks"), (2, "its blocks overlap")] {
        let blocks = block(&entry(&place(0, &header)).repeat(copies));
        let mut footer = [&[0, 0], &place(header.len(), &blocks)[..]].concat();
        footer.resize(40, 0);
        let crafted = [&header[..], &blocks, &footer, &index[index.len() - 8..]].concat();
        let members = [("saved_model.pb", &graph[..]), (INDEX, &crafted), (SHARD, &shard)];
        let problems = inspect_members(&members).problems;
        let is_found = problems.iter().any(|problem| problem.problem.contains(text));
        assert_eq!(is_found, copies == 2, "{problems:?}");
    }
}

#[test]
fn external_data_must_have_content() {
    let model = crate::onnx::external_data_model("weights.bin");
    for (lost, looks) in [(&b""[..], "an empty file"), (LFS, "a Git LFS pointer"), (PAGE, "an HTML or XML page")] {
        let inspection = inspect_members(&[("m.onnx", &model), ("weights.bin", lost)]);
        assert_only_problem(&inspection, "weights-invalid", looks, "");
        assert_eq!(inspection.warnings, []);
        // A later file of the same path replaces it.
        let inspection = inspect_members(&[("m.onnx", &model), ("weights.bin", lost), ("./weights.bin", b"\x01")]);
        assert_eq!(inspection.problems, []);
    }
    let inspection = archive_with_links(&[("m.onnx", &model)], &[("weights.bin", "blobs/1")]);
    assert_only_problem(&inspection, "weights-invalid", "a link", "--dereference");
}

#[test]
fn surplus_files_are_named_with_what_they_are() {
    let (script, pickle) = (suite_member("pytorch", "traced/model.pt"), suite_member("pytorch", "state-dict/model.pt"));
    for files in [[("model.pth", &script), ("w.pt", &pickle)], [("w.pt", &pickle), ("model.pth", &script)]] {
        let inspection = inspect_members(&files.map(|(path, data)| (path, &data[..])));
        assert_only_problem(&inspection, "several-models", "`w.pt` (a pickle)", "without `w.pt`");
    }
    let inspection = archive_with_links(&[("v3/net.onnx", &onnx())], &[("latest.onnx", "v3/net.onnx")]);
    assert_only_problem(
        &inspection,
        "several-models",
        "`latest.onnx` (a link to `v3/net.onnx`)",
        "without `latest.onnx`",
    );
    let inspection = inspect_members(&[("a.onnx", &onnx()), ("b.onnx", LFS)]);
    assert_only_problem(&inspection, "several-models", "`b.onnx` (a Git LFS pointer)", "without `b.onnx`");

    let shards = ["m-00001-of-00002.bin", "m-00002-of-00002.bin"].map(|path| (path, &pickle[..]));
    assert_only_problem(&inspect_members(&shards), "several-models", "a pickle", "the parts of one checkpoint");
    let extracted = [("m/data.pkl", &b"\x80\x02}"[..]), ("m/constants.pkl", b"\x80\x02)"), ("m/version", b"3")];
    assert_only_problem(&inspect_members(&extracted), "several-models", "", "zip -0 -r model.pth m");
    let pickles = [("a.pt", &pickle[..]), ("b.pt", &pickle)];
    assert_only_problem(&inspect_members(&pickles), "several-models", "`b.pt` (a pickle", "torch.jit.trace");

    let (config, graph) =
        (&b"name: \"m\"\nplatform: \"tensorflow_graphdef\"\n"[..], suite_member("tensorflow", "graph-one/frozen.pb"));
    let triton = inspect_members(&[("m/config.pbtxt", config), ("m/1/model.graphdef", &graph)]);
    assert_only_problem(
        &triton,
        "model-misnamed",
        "m/1/model.graphdef",
        "`model.pb` and create the archive again, without `m/config.pbtxt`",
    );
}

#[test]
fn misnamed_graph_beside_a_saved_model_is_ignored() {
    let (saved, graph) =
        (suite_member("tensorflow", "saved-fixed/saved_model.pb"), suite_member("tensorflow", "graph-one/frozen.pb"));
    let [index, shard] = saved_variables();
    let weights: [(&str, &[u8]); 2] = [(INDEX, &index), (SHARD, &shard)];
    let model = ("saved_model.pb", &saved[..]);
    for (other, codes) in [("1/model.graphdef", &[][..]), ("frozen.pb", &["several-models"])] {
        for files in [[model, (other, &graph)], [(other, &graph), model]] {
            let inspection = inspect_members(&[&files[..], &weights].concat());
            assert_eq!(problem_codes(&inspection), codes, "{other}");
        }
    }
    let files = [("backup.bin", &saved[..]), ("frozen.pb", &graph)];
    for files in [files, [files[1], files[0]]] {
        let inspection = inspect_members(&files);
        assert_eq!(inspection.problems, []);
        assert_eq!(inspection.model.unwrap().path, "frozen.pb");
    }
}

#[test]
fn snapshot_of_hugging_face_is_exported() {
    let pickle = suite_member("pytorch", "state-dict/model.pt");
    let weights = read_fixture("keras/refused/weights.h5");
    let config = br#"{"architectures": ["BertModel"], "model_type": "bert", "transformers_version": "4.30.0"}"#;
    for file in
        [("pytorch_model.bin", &pickle[..]), ("tf_model.h5", &weights), ("model.safetensors", b"\x02\0\0\0\0\0\0\0{}")]
    {
        let inspection = inspect_members(&[("config.json", config), file, ("flax_model.msgpack", b"\x81\xa3")]);
        assert_eq!(inspection.problems.len(), 1, "{inspection:#?}");
        assert!(inspection.problems[0].remedy.contains("optimum-cli export onnx"), "{:?}", inspection.problems);
    }
    let inspection = inspect_members(&[("config.json", config), ("onnx/model.onnx", &onnx())]);
    assert_eq!(inspection.problems, []);
    let (onnx, script) = (onnx(), suite_member("pytorch", "traced/model.pt"));
    let sound = read_fixture("keras/refused/dense.h5");
    let architecture = br#"{"class_name": "Sequential", "config": []}"#;
    // Several sound models need no export.
    for files in [
        [("config.json", &config[..]), ("encoder.onnx", &onnx), ("decoder.onnx", &onnx)],
        [("config.json", config), ("a.pth", &script), ("b.pth", &script)],
        [("model.json", architecture), ("a.h5", &sound), ("best.h5", &sound)],
        [("model.json", architecture), ("a.h5", &sound), ("m.onnx", &onnx)],
    ] {
        let inspection = inspect_members(&files);
        assert_eq!(inspection.problems.len(), 1, "{inspection:#?}");
        assert!(inspection.problems[0].remedy.contains("one archive for each"), "{:?}", inspection.problems);
    }
    let two = [("config.json", &config[..]), ("a.h5", &weights), ("b.h5", &weights)];
    assert_only_problem(&inspect_members(&two), "several-models", "", "optimum-cli export onnx");
    let inspection = inspect_members(&[("model.json", architecture), ("w.h5", &weights)]);
    assert_only_problem(&inspection, "keras-weights-only", "", "keras.models.model_from_json");
}

#[test]
fn backslashes_in_names_are_reported() {
    let graph = suite_member("tensorflow", "saved-fixed/saved_model.pb");
    let [index, shard] = saved_variables();
    let inspection = inspect_members(&[
        (r"export\saved_model.pb", &graph),
        (r"export\fingerprint.pb", b"\x08\x01"),
        (r"export\variables\variables.index", &index),
        (r"export\variables\variables.data-00000-of-00001", &shard),
    ]);
    assert_only_problem(&inspection, "path-backslash", r"`export\saved_model.pb`", "create the archive with tar");
    assert_eq!(inspection.model.unwrap().framework, Framework::Tensorflow);
    // A model of one file is found nevertheless.
    let inspection = inspect_members(&[(r"export\m.onnx", &onnx())]);
    assert_eq!((inspection.problems.len(), inspection.warnings[0].code.as_ref()), (0, "path-backslash"));
}

#[test]
fn parameters_of_mxnet_have_as_many_names_as_arrays() {
    let symbol = br#"{"nodes": [{"op": "null", "name": "data"}, {"op": "null", "name": "fc_weight"}]}"#;
    let names = ["arg:fc_weight", "arg:fc_bias"];
    for (arrays, code) in [(1, "model-invalid"), (3, "mxnet-params-unnamed")] {
        let inspection = inspect_members(&[("m-symbol.json", symbol), ("m.params", &params_file(arrays, &names))]);
        assert_only_problem(&inspection, code, "2 names", "");
    }
}

/// An MXNet parameter file with arrays of two numbers.
fn params_file(arrays: u64, names: &[&str]) -> Vec<u8> {
    let array = [0xf993_fac9_u32, 0, 1, 2, 0, 1, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
    let mut bytes = [0x112, 0, arrays].map(u64::to_le_bytes).concat();
    (0..arrays).for_each(|_| bytes.extend(&array));
    bytes.extend((names.len() as u64).to_le_bytes());
    for name in names {
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
    }
    bytes
}

#[test]
fn mxnet_parameters_must_belong_to_the_symbol() {
    let symbol = br#"{"nodes": [{"op": "null", "name": "data", "inputs": []}, {"op": "null", "name": "fc_weight"}]}"#;
    let inspect = |params: &[u8]| inspect_members(&[("n-symbol.json", symbol), ("n-0000.params", params)]);
    let inspection = inspect(&params_file(1, &["arg:fc_weight"]));
    assert_eq!((inspection.problems.len(), inspection.warnings.len()), (0, 0), "{inspection:#?}");

    let inspection = inspect(&params_file(2, &[]));
    assert_only_problem(&inspection, "mxnet-params-unnamed", "2 arrays but only 0 names", "net.export(\"model\")");
    let inspection = inspect(&params_file(1, &["arg:other_weight"]));
    assert_only_problem(&inspection, "mxnet-weights-missing", "`fc_weight`", "net.export(\"model\")");
    assert_eq!(inspection.model.unwrap().inputs.len(), 1);
    let inspection = inspect(&params_file(2, &["arg:fc_weight", "arg:lr"]));
    assert_eq!((inspection.problems.len(), inspection.warnings[0].code.as_ref()), (0, "mxnet-params-unused"));
    let inspection = inspect(&params_file(1, &["fc_weight"]));
    assert_eq!((inspection.problems.len(), inspection.warnings[0].code.as_ref()), (0, "mxnet-params-unprefixed"));

    let alone = inspect_members(&[("net.params", &params_file(2, &["0.weight", "0.bias"]))]);
    assert_only_problem(&alone, "part-missing", "no MXNet symbol file", "net.hybridize()");
}

#[test]
fn json_after_a_byte_order_mark_is_not_read() {
    let symbol = suite_member("mxnet", "gluon/net-symbol.json");
    let params = suite_member("mxnet", "gluon/net-0000.params");
    let marked = [b"\xef\xbb\xbf", &symbol[..]].concat();
    let inspection = inspect_members(&[("net-symbol.json", &marked), ("net-0000.params", &params)]);
    assert_only_problem(&inspection, "model-invalid", "JSON after a byte order mark", "sed -i");
}
