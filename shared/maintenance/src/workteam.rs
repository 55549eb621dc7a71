//! Work teams: who labels, and where SageMaker publishes notifications about available work.

mod labeling;
mod member_group;
mod plan;
mod read;
mod topic;

use std::collections::{BTreeMap, BTreeSet};

use document::arn::ArnScope;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

pub use labeling::{LabelingJob, LabelingJobDescription, LabelingJobState, LabelingJobStatus, TeamMessage};
pub use member_group::MemberGroup;
pub use plan::{
    UNREADABLE, UPDATE_FAILED, WorkteamAction, WorkteamCall, WorkteamHistories, WorkteamPart, hold_requests,
    plan_workteams,
};
pub(crate) use read::read_workteams;
pub use topic::{TopicArn, TopicArnError};

/// One entry of `workteams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workteam {
    /// `WorkteamName`: identifies the team.
    pub name: String,
    pub description: String,
    /// Groups of workers, all of one kind.
    pub members: BTreeSet<MemberGroup>,
    /// Where SageMaker publishes about available and expiring items; `None` if it is not managed.
    pub notifications: Option<TeamNotifications>,
    /// From which addresses workers may open the objects they label; `None` if it is not managed.
    pub worker_access: Option<WorkerAccess>,
    /// Tags to add; other tags are kept.
    pub tags: BTreeMap<String, String>,
    /// The time zone of times in notifications; `None` for UTC.
    pub time_zone: Option<TimeZone>,
    /// Whether an update may remove more than half of the groups.
    pub allow_shrink: bool,
    pub mode: DriftMode,
}

impl Workteam {
    /// The ARN of the team's Cognito user pool, in the account and Region of `stack_topic`; `None`
    /// for a team of another identity provider.
    pub fn user_pool_arn(&self, stack_topic: &str) -> Option<String> {
        let pool = self.members.iter().find_map(|group| match group {
            MemberGroup::Cognito { user_pool, .. } => Some(user_pool),
            MemberGroup::Oidc { .. } => None,
        })?;
        let ArnScope { partition, region, account } = ArnScope::from_arn(stack_topic)?;
        Some(format!("arn:{partition}:cognito-idp:{region}:{account}:userpool/{pool}"))
    }
}

/// Where SageMaker publishes notifications for a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamNotifications {
    /// The stack's own topic.
    StackTopic,
    /// Another topic.
    Topic(TopicArn),
}

/// From which addresses workers may open the objects they label (`IamPolicyConstraints`, which has
/// one of the two).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerAccess {
    /// Whether only the IP address that the task page was opened from has access.
    SourceIp(bool),
    /// Whether only the VPC address that the task page was opened from has access.
    VpcSourceIp(bool),
}

impl WorkerAccess {
    pub(crate) fn is_enabled(self) -> bool {
        let (Self::SourceIp(enabled) | Self::VpcSourceIp(enabled)) = self;
        enabled
    }
}

/// What to do if a resource differs from its desired state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftMode {
    /// Update it to match.
    Apply,
    /// Notify people.
    Notify,
}

/// A work team as SageMaker returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedWorkteam {
    pub name: String,
    pub arn: String,
    pub description: String,
    pub members: BTreeSet<MemberGroup>,
    /// The ARN of the topic that SageMaker publishes to.
    pub topic: Option<String>,
    /// From which addresses workers may open the objects they label.
    pub worker_access: Option<WorkerAccess>,
    /// The tags, or why they could not be read; empty unless the configuration declares some.
    pub tags: Result<BTreeMap<String, String>, UnreadTags>,
    /// The host name of the worker portal.
    pub portal: Option<String>,
    /// `CreateDate`.
    pub created_at: Option<Timestamp>,
}

/// Why the tags of a team could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadTags {
    pub cause: String,
    /// Whether SageMaker refused to list them; otherwise it throttled, or did not respond in time.
    pub refused: bool,
}

impl ObservedWorkteam {
    /// Whether the team is a vendor's or the public one, which cannot be updated.
    pub fn is_foreign(&self) -> bool {
        [":workteam/vendor-crowd/", ":workteam/public-crowd/"].iter().any(|crowd| self.arn.contains(crowd))
    }
}
