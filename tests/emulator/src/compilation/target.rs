//! What a model is compiled for.

use serde::{Deserialize, Serialize};

/// Devices for which the service takes no framework version (the Python SDK never sends one for them).
const WITHOUT_FRAMEWORK_VERSION: [&str; 8] =
    ["amba_cv2", "amba_cv22", "amba_cv25", "coreml", "imx8mplus", "jacinto_tda4vm", "lambda", "sitara_am57x"];

/// One device or one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Device(String),
    Platform(Platform),
}

/// An operating system, an architecture and at most one accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Platform {
    pub os: String,
    pub arch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<String>,
}

impl Target {
    /// The name as it stands in the artifact's key.
    pub fn name(&self) -> String {
        match self {
            Self::Device(device) => device.clone(),
            Self::Platform(Platform { os, arch, accelerator }) => {
                let parts = [Some(os), Some(arch), accelerator.as_ref()];
                parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("_")
            }
        }
    }

    /// Whether it is a machine learning instance of the cloud.
    pub fn is_cloud(&self) -> bool {
        matches!(self, Self::Device(device) if device.starts_with("ml_"))
    }

    /// Whether `FrameworkVersion` may be given (the table of the Python SDK, which sends it just where it may be).
    pub fn takes_framework_version(&self, framework: &str) -> bool {
        match self {
            Self::Device(device) if WITHOUT_FRAMEWORK_VERSION.contains(&device.as_str()) => false,
            Self::Device(device) if device == "ml_inf1" => ["MXNET", "PYTORCH", "TENSORFLOW"].contains(&framework),
            _ => ["PYTORCH", "TENSORFLOW"].contains(&framework),
        }
    }

    /// The processor in the tag of an inference image.
    pub fn processor(&self) -> &'static str {
        match self {
            Self::Device(device) if device.starts_with("ml_inf") || device == "ml_trn1" => "inf",
            Self::Device(device) if ["ml_p2", "ml_p3", "ml_g4dn"].contains(&device.as_str()) => "gpu",
            _ => "cpu",
        }
    }
}
