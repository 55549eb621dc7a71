//! Compilation jobs in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use neo::{CompilationRequest, JobDescription, JobStatus};
use sagemaker::compilation_jobs::{CompilationJobs, CreateJobError, JobPage, JobSummary};
use worker::{CallError, CallErrorKind};

use crate::Shared;

/// The scripted response to a `CreateCompilationJob` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptedResponse {
    /// The job is created, but the response is lost.
    Lost,
    /// The quota for concurrent jobs is used up.
    Quota,
    /// The request is rejected with this message.
    Rejected(String),
    /// A permission is missing; this message names it.
    NotPermitted(String),
}

/// SageMaker's compilation jobs.
#[derive(Debug, Clone, Default)]
pub struct MemoryJobs {
    /// Jobs by name.
    pub jobs: Shared<BTreeMap<String, JobDescription>>,
    /// Responses to the next requests, the last one first; without one, a request is accepted.
    pub responses: Shared<Vec<ScriptedResponse>>,
    /// Start times of the windows that were listed.
    pub listed_from: Shared<Vec<Timestamp>>,
    /// Whether lists omit every job.
    pub unlisted: Shared<bool>,
    /// When jobs were modified; a job without an entry is in every list.
    pub modified_at: Shared<BTreeMap<String, Timestamp>>,
}

impl CompilationJobs for MemoryJobs {
    async fn create_job(&self, request: &CompilationRequest, _: &str) -> Result<(), CreateJobError> {
        let name = request.job_name.to_string();
        let response = self.responses.lock().pop();
        match response {
            Some(ScriptedResponse::Quota) => {
                return Err(CallError::new("CreateCompilationJob", CallErrorKind::Quota, "the quota is used up").into());
            }
            Some(ScriptedResponse::Rejected(reason)) => return Err(CreateJobError::Rejected(reason)),
            Some(ScriptedResponse::NotPermitted(reason)) => return Err(CreateJobError::NotPermitted(reason)),
            Some(ScriptedResponse::Lost) | None => {}
        }
        let mut jobs = self.jobs.lock();
        if jobs.contains_key(&name) {
            return Err(CreateJobError::Exists);
        }
        let job = JobDescription {
            arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/{name}"),
            status: JobStatus::Starting,
            source: request.source.to_uri(),
            framework: request.framework.map(|framework| framework.to_string()).unwrap_or_default(),
            data_input_config: request.data_input_config.clone(),
            target: request.target.to_string(),
            options: request.options(),
            output_location: request.output_location.clone(),
            artifact: None,
            failure_reason: None,
            created_at: None,
            started_at: None,
            ended_at: None,
            name: name.clone(),
        };
        jobs.insert(name, job);
        match response {
            Some(ScriptedResponse::Lost) => {
                Err(CallError::new("CreateCompilationJob", CallErrorKind::Unanswered, "connection reset").into())
            }
            _ => Ok(()),
        }
    }

    async fn describe_job(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        Ok(self.jobs.lock().get(name).cloned())
    }

    async fn stop_job(&self, name: &str) -> Result<(), CallError> {
        if let Some(job) = self.jobs.lock().get_mut(name).filter(|job| !job.status.is_terminal()) {
            job.status = JobStatus::Stopping;
        }
        Ok(())
    }

    async fn list_modified_between(
        &self,
        after: Timestamp,
        until: Timestamp,
        page: Option<String>,
    ) -> Result<JobPage, CallError> {
        const PAGE_SIZE: usize = 2;
        self.listed_from.lock().push(after);
        if *self.unlisted.lock() {
            return Ok(JobPage { jobs: Vec::new(), next: None });
        }
        let start: usize = page.and_then(|page| page.parse().ok()).unwrap_or(0);
        let (jobs, modified_at) = (self.jobs.lock(), self.modified_at.lock());
        let is_within =
            |job: &&JobDescription| modified_at.get(&job.name).is_none_or(|at| (after..=until).contains(at));
        let listed: Vec<_> = jobs.values().filter(is_within).collect();
        let summaries = listed
            .iter()
            .skip(start)
            .take(PAGE_SIZE)
            .map(|job| JobSummary { name: job.name.clone(), status: job.status });
        let next = (start + PAGE_SIZE < listed.len()).then(|| (start + PAGE_SIZE).to_string());
        Ok(JobPage { jobs: summaries.collect(), next })
    }
}
