//! The formats of model files: how each is recognized by its name and first bytes, and read.

use super::unsupported_format::pickled_package;
use crate::{
    container::{member::MemberReader, path::file_name},
    error::FileError,
    framework::{
        darknet::{read_darknet_config, read_darknet_weights},
        format_facts::FormatFacts,
        keras::{is_hdf5, is_keras_zip, read_keras},
        mxnet::{is_params, is_symbol, read_params, read_symbol},
        onnx::{is_onnx, read_onnx},
        pytorch::{is_torch, read_torch},
        sklearn::read_sklearn,
        tensorflow::{is_saved_model, read_graph_def, read_saved_model, starts_with_node},
        tflite::{is_tflite, read_tflite},
        xgboost::{is_xgboost, read_xgboost},
    },
    framework_name::Framework,
    limits::Limits,
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
        let vowel = self.display_name().starts_with(['O', 'X']) || self.framework() == Framework::Mxnet;
        let article = if vowel { "an" } else { "a" };
        format!("{article} {}", self.display_name())
    }

    /// Recognizes a file by its first bytes alone.
    pub fn from_content(head: &[u8]) -> Option<Self> {
        let known = [
            (is_onnx(head), Self::Onnx),
            (is_tflite(head), Self::Tflite),
            (is_hdf5(head) || is_keras_zip(head), Self::Keras),
            (is_saved_model(head), Self::SavedModel),
            (starts_with_node(head), Self::FrozenGraph),
            (is_torch(head) || pickled_package(head) == Some(b"torch"), Self::Torch),
            (is_params(head), Self::MxnetParams),
            (is_xgboost(head), Self::Xgboost),
            (is_symbol(head), Self::MxnetSymbol),
            (pickled_package(head) == Some(b"sklearn"), Self::Sklearn),
        ];
        known.into_iter().find(|(recognized, _)| *recognized).map(|(_, format)| format)
    }

    /// The format that a file's name says, and whether only models have such a name.
    pub fn from_name(path: &str) -> Option<(Self, bool)> {
        let name = file_name(path).to_ascii_lowercase();
        Some(match name.as_str() {
            "saved_model.pb" | "saved_model.pbtxt" => (Self::SavedModel, true),
            "xgboost-model" => (Self::Xgboost, true),
            name if name.ends_with("-symbol.json") => (Self::MxnetSymbol, true),
            name => match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
                "onnx" => (Self::Onnx, true),
                "h5" | "hdf5" | "keras" => (Self::Keras, true),
                "tflite" => (Self::Tflite, true),
                "pt" | "pth" => (Self::Torch, true),
                "pb" | "pbtxt" => (Self::FrozenGraph, false),
                "params" => (Self::MxnetParams, false),
                "cfg" => (Self::DarknetConfig, false),
                "weights" => (Self::DarknetWeights, false),
                "model" => (Self::Xgboost, false),
                "pkl" | "joblib" => (Self::Sklearn, false),
                _ => return None,
            },
        })
    }

    /// Whether Neo finds a file of this format under this path.
    pub fn is_named_as_expected(self, path: &str) -> bool {
        if self == Self::SavedModel {
            return self.file_suffixes().contains(&file_name(path));
        }
        let name = path.to_ascii_lowercase();
        let is_saved_model = Self::SavedModel.file_suffixes().contains(&file_name(&name));
        // A frozen graph under the name of a SavedModel is loaded as one.
        (self != Self::FrozenGraph || !is_saved_model)
            && self.file_suffixes().iter().any(|suffix| name.ends_with(suffix))
    }

    /// The path that a file should have so that Neo finds it.
    pub fn suggest_name(self, path: &str) -> String {
        let name = file_name(path);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let stem = if stem.is_empty() { "model" } else { stem };
        match self {
            Self::SavedModel => "saved_model.pb".to_owned(),
            Self::FrozenGraph if stem == "saved_model" => "frozen_graph.pb".to_owned(),
            _ => format!("{stem}{}", self.file_suffixes()[0]),
        }
    }

    /// The Python expression that loads the file if it is intact.
    pub fn load_command(self, path: &str) -> String {
        let name = file_name(path);
        match self {
            Self::Onnx => format!("onnx.checker.check_model(\"{name}\")"),
            Self::SavedModel => "tf.saved_model.load(\"<folder of saved_model.pb>\")".to_owned(),
            Self::FrozenGraph => format!("tf.compat.v1.GraphDef.FromString(open(\"{name}\", \"rb\").read())"),
            Self::Keras => format!("keras.models.load_model(\"{name}\")"),
            Self::Tflite => format!("tf.lite.Interpreter(\"{name}\")"),
            Self::Torch => format!("torch.jit.load(\"{name}\")"),
            Self::MxnetSymbol => format!("mxnet.sym.load(\"{name}\")"),
            Self::MxnetParams => format!("mxnet.nd.load(\"{name}\")"),
            Self::DarknetConfig => format!("cv2.dnn.readNetFromDarknet(\"{name}\", \"<.weights>\")"),
            Self::DarknetWeights => format!("cv2.dnn.readNetFromDarknet(\"<.cfg>\", \"{name}\")"),
            Self::Xgboost => format!("xgboost.Booster(model_file=\"{name}\")"),
            Self::Sklearn => format!("joblib.load(\"{name}\")"),
        }
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
            Self::DarknetWeights => read_darknet_weights(content),
            Self::Sklearn => read_sklearn(content),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FORMATS: [Format; 12] = [
        Format::Onnx,
        Format::SavedModel,
        Format::FrozenGraph,
        Format::Keras,
        Format::Tflite,
        Format::Torch,
        Format::MxnetSymbol,
        Format::MxnetParams,
        Format::DarknetConfig,
        Format::DarknetWeights,
        Format::Xgboost,
        Format::Sklearn,
    ];

    #[test]
    fn page_of_models_lists_the_file_names() {
        let page = include_str!("../../../../docs/MODELS.md");
        for framework in Framework::ALL {
            let row = page.lines().find_map(|line| line.strip_prefix(&format!("| {framework} | ")));
            let cell = row.and_then(|row| row.split(" | ").next()).unwrap_or_else(|| panic!("no row for {framework}"));
            let listed: BTreeSet<_> = cell.split('`').skip(1).step_by(2).filter(|name| *name != "variables/").collect();
            let formats = FORMATS.into_iter().filter(|format| format.framework() == framework);
            let expected: BTreeSet<_> = formats.flat_map(Format::file_suffixes).copied().collect();
            assert_eq!(listed, expected, "{framework}");
        }
    }
}
