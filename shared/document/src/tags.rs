//! Tags, as every kind of resource of SageMaker takes them.

use std::collections::BTreeMap;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::{At, Reader};

/// Longest key of a tag, in characters (service model 2017-07-24).
const MAX_TAG_KEY: usize = 128;

/// Longest value of a tag, in characters (service model 2017-07-24).
pub const MAX_TAG_VALUE: usize = 256;

/// Most tags of a resource (service model 2017-07-24).
pub const MAX_TAGS: usize = 50;

/// Whether a tag's key or value may have this character (service model 2017-07-24).
pub fn is_tag_character(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
    }
    // The pattern's \p{L}, \p{Z} and \p{N}; `char::is_alphanumeric` would let marks through as well.
    matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Separator | GeneralCategoryGroup::Number
    )
}

impl Reader {
    /// Tags: a mapping of texts.
    pub fn tags(&mut self, at: &At<'_>) -> Option<BTreeMap<String, String>> {
        let mut tags = BTreeMap::new();
        for (key, value_at) in self.entries(at, "tags, such as { owner: ml-platform }")? {
            let name = &key.name;
            let allowed = "letters, digits, spaces and _ . : / = + - @";
            if name.is_empty() || name.chars().count() > MAX_TAG_KEY || !name.chars().all(is_tag_character) {
                let message = format!("`{name}` is no key of a tag; allowed: 1 to {MAX_TAG_KEY} {allowed}");
                self.fault_at(&value_at.path, key.place, message);
            } else if name.to_lowercase().starts_with("aws:") {
                let message = format!("`{name}`: keys that begin with aws: are AWS's own");
                self.fault_at(&value_at.path, key.place, message);
            }
            let Some(value) = self.text(&value_at, "a text") else { continue };
            if value.chars().count() > MAX_TAG_VALUE || !value.chars().all(is_tag_character) {
                self.fault(
                    &value_at,
                    format!("`{value}` is no value of a tag; allowed: up to {MAX_TAG_VALUE} {allowed}"),
                );
            }
            tags.insert(name.clone(), value.to_owned());
        }
        Some(tags)
    }
}
