//! A group of people who belong to a work team.

use std::fmt;

use serde::Serialize;

/// One group of a work team.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Member {
    /// A group of an Amazon Cognito user pool.
    Cognito {
        /// The pool's id.
        user_pool: String,
        /// The group's name.
        user_group: String,
        /// The app client's id.
        client_id: String,
    },
    /// A group of one's own identity provider.
    Oidc {
        /// The group's name.
        group: String,
    },
}

impl Member {
    /// Where the configuration names members of its kind.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Cognito { .. } => "members.cognito",
            Self::Oidc { .. } => "members.oidc",
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cognito { user_pool, user_group, client_id } => {
                write!(f, "{user_group} (pool {user_pool}, client {client_id})")
            }
            Self::Oidc { group } => f.write_str(group),
        }
    }
}
