//! User groups that belong to a work team.

use std::fmt;

use serde::Serialize;

/// A user group of a work team (`MemberDefinition`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberGroup {
    /// A group of an Amazon Cognito user pool.
    Cognito { user_pool: String, user_group: String, client_id: String },
    /// A group of your own OIDC identity provider.
    Oidc { group: String },
}

impl MemberGroup {
    /// The configuration key of groups of this kind.
    pub fn config_key(&self) -> &'static str {
        match self {
            Self::Cognito { .. } => "members.cognito",
            Self::Oidc { .. } => "members.oidc",
        }
    }
}

impl fmt::Display for MemberGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cognito { user_pool, user_group, client_id } => {
                write!(f, "{user_group} (pool {user_pool}, client {client_id})")
            }
            Self::Oidc { group } => f.write_str(group),
        }
    }
}
