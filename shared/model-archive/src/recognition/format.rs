//! The formats of model files: how each is recognized by its name and first bytes, and read.

use crate::{
    container::{member::MemberReader, path::file_name},
    error::FileError,
    framework::{
        darknet::{is_darknet_config, read_darknet_config},
        format_facts::FormatFacts,
        keras::{is_hdf5, read_keras},
        mxnet::{is_params, read_params, read_symbol},
        onnx::{is_onnx, read_onnx},
        pytorch::{is_torch, read_torch},
        tensorflow::{is_graph_def, is_saved_model, read_graph_def, read_saved_model},
        tflite::{is_tflite, read_tflite},
        xgboost::{is_xgboost, read_xgboost},
    },
    framework_name::Framework,
    limits::Limits,
    problem::Warning,
};

/// The format of a file that holds a model or part of one.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecognizedFile {
    pub format: Format,
    pub certainty: Certainty,
}

/// How certain it is that a file is meant to be the model. A more certain file takes precedence
/// over a less certain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Certainty {
    /// Files that are not models have such names too.
    Possible,
    /// The content matches, but Neo does not look for files of this name.
    ByContent,
    /// Only models have such a name.
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

    /// The suffixes by which Neo finds the file (developer guide, "Prepare Model for Compilation"),
    /// the usual one first.
    pub fn file_suffixes(self) -> &'static [&'static str] {
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
            // SageMaker's own XGBoost training writes the second one.
            Self::Xgboost => &[".model", "xgboost-model"],
            Self::Sklearn => &[".pkl", ".joblib"],
        }
    }

    pub fn display_name(self) -> &'static str {
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

    /// The display name with its indefinite article.
    pub fn with_article(self) -> String {
        let article = if self.display_name().starts_with(['O', 'X']) { "an" } else { "a" };
        format!("{article} {}", self.display_name())
    }

    /// Recognizes a member by its name and first bytes.
    pub fn recognize_file(path: &str, head: &[u8]) -> Option<RecognizedFile> {
        let certain = |format: Self| {
            let named = format.is_named_as_expected(path);
            let certainty = if named { Certainty::ByName } else { Certainty::ByContent };
            Some(RecognizedFile { format, certainty })
        };
        let possible = |format, recognized| {
            if recognized { certain(format) } else { Some(RecognizedFile { format, certainty: Certainty::Possible }) }
        };
        let name = file_name(path).to_ascii_lowercase();
        if matches!(name.as_str(), "saved_model.pb" | "saved_model.pbtxt") {
            return certain(Self::SavedModel);
        }
        if name.ends_with("-symbol.json") {
            return certain(Self::MxnetSymbol);
        }
        if name == "xgboost-model" || is_xgboost(head) {
            return certain(Self::Xgboost);
        }
        match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "onnx" => certain(Self::Onnx),
            "h5" | "hdf5" | "keras" => certain(Self::Keras),
            "tflite" => certain(Self::Tflite),
            "pt" | "pth" => certain(Self::Torch),
            "params" => possible(Self::MxnetParams, is_params(head)),
            "cfg" if is_darknet_config(head) => certain(Self::DarknetConfig),
            "weights" => possible(Self::DarknetWeights, false),
            "model" => possible(Self::Xgboost, false),
            "pkl" | "joblib" if is_torch(head) => certain(Self::Torch),
            "pkl" | "joblib" => possible(Self::Sklearn, false),
            extension => match Self::from_content(head) {
                None if extension == "pb" || extension == "pbtxt" => possible(Self::FrozenGraph, is_graph_def(head)),
                found => found.and_then(certain),
            },
        }
    }

    /// Recognizes a file by its first bytes alone.
    pub fn from_content(head: &[u8]) -> Option<Self> {
        let known = [
            (is_onnx(head), Self::Onnx),
            (is_tflite(head), Self::Tflite),
            (is_hdf5(head), Self::Keras),
            (is_saved_model(head), Self::SavedModel),
            (is_torch(head), Self::Torch),
            (is_xgboost(head), Self::Xgboost),
        ];
        known.into_iter().find(|(recognized, _)| *recognized).map(|(_, format)| format)
    }

    /// Whether Neo finds a file of this format under this path.
    pub fn is_named_as_expected(self, path: &str) -> bool {
        let name = path.to_ascii_lowercase();
        self.file_suffixes().iter().any(|suffix| name.ends_with(suffix))
    }

    pub fn read_facts(self, content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<FormatFacts, FileError> {
        match self {
            Self::Onnx => read_onnx(content, limits),
            Self::SavedModel => read_saved_model(content, limits),
            Self::FrozenGraph => read_graph_def(content, limits),
            Self::Keras => read_keras(content, limits),
            Self::Tflite => read_tflite(content, limits),
            Self::Torch => read_torch(content, limits),
            Self::MxnetSymbol => read_symbol(content, limits),
            Self::MxnetParams => read_params(content, limits),
            Self::DarknetConfig => read_darknet_config(content),
            Self::Xgboost => read_xgboost(content),
            Self::DarknetWeights => Ok(FormatFacts::default()),
            Self::Sklearn => Ok(FormatFacts::from_warning(Warning::new(
                "sklearn-not-opened",
                "the file is assumed to be a scikit-learn model because of its name: pickle files are not opened",
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognized() {
        type Case = (&'static str, &'static [u8], Option<(Format, Certainty)>);
        use Certainty::{ByContent, ByName, Possible};
        let cases: [Case; 24] = [
            ("a/b/model.onnx", b"", Some((Format::Onnx, ByName))),
            ("MODEL.ONNX", b"", Some((Format::Onnx, ByName))),
            ("model.bin", b"\x08\x08\x12\x07pytorch", Some((Format::Onnx, ByContent))),
            ("model.pb", b"\x08\x08\x12\x07pytorch", Some((Format::Onnx, ByContent))),
            ("export/1/saved_model.pb", b"", Some((Format::SavedModel, ByName))),
            ("model.bin", b"\x08\x01\x12\x07", Some((Format::SavedModel, ByContent))),
            ("frozen.pb", b"\x0a\x10\x0a", Some((Format::FrozenGraph, ByName))),
            ("labels.pbtxt", b"item { id: 1 }", Some((Format::FrozenGraph, Possible))),
            ("graph.pbtxt", b"node {\n", Some((Format::FrozenGraph, ByName))),
            ("m.h5", b"", Some((Format::Keras, ByName))),
            ("m.bin", b"\x89HDF\r\n\x1a\n", Some((Format::Keras, ByContent))),
            ("m.tflite", b"", Some((Format::Tflite, ByName))),
            ("m.pth", b"", Some((Format::Torch, ByName))),
            ("net-symbol.json", b"", Some((Format::MxnetSymbol, ByName))),
            ("net-0000.params", b"\x12\x01\0\0\0\0\0\0", Some((Format::MxnetParams, ByName))),
            ("hyper.params", b"a=1", Some((Format::MxnetParams, Possible))),
            ("labels.json", b"{", None),
            ("setup.cfg", b"[metadata]\nname = x", None),
            ("bom.cfg", b"\xef\xbb\xbf[net]\nwidth=1", Some((Format::DarknetConfig, ByName))),
            ("net.cfg", b"# comment\n[net]\nwidth=1", Some((Format::DarknetConfig, ByName))),
            ("README", b"", None),
            ("tokenizer.model", b"\x0a\x10", Some((Format::Xgboost, Possible))),
            ("xgboost-model", b"", Some((Format::Xgboost, ByName))),
            ("m.json", b"{\"learner\":{\"attributes\"", Some((Format::Xgboost, ByContent))),
        ];
        for (path, head, expected) in cases {
            let found = Format::recognize_file(path, head).map(|found| (found.format, found.certainty));
            assert_eq!(found, expected, "{path}");
        }
    }
}
