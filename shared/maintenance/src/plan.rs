//! The plan for each declared resource, and the result of applying it.

use std::fmt;

use model_archive::{Problem, shorten_text};
use serde::{Deserialize, Serialize};

/// The plan for one type of resource: an item per declared resource, in the order of the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourcePlan<A> {
    pub items: Vec<PlanItem<A>>,
}

/// What to do for one declared resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanItem<A> {
    /// The resource as the configuration names it.
    pub name: String,
    /// What will change, field by field, in display order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The API calls to make, in order; empty if there is nothing to do, or nothing to do now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<A>,
    /// Why something is not done now, and other information about the resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What prevents every change to the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// One field whose observed value differs from the desired one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field as the configuration names it.
    pub field: String,
    /// The observed value; `None` if the field is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The desired value; `None` if it is to be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Longest value of a change that is stored, in characters.
const MAX_VALUE: usize = 2048;

impl Change {
    /// The change as it is stored: a history has to fit into a row of the ledger.
    #[must_use]
    pub(crate) fn shorten_values(&self) -> Self {
        let shorten = |value: &Option<String>| value.as_ref().map(|value| shorten_text(value, MAX_VALUE));
        Self { field: self.field.clone(), from: shorten(&self.from), to: shorten(&self.to) }
    }
}

impl fmt::Display for Change {
    /// Writes `tier: medium -> small`, or the one value that there is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.field)?;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{from} -> {to}"),
            (from, to) => f.write_str(to.as_ref().or(from.as_ref()).map_or("", String::as_str)),
        }
    }
}

impl<A> PlanItem<A> {
    /// A resource that already matches the configuration.
    pub fn unchanged(name: impl Into<String>) -> Self {
        Self { name: name.into(), changes: Vec::new(), actions: Vec::new(), notes: Vec::new(), problem: None }
    }
}

impl<A> ResourcePlan<A> {
    /// Whether applying the plan makes any API call.
    pub fn has_actions(&self) -> bool {
        self.items.iter().any(|item| !item.actions.is_empty())
    }
}

/// A plan item with the result of applying it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reconciled<A> {
    /// The item as it was planned.
    #[serde(flatten)]
    pub item: PlanItem<A>,
    #[serde(flatten)]
    pub outcome: ApplyOutcome,
    /// Why a later run makes another of its calls again, if one of them failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
}

impl<A> Reconciled<A> {
    pub fn new(item: PlanItem<A>, outcome: ApplyOutcome) -> Self {
        Self { item, outcome, waiting: None }
    }

    /// Whether the next run makes a call again.
    pub fn is_deferred(&self) -> bool {
        self.waiting.is_some() || matches!(self.outcome, ApplyOutcome::Deferred(_))
    }
}

/// The result of applying a plan item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "reason")]
pub enum ApplyOutcome {
    /// The resource already matched the configuration.
    Unchanged,
    /// The resource differs, but the configuration says not to change it, or not now. The item's
    /// notes say why.
    Planned,
    /// The resource was updated to match the configuration.
    Applied,
    /// A temporary condition prevented the update, such as throttling, or there was no response.
    /// The next run tries again.
    #[serde(rename = "later")]
    Deferred(String),
    /// The resource, or a part of it, could not be updated.
    Failed(String),
}

impl ApplyOutcome {
    /// Every value of [`Self::as_str`].
    pub const NAMES: [&'static str; 5] = ["unchanged", "planned", "applied", "later", "failed"];

    /// The name in JSON documents.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Planned => "planned",
            Self::Applied => "applied",
            Self::Deferred(_) => "later",
            Self::Failed(_) => "failed",
        }
    }

    /// Why the resource was not updated, for the outcomes that carry a reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Deferred(reason) | Self::Failed(reason) => Some(reason),
            Self::Unchanged | Self::Planned | Self::Applied => None,
        }
    }
}

impl fmt::Display for ApplyOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reconciled_items_serialize_flat_with_their_outcome() {
        let reason = || "busy".to_owned();
        for (outcome, fields) in [
            (ApplyOutcome::Unchanged, json!({ "outcome": "unchanged" })),
            (ApplyOutcome::Planned, json!({ "outcome": "planned" })),
            (ApplyOutcome::Applied, json!({ "outcome": "applied" })),
            (ApplyOutcome::Deferred(reason()), json!({ "outcome": "later", "reason": "busy" })),
            (ApplyOutcome::Failed(reason()), json!({ "outcome": "failed", "reason": "busy" })),
        ] {
            assert_eq!(fields["outcome"], outcome.as_str());
            assert_eq!(fields.get("reason").and_then(|reason| reason.as_str()), outcome.reason());
            assert!(ApplyOutcome::NAMES.contains(&outcome.as_str()));
            let mut expected = json!({ "name": "a", "actions": ["update"] });
            for (field, value) in fields.as_object().unwrap() {
                expected[field] = value.clone();
            }
            let item = PlanItem { actions: vec!["update"], ..PlanItem::unchanged("a") };
            assert_eq!(serde_json::to_value(Reconciled::new(item, outcome)).unwrap(), expected);
        }
    }
}
