//! Who settled a value: the uploader before the target, the target before the rule, the rule before the archive.

use std::fmt;

use serde::Serialize;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The upload's user metadata.
    Metadata,
    /// The target's entry in the rule.
    Target,
    /// The rule.
    Rule,
    /// The archive.
    Archive,
    /// The configuration's defaults.
    Defaults,
    /// Nobody: what this system does of its own accord.
    BuiltIn,
}

impl fmt::Display for Origin {
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

/// A value, and who said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What was settled, such as `framework`.
    pub setting: &'static str,
    /// To what.
    pub value: String,
    /// By whom.
    pub origin: Origin,
}

impl Decision {
    pub(super) fn new(setting: &'static str, value: impl fmt::Display, origin: Origin) -> Self {
        Self { setting, value: value.to_string(), origin }
    }
}

/// The first that says something.
pub(super) fn first<T, const N: usize>(said: [(Origin, Option<T>); N]) -> Option<(T, Origin)> {
    said.into_iter().find_map(|(origin, value)| Some((value?, origin)))
}
