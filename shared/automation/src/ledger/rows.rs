//! The rows of the ledger.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model_archive::Problem;
use neo::{CompilationRequest, FailureClass, JobName, ModelId, Source};
use serde::{Deserialize, Serialize};

use super::{
    Sequencer,
    table::{Entry, List, Row},
};
use crate::job::{JobDescription, JobStatus};

/// One version of a model, and what was decided over it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// What is compiled.
    #[serde(rename = "upload")]
    pub source: Source,
    /// The rule that matched.
    pub rule: Option<String>,
    /// How far its plan has come.
    pub state: ModelState,
    /// Its compilation jobs, one a target.
    pub jobs: Vec<JobName>,
    /// What stands against it.
    pub problems: Vec<Problem>,
    /// When it was decided.
    pub planned_at: Timestamp,
    /// What its event says of its place among the events of its key.
    pub sequencer: Option<Sequencer>,
    /// Whether it stops the running jobs of older versions, and gives way to newer ones.
    pub stops_older: bool,
}

/// How far a model's plan has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// Decided; its requests may not all be sent.
    Planned,
    /// Every request was sent.
    Requested,
    /// It cannot be compiled.
    Rejected,
    /// The same bytes were compiled the same way before.
    Reused,
    /// A newer version arrived before it was asked for.
    Superseded,
}

/// The versions of one key that give way to newer ones, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalsRow {
    /// Each with its place.
    pub arrivals: Vec<Arrival>,
}

/// A version of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Its place.
    pub sequencer: Sequencer,
    /// The model version.
    pub model: ModelId,
}

/// The job that compiled, or compiles, these bytes this way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRow {
    /// The job.
    pub job: JobName,
}

/// One compilation job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    /// Its name.
    pub name: JobName,
    /// The last state seen.
    pub status: JobStatus,
    /// Every state seen, in their order, with the time it was seen first.
    #[serde(default)]
    pub states: Vec<StateSeen>,
    /// The model versions it compiles; none for a job that something else started.
    pub models: BTreeSet<ModelId>,
    /// The target as Neo names it.
    pub target: String,
    /// What was asked of SageMaker; none for a job that something else started.
    pub request: Option<CompilationRequest>,
    /// Its ARN.
    pub arn: Option<String>,
    /// `s3://…` of the artifact.
    pub artifact: Option<String>,
    /// Why it failed or was refused.
    pub failure_reason: Option<String>,
    /// When SageMaker took the request.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When compiling (and billing) began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When this row last changed.
    pub updated_at: Timestamp,
}

/// A state of a job, and when this system first saw it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSeen {
    /// The state.
    pub status: JobStatus,
    /// When.
    pub at: Timestamp,
}

impl Row for ModelRow {
    fn entry(&self) -> Option<Entry> {
        Some(Entry { list: List::Models, at: self.planned_at })
    }
}

impl Row for JobRow {
    fn entry(&self) -> Option<Entry> {
        let list = if self.status.is_terminal() { List::EndedJobs } else { List::RunningJobs };
        Some(Entry { list, at: self.updated_at })
    }
}

impl Row for ArrivalsRow {}
impl Row for ContentRow {}
impl Row for NoticeRow {}
impl Row for ParkedRow {}
impl Row for SweepRow {}

impl JobRow {
    /// A job that SageMaker is to be asked for.
    pub(super) fn requested(request: &CompilationRequest, now: Timestamp) -> Self {
        Self {
            status: JobStatus::Requested,
            states: vec![StateSeen { status: JobStatus::Requested, at: now }],
            models: BTreeSet::from([request.model.clone()]),
            target: request.target.to_string(),
            request: Some(request.clone()),
            ..Self::unplanned(request.job_name.clone(), now)
        }
    }

    /// A job that something else started.
    pub(super) fn unplanned(name: JobName, now: Timestamp) -> Self {
        Self {
            name,
            status: JobStatus::Unknown,
            states: Vec::new(),
            models: BTreeSet::new(),
            target: String::new(),
            request: None,
            arn: None,
            artifact: None,
            failure_reason: None,
            created_at: None,
            started_at: None,
            ended_at: None,
            updated_at: now,
        }
    }

    /// The row with what was just observed.
    pub(super) fn with(self, seen: &JobDescription, now: Timestamp) -> Self {
        Self {
            target: seen.target.clone(),
            arn: Some(seen.arn.clone()),
            artifact: seen.artifact.clone(),
            failure_reason: seen.failure_reason.clone(),
            created_at: seen.created_at,
            started_at: seen.started_at,
            ended_at: seen.ended_at,
            ..self.in_state(seen.status, now)
        }
    }

    /// The row in another state.
    pub(super) fn in_state(mut self, status: JobStatus, now: Timestamp) -> Self {
        self.states.push(StateSeen { status, at: now });
        Self { status, updated_at: now, ..self }
    }

    /// Whether this model version is the one that asked for the job; others may share it.
    pub fn was_asked_for_by(&self, model: &ModelId) -> bool {
        self.request.as_ref().is_some_and(|request| request.model == *model)
    }

    /// Whole seconds from SageMaker's taking the request to the end.
    pub fn duration_seconds(&self) -> Option<i64> {
        Some(self.ended_at?.as_second() - self.created_at?.as_second())
    }

    /// Whole seconds of compiling: what is billed (API reference, `DescribeCompilationJob`).
    pub fn billed_seconds(&self) -> Option<i64> {
        Some(self.ended_at?.as_second() - self.started_at?.as_second())
    }

    /// What a failure was about; none for a job that did not fail.
    pub fn failure_class(&self) -> Option<FailureClass> {
        (self.status == JobStatus::Failed).then(|| FailureClass::of(self.failure_reason.as_deref().unwrap_or_default()))
    }
}

/// A notification that goes out once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum NoticeRow {
    /// Somebody is about to publish it.
    Claimed {
        /// Then another may.
        until: Timestamp,
    },
    /// It was published.
    Published {
        /// When.
        at: Timestamp,
    },
}

/// Requests that wait for room in SageMaker's quota, by model: the next model is the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedRow {
    /// The models, in the order in which they are served.
    pub models: Vec<ParkedModel>,
}

/// The waiting requests of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedModel {
    /// The model version.
    pub model: ModelId,
    /// Its jobs, in the order in which they came.
    pub jobs: Vec<JobName>,
}

impl ParkedRow {
    /// How many requests wait.
    pub fn len(&self) -> usize {
        self.models.iter().map(|parked| parked.jobs.len()).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    pub(super) fn holds(&self, job: &JobName) -> bool {
        self.models.iter().any(|parked| parked.jobs.contains(job))
    }

    pub(super) fn add(&mut self, model: &ModelId, job: &JobName) {
        match self.models.iter_mut().find(|parked| parked.model == *model) {
            Some(parked) => parked.jobs.push(job.clone()),
            None => self.models.push(ParkedModel { model: model.clone(), jobs: vec![job.clone()] }),
        }
    }

    /// The jobs to be released next: one of each model in turn, so that a model with many targets does not starve others.
    pub(super) fn next(&self, count: usize) -> Vec<JobName> {
        let mut row = self.clone();
        (0..count).map_while(|_| row.take()).collect()
    }

    /// Takes the first model's first job; the model goes to the end.
    fn take(&mut self) -> Option<JobName> {
        if self.models.is_empty() {
            return None;
        }
        let mut first = self.models.remove(0);
        if first.jobs.is_empty() {
            return self.take();
        }
        let job = first.jobs.remove(0);
        if !first.jobs.is_empty() {
            self.models.push(first);
        }
        Some(job)
    }

    /// Takes these jobs out; the models that were served go to the end.
    pub(super) fn remove(&mut self, jobs: &[JobName]) {
        let (served, waiting): (Vec<_>, Vec<_>) =
            self.models.drain(..).partition(|parked| parked.jobs.iter().any(|job| jobs.contains(job)));
        self.models = waiting.into_iter().chain(served).collect();
        for parked in &mut self.models {
            parked.jobs.retain(|job| !jobs.contains(job));
        }
        self.models.retain(|parked| !parked.jobs.is_empty());
    }
}

/// How far the sweep has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Every job modified before this was seen.
    pub until: Timestamp,
    /// Of the running jobs that SageMaker did not list, those last changed before this were asked for one by one; none: all were.
    #[serde(default)]
    pub asked_until: Option<Timestamp>,
}
