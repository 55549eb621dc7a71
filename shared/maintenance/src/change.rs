//! What differs, as people read it.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::Change;

/// A list as people read it.
pub(crate) fn list(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// A mapping as people read it.
pub(crate) fn map(entries: &BTreeMap<String, String>) -> String {
    list(&entries.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>())
}

/// Whether two lists hold the same, in whatever order.
pub(crate) fn same_set(a: &[String], b: &[String]) -> bool {
    a.iter().collect::<BTreeSet<_>>() == b.iter().collect()
}

/// The change of a field, if what is declared differs from what stands.
pub(crate) fn changed<T: PartialEq>(
    field: &str,
    standing: Option<&T>,
    declared: Option<&T>,
    show: impl Fn(&T) -> String,
) -> Option<Change> {
    let declared = declared.filter(|declared| standing != Some(*declared))?;
    Some(Change { field: field.to_owned(), from: standing.map(&show), to: Some(show(declared)) })
}

/// The tags that are missing or have another value.
pub(crate) fn missing_tags(
    declared: &BTreeMap<String, String>,
    standing: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let differs = |(key, value): &(&String, &String)| standing.get(*key) != Some(*value);
    declared.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The changes that adding tags makes.
pub(crate) fn tag_changes(missing: &BTreeMap<String, String>, standing: &BTreeMap<String, String>) -> Vec<Change> {
    let change = |(key, value): (&String, &String)| Change {
        field: format!("tags.{key}"),
        from: standing.get(key).cloned(),
        to: Some(value.clone()),
    };
    missing.iter().map(change).collect()
}
