//! What a request breaks, in the words of the service.

use std::fmt;

use serde_json::Value;

/// One member of a request that breaks one constraint of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// The member as the service names it, such as `outputConfig.targetDevice`; empty for the request itself.
    pub path: String,
    /// The offending value as the service prints it; `None` where there is none.
    pub value: Option<String>,
    /// What it breaks.
    pub constraint: Constraint,
}

impl Violation {
    pub(super) fn at(path: &str, value: &Value, constraint: Constraint) -> Self {
        let value = (!value.is_null()).then(|| printed(value));
        Self { path: path.to_owned(), value, constraint }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "Value '{value}'")?,
            None => write!(f, "Value null")?,
        }
        write!(f, " at '{}' failed to satisfy constraint: {}", self.path, self.constraint)
    }
}

/// What the model demands of a member.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    /// It is required.
    NotNull,
    /// The whole string matches this pattern.
    Pattern(String),
    /// It is one of these.
    Enum(Vec<String>),
    /// It has at least so many characters, items or entries.
    MinLength(f64),
    /// It has at most so many characters, items or entries.
    MaxLength(f64),
    /// It is at least this number.
    MinValue(f64),
    /// It is at most this number.
    MaxValue(f64),
    /// It is JSON of this type.
    Type(&'static str),
    /// The structure has such a member.
    KnownMember {
        /// The structure's name in the model.
        structure: String,
    },
    /// A union has exactly one member.
    OneMember,
    /// Each scalar in the list satisfies these.
    Elements(Vec<Constraint>),
    /// Each key of the map satisfies these.
    Keys(Vec<Constraint>),
    /// Each scalar value of the map satisfies these.
    Values(Vec<Constraint>),
    /// The model that was loaded has the operation.
    UnknownOperation {
        /// The operation's name.
        operation: String,
    },
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNull => write!(f, "Member must not be null"),
            Self::Pattern(pattern) => write!(f, "Member must satisfy regular expression pattern: {pattern}"),
            Self::Enum(values) => write!(f, "Member must satisfy enum value set: [{}]", values.join(", ")),
            Self::MinLength(min) => write!(f, "Member must have length greater than or equal to {min}"),
            Self::MaxLength(max) => write!(f, "Member must have length less than or equal to {max}"),
            Self::MinValue(min) => write!(f, "Member must have value greater than or equal to {min}"),
            Self::MaxValue(max) => write!(f, "Member must have value less than or equal to {max}"),
            Self::Type(expected) => write!(f, "Member must be of type {expected}"),
            Self::KnownMember { structure } => write!(f, "Member is not part of {structure}"),
            Self::OneMember => write!(f, "Member must have exactly one member set"),
            Self::Elements(all) => write!(f, "Member must satisfy constraint: [{}]", listed(all)),
            Self::Keys(all) => write!(f, "Map keys must satisfy constraint: [{}]", listed(all)),
            Self::Values(all) => write!(f, "Map value must satisfy constraint: [{}]", listed(all)),
            Self::UnknownOperation { operation } => write!(f, "the service model holds no operation {operation}"),
        }
    }
}

/// All violations in one message, as the service words it.
pub fn message(violations: &[Violation]) -> String {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let all: Vec<String> = violations.iter().map(Violation::to_string).collect();
    format!("{} validation error{plural} detected: {}", violations.len(), all.join("; "))
}

fn listed(constraints: &[Constraint]) -> String {
    constraints.iter().map(Constraint::to_string).collect::<Vec<_>>().join(", ")
}

/// The service prints text bare, lists in brackets and everything else as it came.
fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
