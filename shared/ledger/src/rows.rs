//! The rows of the ledger.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model_archive::{Problem, Warning, limit_problems, limit_warnings, shorten_text};
use neo::{CompilationRequest, FailureClass, JobDescription, JobName, JobOptions, JobStatus, ModelId, ModelSource};
use serde::{Deserialize, Serialize};

use crate::{
    Sequencer,
    table::{LedgerRow, List, ListEntry},
};

/// Longest failure reason that is stored, in characters. Those of SageMaker have at most 1024
/// (service model 2017-07-24, `FailureReason`); the message of a refused call has no limit.
pub(crate) const MAX_REASON: usize = 2048;

/// One version of a model, and what was planned for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// The archive or model package that is compiled.
    #[serde(rename = "upload")]
    pub source: ModelSource,
    /// Name of the rule that matched.
    pub rule: Option<String>,
    pub state: ModelState,
    /// The compilation jobs, one per target.
    pub jobs: Vec<JobName>,
    /// Jobs of this model version that its plan does not name. A function may have claimed one of
    /// them for another plan before it crashed: it is withdrawn, unless it was sent.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unused_jobs: BTreeSet<JobName>,
    /// Problems that prevent compilation.
    pub problems: Vec<Problem>,
    /// Findings that do not prevent compilation, about all targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    pub planned_at: Timestamp,
    /// When the archive was uploaded or replayed; `None` for a model package, and in rows of
    /// earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_at: Option<Timestamp>,
    /// Orders the upload among the events of its key; `None` if its event has no sequencer.
    pub sequencer: Option<Sequencer>,
    /// Whether the model stops the running jobs of older versions and is superseded by newer ones.
    pub stops_older: bool,
    /// When the upload was replayed last: the replay has a row of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_replay: Option<Timestamp>,
}

/// Why a model was not compiled for all of its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFailure {
    /// A problem was found before any job of the target was requested.
    Rejected,
    /// A job failed, was stopped, or its request was rejected.
    Failed,
}

/// Progress of a model through its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// Planned; some requests may not have been sent yet.
    Planned,
    /// Every request was sent.
    Requested,
    /// It cannot be compiled.
    Rejected,
    /// The same bytes were already compiled with the same settings.
    Reused,
    /// A newer version has replaced it.
    Superseded,
}

/// The versions of one key that supersede each other, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalsRow {
    pub arrivals: Vec<Arrival>,
}

/// One version of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    pub sequencer: Sequencer,
    pub model: ModelId,
}

/// The job that compiled, or is compiling, these bytes with these settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRow {
    pub job: JobName,
}

/// One compilation job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    pub name: JobName,
    /// The last observed status.
    pub status: JobStatus,
    /// Every observed status, in order, with the time at which it was first observed.
    #[serde(default, rename = "states")]
    pub statuses: Vec<StatusSeen>,
    /// The model versions it compiles; empty for a job not started by this stack.
    pub models: BTreeSet<ModelId>,
    /// The target, as SageMaker Neo names it.
    pub target: String,
    /// Compiler options and framework version of a job not started by this stack; those of other
    /// jobs are in the request.
    #[serde(default, rename = "options", skip_serializing_if = "JobOptions::is_empty")]
    pub foreign_options: JobOptions,
    /// What was requested from SageMaker; `None` for a job not started by this stack.
    pub request: Option<CompilationRequest>,
    pub arn: Option<String>,
    /// The `s3://` URI of the artifact.
    pub artifact: Option<String>,
    /// What a look at the artifact showed that a reader of its URI must know; `None` if it is
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_check: Option<ArtifactCheck>,
    /// How many jobs had this name before, and were deleted; only for a job not started by this
    /// stack.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier_jobs: u32,
    /// Calls of `CreateCompilationJob` that were recorded: the number of the last one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub create_calls: u32,
    /// How often SageMaker may have had the job without showing it: 1 after a call that may have
    /// created it, and one more after each look for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unseen: u32,
    /// Why the job failed or its request was rejected.
    pub failure_reason: Option<String>,
    /// The wait of the request for SageMaker's quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_wait: Option<QuotaWait>,
    /// When SageMaker accepted the request.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When compilation, and billing, started.
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// When this row last changed.
    pub updated_at: Timestamp,
}

/// The wait of a request for SageMaker's quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaWait {
    /// When it was parked first.
    pub since: Timestamp,
    /// SageMaker's message; `None` if it was not refused, but waits behind others.
    pub reason: Option<String>,
    /// Its turn; `None` after it was released.
    pub turn: Option<u64>,
}

impl QuotaWait {
    /// The position in the list of parked requests: by turn, and within a turn by time, in seconds
    /// up to the year 2242.
    fn position(&self) -> Option<i64> {
        const TIME_BITS: u32 = 33;
        let turn = i64::try_from(self.turn?).unwrap_or(i64::MAX).min(i64::MAX >> TIME_BITS);
        Some(turn << TIME_BITS | self.since.as_second().clamp(0, (1 << TIME_BITS) - 1))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What is wrong with the artifact of a completed job. A job whose artifact does not exist has
/// failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactCheck {
    /// It has the size and the entity tag of the input: SageMaker returned the input unchanged.
    NotCompiled,
    /// The stack may not read it.
    NotReadable,
}

/// A status of a job, and when this stack first observed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusSeen {
    pub status: JobStatus,
    pub at: Timestamp,
}

impl ModelRow {
    /// Adds the jobs that another plan of the model version claimed and this one does not name;
    /// `None` if it has all of them.
    pub(crate) fn with_claims(mut self, other: &Self) -> Option<Self> {
        let known = self.unused_jobs.len();
        let claimed = other.jobs.iter().chain(&other.unused_jobs).filter(|job| !self.jobs.contains(job));
        self.unused_jobs.extend(claimed.cloned());
        (self.unused_jobs.len() > known).then_some(self)
    }

    /// Whole seconds from the upload to `now`; from the plan if the time of the upload is not
    /// known.
    pub fn seconds_to_answer(&self, now: Timestamp) -> usize {
        let since = self.uploaded_at.unwrap_or(self.planned_at);
        usize::try_from(now.duration_since(since).as_secs()).unwrap_or(0)
    }

    /// Whether none of the model's jobs will run again. `jobs` are the rows of these jobs. A failed
    /// job is not retried for a superseded model.
    pub fn has_ended(&self, jobs: &[JobRow]) -> bool {
        let is_superseded = self.state == ModelState::Superseded;
        let has_ended = |job: &JobRow| job.has_ended() || is_superseded && job.status.is_terminal();
        self.jobs.iter().all(|name| jobs.iter().any(|job| job.name == *name && has_ended(job)))
    }

    /// Why an upload is planned once more when it is replayed; `None` if it was compiled, is still
    /// being compiled, or was superseded. `jobs` are the rows of the model's jobs.
    pub fn find_failure(&self, jobs: &[JobRow]) -> Option<ModelFailure> {
        if matches!(self.state, ModelState::Planned | ModelState::Superseded) || !self.has_ended(jobs) {
            return None;
        }
        let has_failed = jobs.iter().any(|job| job.status != JobStatus::Completed);
        let failed = has_failed.then_some(ModelFailure::Failed);
        if self.problems.is_empty() { failed } else { Some(ModelFailure::Rejected) }
    }
}

impl LedgerRow for ModelRow {
    fn list_entry(&self) -> Option<ListEntry> {
        Some(ListEntry::at_time(List::Models, self.planned_at))
    }

    fn limit_size(self) -> Self {
        Self { problems: limit_problems(&self.problems), warnings: limit_warnings(&self.warnings), ..self }
    }
}

impl LedgerRow for JobRow {
    fn list_entry(&self) -> Option<ListEntry> {
        let list = match self.status {
            status if status.is_terminal() => List::EndedJobs,
            JobStatus::Requested => match self.quota_wait.as_ref().and_then(QuotaWait::position) {
                Some(position) => return Some(ListEntry { list: List::ParkedRequests, position }),
                None => List::RequestedJobs,
            },
            _ if self.request.is_some() => List::RunningJobs,
            _ => List::ForeignRunningJobs,
        };
        Some(ListEntry::at_time(list, self.updated_at))
    }

    fn limit_size(self) -> Self {
        let shorten = |reason: String| shorten_text(&reason, MAX_REASON);
        let failure_reason = self.failure_reason.map(shorten);
        let quota_wait = self.quota_wait.map(|wait| QuotaWait { reason: wait.reason.map(shorten), ..wait });
        Self { failure_reason, quota_wait, ..self }
    }
}

impl LedgerRow for ArrivalsRow {}
impl LedgerRow for ContentRow {}
impl LedgerRow for ClaimRow {}
impl LedgerRow for SweepRow {}

impl JobRow {
    /// A job that will be requested from SageMaker.
    pub(crate) fn new_requested(request: &CompilationRequest, now: Timestamp) -> Self {
        Self {
            status: JobStatus::Requested,
            statuses: vec![StatusSeen { status: JobStatus::Requested, at: now }],
            models: BTreeSet::from([request.model.clone()]),
            target: request.target.to_string(),
            request: Some(request.clone()),
            ..Self::new_foreign(request.job_name.clone(), now)
        }
    }

    /// A job not started by this stack.
    pub(crate) fn new_foreign(name: JobName, now: Timestamp) -> Self {
        Self {
            name,
            status: JobStatus::Unknown,
            statuses: Vec::new(),
            models: BTreeSet::new(),
            target: String::new(),
            foreign_options: JobOptions::default(),
            request: None,
            arn: None,
            artifact: None,
            artifact_check: None,
            earlier_jobs: 0,
            create_calls: 0,
            unseen: 0,
            failure_reason: None,
            quota_wait: None,
            created_at: None,
            started_at: None,
            ended_at: None,
            updated_at: now,
        }
    }

    /// Updates the row with what `DescribeCompilationJob` returned.
    pub(crate) fn with_description(self, description: &JobDescription, now: Timestamp) -> Self {
        Self {
            target: description.target.clone(),
            foreign_options: if self.request.is_none() { description.options.clone() } else { JobOptions::default() },
            arn: Some(description.arn.clone()),
            artifact: description.artifact.clone(),
            failure_reason: description.failure_reason.clone(),
            created_at: description.created_at,
            started_at: description.started_at,
            ended_at: description.ended_at,
            ..self.with_status(description.status, now)
        }
    }

    pub(crate) fn with_status(mut self, status: JobStatus, now: Timestamp) -> Self {
        self.statuses.push(StatusSeen { status, at: now });
        Self { status, quota_wait: None, updated_at: now, ..self }
    }

    /// The job is not created any more.
    pub(crate) fn with_withdrawal(self, now: Timestamp) -> Self {
        Self { ended_at: Some(now), ..self.with_status(JobStatus::Stopped, now) }
    }

    /// What distinguishes the job from others for its target.
    pub fn options(&self) -> JobOptions {
        self.request.as_ref().map_or_else(|| self.foreign_options.clone(), CompilationRequest::options)
    }

    /// Whether the request is parked until another job has finished.
    pub fn is_parked(&self) -> bool {
        self.status == JobStatus::Requested && self.quota_wait.as_ref().is_some_and(|wait| wait.turn.is_some())
    }

    /// Whether this model version requested the job; other models may share the job.
    pub fn was_requested_by(&self, model: &ModelId) -> bool {
        self.request.as_ref().is_some_and(|request| request.model == *model)
    }

    /// Whole seconds from the time SageMaker accepted the request to the end of the job.
    pub fn duration_seconds(&self) -> Option<i64> {
        Some(self.ended_at?.as_second() - self.created_at?.as_second())
    }

    /// Whole seconds of compilation, which are billed (API reference, `DescribeCompilationJob`).
    pub fn billed_seconds(&self) -> Option<i64> {
        Some(self.ended_at?.as_second() - self.started_at?.as_second())
    }

    /// The request for the attempt that follows this one: the job failed for a reason other than
    /// its model, and its rule allows another attempt. `None` if the job will not run again.
    /// Depends on nothing but the row.
    pub fn next_attempt(&self) -> Option<CompilationRequest> {
        let reason = self.failure_reason.as_deref().filter(|_| self.status == JobStatus::Failed)?;
        self.request.as_ref()?.next_attempt(FailureClass::from_reason(reason))
    }

    /// Whether the job will not run again: its status is terminal, and no attempt follows. A failed
    /// job that is about to be retried has not ended, whether its next attempt has a row or not.
    pub fn has_ended(&self) -> bool {
        self.status.is_terminal() && self.next_attempt().is_none()
    }

    /// Whether SageMaker shows what this row does not: a later status, or another job that was
    /// given the name after this one was deleted.
    pub fn is_outdated_by(&self, status: JobStatus, created_at: Option<Timestamp>) -> bool {
        self.is_job_before(created_at) || self.status.can_become(status)
    }

    /// The name in ids of what is published about the job. A later job of the same name has another
    /// one, which contains a character that a name cannot contain.
    pub fn publication_name(&self) -> String {
        match self.earlier_jobs {
            0 => self.name.to_string(),
            earlier => format!("{}#{}", self.name, earlier + 1),
        }
    }

    /// Whether a job that was created at this time is an earlier one of the same name.
    pub(crate) fn is_job_after(&self, created_at: Option<Timestamp>) -> bool {
        let known = self.created_at.filter(|_| self.request.is_none());
        known.zip(created_at).is_some_and(|(known, created_at)| created_at < known)
    }

    /// Whether a job that was created at this time is a later one of the same name. Names of this
    /// stack's jobs are not used again.
    pub(crate) fn is_job_before(&self, created_at: Option<Timestamp>) -> bool {
        let known = self.created_at.or(self.ended_at).unwrap_or(self.updated_at);
        self.request.is_none() && created_at.is_some_and(|created_at| created_at > known)
    }

    /// The class of the failure; `None` for a job that did not fail.
    pub fn failure_class(&self) -> Option<FailureClass> {
        (self.status == JobStatus::Failed)
            .then(|| FailureClass::from_reason(self.failure_reason.as_deref().unwrap_or_default()))
    }
}

/// A claim on work that is done once, such as publishing a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ClaimRow {
    /// An invocation is doing the work.
    Claimed {
        /// When the claim expires: another invocation may then do the work.
        until: Timestamp,
    },
    #[serde(rename = "published")]
    Done { at: Timestamp },
}

/// The position of the sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Of the listed jobs, every one modified before this time of SageMaker's clock was compared
    /// with the ledger. At first, this is the time of the first sweep.
    pub until: Timestamp,
    /// Running jobs of this stack are described in turn, the least recently updated first: the
    /// last one that was described was updated at this time.
    #[serde(default, rename = "asked_until")]
    pub described_until: Option<Timestamp>,
    /// The same for running jobs not started by this stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_described_until: Option<Timestamp>,
    /// The pass over the list of jobs that is in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<ListingPass>,
}

impl SweepRow {
    /// The position before the first sweep: the past is not reported.
    pub fn new(now: Timestamp) -> Self {
        Self { until: now, described_until: None, foreign_described_until: None, listing: None }
    }
}

/// A pass over the list of jobs, newest first, that takes several sweeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingPass {
    /// The newest time that SageMaker showed when the pass started.
    pub started_at: Timestamp,
    /// Token of the next page.
    pub next_page: String,
}
