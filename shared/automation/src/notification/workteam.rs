//! What is told of work teams and their labeling jobs.

mod text;

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use maintenance::{
    Change,
    workteam::{StandingWorkteam, WorkteamAction},
};
use serde::Serialize;

use super::{Notification, NotificationType, Severity, subject};
use crate::{
    labeling::{LabelingJob, LabelingJobDescription, LabelingJobState, LabelingJobStatus, TeamMessage},
    reconcile::{Outcome, Reconciled},
};

/// Labeling jobs of a team that a notification names, the newest; the others are counted.
const MAX_JOBS: usize = 20;

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// What a notification says beside its text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Details {
    /// SageMaker told a team of work.
    Work(TeamNews),
    /// A labeling job has another state.
    Job(JobNews),
    /// A team was, or was not, brought to what is declared.
    Kept(Kept),
}

/// What SageMaker told a topic, and what is known of the teams that use it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TeamNews {
    /// The topic.
    pub topic_arn: String,
    /// What SageMaker said, oldest first, kept as it came.
    pub messages: Vec<TeamMessage>,
    /// The teams that use the topic, with their open jobs.
    pub workteams: Vec<TeamReport>,
    /// What could not be found out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A work team and what waits for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TeamReport {
    name: String,
    arn: String,
    description: String,
    /// Where work starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    portal: Option<String>,
    /// Objects that wait in all its open jobs; none if they could not be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<u64>,
    /// How many open jobs it has; none if they could not be, or were not, asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_jobs: Option<usize>,
    /// The newest of them.
    labeling_jobs: Vec<LabelingJob>,
}

/// A labeling job with its new state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct JobNews {
    labeling_job: JobState,
    /// The team that works on it, if it is known.
    workteams: Vec<TeamReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct JobState {
    arn: String,
    status: LabelingJobStatus,
    #[serde(flatten)]
    known: Option<LabelingJob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
}

/// A team that is kept as declared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Kept {
    workteam: String,
    outcome: &'static str,
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Details {
    /// The one team that it is about.
    pub fn team(&self) -> Option<&str> {
        match self {
            Self::Work(TeamNews { workteams, .. }) | Self::Job(JobNews { workteams, .. }) => match workteams.as_slice()
            {
                [one] => Some(&one.name),
                _ => None,
            },
            Self::Kept(kept) => Some(&kept.workteam),
        }
    }

    /// Shortens what may be long.
    pub fn cut(&mut self, cut: impl Fn(&str) -> String) {
        if let Self::Work(news) = self {
            news.messages.truncate(1);
            for message in &mut news.messages {
                message.message = cut(&message.message);
            }
        }
    }
}

impl TeamReport {
    /// A team; without jobs if they could not be, or were not, asked for.
    pub fn new(team: &StandingWorkteam, jobs: Option<&[LabelingJob]>) -> Self {
        let portal = team.portal.as_ref();
        let shown = jobs.unwrap_or_default();
        Self {
            name: team.name.clone(),
            arn: team.arn.clone(),
            description: team.description.clone(),
            portal: portal.map(|host| if host.contains("://") { host.clone() } else { format!("https://{host}") }),
            pending: jobs.map(|jobs| jobs.iter().map(|job| job.pending).sum()),
            open_jobs: jobs.map(<[_]>::len),
            labeling_jobs: shown[..shown.len().min(MAX_JOBS)].to_vec(),
        }
    }
}

impl Notification {
    /// What SageMaker told the topic of work teams. `id` is that of the message, or of the burst.
    pub fn team_news(id: &str, news: TeamNews, time: Timestamp) -> Self {
        let (line, text) = text::team_news(&news, time);
        Self {
            subject: subject(&line),
            text,
            workteam: Some(Details::Work(news)),
            ..Self::new(NotificationType::WorkteamNotification, Severity::Info, format!("workteam-{id}"), time)
        }
    }

    /// A labeling job's new state, with what is known of the job and its team.
    pub fn labeling_job(
        state: &LabelingJobState,
        known: Option<LabelingJobDescription>,
        team: Option<&StandingWorkteam>,
        notes: Vec<String>,
        time: Timestamp,
    ) -> Self {
        let status = LabelingJobStatus::read(&state.status);
        let severity = match status {
            LabelingJobStatus::Failed => Severity::Error,
            LabelingJobStatus::Stopped => Severity::Warning,
            _ => Severity::Info,
        };
        let id = format!("labeling-job-{}-{}", state.name(), status.as_str());
        let failure_reason = known.as_ref().and_then(|known| known.failure_reason.clone());
        let known = known.map(|known| known.job);
        // Of the team's other jobs nothing is known.
        let workteams = team.map(|team| TeamReport::new(team, None)).into_iter().collect();
        let arn = state.arn.clone();
        let news = JobNews { labeling_job: JobState { arn, status, known, failure_reason }, workteams, notes };
        let name = news.labeling_job.known.as_ref().map_or(state.name(), |job| &job.name);
        Self {
            subject: subject(&format!("Labeling job {name} {}", text::state(&news.labeling_job.status))),
            text: text::labeling_job(name, &news, time),
            ..Self::new(NotificationType::LabelingJobState, severity, id, time)
        }
        .with(Details::Job(news))
    }

    /// What became of a declared team, or none if nobody needs to be told.
    pub fn workteam_kept(done: &Reconciled<WorkteamAction>, time: Timestamp) -> Option<Self> {
        use NotificationType::{WorkteamCreated, WorkteamDrift, WorkteamFailed, WorkteamUpdated};
        let item = &done.item;
        let (kind, severity) = match &done.outcome {
            Outcome::Unchanged | Outcome::Later(_) => return None,
            Outcome::Applied => match item.actions.first() {
                Some(WorkteamAction::Create(_)) => (WorkteamCreated, Severity::Info),
                _ => (WorkteamUpdated, Severity::Info),
            },
            Outcome::Planned => (WorkteamDrift, Severity::Warning),
            Outcome::Failed(_) => (WorkteamFailed, Severity::Error),
        };
        let kept = Kept {
            workteam: item.name.clone(),
            outcome: done.outcome.name(),
            changes: item.changes.clone(),
            notes: item.notes.clone(),
            reason: done.outcome.reason().map(str::to_owned),
        };
        // What stays as it is comes again with every run: it is told once a day.
        let when = if done.outcome == Outcome::Applied { time.as_millisecond() } else { time.as_second() / DAY };
        let id = format!("{}-{}-{:016x}-{when}", kind.as_str().replace('.', "-"), item.name, digest(&kept));
        Some(
            Self {
                subject: subject(&format!("Work team {} {}", item.name, text::kept(kind))),
                text: text::workteam_kept(kind, done),
                problems: item.problem.iter().cloned().collect(),
                ..Self::new(kind, severity, id, time)
            }
            .with(Details::Kept(kept)),
        )
    }

    fn with(self, details: Details) -> Self {
        Self { workteam: Some(details), ..self }
    }
}

/// Tells one difference from another. (Another release of Rust may hash otherwise: then a reminder comes once too often.)
fn digest(kept: &Kept) -> u64 {
    let mut hasher = DefaultHasher::new();
    for Change { field, from, to } in &kept.changes {
        (field, from, to).hash(&mut hasher);
    }
    kept.reason.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
