//! Plans the API calls for each declared team. A team is never deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use model_archive::Problem;
use serde::Serialize;

use super::{DriftMode, MemberGroup, ObservedWorkteam, TeamNotifications, UnreadTags, WorkerAccess, Workteam};
use crate::{
    change::{is_tag_change, missing_tags, tag_changes},
    digest::hash_parts,
    plan::{Change, PlanItem, ResourcePlan},
    update_history::{DesiredUpdate, NextRequest, PendingUpdate, SettledUpdate, ShownUpdate, UpdateHistory},
};

/// An API call for a work team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkteamAction {
    /// `CreateWorkteam`.
    Create(WorkteamCall),
    /// `UpdateWorkteam`.
    Update(WorkteamCall),
    /// `AddTags`, for an existing team.
    AddTags(WorkteamCall),
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
    /// The tags of a new team, or those that are added to an existing one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// The ARN of an existing team.
    #[serde(skip)]
    pub arn: Option<String>,
    /// Identifies the declared properties of the team.
    #[serde(skip)]
    pub digest: String,
    #[serde(skip)]
    pub changes: Vec<Change>,
}

impl WorkteamAction {
    pub fn call(&self) -> &WorkteamCall {
        match self {
            Self::Create(call) | Self::Update(call) | Self::AddTags(call) => call,
        }
    }

    pub fn part(&self) -> WorkteamPart {
        match self {
            Self::Create(_) | Self::Update(_) => WorkteamPart::Properties,
            Self::AddTags(_) => WorkteamPart::Tags,
        }
    }
}

/// What one call sets of an existing team. Each part has its own history: a failure of one call
/// does not keep back the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkteamPart {
    /// What `UpdateWorkteam` sets, and everything of a new team.
    Properties,
    Tags,
}

impl WorkteamPart {
    fn contains(self, change: &Change) -> bool {
        is_tag_change(change) == (self == Self::Tags)
    }
}

/// The histories of the declared teams, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkteamHistories {
    pub properties: BTreeMap<String, UpdateHistory>,
    pub tags: BTreeMap<String, UpdateHistory>,
}

impl WorkteamHistories {
    pub fn part(&self, part: WorkteamPart) -> &BTreeMap<String, UpdateHistory> {
        match part {
            WorkteamPart::Properties => &self.properties,
            WorkteamPart::Tags => &self.tags,
        }
    }

    /// The history of a part of a team.
    pub fn find_history(&self, part: WorkteamPart, team: &str) -> UpdateHistory {
        self.part(part).get(team).cloned().unwrap_or_default()
    }

    pub fn insert_history(&mut self, part: WorkteamPart, team: &str, history: UpdateHistory) {
        let histories = match part {
            WorkteamPart::Properties => &mut self.properties,
            WorkteamPart::Tags => &mut self.tags,
        };
        histories.insert(team.to_owned(), history);
    }

    /// Whether the result of a request for the team is not known yet.
    pub fn is_pending(&self, team: &str) -> bool {
        [&self.properties, &self.tags].iter().any(|part| part.get(team).is_some_and(|known| known.pending.is_some()))
    }
}

impl Workteam {
    /// Identifies the declared properties, of which `topic` is the ARN.
    fn compute_digest(&self, topic: Option<&str>) -> String {
        let mut parts = vec![self.description.clone(), topic.unwrap_or_default().to_owned()];
        parts.push(self.worker_access.map(|access| access.to_string()).unwrap_or_default());
        parts.extend(self.members.iter().map(ToString::to_string));
        parts.extend(self.tags.iter().map(|(key, value)| format!("tags.{key}={value}")));
        hash_parts(parts.iter().map(String::as_str))
    }

    /// The ARN of the declared topic; `None` if it is not managed, or not known.
    fn topic_arn<'a>(&'a self, stack_topic: Option<&'a str>) -> Option<&'a str> {
        match self.notifications.as_ref()? {
            TeamNotifications::Topic(arn) => Some(arn.as_str()),
            TeamNotifications::StackTopic => stack_topic,
        }
    }

    /// Adds what the plan found to the history of a part of the team. Returns the result of the
    /// pending update too, once it is known and was not reported before. `config` is the version of
    /// the configuration.
    pub fn record_observation(
        &self,
        part: WorkteamPart,
        history: &UpdateHistory,
        item: &PlanItem<WorkteamAction>,
        stack_topic: Option<&str>,
        config: Option<&str>,
        now: Timestamp,
    ) -> (UpdateHistory, Option<SettledUpdate>) {
        let digest = self.compute_digest(self.topic_arn(stack_topic));
        let is_missing = |pending: &PendingUpdate| {
            let differs = |change: &Change| item.changes.iter().any(|other| other.field == change.field);
            pending.digest != digest || item.problem.is_some() || pending.changes.iter().any(differs)
        };
        let differs = || item.problem.is_some() || item.changes.iter().any(|change| part.contains(change));
        let is_missing = history.pending.as_ref().map_or_else(differs, is_missing);
        let shown = if is_missing { ShownUpdate::Missing } else { ShownUpdate::Complete };
        history.record_observation(shown, DesiredUpdate { digest: &digest, config }, now)
    }
}

/// Removes the calls from a plan that are not made now: the result of an earlier one is not known
/// yet, or it failed.
pub fn hold_requests(
    mut plan: ResourcePlan<WorkteamAction>,
    histories: &WorkteamHistories,
    now: Timestamp,
) -> ResourcePlan<WorkteamAction> {
    for item in &mut plan.items {
        let is_made = |action: &WorkteamAction| {
            let history = histories.find_history(action.part(), &item.name);
            history.next_request(&action.call().digest, now) == NextRequest::Now
        };
        let (made, held): (Vec<_>, Vec<_>) = std::mem::take(&mut item.actions).into_iter().partition(is_made);
        item.actions = made;
        for action in held {
            let history = histories.find_history(action.part(), &item.name);
            history.explain_hold(item, &action.call().digest, UPDATE_FAILED, now);
        }
    }
    plan
}

/// The code of the problem of a team whose last update failed.
pub const UPDATE_FAILED: &str = "workteam-update-failed";

/// The code of the problem of a team that could not be read, for a reason that passes.
pub const UNREADABLE: &str = "workteam-unreadable";

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
    let topic = team.topic_arn(stack_topic).map(str::to_owned);
    if team.notifications.is_some() && topic.is_none() {
        return PlanItem { problem: Some(unknown_topic_problem()), ..unchanged };
    }
    if let Some(unread) = current.and_then(|current| current.tags.as_ref().err()) {
        return PlanItem { problem: Some(unread_tags_problem(&team.name, unread)), ..unchanged };
    }
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
        item.actions = match current {
            None => vec![WorkteamAction::Create(WorkteamCall { changes: item.changes.clone(), ..call })],
            Some(_) => split_call(call, &item.changes),
        };
    }
    item
}

/// The calls that make these changes to an existing team.
fn split_call(call: WorkteamCall, changes: &[Change]) -> Vec<WorkteamAction> {
    let changes_of = |part: WorkteamPart| changes.iter().filter(|change| part.contains(change)).cloned().collect();
    let (name, digest, arn) = (call.name.clone(), call.digest.clone(), call.arn.clone());
    let tagging = WorkteamCall {
        name,
        digest,
        arn,
        tags: call.tags.clone(),
        changes: changes_of(WorkteamPart::Tags),
        ..WorkteamCall::default()
    };
    let update = WorkteamCall { tags: None, changes: changes_of(WorkteamPart::Properties), ..call };
    let actions = [WorkteamAction::AddTags(tagging), WorkteamAction::Update(update)];
    actions.into_iter().filter(|action| !action.call().changes.is_empty()).collect()
}

/// Builds a call with every parameter that differs, and adds each difference to `changes`.
fn build_call(
    team: &Workteam,
    topic: Option<String>,
    current: Option<&ObservedWorkteam>,
    changes: &mut Vec<Change>,
) -> WorkteamCall {
    let description = current.map(|current| current.description.trim().to_owned());
    // SageMaker may show a restriction that is off as none at all.
    let has_no_restriction = current.is_some_and(|current| current.worker_access.is_none());
    let worker_access = team.worker_access.filter(|access| access.is_enabled() || !has_no_restriction);
    let observed_tags = current.and_then(|current| current.tags.as_ref().ok()).cloned().unwrap_or_default();
    let tags = missing_tags(&team.tags, &observed_tags);
    WorkteamCall {
        name: team.name.clone(),
        digest: team.compute_digest(topic.as_deref()),
        changes: Vec::new(),
        description: take_if_changed(
            changes,
            "description",
            description.as_ref(),
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
            worker_access,
            WorkerAccess::to_string,
        ),
        tags: {
            changes.extend(tag_changes(&tags, &observed_tags));
            (!tags.is_empty()).then_some(tags)
        },
        arn: current.map(|current| current.arn.clone()),
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

fn unread_tags_problem(team: &str, UnreadTags { cause, refused }: &UnreadTags) -> Problem {
    if *refused {
        return Problem::new(
            "tags-not-readable",
            format!("SageMaker refused to list the tags of {team}: {cause}"),
            "give the function MaintainWorkteams the permission that SageMaker names",
        );
    }
    Problem::new(
        UNREADABLE,
        format!("the tags of {team} could not be read: {cause}"),
        "no action needed if this is temporary: the next run reads them again",
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
