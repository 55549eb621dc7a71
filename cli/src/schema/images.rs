//! The section `images`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// An image that is kept as it is declared here. Images that are not named are left alone.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
pub(super) struct Image {
    /// The image's name.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-zA-Z0-9]([-.]?[a-zA-Z0-9]){0,62}$"))]
    name: String,
    /// The name people see; `null` removes it. Left out: as it stands.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^\S(.*\S)?$"))]
    display_name: Option<String>,
    /// What the image is for; `null` removes it. Left out: as it stands.
    #[schemars(length(min = 1, max = 512))]
    description: Option<String>,
    /// The role that SageMaker uses for the image. Left out: as it stands.
    #[schemars(
        length(min = 20, max = 2048),
        regex(pattern = r"^arn:aws[a-z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$")
    )]
    role_arn: Option<String>,
    /// Tags that the image has at least.
    tags: Option<BTreeMap<String, String>>,
}
