//! Compilation jobs in memory.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use neo::{CompilationRequest, JobDescription, JobStatus};
use sagemaker::compilation_jobs::{CompilationJobs, CreateJobError, JobPage, JobSummary};
use worker::{CallError, CallErrorKind};

use crate::{Shared, job_description};

/// The scripted response to a `CreateCompilationJob` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptedResponse {
    /// The job is created, but the response is lost.
    Lost,
    /// The quota for concurrent jobs is used up.
    Quota,
    /// The call is throttled.
    Throttled,
    /// The request is rejected with this message.
    Rejected(String),
    /// A permission is missing, or something that the request names; this message says which.
    NotYetPossible(String),
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
    /// How many reads of a job do not show its last change: SageMaker shows it some seconds later.
    pub lag: Shared<u32>,
    /// By name, how many further reads show a job as it was before its last change, and what they
    /// show; `None` for a job that is not found.
    outdated: Shared<BTreeMap<String, (u32, Option<JobDescription>)>>,
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
            outdated: self.outdated.fork(),
        }
    }

    /// Sets what every call shows of a job from now on.
    pub fn put_job(&self, job: JobDescription) {
        self.jobs.lock().insert(job.name.clone(), job);
    }

    /// Changes what every call shows of a job from now on.
    pub fn change_job(&self, name: &str, change: impl FnOnce(&mut JobDescription)) {
        self.jobs.lock().get_mut(name).map(change).unwrap();
    }

    /// Creates, changes or deletes a job. Returns what it was before.
    pub fn replace_job(&self, name: &str, job: Option<JobDescription>) -> Option<JobDescription> {
        let mut jobs = self.jobs.lock();
        let before = match job {
            Some(job) => jobs.insert(name.to_owned(), job),
            None => jobs.remove(name),
        };
        let lag = *self.lag.lock();
        if lag > 0 {
            self.outdated.lock().insert(name.to_owned(), (lag, before.clone()));
        }
        before
    }

    /// The job as SageMaker shows it.
    fn read_job(&self, name: &str) -> Option<JobDescription> {
        let (jobs, mut outdated) = (self.jobs.lock(), self.outdated.lock());
        let Some((reads, before)) = outdated.get_mut(name) else { return jobs.get(name).cloned() };
        *reads -= 1;
        let (is_last, before) = (*reads == 0, before.clone());
        if is_last {
            outdated.remove(name);
        }
        before
    }

    /// Whether SageMaker does not show a job that it has.
    fn is_hidden(&self, name: &str) -> bool {
        self.outdated.lock().get(name).is_some_and(|(_, before)| before.is_none())
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
            Some(ScriptedResponse::Throttled) => {
                return Err(CallError::new("CreateCompilationJob", CallErrorKind::Throttled, "rate exceeded").into());
            }
            Some(ScriptedResponse::Rejected(reason)) => return Err(CreateJobError::Rejected(reason)),
            Some(ScriptedResponse::NotYetPossible(reason)) => return Err(CreateJobError::NotYetPossible(reason)),
            Some(ScriptedResponse::Lost) | None => {}
        }
        if self.jobs.lock().contains_key(&name) {
            return Err(CreateJobError::Exists);
        }
        let job = JobDescription {
            source: request.source.to_uri(),
            framework: request.framework.map(|framework| framework.to_string()).unwrap_or_default(),
            data_input_config: request.data_input_config.clone(),
            target: request.target.to_string(),
            options: request.options(),
            output_location: request.output_location.clone(),
            ..job_description(&name, JobStatus::Starting)
        };
        self.replace_job(&name, Some(job));
        match response {
            Some(ScriptedResponse::Lost) => {
                Err(CallError::new("CreateCompilationJob", CallErrorKind::Unanswered, "connection reset").into())
            }
            _ => Ok(()),
        }
    }

    async fn describe_job(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        self.record_read("DescribeCompilationJob", name)?;
        Ok(self.read_job(name))
    }

    async fn stop_job(&self, name: &str) -> Result<(), CallError> {
        if self.is_hidden(name) {
            return Ok(());
        }
        let job = self.jobs.lock().get(name).cloned();
        match job {
            // The role may stop only jobs with the tags of the stack.
            None => Err(CallError::new("StopCompilationJob", CallErrorKind::Denied, "not authorized")),
            Some(job) if job.status.is_terminal() => Ok(()),
            Some(job) => {
                self.replace_job(name, Some(JobDescription { status: JobStatus::Stopping, ..job }));
                Ok(())
            }
        }
    }

    async fn list_newest(&self, page: Option<String>) -> Result<JobPage, CallError> {
        let token = page.unwrap_or_default();
        self.record_read("ListCompilationJobs", &format!("page {token}"))?;
        if *self.unlisted.lock() {
            return Ok(JobPage { jobs: Vec::new(), next: None });
        }
        let start: usize = if token.is_empty() { 0 } else { token.parse().map_err(|_| invalid_token())? };
        let (jobs, modified_at, mut outdated) = (self.jobs.lock(), self.modified_at.lock(), self.outdated.lock());
        let shown = jobs.values().filter(|job| !outdated.contains_key(&job.name));
        let mut listed: Vec<_> = shown.chain(outdated.values().filter_map(|(_, before)| before.as_ref())).collect();
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
        let page = JobPage { jobs: summaries.collect(), next };
        outdated.retain(|_, (reads, _)| {
            *reads -= 1;
            *reads > 0
        });
        Ok(page)
    }
}

fn invalid_token() -> CallError {
    CallError::new("ListCompilationJobs", CallErrorKind::Invalid, "Invalid NextToken")
}
