//! The section `workteams`.

use schemars::JsonSchema;

/// A work team that is kept as it is declared here. Teams that are not named are left alone.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
pub(super) struct Workteam {
    /// The team's name.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"))]
    name: String,
    /// What the team is for, on one line.
    #[schemars(length(min = 1, max = 200))]
    description: String,
    /// Who belongs to it: groups of Cognito, or of your own identity provider. Groups that are not named are removed.
    members: Members,
    /// Where SageMaker tells of work: `stack` for the stack's own topic, or a topic's ARN. Left out: as it stands.
    #[schemars(regex(pattern = r"^(stack|arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_.-]+)$"))]
    notifications: Option<String>,
    /// From where workers may open the objects they label. Left out: as it stands.
    worker_access: Option<WorkerAccess>,
    /// Whether more than half of the groups may be removed at once.
    #[schemars(extend("default" = false))]
    allow_shrink: Option<bool>,
    /// What is done where the team differs: it is brought to what is declared, or people are told.
    #[schemars(extend("default" = "apply"))]
    mode: Option<Mode>,
}

/// Who belongs to a team: one of the two.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [{ "required": ["cognito"] }, { "required": ["oidc"] }]))]
#[expect(dead_code, reason = "a shape, never a value")]
struct Members {
    /// Groups of one Amazon Cognito user pool.
    #[schemars(length(min = 1, max = 10))]
    cognito: Option<Vec<CognitoGroup>>,
    /// Groups of your own identity provider.
    oidc: Option<OidcGroups>,
}

/// A group of a user pool; pool and client are the same in all groups of a team.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct CognitoGroup {
    /// The pool's id.
    #[schemars(length(min = 1, max = 55), regex(pattern = r"^[\w-]+_[0-9a-zA-Z]+$"))]
    user_pool: String,
    /// The group's name.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^\S+$"))]
    user_group: String,
    /// The app client's id.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[ -~]+$"))]
    client_id: String,
}

/// Groups of your own identity provider.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct OidcGroups {
    /// Their names.
    #[schemars(length(min = 1, max = 10))]
    groups: Vec<OidcGroup>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "a shape, never a value")]
struct OidcGroup(#[schemars(length(min = 1, max = 63), regex(pattern = r"^\S+$"))] String);

/// From where workers may open the objects they label: one of the two.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [{ "required": ["source_ip"] }, { "required": ["vpc_source_ip"] }]))]
#[expect(dead_code, reason = "a shape, never a value")]
struct WorkerAccess {
    /// Whether only from the IP address that the page was opened from.
    source_ip: Option<bool>,
    /// Whether only from the VPC address that the page was opened from.
    vpc_source_ip: Option<bool>,
}

/// What is done where a resource differs from what is declared.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape, never a value")]
enum Mode {
    Apply,
    Notify,
}
