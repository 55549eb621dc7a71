//! Where a model is compiled for: a target device, or a platform of operating system, architecture and accelerator.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Every `TargetDevice` of the SageMaker API (service model 2017-07-24).
const DEVICES: [&str; 37] = [
    "lambda", "ml_m4", "ml_m5", "ml_m6g", "ml_c4", "ml_c5", "ml_c6g", "ml_p2", "ml_p3", "ml_g4dn", "ml_inf1",
    "ml_inf2", "ml_trn1", "ml_eia2", "jetson_tx1", "jetson_tx2", "jetson_nano", "jetson_xavier", "rasp3b", "rasp4b",
    "imx8qm", "deeplens", "rk3399", "rk3288", "aisage", "sbe_c", "qcs605", "qcs603", "sitara_am57x", "amba_cv2",
    "amba_cv22", "amba_cv25", "x86_win32", "x86_win64", "coreml", "jacinto_tda4vm", "imx8mplus",
];
const SYSTEMS: [&str; 2] = ["ANDROID", "LINUX"];
const ARCHITECTURES: [&str; 5] = ["X86_64", "X86", "ARM64", "ARM_EABI", "ARM_EABIHF"];
const ACCELERATORS: [&str; 4] = ["INTEL_GRAPHICS", "MALI", "NVIDIA", "NNA"];

/// The farthest a misspelling may be from a known name to be offered as its correction.
const NEAREST_SPELLING: f64 = 0.7;

/// A name that is not among those the API knows.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown {what} `{found}`; {hint}")]
pub struct UnknownTarget {
    what: &'static str,
    found: String,
    hint: String,
}

impl UnknownTarget {
    fn new(what: &'static str, found: &str, allowed: &[&str]) -> Self {
        let nearest = allowed
            .iter()
            .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &found.to_lowercase()), known))
            .filter(|(likeness, _)| *likeness >= NEAREST_SPELLING)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let hint = match nearest {
            Some((_, known)) => format!("did you mean `{known}`?"),
            None => format!("allowed: {}", allowed.join(", ")),
        };
        Self { what, found: found.to_owned(), hint }
    }
}

/// A `TargetDevice` of the API, such as `jetson_nano`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetDevice(String);

impl TargetDevice {
    /// The name as the API writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TargetDevice {
    type Err = UnknownTarget;

    fn from_str(name: &str) -> Result<Self, UnknownTarget> {
        if DEVICES.contains(&name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(UnknownTarget::new("target device", name, &DEVICES))
        }
    }
}

impl TryFrom<String> for TargetDevice {
    type Error = UnknownTarget;

    fn try_from(name: String) -> Result<Self, UnknownTarget> {
        name.parse()
    }
}

impl From<TargetDevice> for String {
    fn from(device: TargetDevice) -> Self {
        device.0
    }
}

/// A `TargetPlatform` of the API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "PlatformNames")]
pub struct TargetPlatform {
    /// `LINUX` or `ANDROID`.
    pub os: String,
    /// `X86_64`, `X86`, `ARM64`, `ARM_EABI` or `ARM_EABIHF`.
    pub arch: String,
    /// `INTEL_GRAPHICS`, `MALI`, `NVIDIA` or `NNA`; none for the processor alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformNames {
    os: String,
    arch: String,
    accelerator: Option<String>,
}

impl TryFrom<PlatformNames> for TargetPlatform {
    type Error = UnknownTarget;

    fn try_from(names: PlatformNames) -> Result<Self, UnknownTarget> {
        let known = |what, name: String, allowed: &[&str]| {
            if allowed.contains(&name.as_str()) { Ok(name) } else { Err(UnknownTarget::new(what, &name, allowed)) }
        };
        Ok(Self {
            os: known("operating system", names.os, &SYSTEMS)?,
            arch: known("architecture", names.arch, &ARCHITECTURES)?,
            accelerator: names.accelerator.map(|name| known("accelerator", name, &ACCELERATORS)).transpose()?,
        })
    }
}

/// What a compilation job compiles for: exactly one of the two, as in the API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A device or an instance family.
    Device(TargetDevice),
    /// A platform.
    Platform(TargetPlatform),
}

impl Target {
    /// Whether the driver stack must be named in the compiler options (Neo developer guide, edge devices).
    pub fn needs_nvidia_options(&self) -> bool {
        matches!(self, Self::Platform(platform) if platform.accelerator.as_deref() == Some("NVIDIA"))
    }

    /// Whether `FrameworkVersion` may be sent for this target. The table is that of the SageMaker Python SDK; the
    /// service answers others with "Unsupported framework version field" (amazon-sagemaker-examples #3239).
    pub fn takes_framework_version(&self, framework: model_archive::Framework) -> bool {
        use model_archive::Framework::{Mxnet, Pytorch, Tensorflow};
        const NEVER: [&str; 9] = [
            "imx8mplus", "jacinto_tda4vm", "coreml", "sitara_am57x", "amba_cv2", "amba_cv22", "amba_cv25", "lambda",
            "ml_eia2",
        ];
        match self {
            Self::Device(device) if NEVER.contains(&device.as_str()) => false,
            Self::Device(device) if device.as_str() == "ml_inf1" => matches!(framework, Pytorch | Tensorflow | Mxnet),
            _ => matches!(framework, Pytorch | Tensorflow),
        }
    }
}

impl fmt::Display for Target {
    /// The device's name, or `LINUX_ARM64_NVIDIA` as Neo names a platform's artifact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(device) => f.write_str(device.as_str()),
            Self::Platform(platform) => {
                write!(f, "{}_{}", platform.os, platform.arch)?;
                platform.accelerator.iter().try_for_each(|accelerator| write!(f, "_{accelerator}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_device_is_answered_with_the_nearest_one() {
        let error = "jetson-nano".parse::<TargetDevice>().unwrap_err().to_string();
        assert_eq!(error, "unknown target device `jetson-nano`; did you mean `jetson_nano`?");
        let error = "ml_c5.xlarge".parse::<TargetDevice>().unwrap_err().to_string();
        assert!(error.contains("did you mean `ml_c5`?"), "{error}");
        let error = "toaster".parse::<TargetDevice>().unwrap_err().to_string();
        assert!(error.contains("unknown target device `toaster`; allowed: lambda, "), "{error}");
    }

    #[test]
    fn targets_read_and_write_as_the_configuration_has_them() {
        for (json, text) in [
            (r#"{"device":"ml_c5"}"#, "ml_c5"),
            (r#"{"platform":{"os":"LINUX","arch":"ARM64","accelerator":"NVIDIA"}}"#, "LINUX_ARM64_NVIDIA"),
            (r#"{"platform":{"os":"ANDROID","arch":"ARM_EABI"}}"#, "ANDROID_ARM_EABI"),
        ] {
            let target: Target = serde_json::from_str(json).unwrap();
            assert_eq!(target.to_string(), text);
            assert_eq!(serde_json::to_string(&target).unwrap(), json);
        }
        let error = serde_json::from_str::<Target>(r#"{"platform":{"os":"LINUX","arch":"ARM"}}"#).unwrap_err();
        assert!(error.to_string().contains("unknown architecture `ARM`"), "{error}");
    }

    #[test]
    fn the_framework_version_is_sent_only_where_the_service_takes_it() {
        use model_archive::Framework::{Mxnet, Onnx, Pytorch};
        let device = |name: &str| Target::Device(name.parse().unwrap());
        for (target, framework, takes) in [
            (device("ml_c5"), Pytorch, true),
            (device("ml_c5"), Onnx, false),
            (device("ml_inf1"), Mxnet, true),
            (device("ml_c5"), Mxnet, false),
            (device("coreml"), Pytorch, false),
        ] {
            assert_eq!(target.takes_framework_version(framework), takes, "{target} {framework}");
        }
    }
}
