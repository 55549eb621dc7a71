//! The kinds of files that make a model, and how each is recognised by its name and first bytes.

use crate::{Framework, darknet, keras, mxnet, onnx, pytorch, tensorflow, tflite, xgboost};

/// Bytes that recognising looks at.
pub(crate) const HEAD: usize = 4096;

/// A kind of file that holds a model or part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Format {
    Onnx,
    SavedModel,
    FrozenGraph,
    Keras,
    Tflite,
    Torch,
    MxnetSymbol,
    MxnetParams,
    DarknetConfig,
    DarknetWeights,
    Xgboost,
    Sklearn,
}

/// What a file is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recognised {
    pub format: Format,
    /// Whether nothing else is meant by such a name or content. What is not certain makes way for what is.
    pub certain: bool,
}

impl Format {
    pub fn framework(self) -> Framework {
        match self {
            Self::Onnx => Framework::Onnx,
            Self::SavedModel | Self::FrozenGraph => Framework::Tensorflow,
            Self::Keras => Framework::Keras,
            Self::Tflite => Framework::Tflite,
            Self::Torch => Framework::Pytorch,
            Self::MxnetSymbol | Self::MxnetParams => Framework::Mxnet,
            Self::DarknetConfig | Self::DarknetWeights => Framework::Darknet,
            Self::Xgboost => Framework::Xgboost,
            Self::Sklearn => Framework::Sklearn,
        }
    }

    /// The endings Neo finds the file by (developer guide, "Prepare Model for Compilation"), the usual one first.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Onnx => &[".onnx"],
            // TensorFlow loads it under no other name.
            Self::SavedModel => &["saved_model.pb", "saved_model.pbtxt"],
            Self::FrozenGraph => &[".pb", ".pbtxt"],
            Self::Keras => &[".h5"],
            Self::Tflite => &[".tflite"],
            Self::Torch => &[".pth", ".pt"],
            Self::MxnetSymbol => &["-symbol.json"],
            Self::MxnetParams => &[".params"],
            Self::DarknetConfig => &[".cfg"],
            Self::DarknetWeights => &[".weights"],
            // The second is what SageMaker's own XGBoost training writes.
            Self::Xgboost => &[".model", "xgboost-model"],
            Self::Sklearn => &[".pkl", ".joblib"],
        }
    }

    /// What people call such a file.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Onnx => "ONNX file",
            Self::SavedModel => "TensorFlow SavedModel",
            Self::FrozenGraph => "TensorFlow graph",
            Self::Keras => "Keras HDF5 file",
            Self::Tflite => "TensorFlow Lite file",
            Self::Torch => "PyTorch file",
            Self::MxnetSymbol => "MXNet symbol file",
            Self::MxnetParams => "MXNet parameter file",
            Self::DarknetConfig => "Darknet configuration",
            Self::DarknetWeights => "Darknet weight file",
            Self::Xgboost => "XGBoost model",
            Self::Sklearn => "scikit-learn model",
        }
    }

    /// What a member is by its name and first bytes.
    pub fn of(path: &str, head: &[u8]) -> Option<Recognised> {
        let certain = |format| Some(Recognised { format, certain: true });
        let perhaps = |format, certain| Some(Recognised { format, certain });
        let name = file_name(path).to_ascii_lowercase();
        if tensorflow::is_companion(&name) {
            return None;
        }
        if matches!(name.as_str(), "saved_model.pb" | "saved_model.pbtxt") {
            return certain(Self::SavedModel);
        }
        if name.ends_with("-symbol.json") {
            return certain(Self::MxnetSymbol);
        }
        if name == "xgboost-model" || xgboost::recognise(head) {
            return certain(Self::Xgboost);
        }
        match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "onnx" => certain(Self::Onnx),
            "h5" | "hdf5" | "keras" => certain(Self::Keras),
            "tflite" => certain(Self::Tflite),
            "pt" | "pth" => certain(Self::Torch),
            "params" => perhaps(Self::MxnetParams, mxnet::recognise_params(head)),
            "cfg" if darknet::recognise(head) => certain(Self::DarknetConfig),
            "weights" => perhaps(Self::DarknetWeights, false),
            "model" => perhaps(Self::Xgboost, false),
            "pkl" | "joblib" => perhaps(Self::Sklearn, false),
            ending => match Self::by_content(head) {
                None if ending == "pb" || ending == "pbtxt" => {
                    perhaps(Self::FrozenGraph, tensorflow::recognise_graph(head))
                }
                found => found.and_then(certain),
            },
        }
    }

    fn by_content(head: &[u8]) -> Option<Self> {
        let known = [
            (onnx::recognise(head), Self::Onnx),
            (tflite::recognise(head), Self::Tflite),
            (keras::recognise(head), Self::Keras),
            (tensorflow::recognise_saved_model(head), Self::SavedModel),
            (pytorch::recognise(head), Self::Torch),
        ];
        known.into_iter().find(|(recognised, _)| *recognised).map(|(_, format)| format)
    }

    /// Whether Neo finds such a file by the name it has.
    pub fn is_named_well(self, path: &str) -> bool {
        let name = path.to_ascii_lowercase();
        self.endings().iter().any(|ending| name.ends_with(ending))
    }
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A path without its last part.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The path of a file named relative to a folder.
pub(crate) fn in_folder(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised() {
        type Case = (&'static str, &'static [u8], Option<(Format, bool)>);
        let cases: [Case; 24] = [
            ("a/b/model.onnx", b"", Some((Format::Onnx, true))),
            ("MODEL.ONNX", b"", Some((Format::Onnx, true))),
            ("model.bin", b"\x08\x08\x12\x07pytorch", Some((Format::Onnx, true))),
            ("model.pb", b"\x08\x08\x12\x07pytorch", Some((Format::Onnx, true))),
            ("export/1/saved_model.pb", b"", Some((Format::SavedModel, true))),
            ("model.bin", b"\x08\x01\x12\x07", Some((Format::SavedModel, true))),
            ("fingerprint.pb", b"\x08\x01\x12\x07", None),
            ("frozen.pb", b"\x0a\x10\x0a", Some((Format::FrozenGraph, true))),
            ("labels.pbtxt", b"item { id: 1 }", Some((Format::FrozenGraph, false))),
            ("graph.pbtxt", b"node {\n", Some((Format::FrozenGraph, true))),
            ("m.h5", b"", Some((Format::Keras, true))),
            ("m.bin", b"\x89HDF\r\n\x1a\n", Some((Format::Keras, true))),
            ("m.tflite", b"", Some((Format::Tflite, true))),
            ("m.pth", b"", Some((Format::Torch, true))),
            ("net-symbol.json", b"", Some((Format::MxnetSymbol, true))),
            ("net-0000.params", b"\x12\x01\0\0\0\0\0\0", Some((Format::MxnetParams, true))),
            ("hyper.params", b"a=1", Some((Format::MxnetParams, false))),
            ("labels.json", b"{", None),
            ("setup.cfg", b"[metadata]\nname = x", None),
            ("net.cfg", b"# comment\n[net]\nwidth=1", Some((Format::DarknetConfig, true))),
            ("README", b"", None),
            ("tokenizer.model", b"\x0a\x10", Some((Format::Xgboost, false))),
            ("xgboost-model", b"", Some((Format::Xgboost, true))),
            ("m.json", b"{\"learner\":{\"attributes\"", Some((Format::Xgboost, true))),
        ];
        for (path, head, expected) in cases {
            let found = Format::of(path, head).map(|found| (found.format, found.certain));
            assert_eq!(found, expected, "{path}");
        }
    }
}
