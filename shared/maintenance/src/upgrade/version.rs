//! Versions of partner apps.

use std::{fmt, str::FromStr};

use document::ConfigFinding;
use serde::{Serialize, Serializer};
use thiserror::Error;

/// Major and minor version (service model 2017-07-24, `MajorMinorVersion`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppVersion {
    major: u32,
    minor: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a major and a minor version, such as \"1.4\", found `{0}`")]
pub struct AppVersionError(String);

impl From<AppVersionError> for ConfigFinding {
    fn from(error: AppVersionError) -> Self {
        Self::new(error.to_string(), "write major and minor version in quotes, such as \"1.4\"")
    }
}

impl AppVersion {
    /// Reads major and minor of a version that may have more parts.
    pub fn parse_prefix(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (major, minor) = (parts.next()?, parts.next()?);
        Some(Self { major: parse_number(major)?, minor: parse_number(minor)? })
    }
}

/// Whether two versions have the same major and minor part: an app may report more parts than the
/// version that was offered. Versions of another form are compared as text.
pub(crate) fn is_same_version(a: &str, b: &str) -> bool {
    match (AppVersion::parse_prefix(a), AppVersion::parse_prefix(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn parse_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

impl FromStr for AppVersion {
    type Err = AppVersionError;

    fn from_str(text: &str) -> Result<Self, AppVersionError> {
        let version = Self::parse_prefix(text).filter(|version| version.to_string() == text);
        version.ok_or_else(|| AppVersionError(text.to_owned()))
    }
}

impl fmt::Display for AppVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for AppVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
