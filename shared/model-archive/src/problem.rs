//! Problems that block compilation, and warnings that do not.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One reason why a model cannot be compiled, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Problem {
    /// A stable identifier for programs, in kebab case.
    pub code: Cow<'static, str>,
    /// What is wrong, with the offending value.
    pub problem: String,
    /// How to fix it.
    pub remedy: String,
}

impl Problem {
    pub fn new(code: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: code.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// Something worth knowing that does not block compilation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Warning {
    /// A stable identifier for programs, in kebab case.
    pub code: Cow<'static, str>,
    /// What was found and what it may cause.
    pub warning: String,
}

impl Warning {
    pub fn new(code: &'static str, warning: impl Into<String>) -> Self {
        Self { code: code.into(), warning: warning.into() }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.warning)
    }
}

/// Longest name that is shown in full, in characters.
const MAX_SHOWN: usize = 200;

/// Formats a name from a file for use in a sentence: in backticks, on one line.
pub(crate) fn quote_name(name: &str) -> String {
    let (name, more) = match name.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => (&name[..end], "…"),
        None => (name, ""),
    };
    if name.contains(char::is_control) {
        return format!("`{}{more}`", name.escape_debug());
    }
    format!("`{name}{more}`")
}

/// Names that a sentence lists; the rest are only counted.
const MAX_LISTED: usize = 5;

/// Names for a sentence, of which only the first are kept.
#[derive(Debug, Default)]
pub(crate) struct QuotedNames {
    names: Vec<String>,
    len: u64,
}

impl QuotedNames {
    pub fn push(&mut self, name: &str) {
        self.len += 1;
        if self.names.len() < MAX_LISTED {
            self.names.push(quote_name(name));
        }
    }

    /// The first of `total` names.
    pub fn with_total<'n>(first: impl IntoIterator<Item = &'n str>, total: u64) -> Self {
        let mut names = Self::default();
        first.into_iter().for_each(|name| names.push(name));
        names.len = total;
        names
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl std::fmt::Display for QuotedNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.names.join(", "))?;
        match self.len - self.names.len() as u64 {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
