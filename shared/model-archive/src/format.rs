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
    pub certainty: Certainty,
}

/// How certain it is that a file is meant to be the model. What is less certain makes way for what is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Certainty {
    /// Other files have such names too.
    Perhaps,
    /// It has the content, under a name that Neo does not look for.
    ByContent,
    /// Nothing else is meant by its name.
    ByName,
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

    /// That with its article.
    pub fn a_noun(self) -> String {
        let article = if self.noun().starts_with(['O', 'X']) { "an" } else { "a" };
        format!("{article} {}", self.noun())
    }

    /// What a member is by its name and first bytes.
    pub fn of(path: &str, head: &[u8]) -> Option<Recognised> {
        let certain = |format: Self| {
            let named = format.is_named_well(path);
            let certainty = if named { Certainty::ByName } else { Certainty::ByContent };
            Some(Recognised { format, certainty })
        };
        let perhaps = |format, recognised| {
            if recognised { certain(format) } else { Some(Recognised { format, certainty: Certainty::Perhaps }) }
        };
        let name = file_name(path).to_ascii_lowercase();
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
            "pkl" | "joblib" if pytorch::recognise(head) => certain(Self::Torch),
            "pkl" | "joblib" => perhaps(Self::Sklearn, false),
            ending => match Self::by_content(head) {
                None if ending == "pb" || ending == "pbtxt" => {
                    perhaps(Self::FrozenGraph, tensorflow::recognise_graph(head))
                }
                found => found.and_then(certain),
            },
        }
    }

    /// What a file is by its first bytes, if these tell.
    pub fn by_content(head: &[u8]) -> Option<Self> {
        let known = [
            (onnx::recognise(head), Self::Onnx),
            (tflite::recognise(head), Self::Tflite),
            (keras::recognise(head), Self::Keras),
            (tensorflow::recognise_saved_model(head), Self::SavedModel),
            (pytorch::recognise(head), Self::Torch),
            (xgboost::recognise(head), Self::Xgboost),
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
    normal(&format!("{folder}/{name}"))
}

/// A path from the archive's root, without empty parts and `.`, and with `..` only at its beginning, where it leads out.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_normal() {
        let cases = [
            ("./a.onnx", "a.onnx"),
            ("/a//b/./c", "a/b/c"),
            ("a/../b/", "b"),
            ("../../a", "../../a"),
            ("a/../../b", "../b"),
            ("./", ""),
        ];
        for (path, expected) in cases {
            assert_eq!(normal(path), expected, "{path}");
        }
    }

    #[test]
    fn files_are_recognised() {
        type Case = (&'static str, &'static [u8], Option<(Format, Certainty)>);
        use Certainty::{ByContent, ByName, Perhaps};
        let cases: [Case; 24] = [
            ("a/b/model.onnx", b"", Some((Format::Onnx, ByName))),
            ("MODEL.ONNX", b"", Some((Format::Onnx, ByName))),
            ("model.bin", b"\x08\x08\x12\x07pytorch", Some((Format::Onnx, ByContent))),
            ("model.pb", b"\x08\x08\x12\x07pytorch", Some((Format::Onnx, ByContent))),
            ("export/1/saved_model.pb", b"", Some((Format::SavedModel, ByName))),
            ("model.bin", b"\x08\x01\x12\x07", Some((Format::SavedModel, ByContent))),
            ("frozen.pb", b"\x0a\x10\x0a", Some((Format::FrozenGraph, ByName))),
            ("labels.pbtxt", b"item { id: 1 }", Some((Format::FrozenGraph, Perhaps))),
            ("graph.pbtxt", b"node {\n", Some((Format::FrozenGraph, ByName))),
            ("m.h5", b"", Some((Format::Keras, ByName))),
            ("m.bin", b"\x89HDF\r\n\x1a\n", Some((Format::Keras, ByContent))),
            ("m.tflite", b"", Some((Format::Tflite, ByName))),
            ("m.pth", b"", Some((Format::Torch, ByName))),
            ("net-symbol.json", b"", Some((Format::MxnetSymbol, ByName))),
            ("net-0000.params", b"\x12\x01\0\0\0\0\0\0", Some((Format::MxnetParams, ByName))),
            ("hyper.params", b"a=1", Some((Format::MxnetParams, Perhaps))),
            ("labels.json", b"{", None),
            ("setup.cfg", b"[metadata]\nname = x", None),
            ("bom.cfg", b"\xef\xbb\xbf[net]\nwidth=1", Some((Format::DarknetConfig, ByName))),
            ("net.cfg", b"# comment\n[net]\nwidth=1", Some((Format::DarknetConfig, ByName))),
            ("README", b"", None),
            ("tokenizer.model", b"\x0a\x10", Some((Format::Xgboost, Perhaps))),
            ("xgboost-model", b"", Some((Format::Xgboost, ByName))),
            ("m.json", b"{\"learner\":{\"attributes\"", Some((Format::Xgboost, ByContent))),
        ];
        for (path, head, expected) in cases {
            let found = Format::of(path, head).map(|found| (found.format, found.certainty));
            assert_eq!(found, expected, "{path}");
        }
    }
}
