//! Notifications about work teams and their labeling jobs.

mod text;

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{Timestamp, tz::TimeZone};
use maintenance::{
    ApplyOutcome, Change, PlanItem, Reconciled, SettledUpdate,
    workteam::{
        LabelingJob, LabelingJobDescription, LabelingJobState, LabelingJobStatus, ObservedWorkteam, TeamMessage,
        UPDATE_FAILED, WorkteamAction, WorkteamCall,
    },
};
use model_archive::Problem;
use serde::Serialize;

use crate::{Notification, NotificationType, Severity, notification::format_ascii_subject, text::FAILED_UPDATE_FIX};

/// Labeling jobs of a team that a notification lists, the newest first; the others are counted.
const MAX_JOBS: usize = 20;

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// The members of the document that are specific to work teams.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum WorkteamDetails {
    /// SageMaker published messages to a team's topic.
    News(TeamMessages),
    /// The status of a labeling job changed.
    LabelingJob(LabelingJobReport),
    /// A team was, or was not, updated to match the configuration.
    Reconciliation(WorkteamReconciliation),
}

/// What SageMaker published to a topic, and the teams that use it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TeamMessages {
    pub topic_arn: String,
    /// The messages, unchanged, oldest first.
    pub messages: Vec<TeamMessage>,
    /// The teams that use the topic, with their open jobs.
    pub workteams: Vec<TeamReport>,
    /// What could not be found out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A work team and its open labeling jobs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TeamReport {
    name: String,
    arn: String,
    description: String,
    /// The URL of the worker portal.
    #[serde(skip_serializing_if = "Option::is_none")]
    portal: Option<String>,
    /// Objects left to label in all open jobs; `None` if the jobs are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<u64>,
    /// The number of open jobs; `None` if the jobs are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_jobs: Option<usize>,
    /// The newest [`MAX_JOBS`] open jobs.
    labeling_jobs: Vec<LabelingJob>,
    /// Of the times in the text.
    #[serde(skip)]
    time_zone: TimeZone,
}

/// A labeling job whose status changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LabelingJobReport {
    labeling_job: ReportedLabelingJob,
    /// The team that works on it, if known.
    workteams: Vec<TeamReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ReportedLabelingJob {
    arn: String,
    status: LabelingJobStatus,
    #[serde(flatten)]
    job: Option<LabelingJob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
}

impl ReportedLabelingJob {
    /// The progress of the job, unless it has ended or is not known.
    fn open_job(&self) -> Option<&LabelingJob> {
        self.job.as_ref().filter(|_| !self.status.is_terminal())
    }
}

/// The result of reconciling a declared team.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct WorkteamReconciliation {
    workteam: String,
    outcome: &'static str,
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl WorkteamDetails {
    /// The name of the team; `None` if it is not exactly one.
    pub fn team_name(&self) -> Option<&str> {
        match self {
            Self::News(TeamMessages { workteams, .. }) | Self::LabelingJob(LabelingJobReport { workteams, .. }) => {
                match workteams.as_slice() {
                    [team] => Some(&team.name),
                    _ => None,
                }
            }
            Self::Reconciliation(reconciliation) => Some(&reconciliation.workteam),
        }
    }

    /// The objects left to label; `None` if they are not known, or if no job is open.
    pub fn objects_left(&self) -> Option<u64> {
        match self {
            Self::News(news) if news.workteams.is_empty() => None,
            Self::News(news) => news.workteams.iter().map(|team| team.pending).sum(),
            Self::LabelingJob(report) => report.labeling_job.open_job().map(|job| job.pending),
            Self::Reconciliation(_) => None,
        }
    }

    /// The name of the labeling job whose status changed.
    pub fn labeling_job_name(&self) -> Option<&str> {
        match self {
            Self::LabelingJob(report) => report.labeling_job.arn.rsplit_once(":labeling-job/").map(|(_, name)| name),
            Self::News(_) | Self::Reconciliation(_) => None,
        }
    }

    /// Keeps the first message only, truncated.
    pub fn truncate_messages(&mut self, truncate: impl Fn(&str) -> String) {
        if let Self::News(news) = self {
            news.messages.truncate(1);
            for message in &mut news.messages {
                message.message = truncate(&message.message);
            }
        }
    }
}

impl TeamReport {
    /// `open_jobs` is `None` if the jobs are not known.
    pub fn new(team: &ObservedWorkteam, open_jobs: Option<&[LabelingJob]>) -> Self {
        let portal = team.portal.as_ref();
        let jobs = open_jobs.unwrap_or_default();
        Self {
            name: team.name.clone(),
            arn: team.arn.clone(),
            description: team.description.clone(),
            portal: portal.map(|host| if host.contains("://") { host.clone() } else { format!("https://{host}") }),
            pending: open_jobs.map(|jobs| jobs.iter().map(|job| job.pending).sum()),
            open_jobs: open_jobs.map(<[_]>::len),
            labeling_jobs: jobs[..jobs.len().min(MAX_JOBS)].to_vec(),
            time_zone: TimeZone::UTC,
        }
    }

    /// Shows times in this time zone; UTC if it is `None`.
    #[must_use]
    pub fn in_time_zone(self, time_zone: Option<&TimeZone>) -> Self {
        Self { time_zone: time_zone.cloned().unwrap_or(TimeZone::UTC), ..self }
    }
}

impl Notification {
    /// SageMaker published messages to the topic of a work team. `id` is that of the message, or of
    /// the burst.
    pub fn team_messages(id: &str, news: TeamMessages, time: Timestamp) -> Self {
        let (subject, text) = text::format_team_messages(&news, time);
        Self {
            subject: format_ascii_subject(&subject),
            text,
            workteam: Some(WorkteamDetails::News(news)),
            ..Self::new(NotificationType::WorkteamNotification, Severity::Info, format!("workteam-{id}"), time)
        }
    }

    /// The status of a labeling job changed. `description` and `team` are `None` if they could not
    /// be read.
    pub fn labeling_job(
        state: &LabelingJobState,
        description: Option<LabelingJobDescription>,
        team: Option<TeamReport>,
        notes: Vec<String>,
        time: Timestamp,
    ) -> Self {
        let status = LabelingJobStatus::from(state.status.as_str());
        let severity = match status {
            LabelingJobStatus::Failed => Severity::Error,
            LabelingJobStatus::Stopped => Severity::Warning,
            _ => Severity::Info,
        };
        let id = format!("labeling-job-{}-{}", state.job_name(), status.as_str());
        let failure_reason = description.as_ref().and_then(|description| description.failure_reason.clone());
        let job = description.map(|description| description.job);
        let workteams = team.into_iter().collect();
        let labeling_job = ReportedLabelingJob { arn: state.arn.clone(), status, job, failure_reason };
        let report = LabelingJobReport { labeling_job, workteams, notes };
        let name = report.labeling_job.job.as_ref().map_or(state.job_name(), |job| &job.name);
        Self {
            subject: format_ascii_subject(&text::format_labeling_job_subject(name, &report)),
            text: text::format_labeling_job_text(name, &report, time),
            workteam: Some(WorkteamDetails::LabelingJob(report)),
            ..Self::new(NotificationType::LabelingJobState, severity, id, time)
        }
    }

    /// The result of an update that was requested at `requested_at`.
    pub fn workteam_settled(
        name: &str,
        settled: &SettledUpdate,
        requested_at: Timestamp,
        time: Timestamp,
    ) -> Option<Self> {
        let (SettledUpdate::Applied { changes } | SettledUpdate::Failed { changes, .. }) = settled;
        // SageMaker requires a description: only a new team has none before.
        let is_new = changes.iter().any(|change| change.field == "description" && change.from.is_none());
        let call = WorkteamCall::default();
        let action = if is_new { WorkteamAction::Create(call) } else { WorkteamAction::Update(call) };
        let mut item = PlanItem { changes: changes.clone(), actions: vec![action], ..PlanItem::unchanged(name) };
        let outcome = match settled {
            SettledUpdate::Applied { .. } => ApplyOutcome::Applied,
            SettledUpdate::Failed { reason, .. } => {
                let done = if is_new { "created" } else { "updated" };
                item.problem =
                    Some(Problem::new(UPDATE_FAILED, format!("{name} was not {done}: {reason}"), FAILED_UPDATE_FIX));
                ApplyOutcome::Failed(reason.clone())
            }
        };
        // The id depends on the time of the request: it is the same if this is published again.
        let notification = Self::workteam_reconciled(&Reconciled::new(item, outcome), requested_at)?;
        Some(Self { time, ..notification })
    }

    /// The result of reconciling a declared team; `None` for a result that is not published.
    pub fn workteam_reconciled(reconciled: &Reconciled<WorkteamAction>, time: Timestamp) -> Option<Self> {
        use NotificationType::{WorkteamCreated, WorkteamDrift, WorkteamFailed, WorkteamUpdated};
        let (item, outcome) = (&reconciled.item, &reconciled.outcome);
        let (kind, severity) = match outcome {
            ApplyOutcome::Unchanged | ApplyOutcome::Deferred(_) => return None,
            ApplyOutcome::Applied => match item.actions.first() {
                Some(WorkteamAction::Create(_)) => (WorkteamCreated, Severity::Info),
                _ => (WorkteamUpdated, Severity::Info),
            },
            ApplyOutcome::Planned => (WorkteamDrift, Severity::Warning),
            ApplyOutcome::Failed(_) => (WorkteamFailed, Severity::Error),
        };
        let details = WorkteamReconciliation {
            workteam: item.name.clone(),
            outcome: outcome.as_str(),
            changes: item.changes.clone(),
            notes: item.notes.clone(),
            reason: outcome.reason().map(str::to_owned),
        };
        // Every run finds a difference that is not applied again: it is published once a day.
        let when = if *outcome == ApplyOutcome::Applied { time.as_millisecond() } else { time.as_second() / DAY };
        let hash = hash_difference(&details);
        let id = format!("{}-{}-{hash:016x}-{when}", kind.as_str().replace('.', "-"), item.name);
        let description = text::describe_reconciliation(kind, reconciled);
        Some(Self {
            subject: format_ascii_subject(&format!("Work team {} {description}", item.name)),
            text: text::format_reconciliation_text(kind, reconciled),
            problems: item.problem.iter().cloned().collect(),
            workteam: Some(WorkteamDetails::Reconciliation(details)),
            ..Self::new(kind, severity, id, time)
        })
    }
}

/// Distinguishes one difference from another. (Another release of Rust may hash differently: then a
/// reminder is published once too often.)
fn hash_difference(reconciliation: &WorkteamReconciliation) -> u64 {
    let mut hasher = DefaultHasher::new();
    for Change { field, from, to } in &reconciliation.changes {
        (field, from, to).hash(&mut hasher);
    }
    reconciliation.reason.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
