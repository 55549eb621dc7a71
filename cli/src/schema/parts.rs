//! Parts that several sections of the schema share.

use schemars::JsonSchema;
use serde_json::{Value, json};

/// Requires exactly one of two keys; `null` counts as absent, as it does for every optional key.
pub(super) fn one_of_keys(first: &str, second: &str) -> Value {
    let only = |present: &str, absent: &str| {
        json!({
            "required": [present],
            "properties": { present: { "not": { "type": "null" } }, absent: { "type": "null" } },
        })
    };
    json!([only(first, second), only(second, first)])
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
