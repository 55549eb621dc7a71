//! The available versions of each app type, as set by tests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A version of an app type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names)] // field name of the control API
pub(crate) struct AppRelease {
    /// Major and minor version, for example `1.4`.
    pub version: String,
    /// End-of-life date.
    #[serde(default)]
    pub eol: Option<Timestamp>,
    #[serde(default)]
    pub release_notes: Vec<String>,
}

/// The versions by app type, oldest first. An app type without an entry has only version 1.0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReleaseCatalogue(pub BTreeMap<String, Vec<AppRelease>>);

impl ReleaseCatalogue {
    /// The version of a new app.
    pub fn first_version(&self, kind: &str) -> String {
        let first = self.0.get(kind).and_then(|releases| releases.first());
        first.map_or_else(|| "1.0".to_owned(), |release| release.version.clone())
    }

    pub fn find_release(&self, kind: &str, version: &str) -> Option<&AppRelease> {
        self.0.get(kind)?.iter().find(|release| release.version == version)
    }

    /// The version to which an app of this version can be upgraded: the next one.
    pub fn next_release(&self, kind: &str, version: &str) -> Option<&AppRelease> {
        let releases = self.0.get(kind)?;
        let index = releases.iter().position(|release| release.version == version)?;
        releases.get(index + 1)
    }
}
