//! The versions of each type of app, as tests set them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A version of a type of app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names)] // the service's own name
pub(crate) struct Release {
    /// Major and minor, such as `1.4`.
    pub version: String,
    /// When it is no longer supported.
    #[serde(default)]
    pub eol: Option<Timestamp>,
    /// What is new in it.
    #[serde(default)]
    pub release_notes: Vec<String>,
}

/// The versions by type, oldest first. A type that is not named has version 1.0 alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Catalogue(pub BTreeMap<String, Vec<Release>>);

impl Catalogue {
    /// The version that a new app gets.
    pub fn first(&self, kind: &str) -> String {
        let first = self.0.get(kind).and_then(|releases| releases.first());
        first.map_or_else(|| "1.0".to_owned(), |release| release.version.clone())
    }

    pub fn release(&self, kind: &str, version: &str) -> Option<&Release> {
        self.0.get(kind)?.iter().find(|release| release.version == version)
    }

    /// What an app of this version can be upgraded to: one step.
    pub fn next(&self, kind: &str, version: &str) -> Option<&Release> {
        let releases = self.0.get(kind)?;
        let index = releases.iter().position(|release| release.version == version)?;
        releases.get(index + 1)
    }
}
