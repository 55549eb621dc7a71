//! The target of a compilation job.

use serde::{Deserialize, Serialize};

/// Devices for which SageMaker accepts no framework version (the SageMaker Python SDK never sends
/// one for them).
const WITHOUT_FRAMEWORK_VERSION: [&str; 8] =
    ["amba_cv2", "amba_cv22", "amba_cv25", "coreml", "imx8mplus", "jacinto_tda4vm", "lambda", "sitara_am57x"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestedTarget {
    Device(String),
    Platform(PlatformTarget),
}

/// An operating system, an architecture and an optional accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PlatformTarget {
    pub os: String,
    pub arch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<String>,
}

impl RequestedTarget {
    /// The name in the artifact's object key.
    pub fn target_name(&self) -> String {
        match self {
            Self::Device(device) => device.clone(),
            Self::Platform(PlatformTarget { os, arch, accelerator }) => {
                let parts = [Some(os), Some(arch), accelerator.as_ref()];
                parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("_")
            }
        }
    }

    /// Whether the target is an ML instance (`ml_*`).
    pub fn is_cloud(&self) -> bool {
        matches!(self, Self::Device(device) if device.starts_with("ml_"))
    }

    /// Whether `FrameworkVersion` is allowed. Source: the table of the SageMaker Python SDK, which
    /// sends the member only where it is allowed.
    pub fn accepts_framework_version(&self, framework: &str) -> bool {
        match self {
            Self::Device(device) if WITHOUT_FRAMEWORK_VERSION.contains(&device.as_str()) => false,
            Self::Device(device) if device == "ml_inf1" => ["MXNET", "PYTORCH", "TENSORFLOW"].contains(&framework),
            _ => ["PYTORCH", "TENSORFLOW"].contains(&framework),
        }
    }

    /// The processor part of an inference image tag.
    pub fn processor_tag(&self) -> &'static str {
        match self {
            Self::Device(device) if device.starts_with("ml_inf") || device == "ml_trn1" => "inf",
            Self::Device(device) if ["ml_p2", "ml_p3", "ml_g4dn"].contains(&device.as_str()) => "gpu",
            _ => "cpu",
        }
    }
}
