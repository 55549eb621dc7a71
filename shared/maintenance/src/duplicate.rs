//! Finds two entries of a section that declare the same resource.

use document::{ConfigFinding, LocatedNode, Reader};

/// Reports an entry if an earlier one has the same name, which is the value of `key`. SageMaker's
/// ARNs have names in lower case: names that differ only in case are the same. Earlier releases
/// accepted these.
pub(crate) fn report_duplicate<'n>(
    reader: &mut Reader,
    entry: &LocatedNode<'_>,
    key: &str,
    mut earlier: impl Iterator<Item = &'n str>,
    name: &str,
) {
    let Some(earlier) = earlier.find(|earlier| earlier.eq_ignore_ascii_case(name)) else { return };
    if earlier == name {
        let finding = ConfigFinding::new(format!("`{name}` is declared twice"), "merge the entries");
        reader.report_error_in_key(entry, key, finding);
        return;
    }
    let message = format!("`{earlier}` and `{name}` differ only in case and are the same resource");
    let finding = ConfigFinding::new(message, "merge the entries");
    reader.report_new_error_in_key(entry, key, finding, "until then, both entries stay in use");
}
