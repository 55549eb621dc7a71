//! Plans the API calls for each declared team. A team is never deleted.

use std::{collections::BTreeSet, fmt};

use model_archive::Problem;
use serde::Serialize;

use super::{DriftMode, MemberGroup, ObservedWorkteam, TeamNotifications, WorkerAccess, Workteam};
use crate::plan::{Change, PlanItem, ResourcePlan};

/// An API call for a work team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkteamAction {
    /// `CreateWorkteam`.
    Create(WorkteamCall),
    /// `UpdateWorkteam`.
    Update(WorkteamCall),
}

/// Parameters of a call; one that is `None` is not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WorkteamCall {
    /// `WorkteamName`.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// All groups: the call removes those that are missing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<BTreeSet<MemberGroup>>,
    /// The ARN of the topic for notifications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_access: Option<WorkerAccess>,
}

/// Plans every declared team. `stack_topic` is the ARN that `notifications: stack` refers to.
pub fn plan_workteams(
    declared: &[Workteam],
    observed: &[ObservedWorkteam],
    stack_topic: Option<&str>,
) -> ResourcePlan<WorkteamAction> {
    let items = declared.iter().map(|team| {
        let current = observed.iter().find(|observed| observed.name == team.name);
        plan_team(team, current, stack_topic)
    });
    ResourcePlan { items: items.collect() }
}

fn plan_team(
    team: &Workteam,
    current: Option<&ObservedWorkteam>,
    stack_topic: Option<&str>,
) -> PlanItem<WorkteamAction> {
    let unchanged = PlanItem::unchanged(&team.name);
    if let Some(current) = current.filter(|current| current.is_foreign()) {
        return PlanItem { problem: Some(foreign_team_problem(current)), ..unchanged };
    }
    let topic = match &team.notifications {
        None => None,
        Some(TeamNotifications::Topic(arn)) => Some(arn.as_str().to_owned()),
        Some(TeamNotifications::StackTopic) => match stack_topic {
            Some(arn) => Some(arn.to_owned()),
            None => return PlanItem { problem: Some(unknown_topic_problem()), ..unchanged },
        },
    };
    let mut changes = Vec::new();
    let call = build_call(team, topic, current, &mut changes);
    if changes.is_empty() {
        return unchanged;
    }
    let mut item = PlanItem { changes, ..unchanged };
    let shrink_problem = current.and_then(|current| shrink_problem(team, current));
    if team.mode == DriftMode::Notify {
        item.notes.push("drift detected, not applied (mode: notify)".to_owned());
        item.notes.extend(shrink_problem.map(|problem| problem.problem));
    } else if shrink_problem.is_some() {
        item.problem = shrink_problem;
    } else {
        item.actions.push(match current {
            None => WorkteamAction::Create(call),
            Some(_) => WorkteamAction::Update(call),
        });
    }
    item
}

/// Builds a call with every parameter that differs, and adds each difference to `changes`.
fn build_call(
    team: &Workteam,
    topic: Option<String>,
    current: Option<&ObservedWorkteam>,
    changes: &mut Vec<Change>,
) -> WorkteamCall {
    WorkteamCall {
        name: team.name.clone(),
        description: take_if_changed(
            changes,
            "description",
            current.map(|current| &current.description),
            Some(team.description.clone()),
            Clone::clone,
        ),
        members: take_changed_members(changes, &team.members, current),
        topic: take_if_changed(
            changes,
            "notifications",
            current.and_then(|current| current.topic.as_ref()),
            topic,
            Clone::clone,
        ),
        worker_access: take_if_changed(
            changes,
            "worker_access",
            current.and_then(|current| current.worker_access.as_ref()),
            team.worker_access,
            WorkerAccess::to_string,
        ),
    }
}

/// Returns the declared value if it differs from the current one, and adds the difference to
/// `changes`.
fn take_if_changed<T: PartialEq>(
    changes: &mut Vec<Change>,
    field: &str,
    from: Option<&T>,
    to: Option<T>,
    format: impl Fn(&T) -> String,
) -> Option<T> {
    let to = to.filter(|to| from != Some(to))?;
    changes.push(Change { field: field.to_owned(), from: from.map(&format), to: Some(format(&to)) });
    Some(to)
}

/// Returns all declared groups if they differ from the current ones, and adds each removed and each
/// new one to `changes`.
fn take_changed_members(
    changes: &mut Vec<Change>,
    declared: &BTreeSet<MemberGroup>,
    current: Option<&ObservedWorkteam>,
) -> Option<BTreeSet<MemberGroup>> {
    let no_groups = BTreeSet::new();
    let current = current.map_or(&no_groups, |current| &current.members);
    let field = |group: &MemberGroup| group.config_key().to_owned();
    let removed = current.difference(declared);
    changes.extend(removed.map(|group| Change { field: field(group), from: Some(group.to_string()), to: None }));
    let added = declared.difference(current);
    changes.extend(added.map(|group| Change { field: field(group), from: None, to: Some(group.to_string()) }));
    (declared != current).then(|| declared.clone())
}

/// The problem of an update that removes more than half of the groups: probably an error in the
/// configuration.
fn shrink_problem(team: &Workteam, current: &ObservedWorkteam) -> Option<Problem> {
    let removed = current.members.difference(&team.members).count();
    let all = current.members.len();
    (removed * 2 > all && !team.allow_shrink).then(|| {
        Problem::new(
            "team-shrinks",
            format!("{removed} of the {all} groups of {} would be removed, more than half", team.name),
            format!("set `allow_shrink: true` for {} if this is intended; otherwise list the groups again", team.name),
        )
    })
}

fn foreign_team_problem(team: &ObservedWorkteam) -> Problem {
    Problem::new(
        "team-not-ours",
        format!("{} is a vendor's or the public work team; it cannot be changed", team.arn),
        "remove it from `workteams`, or choose another name for your own team",
    )
}

fn unknown_topic_problem() -> Problem {
    Problem::new(
        "no-stack-topic",
        "`notifications: stack` refers to the stack's Workteam topic, whose ARN is not known here",
        "pass the stack's output WorkteamTopicArn with --workteam-topic or set it in the environment",
    )
}

impl fmt::Display for WorkerAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourceIp(enabled) => write!(f, "source_ip: {enabled}"),
            Self::VpcSourceIp(enabled) => write!(f, "vpc_source_ip: {enabled}"),
        }
    }
}
