//! Resource tags, whose rules are the same for every SageMaker resource.

use std::collections::BTreeMap;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::{LocatedNode, Reader};

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
    /// Reads tags: a map with text values.
    pub fn read_tags(&mut self, at: &LocatedNode<'_>) -> Option<BTreeMap<String, String>> {
        let mut tags = BTreeMap::new();
        for (key, value_at) in self.read_entries(at, "tags, such as { owner: ml-platform }")? {
            let name = &key.name;
            let allowed = "letters, digits, spaces and _ . : / = + - @";
            if name.is_empty() || name.chars().count() > MAX_TAG_KEY || !name.chars().all(is_tag_character) {
                let message = format!("expected a tag key of 1 to {MAX_TAG_KEY} {allowed}, found `{name}`");
                self.report_error_at(&value_at.path, key.position, message);
            } else if name.to_lowercase().starts_with("aws:") {
                let message = format!("expected a tag key that does not start with aws:, found `{name}`");
                self.report_error_at(&value_at.path, key.position, message);
            }
            let Some(value) = self.read_text(&value_at, "text") else { continue };
            if value.chars().count() > MAX_TAG_VALUE || !value.chars().all(is_tag_character) {
                self.report_error(
                    &value_at,
                    format!("expected a tag value of up to {MAX_TAG_VALUE} {allowed}, found `{value}`"),
                );
            }
            tags.insert(name.clone(), value.to_owned());
        }
        Some(tags)
    }
}
