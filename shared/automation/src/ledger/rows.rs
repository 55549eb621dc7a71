//! The rows of the ledger.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model_archive::Problem;
use neo::{CompilationRequest, JobName, ModelId, Upload};
use serde::{Deserialize, Serialize};

use crate::job::{JobDescription, JobStatus};

/// One version of a model, and what was decided over it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// The upload.
    pub upload: Upload,
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
    /// When compiling (and billing) began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When this row last changed.
    pub updated_at: Timestamp,
}

impl JobRow {
    /// A job that SageMaker is to be asked for.
    pub(super) fn requested(request: &CompilationRequest, now: Timestamp) -> Self {
        Self {
            status: JobStatus::Requested,
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
            models: BTreeSet::new(),
            target: String::new(),
            request: None,
            arn: None,
            artifact: None,
            failure_reason: None,
            started_at: None,
            ended_at: None,
            updated_at: now,
        }
    }

    /// The row with what was just observed.
    pub(super) fn with(self, seen: &JobDescription, now: Timestamp) -> Self {
        Self {
            status: seen.status,
            target: seen.target.clone(),
            arn: Some(seen.arn.clone()),
            artifact: seen.artifact.clone(),
            failure_reason: seen.failure_reason.clone(),
            started_at: seen.started_at,
            ended_at: seen.ended_at,
            updated_at: now,
            ..self
        }
    }

    /// Whole seconds between start and end: what is billed.
    pub fn duration_seconds(&self) -> Option<i64> {
        Some(self.ended_at?.as_second() - self.started_at?.as_second())
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

/// How far the sweep has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Every job modified before this was seen.
    pub until: Timestamp,
}
