//! Finds two entries of a section that declare the same resource.

/// The error of an entry if an earlier one has the same name. SageMaker's ARNs have names in lower
/// case: names that differ only in case are the same.
pub(crate) fn describe_duplicate<'n>(mut earlier: impl Iterator<Item = &'n str>, name: &str) -> Option<String> {
    let earlier = earlier.find(|earlier| earlier.eq_ignore_ascii_case(name))?;
    Some(if earlier == name {
        format!("`{name}` is declared twice; merge the entries")
    } else {
        format!("`{earlier}` and `{name}` differ only in case and are the same resource; merge the entries")
    })
}
