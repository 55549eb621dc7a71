//! What is to be called for each team, from what is declared and what stands. Nothing is ever deleted.

use std::collections::BTreeSet;

use model_archive::Problem;
use serde::Serialize;

use super::{Member, Mode, Notifications, StandingWorkteam, WorkerAccess, Workteam};
use crate::plan::{Change, Item, Plan};

/// A call for a work team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkteamAction {
    /// `CreateWorkteam`.
    Create(WorkteamCall),
    /// `UpdateWorkteam`.
    Update(WorkteamCall),
}

/// What a call says; what it leaves out stays as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WorkteamCall {
    /// The team's name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// All members: those left out are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<BTreeSet<Member>>,
    /// The ARN of the topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// From where workers may open the objects they label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_access: Option<WorkerAccess>,
}

/// Plans every declared team. `stack_topic` is the topic that `notifications: stack` means.
pub fn plan_workteams(
    declared: &[Workteam],
    standing: &[StandingWorkteam],
    stack_topic: Option<&str>,
) -> Plan<WorkteamAction> {
    let items = declared.iter().map(|team| {
        let found = standing.iter().find(|standing| standing.name == team.name);
        item(team, found, stack_topic)
    });
    Plan { items: items.collect() }
}

fn item(team: &Workteam, standing: Option<&StandingWorkteam>, stack_topic: Option<&str>) -> Item<WorkteamAction> {
    let unchanged = Item::unchanged(&team.name);
    if let Some(standing) = standing.filter(|standing| standing.is_foreign()) {
        return Item { problem: Some(foreign(standing)), ..unchanged };
    }
    let topic = match &team.notifications {
        None => None,
        Some(Notifications::Topic(arn)) => Some(arn.as_str().to_owned()),
        Some(Notifications::Stack) => match stack_topic {
            Some(arn) => Some(arn.to_owned()),
            None => return Item { problem: Some(no_topic()), ..unchanged },
        },
    };
    let mut changes = Vec::new();
    let call = WorkteamCall {
        name: team.name.clone(),
        description: differs(
            &mut changes,
            "description",
            standing.map(|standing| &standing.description),
            Some(team.description.clone()),
            Clone::clone,
        ),
        members: members(&mut changes, &team.members, standing),
        topic: differs(
            &mut changes,
            "notifications",
            standing.and_then(|standing| standing.topic.as_ref()),
            topic,
            Clone::clone,
        ),
        worker_access: differs(
            &mut changes,
            "worker_access",
            standing.and_then(|standing| standing.worker_access.as_ref()),
            team.worker_access,
            WorkerAccess::to_string,
        ),
    };
    if changes.is_empty() {
        return unchanged;
    }
    let mut item = Item { changes, ..unchanged };
    let shrinks = standing.and_then(|standing| shrinks(team, standing));
    if team.mode == Mode::Notify {
        item.notes.push("mode is notify: it is left as it is".to_owned());
        item.notes.extend(shrinks.map(|problem| problem.problem));
    } else if shrinks.is_some() {
        item.problem = shrinks;
    } else {
        item.actions.push(match standing {
            None => WorkteamAction::Create(call),
            Some(_) => WorkteamAction::Update(call),
        });
    }
    item
}

/// What is declared, if it is not what stands; the difference is noted.
fn differs<T: PartialEq>(
    changes: &mut Vec<Change>,
    field: &str,
    from: Option<&T>,
    to: Option<T>,
    show: impl Fn(&T) -> String,
) -> Option<T> {
    let to = to.filter(|to| from != Some(to))?;
    changes.push(Change { field: field.to_owned(), from: from.map(&show), to: Some(show(&to)) });
    Some(to)
}

/// All declared members, if they are not those that stand; each that comes and each that goes is noted.
fn members(
    changes: &mut Vec<Change>,
    declared: &BTreeSet<Member>,
    standing: Option<&StandingWorkteam>,
) -> Option<BTreeSet<Member>> {
    let none = BTreeSet::new();
    let standing = standing.map_or(&none, |standing| &standing.members);
    let field = |member: &Member| member.field().to_owned();
    let gone = standing.difference(declared);
    changes.extend(gone.map(|gone| Change { field: field(gone), from: Some(gone.to_string()), to: None }));
    let come = declared.difference(standing);
    changes.extend(come.map(|come| Change { field: field(come), from: None, to: Some(come.to_string()) }));
    (declared != standing).then(|| declared.clone())
}

/// A team that would lose more than half of its groups: more likely a slip than a wish.
fn shrinks(team: &Workteam, standing: &StandingWorkteam) -> Option<Problem> {
    let gone = standing.members.difference(&team.members).count();
    let all = standing.members.len();
    (gone * 2 > all && !team.allow_shrink).then(|| {
        Problem::new(
            "team-shrinks",
            format!("{gone} of the {all} groups of {} would be removed, more than half", team.name),
            format!("set `allow_shrink: true` for {} if that is meant, else name the groups again", team.name),
        )
    })
}

fn foreign(standing: &StandingWorkteam) -> Problem {
    Problem::new(
        "team-not-ours",
        format!("{} is the team of a vendor or of the public; it cannot be changed", standing.arn),
        "remove it from `workteams`, or choose another name for your own team",
    )
}

fn no_topic() -> Problem {
    Problem::new(
        "no-stack-topic",
        "`notifications: stack` means the stack's Workteam topic, which is not known here",
        "name the topic: the stack's output WorkteamTopicArn",
    )
}

impl std::fmt::Display for WorkerAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SourceIp(enabled) => write!(f, "source_ip: {enabled}"),
            Self::VpcSourceIp(enabled) => write!(f, "vpc_source_ip: {enabled}"),
        }
    }
}
