//! The frameworks Neo accepts, by the names its API gives them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Layout;

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
    /// `SKLEARN`: in the API's list, without documentation.
    Sklearn,
}

impl Framework {
    /// Every framework, in the order of the API's own list.
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

    /// The API's own name, such as `ONNX`.
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

    /// The layout Neo expects in `DataInputConfig` (developer guide, "Prepare Model for Compilation").
    pub const fn layout(self) -> Layout {
        match self {
            Self::Tensorflow | Self::Tflite => Layout::Nhwc,
            // A Keras file is NHWC inside, but its DataInputConfig is NCHW.
            Self::Keras | Self::Mxnet | Self::Onnx | Self::Pytorch | Self::Darknet => Layout::Nchw,
            Self::Xgboost | Self::Sklearn => Layout::None,
        }
    }
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is none of the frameworks'.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a framework; SageMaker Neo takes {list}", list = Framework::ALL.map(Framework::as_str).join(", "))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_in_any_case() {
        for framework in Framework::ALL {
            assert_eq!(framework.to_string().parse(), Ok(framework));
            assert_eq!(framework.as_str().to_lowercase().parse(), Ok(framework));
            let json = serde_json::to_string(&framework).unwrap();
            assert_eq!(json, format!("\"{framework}\""));
            assert_eq!(serde_json::from_str::<Framework>(&json).unwrap(), framework);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "caffe".parse::<Framework>().unwrap_err().to_string();
        assert!(error.starts_with("`caffe` is not a framework; SageMaker Neo takes TENSORFLOW, KERAS, "), "{error}");
        assert!(serde_json::from_str::<Framework>("\"caffe\"").unwrap_err().to_string().contains("SKLEARN"));
    }
}
