//! Errors and warnings about a document, with their positions.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::Position;

/// Maximum number of errors reported for one document: with more, it is probably the wrong file.
const MAX_ERRORS: usize = 100;

/// Writes a finding on one line. A fix that repeats what the message expects is omitted.
fn write_finding(f: &mut fmt::Formatter<'_>, message: &str, fix: &str) -> fmt::Result {
    let repeated = fix.strip_prefix("write, for example, ").or_else(|| fix.strip_prefix("write "));
    match repeated.filter(|value| message.starts_with("expected ") && message.contains(value)) {
        Some(_) => f.write_str(message),
        None => write!(f, "{message}; {fix}"),
    }
}

/// An error or a warning about one value of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigDiagnostic {
    /// The path to the value, such as `compilation.rules[2].targets[0].device`.
    pub path: String,
    /// `None` for text that did not come from a file.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What was expected and what was found.
    pub message: String,
    /// What to write instead.
    pub fix: String,
}

/// What is wrong with a value, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFinding {
    /// One sentence, without the fix.
    pub message: String,
    /// In the imperative.
    pub fix: String,
}

impl ConfigFinding {
    pub fn new(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { message: message.into(), fix: fix.into() }
    }

    /// A value that is not what it has to be. `expected` describes a valid one, such as
    /// `a whole number from 0 to 5`, or ends in `, such as` and an example.
    pub fn unexpected(expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        let expected = expected.to_string();
        let fix = match expected.split_once(", such as ") {
            Some((_, example)) => format!("write, for example, {example}"),
            None => format!("write {expected}"),
        };
        Self::new(format!("expected {expected}, found {found}"), fix)
    }
}

impl fmt::Display for ConfigFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_finding(f, &self.message, &self.fix)
    }
}

impl fmt::Display for ConfigDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(position) = self.position {
            write!(f, " (line {}, column {})", position.line, position.column)?;
        }
        f.write_str(": ")?;
        write_finding(f, &self.message, &self.fix)
    }
}

impl ConfigDiagnostic {
    /// `path` is empty for the whole document.
    pub fn new(path: &str, position: Option<Position>, finding: ConfigFinding) -> Self {
        let path = if path.is_empty() { "the document" } else { path };
        Self { path: path.to_owned(), position, message: finding.message, fix: finding.fix }
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
