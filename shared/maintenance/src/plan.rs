//! What is to be done for each declared resource, before anything is done.

use model_archive::Problem;
use serde::{Deserialize, Serialize};

/// The plan of one kind of resource, in the order of the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan<A> {
    /// One for each declared resource.
    pub items: Vec<Item<A>>,
}

/// What is to be done for one declared resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item<A> {
    /// The resource as the configuration names it.
    pub name: String,
    /// What will be different, field by field, in the order in which people read it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The calls that make it so, in order; none if there is nothing to do, or nothing to do now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<A>,
    /// Why something is not done now, and what else is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why nothing can be done for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// One field that differs from what is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field as the configuration names it, such as `members.cognito`.
    pub field: String,
    /// What stands; none if nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What is declared; none if it is to be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl<A> Item<A> {
    /// A resource that is as it is declared.
    pub fn unchanged(name: impl Into<String>) -> Self {
        Self { name: name.into(), changes: Vec::new(), actions: Vec::new(), notes: Vec::new(), problem: None }
    }
}

impl<A> Plan<A> {
    /// Whether anything would be done.
    pub fn has_actions(&self) -> bool {
        self.items.iter().any(|item| !item.actions.is_empty())
    }
}
