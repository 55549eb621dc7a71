//! Work teams: who labels, and where SageMaker tells them of work.

mod member;
mod plan;
mod read;
mod topic;

use std::collections::BTreeSet;

use serde::Serialize;

pub use member::Member;
pub use plan::{WorkteamAction, WorkteamCall, plan_workteams};
pub(crate) use read::workteams;
pub use topic::{TopicArn, TopicArnError};

/// A work team as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workteam {
    /// Its name: what the team is found by.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who belongs to it; all of one kind.
    pub members: BTreeSet<Member>,
    /// Where SageMaker tells of available and expiring items; none: left as it stands.
    pub notifications: Option<Notifications>,
    /// From where workers may open the objects they label; none: left as it stands.
    pub worker_access: Option<WorkerAccess>,
    /// Whether more than half of the groups may be removed at once.
    pub allow_shrink: bool,
    /// What is done where the team differs.
    pub mode: Mode,
}

/// Where SageMaker tells a team of its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notifications {
    /// The stack's own topic.
    Stack,
    /// Another one.
    Topic(TopicArn),
}

/// From where workers may open the objects they label (`IamPolicyConstraints`: one of the two).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerAccess {
    /// Whether only from the IP address that the page was opened from.
    SourceIp(bool),
    /// Whether only from the VPC address that the page was opened from.
    VpcSourceIp(bool),
}

/// What is done where a resource differs from what is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is brought to what is declared.
    Apply,
    /// People are told.
    Notify,
}

/// A work team as SageMaker has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingWorkteam {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What it is for.
    pub description: String,
    /// Who belongs to it.
    pub members: BTreeSet<Member>,
    /// The ARN of the topic that SageMaker tells.
    pub topic: Option<String>,
    /// From where workers may open the objects they label.
    pub worker_access: Option<WorkerAccess>,
    /// The host of the portal where workers begin.
    pub portal: Option<String>,
}

impl StandingWorkteam {
    /// Whether the team is a vendor's or the public one: those are not ours to change.
    pub fn is_foreign(&self) -> bool {
        [":workteam/vendor-crowd/", ":workteam/public-crowd/"].iter().any(|crowd| self.arn.contains(crowd))
    }
}
