//! An error as it is shown: in one sentence, and what to do about it.

use std::error::Error;

use serde_json::{Value, json};

/// An error as it is shown.
#[derive(Debug)]
pub(crate) struct ErrorReport {
    /// Identifies the kind of error; programs may rely on it.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// What the user can do about it, if it is known.
    pub fix: Option<String>,
}

/// An error and its sources, in order.
pub(crate) fn iterate_causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// An error and its sources on one line, without those whose text is already contained.
pub(crate) fn format_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in iterate_causes(error).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    text
}

impl ErrorReport {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fix: None }
    }

    pub fn with_fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    pub fn to_json(&self) -> Value {
        json!({ "error": { "code": self.code, "message": self.message, "fix": self.fix } })
    }
}
