//! One labeling job: it initializes, is in progress, completes. People label its objects one after the other.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::script::LabelingJob as JobScript;
use super::team::Team;
use crate::answer::seconds;
use crate::clock::after_millis;
use crate::effects::{Effect, StateChange};
use crate::settings::Owner;

/// How long before its objects expire a team is told, in milliseconds; less if they live shorter than twice as long.
const EXPIRY_NOTICE: u64 = 3_600_000;

/// What a team is told of its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Available,
    Expiring,
}

/// `LabelingJobStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Initializing,
    InProgress,
    Completed,
}

#[derive(Debug, Clone)]
pub(crate) struct LabelingJob {
    pub name: String,
    pub arn: String,
    /// The team's ARN.
    pub team: String,
    pub account: String,
    pub created: Timestamp,
    pub workers_per_object: u32,
    /// When something changes by itself; none once the job has ended.
    pub due: Option<Timestamp>,
    modified: Timestamp,
    status: Status,
    total: u64,
    /// Labeled at `since`; from then on one object each `per_object_ms`.
    labeled: u64,
    since: Timestamp,
    per_object_ms: u64,
    available_ms: u64,
    expired: u64,
    /// When the team is to be told that objects came, and that they expire.
    available_at: Option<Timestamp>,
    expiring_at: Option<Timestamp>,
    expires_at: Timestamp,
}

impl LabelingJob {
    pub fn start(script: &JobScript, team: &Team, owner: &Owner, now: Timestamp, effects: &mut Vec<Effect>) -> Self {
        let mut job = Self {
            name: script.name.clone(),
            arn: owner.arn(&format!("labeling-job/{}", script.name.to_lowercase())),
            team: team.arn.clone(),
            account: owner.account.clone(),
            created: now,
            workers_per_object: script.workers_per_object,
            due: Some(after_millis(now, script.initializing_ms)),
            modified: now,
            status: Status::Initializing,
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
        job.enter(Status::Initializing, now, effects);
        job
    }

    /// More objects come, as in a streaming job.
    pub fn add(&mut self, script: &JobScript, now: Timestamp) -> Result<(), String> {
        if self.status == Status::Completed {
            return Err(format!("the labeling job {} has ended", self.name));
        }
        self.rebase(now);
        self.total += script.objects;
        self.labeled += script.labeled.min(script.objects);
        if self.status == Status::InProgress {
            self.offer(now);
        }
        Ok(())
    }

    /// The change that is due at `at`, and what the team is told of it.
    pub fn step(&mut self, at: Timestamp, effects: &mut Vec<Effect>) -> Option<Said> {
        let mut said = None;
        if self.status == Status::Initializing {
            self.since = at;
            self.enter(Status::InProgress, at, effects);
            self.offer(at);
        } else if self.available_at.take_if(|due| *due <= at).is_some() {
            said = (self.pending(at) > 0).then_some(Said::Available);
        } else if self.expiring_at.take_if(|due| *due <= at).is_some() {
            said = (self.pending(at) > 0).then_some(Said::Expiring);
        } else if self.expires_at <= at {
            self.rebase(at);
            self.expired += self.pending(at);
        }
        if self.status == Status::InProgress && self.pending(at) == 0 {
            self.enter(Status::Completed, at, effects);
        }
        self.due = self.next(at);
        said
    }

    /// Objects that people still have to label.
    pub fn pending(&self, at: Timestamp) -> u64 {
        self.total.saturating_sub(self.labeled_at(at) + self.expired)
    }

    fn labeled_at(&self, at: Timestamp) -> u64 {
        let worked = u64::try_from(at.duration_since(self.since).as_millis()).unwrap_or(0);
        let done = if self.status == Status::InProgress { worked.checked_div(self.per_object_ms) } else { None };
        (self.labeled + done.unwrap_or(0)).min(self.total - self.expired)
    }

    /// Keeps the count when what it is reckoned from changes. The object being worked on begins anew.
    fn rebase(&mut self, at: Timestamp) {
        self.labeled = self.labeled_at(at);
        self.since = at;
    }

    /// Objects become available at `at`.
    fn offer(&mut self, at: Timestamp) {
        self.available_at = Some(at);
        self.expires_at = after_millis(at, self.available_ms);
        let notice = EXPIRY_NOTICE.min(self.available_ms / 2);
        self.expiring_at = Some(after_millis(at, self.available_ms - notice));
        self.due = self.next(at);
    }

    fn next(&self, at: Timestamp) -> Option<Timestamp> {
        if self.status != Status::InProgress {
            return None;
        }
        let left = self.total.saturating_sub(self.labeled + self.expired);
        let done = (self.per_object_ms > 0).then(|| after_millis(self.since, self.per_object_ms.saturating_mul(left)));
        let all = [self.available_at, self.expiring_at, Some(self.expires_at), done];
        all.into_iter().flatten().min().map(|due| due.max(at))
    }

    fn enter(&mut self, status: Status, at: Timestamp, effects: &mut Vec<Effect>) {
        if status == Status::Completed {
            self.rebase(at);
        }
        self.status = status;
        self.modified = at;
        effects.push(Effect::Event(StateChange {
            detail_type: "SageMaker Ground Truth Labeling Job State Change",
            resource: self.arn.clone(),
            time: at,
            detail: json!({ "LabelingJobStatus": self.status() }),
        }));
    }

    fn status(&self) -> String {
        format!("{:?}", self.status)
    }

    fn reference(&self) -> String {
        // Any text that is the job's own.
        format!("{:012x}", self.created.as_millisecond()) + &self.name.to_lowercase()
    }

    pub fn reference_contains(&self, part: &str) -> bool {
        self.reference().contains(part)
    }

    /// `LabelingJobForWorkteamSummary`.
    pub fn summary(&self, now: Timestamp) -> Value {
        let labeled = self.labeled_at(now);
        json!({
            "LabelingJobName": self.name,
            "JobReferenceCode": self.reference(),
            "WorkRequesterAccountId": self.account,
            "CreationTime": seconds(self.created),
            "LabelCounters": { "HumanLabeled": labeled, "PendingHuman": self.pending(now), "Total": self.total },
            "NumberOfHumanWorkersPerDataObject": self.workers_per_object,
        })
    }

    /// `DescribeLabelingJobResponse`. What no labeling job here has is told as one of text classification would.
    pub fn description(&self, now: Timestamp) -> Value {
        let labeled = self.labeled_at(now);
        let lifetime = (self.available_ms / 1_000).max(60);
        json!({
            "LabelingJobStatus": self.status(),
            "LabelCounters": {
                "TotalLabeled": labeled,
                "HumanLabeled": labeled,
                "MachineLabeled": 0,
                "FailedNonRetryableError": self.expired,
                "Unlabeled": self.pending(now),
            },
            "CreationTime": seconds(self.created),
            "LastModifiedTime": seconds(self.modified),
            "JobReferenceCode": self.reference(),
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
