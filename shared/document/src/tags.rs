//! Resource tags, whose rules are the same for every SageMaker resource.

use std::collections::BTreeMap;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::{ConfigFinding, LocatedNode, Reader};

/// Maximum length of a tag key, in characters (service model 2017-07-24).
const MAX_TAG_KEY: usize = 128;

/// Maximum length of a tag value, in characters (service model 2017-07-24).
pub const MAX_TAG_VALUE: usize = 256;

/// Maximum number of tags per resource (service model 2017-07-24).
pub const MAX_TAGS: usize = 50;

/// Whether a tag key or value may contain this character (service model 2017-07-24).
pub fn is_tag_character(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
    }
    // The pattern's \p{L}, \p{Z} and \p{N}; `char::is_alphanumeric` would also allow marks.
    matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Separator | GeneralCategoryGroup::Number
    )
}

impl Reader {
    /// Reports that a resource has more tags than SageMaker allows.
    pub fn check_tag_count(&mut self, at: &LocatedNode<'_>, tags: &BTreeMap<String, String>) {
        if tags.len() > MAX_TAGS {
            let finding = ConfigFinding::new(
                format!("expected at most {MAX_TAGS} tags, found {}", tags.len()),
                format!("remove {}", tags.len() - MAX_TAGS),
            );
            self.report_error_in_key(at, "tags", finding);
        }
    }

    /// Reads tags: a map with text values.
    pub fn read_tags(&mut self, at: &LocatedNode<'_>) -> Option<BTreeMap<String, String>> {
        let mut tags = BTreeMap::new();
        for (key, value_at) in self.read_entries(at, "tags, such as { owner: ml-platform }")? {
            let name = &key.name;
            let allowed = "letters, digits, spaces and _ . : / = + - @";
            if name.is_empty() || name.chars().count() > MAX_TAG_KEY || !name.chars().all(is_tag_character) {
                let expected = format!("a tag key of 1 to {MAX_TAG_KEY} {allowed}");
                let finding = ConfigFinding::unexpected(expected, format_args!("`{name}`"));
                self.report_error_at(&value_at.path, key.position, finding);
            } else if name.to_lowercase().starts_with("aws:") {
                let finding =
                    ConfigFinding::unexpected("a tag key that does not start with aws:", format_args!("`{name}`"));
                self.report_error_at(&value_at.path, key.position, finding);
            }
            let Some(value) = self.read_text(&value_at, "text") else { continue };
            if value.chars().count() > MAX_TAG_VALUE || !value.chars().all(is_tag_character) {
                let expected = format!("a tag value of up to {MAX_TAG_VALUE} {allowed}");
                self.report_error(&value_at, ConfigFinding::unexpected(expected, format_args!("`{value}`")));
            }
            tags.insert(name.clone(), value.to_owned());
        }
        Some(tags)
    }
}
