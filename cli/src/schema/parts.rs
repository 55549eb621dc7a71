//! Parts that several sections of the schema share.

use schemars::JsonSchema;
use serde_json::{Value, json};

/// Requires exactly one of the keys; `null` counts as absent, as it does for every optional key.
pub(super) fn one_of_keys(keys: &[&str]) -> Value {
    let only = |present: &str| {
        let others = keys.iter().filter(|key| **key != present);
        let mut properties: serde_json::Map<_, _> =
            others.map(|key| ((*key).to_owned(), json!({ "type": "null" }))).collect();
        properties.insert(present.to_owned(), json!({ "not": { "type": "null" } }));
        json!({ "required": [present], "properties": properties })
    };
    keys.iter().map(|key| only(key)).collect()
}

/// Characters that AWS allows in no tag: an expression that lists the allowed ones would need
/// classes of Unicode that few validators know.
const TAG_PATTERN: &str = r"^[^!\x22#$%&'()*,;<>?\[\\\]^`{|}~\x00-\x1f\x7f]*$";

/// The value of a tag.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct TagValueSchema(#[schemars(length(max = 256), regex(pattern = TAG_PATTERN))] String);

/// The keys of tags.
pub(super) fn tag_keys() -> Value {
    json!({ "minLength": 1, "maxLength": 128, "pattern": TAG_PATTERN, "not": { "pattern": "^[aA][wW][sS]:" } })
}
