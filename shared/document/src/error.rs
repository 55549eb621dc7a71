//! What is wrong with a document, and where.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::Place;

/// Mistakes that are told of one document: with more, it is not the document that was meant.
const MAX_FAULTS: usize = 100;

/// A mistake in a document, or something in it that is worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where, such as `compilation.rules[2].targets[0].device`.
    pub path: String,
    /// The line and column; none for text that did not come from a file.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What was found, and what is allowed.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(place) = self.place {
            write!(f, " (line {}, column {})", place.line, place.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Fault {
    pub(crate) fn new(path: &str, place: Option<Place>, message: impl Into<String>) -> Self {
        let path = if path.is_empty() { "the document" } else { path };
        Self { path: path.to_owned(), place, message: message.into() }
    }
}

/// Why a document was refused: every mistake in it.
#[derive(Debug, Clone, Error)]
pub struct ConfigError {
    /// In the order of the document.
    pub faults: Vec<Fault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
        f.write_str(&faults.join("\n"))
    }
}

impl ConfigError {
    pub(crate) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.place);
        faults.truncate(MAX_FAULTS);
        Self { faults }
    }

    /// The parser's words without the place, which we tell ourselves.
    pub(crate) fn syntax(error: &serde_saphyr::Error) -> Self {
        let text = error.without_snippet().to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        let place = error.location().map(|at| Place { line: at.line(), column: at.column() });
        Self { faults: vec![Fault::new("", place, format!("is not valid YAML: {message}"))] }
    }
}
