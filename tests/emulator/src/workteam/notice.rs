//! What SageMaker publishes to a team's topic. Its text is not documented: this one is the emulator's own.

use jiff::Timestamp;
use serde::Serialize;

use super::job::{LabelingJob, Said};
use super::team::Team;

/// A message to a team's topic.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Notice {
    pub topic: String,
    pub subject: String,
    pub message: String,
    pub time: Timestamp,
}

impl Notice {
    pub fn new(team: &Team, topic: &str, job: &LabelingJob, said: Said, time: Timestamp) -> Self {
        let (team, pending) = (&team.name, job.pending(time));
        let (subject, message) = match said {
            Said::Available => ("Work items are available", format!("{pending} work items are available to {team}.")),
            Said::Expiring => {
                ("Work items expire soon", format!("{pending} work items of {team} are about to expire."))
            }
        };
        Self { topic: topic.to_owned(), subject: subject.to_owned(), message, time }
    }
}
