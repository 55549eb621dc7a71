//! Errors and warnings about a document, with their positions.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::Position;

/// Maximum number of errors reported for one document: with more, it is probably the wrong file.
const MAX_ERRORS: usize = 100;

/// An error or a warning about one value of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigDiagnostic {
    /// The path to the value, such as `compilation.rules[2].targets[0].device`.
    pub path: String,
    /// `None` for text that did not come from a file.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What was expected, what was found, and how to fix it.
    pub message: String,
}

impl fmt::Display for ConfigDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(position) = self.position {
            write!(f, " (line {}, column {})", position.line, position.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl ConfigDiagnostic {
    pub(crate) fn new(path: &str, position: Option<Position>, message: impl Into<String>) -> Self {
        let path = if path.is_empty() { "the document" } else { path };
        Self { path: path.to_owned(), position, message: message.into() }
    }
}

/// Why a document is invalid: every error in it.
#[derive(Debug, Clone, Error)]
pub struct ConfigError {
    /// In the order of the document.
    pub errors: Vec<ConfigDiagnostic>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors: Vec<_> = self.errors.iter().map(ToString::to_string).collect();
        f.write_str(&errors.join("\n"))
    }
}

impl ConfigError {
    pub(crate) fn new(mut errors: Vec<ConfigDiagnostic>) -> Self {
        errors.sort_by_key(|error| error.position);
        errors.truncate(MAX_ERRORS);
        Self { errors }
    }
}
