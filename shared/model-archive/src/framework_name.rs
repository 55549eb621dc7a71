//! The frameworks that Neo accepts, by their names in its API.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A value of `InputConfig.Framework` (service model 2017-07-24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Framework {
    /// `TENSORFLOW`: a frozen graph or a `SavedModel`.
    Tensorflow,
    /// `KERAS`: one HDF5 file.
    Keras,
    /// `MXNET`: a symbol file and a parameter file.
    Mxnet,
    /// `ONNX`: one `.onnx` file.
    Onnx,
    /// `PYTORCH`: one `TorchScript` file.
    Pytorch,
    /// `XGBOOST`: one `.model` file.
    Xgboost,
    /// `TFLITE`: one `.tflite` file.
    Tflite,
    /// `DARKNET`: a configuration and its weights.
    Darknet,
    /// `SKLEARN`: a value of the API without documentation.
    Sklearn,
}

impl Framework {
    /// Every framework, in the order of the API reference.
    pub const ALL: [Self; 9] = [
        Self::Tensorflow,
        Self::Keras,
        Self::Mxnet,
        Self::Onnx,
        Self::Pytorch,
        Self::Xgboost,
        Self::Tflite,
        Self::Darknet,
        Self::Sklearn,
    ];

    /// The value in the API, such as `ONNX`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tensorflow => "TENSORFLOW",
            Self::Keras => "KERAS",
            Self::Mxnet => "MXNET",
            Self::Onnx => "ONNX",
            Self::Pytorch => "PYTORCH",
            Self::Xgboost => "XGBOOST",
            Self::Tflite => "TFLITE",
            Self::Darknet => "DARKNET",
            Self::Sklearn => "SKLEARN",
        }
    }

    /// The layout that Neo expects in `DataInputConfig` (developer guide, "Prepare Model for
    /// Compilation").
    pub const fn layout(self) -> InputLayout {
        match self {
            Self::Tensorflow | Self::Tflite => InputLayout::Nhwc,
            // A Keras file is NHWC inside, but its DataInputConfig is NCHW.
            Self::Keras | Self::Mxnet | Self::Onnx | Self::Pytorch | Self::Darknet => InputLayout::Nchw,
            Self::Xgboost | Self::Sklearn => InputLayout::None,
        }
    }
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is not one of the frameworks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {list}, found `{0}`", list = Framework::ALL.map(Framework::as_str).join(", "))]
pub struct UnknownFramework(String);

impl FromStr for Framework {
    type Err = UnknownFramework;

    fn from_str(name: &str) -> Result<Self, UnknownFramework> {
        let found = Self::ALL.into_iter().find(|framework| framework.as_str().eq_ignore_ascii_case(name));
        found.ok_or_else(|| UnknownFramework(name.to_owned()))
    }
}

impl Serialize for Framework {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Framework {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The order of an image input's dimensions in `DataInputConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputLayout {
    /// Batch, channels, height, width.
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
    /// Neo takes no shapes for this framework.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_in_any_case() {
        for framework in Framework::ALL {
            assert_eq!(framework.to_string().parse(), Ok(framework));
            assert_eq!(framework.as_str().to_lowercase().parse(), Ok(framework));
            let json = serde_json::to_string(&framework).unwrap();
            assert_eq!(json, format!("\"{framework}\""));
            assert_eq!(serde_json::from_str::<Framework>(&json).unwrap(), framework);
        }
    }

    #[test]
    fn error_for_unknown_name_lists_known_names() {
        let error = "caffe".parse::<Framework>().unwrap_err().to_string();
        assert!(
            error.starts_with("expected one of TENSORFLOW, KERAS, ") && error.ends_with("found `caffe`"),
            "{error}"
        );
        assert!(serde_json::from_str::<Framework>("\"caffe\"").unwrap_err().to_string().contains("SKLEARN"));
    }
}
