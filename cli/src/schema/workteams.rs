//! The section `workteams`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::parts::one_of_keys;

/// A work team to reconcile. Teams that are not listed are never changed.
#[derive(JsonSchema)]
#[schemars(rename = "Workteam", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct WorkteamSchema {
    /// Name of the team.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"))]
    name: String,
    /// Purpose of the team, on one line.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[^\r\n]*\S[^\r\n]*$"))]
    description: String,
    /// Members of the team: groups of Amazon Cognito, or of your own identity provider. Groups that
    /// are not listed are removed.
    members: MembersSchema,
    /// Topic to which SageMaker sends notifications about work: `stack` for the stack's own topic,
    /// or a topic ARN. Default: unchanged.
    #[schemars(regex(pattern = r"^(stack|arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_.-]+)$"))]
    notifications: Option<String>,
    /// Restricts from where workers can open the objects they label. Default: unchanged.
    worker_access: Option<WorkerAccessSchema>,
    /// Tags that the team must have; other tags are kept.
    tags: Option<BTreeMap<String, String>>,
    /// Time zone of times in notifications about the team, by its IANA name.
    #[schemars(extend("default" = "UTC"))]
    time_zone: Option<String>,
    /// Whether an update may remove more than half of the team's groups.
    #[schemars(extend("default" = false))]
    allow_shrink: Option<bool>,
    /// `apply` updates the team to match the configuration; `notify` notifies you once a day while
    /// it differs.
    #[schemars(extend("default" = "apply"))]
    mode: Option<ModeSchema>,
}

/// Members of a team: either `cognito` or `oidc`.
#[derive(JsonSchema)]
#[schemars(
    rename = "Members",
    deny_unknown_fields,
    extend("oneOf" = one_of_keys(&["cognito", "oidc"]))
)]
#[expect(dead_code, reason = "only its schema is used")]
struct MembersSchema {
    /// Groups of one Amazon Cognito user pool.
    #[schemars(length(min = 1, max = 10))]
    cognito: Option<Vec<CognitoGroupSchema>>,
    /// Groups of your own identity provider.
    oidc: Option<OidcGroupsSchema>,
}

/// A group of a user pool. The user pool and the app client are the same for all groups of a team.
#[derive(JsonSchema)]
#[schemars(rename = "CognitoGroup", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct CognitoGroupSchema {
    /// User pool ID.
    #[schemars(length(min = 1, max = 55), regex(pattern = r"^[a-zA-Z0-9_-]+_[0-9a-zA-Z]+$"))]
    user_pool: String,
    /// Name of the group.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^\S+$"))]
    user_group: String,
    /// App client ID.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[ -~]+$"))]
    client_id: String,
}

/// Groups of your own identity provider.
#[derive(JsonSchema)]
#[schemars(rename = "OidcGroups", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct OidcGroupsSchema {
    /// Names of the groups.
    #[schemars(length(min = 1, max = 10))]
    groups: Vec<OidcGroupSchema>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct OidcGroupSchema(#[schemars(length(min = 1, max = 63), regex(pattern = r"^\S+$"))] String);

/// Restricts from where workers can open the objects they label: either `source_ip` or
/// `vpc_source_ip`.
#[derive(JsonSchema)]
#[schemars(
    rename = "WorkerAccess",
    deny_unknown_fields,
    extend("oneOf" = one_of_keys(&["source_ip", "vpc_source_ip"]))
)]
#[expect(dead_code, reason = "only its schema is used")]
struct WorkerAccessSchema {
    /// Whether objects can be opened only from the IP address from which the worker opened the
    /// page.
    source_ip: Option<bool>,
    /// Whether objects can be opened only from the VPC IP address from which the worker opened the
    /// page.
    vpc_source_ip: Option<bool>,
}

/// What to do if a team differs from the configuration.
#[derive(JsonSchema)]
#[schemars(rename = "Mode", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum ModeSchema {
    Apply,
    Notify,
}
