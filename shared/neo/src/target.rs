//! Where a model is compiled for: a target device, or a platform of operating system, architecture and accelerator.

mod row;
mod table;

use std::{fmt, str::FromStr};

use document::spelling;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use row::{Family, Support, TargetRow};
pub use table::{TARGETS, devices};

const SYSTEMS: [&str; 2] = ["ANDROID", "LINUX"];
const ARCHITECTURES: [&str; 5] = ["X86_64", "X86", "ARM64", "ARM_EABI", "ARM_EABIHF"];
const ACCELERATORS: [&str; 4] = ["INTEL_GRAPHICS", "MALI", "NVIDIA", "NNA"];

/// What people write for a platform, and what the API calls it.
const SYNONYMS: [(&str, &str); 8] = [
    ("AARCH64", "ARM64"),
    ("ARMV8", "ARM64"),
    ("ARMV7", "ARM_EABIHF"),
    ("ARMHF", "ARM_EABIHF"),
    ("AMD64", "X86_64"),
    ("X64", "X86_64"),
    ("CUDA", "NVIDIA"),
    ("GPU", "NVIDIA"),
];

/// Classes of EC2 instances that SageMaker hosts models on, as they stand in `ml_<class><generation><options>`.
const INSTANCE_CLASSES: [&str; 8] = ["c", "m", "r", "t", "p", "g", "inf", "trn"];

/// What the names of device series begin with: a new one of them is another device of a maker that Neo knows.
const DEVICE_SERIES: [&str; 9] = ["jetson_", "rasp", "imx", "rk", "amba_", "qcs", "sitara_", "jacinto_", "x86_"];

/// A name of a known series that is this near to a known name (edits) is a misspelling, not a new device.
const MISSPELT: usize = 2;

/// A name that is not among those the API knows.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown {what} `{found}`; {hint}")]
pub struct UnknownTarget {
    what: &'static str,
    found: String,
    hint: String,
}

impl UnknownTarget {
    fn new<'a>(what: &'static str, found: &str, allowed: impl Iterator<Item = &'a str> + Clone) -> Self {
        let synonym = SYNONYMS.iter().find(|(name, _)| name.eq_ignore_ascii_case(found));
        let hint = match synonym.filter(|(_, meant)| allowed.clone().any(|known| known == *meant)) {
            Some((_, known)) => format!("did you mean `{known}`?"),
            None => spelling::hint(found, allowed),
        };
        Self { what, found: found.to_owned(), hint }
    }
}

/// A `TargetDevice` of the API, such as `jetson_nano`.
///
/// The API learns new devices before this crate does. So a name passes that reads like a new one, and planning warns of
/// it; a name that reads like a misspelling does not pass:
/// 1. `ml_` with a class of EC2 instances, a generation and option letters, such as `ml_c7g`, passes;
/// 2. a name that differs from a known one in digits only, such as `rasp5b`, passes;
/// 3. a name of a known series that is more than two edits from every known name, such as `jetson_orin`, passes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetDevice(String);

impl TargetDevice {
    /// The name as the API writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this release knows it.
    pub fn is_known(&self) -> bool {
        devices().any(|known| known == self.0)
    }
}

impl FromStr for TargetDevice {
    type Err = UnknownTarget;

    fn from_str(name: &str) -> Result<Self, UnknownTarget> {
        if devices().any(|known| known == name) || reads_like_a_new_device(name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(UnknownTarget::new("target device", name, devices()))
        }
    }
}

fn reads_like_a_new_device(name: &str) -> bool {
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return false;
    }
    if let Some(instance) = name.strip_prefix("ml_") {
        let class = instance.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let class = class.trim_end_matches(|c: char| c.is_ascii_digit());
        let generation = instance[class.len()..].chars().filter(char::is_ascii_digit).count();
        return INSTANCE_CLASSES.contains(&class) && (1..=2).contains(&generation);
    }
    let letters = |name: &str| name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    if devices().any(|known| letters(known) == letters(name)) {
        return true;
    }
    DEVICE_SERIES.iter().any(|series| name.strip_prefix(series).is_some_and(|rest| !rest.is_empty()))
        && devices().all(|known| strsim::damerau_levenshtein(known, name) > MISSPELT)
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

/// A `TargetPlatform` of the API. As with devices, a name that looks like none of the known ones passes as a new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

impl TargetPlatform {
    /// Reads the name of an operating system.
    pub(crate) fn os(name: &str) -> Result<String, UnknownTarget> {
        platform_name("operating system", name, &SYSTEMS)
    }

    /// Reads the name of an architecture.
    pub(crate) fn arch(name: &str) -> Result<String, UnknownTarget> {
        platform_name("architecture", name, &ARCHITECTURES)
    }

    /// Reads the name of an accelerator.
    pub(crate) fn accelerator(name: &str) -> Result<String, UnknownTarget> {
        platform_name("accelerator", name, &ACCELERATORS)
    }

    fn is_known(&self) -> bool {
        SYSTEMS.contains(&self.os.as_str())
            && ARCHITECTURES.contains(&self.arch.as_str())
            && self.accelerator.as_deref().is_none_or(|accelerator| ACCELERATORS.contains(&accelerator))
    }
}

fn platform_name(what: &'static str, name: &str, known: &[&str]) -> Result<String, UnknownTarget> {
    let form = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_new = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(form)
        && spelling::nearest(name, known.iter().copied()).is_none()
        && SYNONYMS.iter().all(|(synonym, _)| *synonym != name);
    if known.contains(&name) || is_new {
        Ok(name.to_owned())
    } else {
        Err(UnknownTarget::new(what, name, known.iter().copied()))
    }
}

impl TryFrom<PlatformNames> for TargetPlatform {
    type Error = UnknownTarget;

    fn try_from(names: PlatformNames) -> Result<Self, UnknownTarget> {
        Ok(Self {
            os: Self::os(&names.os)?,
            arch: Self::arch(&names.arch)?,
            accelerator: names.accelerator.as_deref().map(Self::accelerator).transpose()?,
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
    /// Reads a device, or a platform as it is displayed, such as `LINUX_ARM64_NVIDIA`.
    pub fn from_name(name: &str) -> Result<Self, UnknownTarget> {
        match TARGETS.iter().find(|row| row.name() == name) {
            Some(row) => Ok(row.target()),
            None => name.parse().map(Self::Device),
        }
    }

    /// Its row in the table; none for a target that the table does not have.
    pub fn row(&self) -> Option<&'static TargetRow> {
        TARGETS.iter().find(|row| row.is_for(self))
    }

    /// Whether AWS names it in its API and says nothing more of it.
    pub fn is_undocumented(&self) -> bool {
        matches!(self, Self::Platform(platform) if platform.accelerator.as_deref() == Some("NNA"))
    }

    /// Whether every name in it is one this release knows. A known platform may still have no row: Neo compiles for
    /// some combinations only.
    pub fn is_known(&self) -> bool {
        match self {
            Self::Device(device) => device.is_known(),
            Self::Platform(platform) => platform.is_known(),
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
    fn what_reads_like_a_new_target_passes_and_what_reads_like_a_mistake_does_not() {
        for name in ["ml_c7g", "ml_g5", "ml_trn2", "ml_inf3", "rasp5b", "amba_cv28", "jetson_orin", "imx93"] {
            let device: TargetDevice = name.parse().unwrap();
            assert!(!device.is_known() && Target::Device(device).row().is_none(), "{name}");
        }
        for (name, meant) in [
            ("jetson_nanno", "jetson_nano"),
            ("jetson_navier", "jetson_xavier"),
            ("ml-c5", "ml_c5"),
            ("ML_C5", "ml_c5"),
            ("ml_cc5", "ml_c5"),
            ("rasp3", "rasp3b"),
            ("corelm", "coreml"),
        ] {
            let error = name.parse::<TargetDevice>().unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean `{meant}`?")), "{error}");
        }
        for (read, meant) in [
            (TargetPlatform::arch("AARCH64"), Some("ARM64")),
            (TargetPlatform::arch("arm64"), Some("ARM64")),
            (TargetPlatform::accelerator("CUDA"), Some("NVIDIA")),
            (TargetPlatform::os("Linux"), Some("LINUX")),
            (TargetPlatform::arch("RISCV64"), None),
        ] {
            match meant {
                Some(meant) => assert!(read.unwrap_err().to_string().contains(&format!("did you mean `{meant}`?"))),
                None => assert!(read.is_ok()),
            }
        }
    }

    #[test]
    fn every_row_is_found_by_its_target_and_by_its_name() {
        for row in &TARGETS {
            assert_eq!(row.target().row().map(TargetRow::name), Some(row.name()));
            assert_eq!(Target::from_name(&row.name()), Ok(row.target()));
            assert!(row.target().is_known(), "{}", row.name());
            assert!(!row.source.is_empty());
        }
    }
}
