//! The notice that SageMaker publishes to a work team's SNS topic. AWS does not document its text;
//! this text is the emulator's own.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    emulated_job::{EmulatedLabelingJob, WorkteamNoticeKind},
    emulated_workteam::EmulatedWorkteam,
};

#[derive(Debug, Clone, Serialize)]
pub(crate) struct WorkteamNotice {
    pub topic: String,
    pub subject: String,
    pub message: String,
    pub time: Timestamp,
}

impl WorkteamNotice {
    pub fn new(
        team: &EmulatedWorkteam,
        topic: &str,
        job: &EmulatedLabelingJob,
        kind: WorkteamNoticeKind,
        time: Timestamp,
    ) -> Self {
        let (team, pending) = (&team.name, job.pending_objects(time));
        let (subject, message) = match kind {
            WorkteamNoticeKind::Available => {
                ("Work items are available", format!("{pending} work items are available to {team}."))
            }
            WorkteamNoticeKind::Expiring => {
                ("Work items expire soon", format!("{pending} work items of {team} are about to expire."))
            }
        };
        Self { topic: topic.to_owned(), subject: subject.to_owned(), message, time }
    }
}
