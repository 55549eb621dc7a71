//! The section `images`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::parts::{TagValueSchema, tag_keys};

/// An image to reconcile. Images that are not listed are never changed.
#[derive(JsonSchema)]
#[schemars(rename = "Image", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ImageSchema {
    /// Name of the image.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-zA-Z0-9]([-.]?[a-zA-Z0-9]){0,62}$"))]
    name: String,
    /// Display name; `null` removes it. Default: unchanged.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^\S(.*\S)?$"))]
    display_name: Option<String>,
    /// Description; `null` removes it. Default: unchanged.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\n]*\S[^\n]*$"))]
    description: Option<String>,
    /// Role that SageMaker assumes for the image; it cannot be removed. Default: unchanged.
    #[schemars(
        extend("type" = "string"),
        length(min = 20, max = 2048),
        regex(pattern = r"^arn:aws[a-z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$")
    )]
    role_arn: Option<String>,
    /// Tags that the image must have; other tags are kept.
    #[schemars(extend("propertyNames" = tag_keys()), extend("maxProperties" = 50))]
    tags: Option<BTreeMap<String, TagValueSchema>>,
}
