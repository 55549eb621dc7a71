//! What a model is compiled for: a target device, or a platform of operating system, architecture
//! and accelerator.

mod framework_version;
mod row;
mod table;

use std::{fmt, str::FromStr};

use document::{ConfigFinding, spelling};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use framework_version::VersionSupport;
pub use row::{FrameworkSupport, TargetFamily, TargetRow};
pub use table::{TARGETS, device_names};

/// The values of `TargetPlatform.Os` that this release knows.
pub const SYSTEMS: [&str; 2] = ["ANDROID", "LINUX"];
/// The values of `TargetPlatform.Arch` that this release knows.
pub const ARCHITECTURES: [&str; 5] = ["X86_64", "X86", "ARM64", "ARM_EABI", "ARM_EABIHF"];
/// The values of `TargetPlatform.Accelerator` that this release knows.
pub const ACCELERATORS: [&str; 4] = ["INTEL_GRAPHICS", "MALI", "NVIDIA", "NNA"];

/// Common names for platforms, and the name in the API.
pub const SYNONYMS: [(&str, &str); 8] = [
    ("AARCH64", "ARM64"),
    ("ARMV8", "ARM64"),
    ("ARMV7", "ARM_EABIHF"),
    ("ARMHF", "ARM_EABIHF"),
    ("AMD64", "X86_64"),
    ("X64", "X86_64"),
    ("CUDA", "NVIDIA"),
    ("GPU", "NVIDIA"),
];

/// Classes of the EC2 instances for SageMaker hosting, as in `ml_<class><generation><options>`.
const INSTANCE_CLASSES: [&str; 8] = ["c", "m", "r", "t", "p", "g", "inf", "trn"];

/// Prefixes of device series. A new name with such a prefix is a new device of a maker that Neo
/// supports.
const DEVICE_SERIES: [&str; 9] = ["jetson_", "rasp", "imx", "rk", "amba_", "qcs", "sitara_", "jacinto_", "x86_"];

/// A name of a known series within this edit distance of a known name is a misspelling, not a new
/// device.
const MAX_MISSPELLED_EDITS: usize = 2;

/// A name that the API does not have.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected {what}, found `{found}`; {hint}")]
pub struct UnknownTarget {
    what: &'static str,
    found: String,
    hint: String,
}

impl From<UnknownTarget> for ConfigFinding {
    fn from(UnknownTarget { what, found, hint }: UnknownTarget) -> Self {
        Self::new(format!("expected {what}, found `{found}`"), hint)
    }
}

impl UnknownTarget {
    fn new<'a>(what: &'static str, found: &str, allowed: impl Iterator<Item = &'a str> + Clone) -> Self {
        let synonym = SYNONYMS.iter().find(|(name, _)| name.eq_ignore_ascii_case(found));
        let synonym = synonym.map(|(_, meant)| *meant).filter(|meant| allowed.clone().any(|known| known == *meant));
        // `ml.c5.xlarge`, as EC2 and hosting write instance types.
        let underscored = found.replace(['.', '-'], "_");
        let is_instance = |known: &&str| underscored.strip_prefix(*known).is_some_and(|rest| rest.starts_with('_'));
        let hint = match synonym.or_else(|| allowed.clone().find(is_instance)) {
            Some(known) => format!("write `{known}`"),
            None => spelling::suggest_name(found, allowed),
        };
        Self { what, found: found.to_owned(), hint }
    }
}

/// A `TargetDevice` of the API, such as `jetson_nano`.
///
/// The API supports new devices before this crate knows them. A name that looks like a new device
/// is therefore accepted, and planning warns about it. A name that looks like a misspelling is
/// rejected. Accepted are:
/// 1. `ml_` with a class of EC2 instances, a generation and option letters, such as `ml_c7g`;
/// 2. a name that differs from a known one in digits only, such as `rasp5b`;
/// 3. a name of a known series that is more than two edits from every known name, such as
///    `jetson_orin`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetDevice(String);

impl TargetDevice {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is known to this release.
    pub fn is_known(&self) -> bool {
        device_names().any(|known| known == self.0)
    }
}

impl FromStr for TargetDevice {
    type Err = UnknownTarget;

    fn from_str(name: &str) -> Result<Self, UnknownTarget> {
        if device_names().any(|known| known == name) || looks_like_new_device(name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(UnknownTarget::new("a target device", name, device_names()))
        }
    }
}

fn looks_like_new_device(name: &str) -> bool {
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
    if device_names().any(|known| letters(known) == letters(name)) {
        return true;
    }
    DEVICE_SERIES.iter().any(|series| name.strip_prefix(series).is_some_and(|rest| !rest.is_empty()))
        && device_names().all(|known| strsim::damerau_levenshtein(known, name) > MAX_MISSPELLED_EDITS)
}

/// A regular expression that every device name matches which is accepted as a new one. It matches
/// some misspellings, too: an expression cannot count edits.
pub fn new_device_pattern() -> String {
    let classes = INSTANCE_CLASSES.join("|");
    let with_other_digits = |known: &str| {
        let letters: Vec<_> = known.chars().filter(|c| !c.is_ascii_digit()).map(String::from).collect();
        format!("[0-9]*{}[0-9]*", letters.join("[0-9]*"))
    };
    let mut numbered: Vec<_> = device_names().map(with_other_digits).collect();
    numbered.sort_unstable();
    numbered.dedup();
    let series = DEVICE_SERIES.join("|");
    format!("^(ml_({classes})[0-9]{{1,2}}[a-z]*|{}|({series})[a-z0-9_]+)$", numbered.join("|"))
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

/// A `TargetPlatform` of the API. As with devices, a name unlike all known ones is accepted as a
/// new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "PlatformNames")]
pub struct TargetPlatform {
    /// `LINUX` or `ANDROID`.
    pub os: String,
    /// `X86_64`, `X86`, `ARM64`, `ARM_EABI` or `ARM_EABIHF`.
    pub arch: String,
    /// `INTEL_GRAPHICS`, `MALI`, `NVIDIA` or `NNA`; `None` for the CPU alone.
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
    pub(crate) fn parse_os(name: &str) -> Result<String, UnknownTarget> {
        parse_platform_name("an operating system", name, &SYSTEMS)
    }

    pub(crate) fn parse_arch(name: &str) -> Result<String, UnknownTarget> {
        parse_platform_name("an architecture", name, &ARCHITECTURES)
    }

    pub(crate) fn parse_accelerator(name: &str) -> Result<String, UnknownTarget> {
        parse_platform_name("an accelerator", name, &ACCELERATORS)
    }

    fn is_known(&self) -> bool {
        SYSTEMS.contains(&self.os.as_str())
            && ARCHITECTURES.contains(&self.arch.as_str())
            && self.accelerator.as_deref().is_none_or(|accelerator| ACCELERATORS.contains(&accelerator))
    }
}

fn parse_platform_name(what: &'static str, name: &str, known: &[&str]) -> Result<String, UnknownTarget> {
    let is_allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_new = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(is_allowed)
        && spelling::find_nearest_name(name, known.iter().copied()).is_none()
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
            os: Self::parse_os(&names.os)?,
            arch: Self::parse_arch(&names.arch)?,
            accelerator: names.accelerator.as_deref().map(Self::parse_accelerator).transpose()?,
        })
    }
}

/// The target of a compilation job: either a device or a platform, as in the API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A device or a family of instances.
    Device(TargetDevice),
    Platform(TargetPlatform),
}

impl Target {
    /// Parses the name of a device, or of a platform as displayed, such as `LINUX_ARM64_NVIDIA`.
    pub fn from_name(name: &str) -> Result<Self, UnknownTarget> {
        match TARGETS.iter().find(|row| row.name() == name) {
            Some(row) => Ok(row.to_target()),
            None => name.parse().map(Self::Device),
        }
    }

    /// Its row in the table; `None` if the table does not have it.
    pub fn find_row(&self) -> Option<&'static TargetRow> {
        TARGETS.iter().find(|row| row.is_for(self))
    }

    /// Whether the API lists it and no AWS documentation mentions it.
    pub fn is_undocumented(&self) -> bool {
        matches!(self, Self::Platform(platform) if platform.accelerator.as_deref() == Some("NNA"))
    }

    /// Whether every name in it is known to this release. A known platform may still have no row:
    /// Neo supports only some combinations.
    pub fn is_known(&self) -> bool {
        match self {
            Self::Device(device) => device.is_known(),
            Self::Platform(platform) => platform.is_known(),
        }
    }
}

impl fmt::Display for Target {
    /// The name of the device, or `LINUX_ARM64_NVIDIA`, as Neo names the artifact of a platform.
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
    fn a_misspelled_device_suggests_the_nearest_one() {
        let error = "jetson-nano".parse::<TargetDevice>().unwrap_err().to_string();
        assert_eq!(error, "expected a target device, found `jetson-nano`; write `jetson_nano`");
        let error = "ml_c5.xlarge".parse::<TargetDevice>().unwrap_err().to_string();
        assert!(error.contains("write `ml_c5`"), "{error}");
        let error = "toaster".parse::<TargetDevice>().unwrap_err().to_string();
        assert!(error.contains("expected a target device, found `toaster`; write one of lambda, "), "{error}");
    }

    #[test]
    fn targets_serialize_as_in_the_configuration() {
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
        assert!(error.to_string().contains("expected an architecture, found `ARM`"), "{error}");
    }

    #[test]
    fn new_targets_are_accepted_and_misspellings_rejected() {
        for name in ["ml_c7g", "ml_g5", "ml_trn2", "ml_inf3", "rasp5b", "amba_cv28", "jetson_orin", "imx93"] {
            let device: TargetDevice = name.parse().unwrap();
            assert!(!device.is_known() && Target::Device(device).find_row().is_none(), "{name}");
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
            assert!(error.contains(&format!("write `{meant}`")), "{error}");
        }
        for (read, meant) in [
            (TargetPlatform::parse_arch("AARCH64"), Some("ARM64")),
            (TargetPlatform::parse_arch("arm64"), Some("ARM64")),
            (TargetPlatform::parse_accelerator("CUDA"), Some("NVIDIA")),
            (TargetPlatform::parse_os("Linux"), Some("LINUX")),
            (TargetPlatform::parse_arch("RISCV64"), None),
        ] {
            match meant {
                Some(meant) => assert!(read.unwrap_err().to_string().contains(&format!("write `{meant}`"))),
                None => assert!(read.is_ok()),
            }
        }
    }

    #[test]
    fn every_row_is_found_by_its_target_and_name() {
        for row in &TARGETS {
            assert_eq!(row.to_target().find_row().map(TargetRow::name), Some(row.name()));
            assert_eq!(Target::from_name(&row.name()), Ok(row.to_target()));
            assert!(row.to_target().is_known(), "{}", row.name());
            assert!(!row.source.is_empty());
        }
    }
}
