//! A labeling job and its statuses: Initializing → `InProgress` → Completed. Workers label its
//! objects one after the other.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{emulated_workteam::EmulatedWorkteam, job_script::LabelingJobScript};
use crate::{
    answer::epoch_seconds,
    clock::add_millis,
    settings::Owner,
    side_effect::{SideEffect, StateChangeEvent},
};

/// Time between the expiry notice and the expiry of objects, in milliseconds. It is half the
/// availability if that is shorter.
const EXPIRY_NOTICE: u64 = 3_600_000;

/// The content of a work team notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkteamNoticeKind {
    Available,
    Expiring,
}

/// `LabelingJobStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EmulatedLabelingStatus {
    Initializing,
    InProgress,
    Completed,
}

#[derive(Debug, Clone)]
pub(crate) struct EmulatedLabelingJob {
    pub name: String,
    pub arn: String,
    /// ARN of the work team.
    pub team: String,
    pub account: String,
    pub created: Timestamp,
    pub workers_per_object: u32,
    /// Time of the next automatic change; `None` after the job has ended.
    pub due: Option<Timestamp>,
    modified: Timestamp,
    status: EmulatedLabelingStatus,
    total: u64,
    /// Objects labeled at `since`. After that, one object is labeled every `per_object_ms`.
    labeled: u64,
    since: Timestamp,
    per_object_ms: u64,
    available_ms: u64,
    expired: u64,
    /// When to publish the notice that objects are available, and the one that they expire.
    available_at: Option<Timestamp>,
    expiring_at: Option<Timestamp>,
    expires_at: Timestamp,
}

impl EmulatedLabelingJob {
    pub fn start_new(
        script: &LabelingJobScript,
        team: &EmulatedWorkteam,
        owner: &Owner,
        now: Timestamp,
        effects: &mut Vec<SideEffect>,
    ) -> Self {
        let mut job = Self {
            name: script.name.clone(),
            arn: owner.build_arn(&format!("labeling-job/{}", script.name.to_lowercase())),
            team: team.arn.clone(),
            account: owner.account.clone(),
            created: now,
            workers_per_object: script.workers_per_object,
            due: Some(add_millis(now, script.initializing_ms)),
            modified: now,
            status: EmulatedLabelingStatus::Initializing,
            total: script.objects,
            labeled: script.labeled.min(script.objects),
            since: now,
            per_object_ms: script.per_object_ms,
            available_ms: script.available_ms,
            expired: 0,
            available_at: None,
            expiring_at: None,
            expires_at: Timestamp::MAX,
        };
        job.enter_status(EmulatedLabelingStatus::Initializing, now, effects);
        job
    }

    /// Adds objects, as in a streaming labeling job.
    pub fn add_objects(&mut self, script: &LabelingJobScript, now: Timestamp) -> Result<(), String> {
        if self.status == EmulatedLabelingStatus::Completed {
            return Err(format!("the labeling job {} has ended", self.name));
        }
        self.rebase_count(now);
        self.total += script.objects;
        self.labeled += script.labeled.min(script.objects);
        if self.status == EmulatedLabelingStatus::InProgress {
            self.offer_objects(now);
        }
        Ok(())
    }

    /// Applies the change that is due at `at`. Returns the notice to publish, if any.
    pub fn apply_due_change(&mut self, at: Timestamp, effects: &mut Vec<SideEffect>) -> Option<WorkteamNoticeKind> {
        let mut notice = None;
        if self.status == EmulatedLabelingStatus::Initializing {
            self.since = at;
            self.enter_status(EmulatedLabelingStatus::InProgress, at, effects);
            self.offer_objects(at);
        } else if self.available_at.take_if(|due| *due <= at).is_some() {
            notice = (self.pending_objects(at) > 0).then_some(WorkteamNoticeKind::Available);
        } else if self.expiring_at.take_if(|due| *due <= at).is_some() {
            notice = (self.pending_objects(at) > 0).then_some(WorkteamNoticeKind::Expiring);
        } else if self.expires_at <= at {
            self.rebase_count(at);
            self.expired += self.pending_objects(at);
        }
        if self.status == EmulatedLabelingStatus::InProgress && self.pending_objects(at) == 0 {
            self.enter_status(EmulatedLabelingStatus::Completed, at, effects);
        }
        self.due = self.next_change(at);
        notice
    }

    /// Number of objects left to label.
    pub fn pending_objects(&self, at: Timestamp) -> u64 {
        self.total.saturating_sub(self.labeled_at(at) + self.expired)
    }

    fn labeled_at(&self, at: Timestamp) -> u64 {
        let worked = u64::try_from(at.duration_since(self.since).as_millis()).unwrap_or(0);
        let done = if self.status == EmulatedLabelingStatus::InProgress {
            worked.checked_div(self.per_object_ms)
        } else {
            None
        };
        (self.labeled + done.unwrap_or(0)).min(self.total - self.expired)
    }

    /// Stores the current count as the base for later counts. Work on the current object restarts.
    fn rebase_count(&mut self, at: Timestamp) {
        self.labeled = self.labeled_at(at);
        self.since = at;
    }

    /// Makes objects available at `at`.
    fn offer_objects(&mut self, at: Timestamp) {
        self.available_at = Some(at);
        self.expires_at = add_millis(at, self.available_ms);
        let notice = EXPIRY_NOTICE.min(self.available_ms / 2);
        self.expiring_at = Some(add_millis(at, self.available_ms - notice));
        self.due = self.next_change(at);
    }

    fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        if self.status != EmulatedLabelingStatus::InProgress {
            return None;
        }
        let left = self.total.saturating_sub(self.labeled + self.expired);
        let done = (self.per_object_ms > 0).then(|| add_millis(self.since, self.per_object_ms.saturating_mul(left)));
        let all = [self.available_at, self.expiring_at, Some(self.expires_at), done];
        all.into_iter().flatten().min().map(|due| due.max(at))
    }

    fn enter_status(&mut self, status: EmulatedLabelingStatus, at: Timestamp, effects: &mut Vec<SideEffect>) {
        if status == EmulatedLabelingStatus::Completed {
            self.rebase_count(at);
        }
        self.status = status;
        self.modified = at;
        effects.push(SideEffect::Event(StateChangeEvent {
            detail_type: "SageMaker Ground Truth Labeling Job State Change",
            resource: self.arn.clone(),
            time: at,
            detail: json!({ "LabelingJobStatus": self.status_text() }),
        }));
    }

    fn status_text(&self) -> String {
        format!("{:?}", self.status)
    }

    fn reference_code(&self) -> String {
        // Any text that is unique to the job.
        format!("{:012x}", self.created.as_millisecond()) + &self.name.to_lowercase()
    }

    pub fn reference_contains(&self, part: &str) -> bool {
        self.reference_code().contains(part)
    }

    /// `LabelingJobForWorkteamSummary`.
    pub fn to_summary(&self, now: Timestamp) -> Value {
        let labeled = self.labeled_at(now);
        json!({
            "LabelingJobName": self.name,
            "JobReferenceCode": self.reference_code(),
            "WorkRequesterAccountId": self.account,
            "CreationTime": epoch_seconds(self.created),
            "LabelCounters": { "HumanLabeled": labeled, "PendingHuman": self.pending_objects(now), "Total": self.total },
            "NumberOfHumanWorkersPerDataObject": self.workers_per_object,
        })
    }

    /// `DescribeLabelingJobResponse`. Members that the emulator does not model have the values of a
    /// text classification job.
    pub fn to_description(&self, now: Timestamp) -> Value {
        let labeled = self.labeled_at(now);
        let lifetime = (self.available_ms / 1_000).max(60);
        json!({
            "LabelingJobStatus": self.status_text(),
            "LabelCounters": {
                "TotalLabeled": labeled,
                "HumanLabeled": labeled,
                "MachineLabeled": 0,
                "FailedNonRetryableError": self.expired,
                "Unlabeled": self.pending_objects(now),
            },
            "CreationTime": epoch_seconds(self.created),
            "LastModifiedTime": epoch_seconds(self.modified),
            "JobReferenceCode": self.reference_code(),
            "LabelingJobName": self.name,
            "LabelingJobArn": self.arn,
            "LabelAttributeName": "label",
            "InputConfig": { "DataSource": { "S3DataSource": { "ManifestS3Uri": format!("s3://labeling/{}/manifest", self.name) } } },
            "OutputConfig": { "S3OutputPath": format!("s3://labeling/{}/", self.name) },
            "RoleArn": format!("arn:aws:iam::{}:role/labeling", self.account),
            "HumanTaskConfig": {
                "WorkteamArn": self.team,
                "UiConfig": { "UiTemplateS3Uri": "s3://labeling/template.liquid" },
                "TaskTitle": self.name,
                "TaskDescription": self.name,
                "NumberOfHumanWorkersPerDataObject": self.workers_per_object,
                "TaskTimeLimitInSeconds": 3_600,
                "TaskAvailabilityLifetimeInSeconds": lifetime,
            },
        })
    }
}
