//! What stands against compiling a model, and what is only worth knowing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One reason why a model cannot be compiled, with the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Problem {
    /// A stable name for programs, in kebab case.
    pub code: Cow<'static, str>,
    /// What is wrong, naming the offending value.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// A problem called `code`.
    pub fn new(code: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: code.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// Longest name that is shown whole, in characters.
const MAX_SHOWN: usize = 200;

/// A name from a file as a sentence shows it: on one line.
pub(crate) fn quoted(name: &str) -> String {
    let (name, more) = match name.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => (&name[..end], "…"),
        None => (name, ""),
    };
    if name.contains(char::is_control) {
        return format!("`{}{more}`", name.escape_debug());
    }
    format!("`{name}{more}`")
}

/// Something about an archive that does not stop a compilation by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Warning {
    /// A stable name for programs, in kebab case.
    pub code: Cow<'static, str>,
    /// What was noticed and what may come of it.
    pub warning: String,
}

impl Warning {
    /// A warning called `code`.
    pub fn new(code: &'static str, warning: impl Into<String>) -> Self {
        Self { code: code.into(), warning: warning.into() }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.warning)
    }
}
