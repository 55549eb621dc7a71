//! Where a setting comes from: metadata overrides the target, the target overrides the rule, the
//! rule overrides the archive.

use std::fmt;

use serde::Serialize;

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingOrigin {
    /// The user metadata of the upload.
    Metadata,
    /// The target's entry in the rule.
    Target,
    Rule,
    Archive,
    /// The defaults of the configuration.
    Defaults,
    /// A default of this crate.
    BuiltIn,
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Metadata => "metadata",
            Self::Target => "target",
            Self::Rule => "rule",
            Self::Archive => "archive",
            Self::Defaults => "defaults",
            Self::BuiltIn => "built in",
        })
    }
}

/// A setting, its value and where the value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolvedSetting {
    /// Such as `framework`.
    pub setting: &'static str,
    pub value: String,
    pub origin: SettingOrigin,
}

impl ResolvedSetting {
    pub(super) fn new(setting: &'static str, value: impl fmt::Display, origin: SettingOrigin) -> Self {
        Self { setting, value: value.to_string(), origin }
    }
}

/// The first value that is set.
pub(super) fn first_set<T, const N: usize>(values: [(SettingOrigin, Option<T>); N]) -> Option<(T, SettingOrigin)> {
    values.into_iter().find_map(|(origin, value)| Some((value?, origin)))
}
