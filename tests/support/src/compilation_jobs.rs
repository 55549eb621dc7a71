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
    /// When jobs last changed, if not when they were created.
    pub modified_at: Shared<BTreeMap<String, Timestamp>>,
    /// The calls that read jobs, oldest first: the name of a job, or the token of a page.
    pub reads: Shared<Vec<String>>,
    /// Errors of the next calls that read jobs, the last one first.
    pub failures: Shared<Vec<CallErrorKind>>,
    /// Whether lists omit every job.
    pub unlisted: Shared<bool>,
    /// How many descriptions do not show a job that was just created: SageMaker shows it some seconds
    /// later.
    pub lag: Shared<u32>,
    /// How many further descriptions do not show a job, by name.
    hidden: Shared<BTreeMap<String, u32>>,
}

/// Jobs per page of a list (the largest page of SageMaker).
const PAGE_SIZE: usize = 100;

impl MemoryJobs {
    fn record_read(&self, operation: &'static str, read: &str) -> Result<(), CallError> {
        self.reads.lock().push(read.to_owned());
        let failure = self.failures.lock().pop();
        failure.map_or(Ok(()), |kind| Err(CallError::new(operation, kind, "SageMaker rejects the call")))
    }

    /// An independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            jobs: self.jobs.fork(),
            responses: self.responses.fork(),
            modified_at: self.modified_at.fork(),
            reads: self.reads.fork(),
            failures: self.failures.fork(),
            unlisted: self.unlisted.fork(),
            lag: self.lag.fork(),
            hidden: self.hidden.fork(),
        }
    }
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
        self.hidden.lock().insert(name.clone(), *self.lag.lock());
        jobs.insert(name, job);
        match response {
            Some(ScriptedResponse::Lost) => {
                Err(CallError::new("CreateCompilationJob", CallErrorKind::Unanswered, "connection reset").into())
            }
            _ => Ok(()),
        }
    }

    async fn describe_job(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        self.record_read("DescribeCompilationJob", name)?;
        if let Some(hidden) = self.hidden.lock().get_mut(name).filter(|hidden| **hidden > 0) {
            *hidden -= 1;
            return Ok(None);
        }
        Ok(self.jobs.lock().get(name).cloned())
    }

    async fn stop_job(&self, name: &str) -> Result<(), CallError> {
        if self.hidden.lock().get(name).is_some_and(|hidden| *hidden > 0) {
            return Ok(());
        }
        let mut jobs = self.jobs.lock();
        // The role may stop only jobs with the tags of the stack.
        let Some(job) = jobs.get_mut(name) else {
            return Err(CallError::new("StopCompilationJob", CallErrorKind::Denied, "not authorized"));
        };
        if !job.status.is_terminal() {
            job.status = JobStatus::Stopping;
        }
        Ok(())
    }

    async fn list_newest(&self, page: Option<String>) -> Result<JobPage, CallError> {
        let token = page.unwrap_or_default();
        self.record_read("ListCompilationJobs", &format!("page {token}"))?;
        if *self.unlisted.lock() {
            return Ok(JobPage { jobs: Vec::new(), next: None });
        }
        let start: usize = if token.is_empty() { 0 } else { token.parse().map_err(|_| invalid_token())? };
        let (jobs, modified_at) = (self.jobs.lock(), self.modified_at.lock());
        let mut listed: Vec<_> = jobs.values().collect();
        let order = |job: &&JobDescription| (std::cmp::Reverse(job.created_at), job.name.clone());
        if start + PAGE_SIZE < listed.len() {
            // Sorting a long list takes seconds.
            listed.select_nth_unstable_by_key(start + PAGE_SIZE, order);
            listed[..start + PAGE_SIZE].sort_by_cached_key(order);
        } else {
            listed.sort_by_cached_key(order);
        }
        let summaries = listed.iter().skip(start).take(PAGE_SIZE).map(|job| JobSummary {
            name: job.name.clone(),
            status: job.status,
            created_at: job.created_at,
            modified_at: modified_at.get(&job.name).copied().or(job.created_at),
        });
        let next = (start + PAGE_SIZE < listed.len()).then(|| (start + PAGE_SIZE).to_string());
        Ok(JobPage { jobs: summaries.collect(), next })
    }
}

fn invalid_token() -> CallError {
    CallError::new("ListCompilationJobs", CallErrorKind::Invalid, "Invalid NextToken")
}
