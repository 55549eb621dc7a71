//! Violations of the service model, with the messages of the service.

use std::fmt;

use serde_json::Value;

/// A member of a request that violates a constraint of the service model.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestViolation {
    /// The member in the service's spelling, for example `outputConfig.targetDevice`; empty for the
    /// request itself.
    pub path: String,
    /// The invalid value as the service prints it; `None` if there is no value.
    pub value: Option<String>,
    pub constraint: ModelConstraint,
}

impl RequestViolation {
    pub(super) fn new(path: &str, value: &Value, constraint: ModelConstraint) -> Self {
        let value = (!value.is_null()).then(|| print_value(value));
        Self { path: path.to_owned(), value, constraint }
    }
}

impl fmt::Display for RequestViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "Value '{value}'")?,
            None => write!(f, "Value null")?,
        }
        write!(f, " at '{}' failed to satisfy constraint: {}", self.path, self.constraint)
    }
}

/// A constraint of the service model on a member.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelConstraint {
    /// The member is required.
    NotNull,
    /// The whole string must match this pattern.
    Pattern(String),
    /// The value must be one of these.
    Enum(Vec<String>),
    /// Minimum number of characters, items or entries.
    MinLength(f64),
    /// Maximum number of characters, items or entries.
    MaxLength(f64),
    MinValue(f64),
    MaxValue(f64),
    /// The value must have this type.
    Type(&'static str),
    /// The structure must define the member.
    KnownMember {
        /// Name of the structure in the service model.
        structure: String,
    },
    /// A union must have exactly one member.
    OneMember,
    /// Each scalar in the list must satisfy these constraints.
    Elements(Vec<ModelConstraint>),
    /// Each key of the map must satisfy these constraints.
    Keys(Vec<ModelConstraint>),
    /// Each scalar value of the map must satisfy these constraints.
    Values(Vec<ModelConstraint>),
    /// The loaded service model must define the operation.
    UnknownOperation {
        operation: String,
    },
}

impl fmt::Display for ModelConstraint {
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
            Self::Elements(all) => write!(f, "Member must satisfy constraint: [{}]", join_constraints(all)),
            Self::Keys(all) => write!(f, "Map keys must satisfy constraint: [{}]", join_constraints(all)),
            Self::Values(all) => write!(f, "Map value must satisfy constraint: [{}]", join_constraints(all)),
            Self::UnknownOperation { operation } => write!(f, "the service model has no operation {operation}"),
        }
    }
}

/// Formats all violations as one message, in the wording of the service.
pub fn format_violations(violations: &[RequestViolation]) -> String {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let all: Vec<String> = violations.iter().map(RequestViolation::to_string).collect();
    format!("{} validation error{plural} detected: {}", violations.len(), all.join("; "))
}

fn join_constraints(constraints: &[ModelConstraint]) -> String {
    constraints.iter().map(ModelConstraint::to_string).collect::<Vec<_>>().join(", ")
}

/// The service prints text without quotes, lists in brackets and other values as JSON.
fn print_value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(print_value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
