//! Compares desired with observed values and describes the differences.

use std::collections::{BTreeMap, BTreeSet};

use model_archive::Problem;

use crate::plan::Change;

/// What an empty list is shown as.
pub(crate) const EMPTY_LIST: &str = "none";

pub(crate) fn format_list(items: &[String]) -> String {
    if items.is_empty() { EMPTY_LIST.to_owned() } else { items.join(", ") }
}

/// Compares two lists in any order.
pub(crate) fn is_same_set(a: &[String], b: &[String]) -> bool {
    a.iter().collect::<BTreeSet<_>>() == b.iter().collect()
}

/// The change of a field; `None` if it is not declared or already has the declared value.
pub(crate) fn compare_field<T: PartialEq>(
    field: &str,
    observed: Option<&T>,
    declared: Option<&T>,
    format: impl Fn(&T) -> String,
) -> Option<Change> {
    let declared = declared.filter(|declared| observed != Some(*declared))?;
    Some(Change { field: field.to_owned(), from: observed.map(&format), to: Some(format(declared)) })
}

/// The declared tags that are missing or have another value.
pub(crate) fn missing_tags(
    declared: &BTreeMap<String, String>,
    observed: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let differs = |(key, value): &(&String, &String)| observed.get(*key) != Some(*value);
    declared.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The changes that adding `missing` makes.
pub(crate) fn tag_changes(missing: &BTreeMap<String, String>, observed: &BTreeMap<String, String>) -> Vec<Change> {
    let change = |(key, value): (&String, &String)| Change {
        field: format!("tags.{key}"),
        from: observed.get(key).cloned(),
        to: Some(value.clone()),
    };
    missing.iter().map(change).collect()
}

/// Whether the change is one of [`tag_changes`].
pub(crate) fn is_tag_change(change: &Change) -> bool {
    change.field.starts_with("tags.")
}

/// The problem of a resource to which SageMaker refused to add tags.
pub fn tags_refused_problem(name: &str, reason: &str) -> Problem {
    Problem::new(
        "tags-refused",
        format!("SageMaker refused to add tags to {name}: {reason}"),
        "fix the cause; the tags are added by a later run",
    )
}
