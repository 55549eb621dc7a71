//! Handles compilation requests: starts a job for each of them, and stops jobs of older model
//! versions.
//!
//! The job's name is the idempotency key: it is derived from the request, and SageMaker accepts
//! each name once.

use std::time::Duration;

use automation::event::{Event, JobObservation, Observer, StopRequest};
use ledger::{CreateCall, Ledger, LedgerTable, PERMISSION_RETRY};
use neo::{CompilationRequest, JobDescription, JobName, JobStatus, ModelSource, NOT_APPROVED};
use sagemaker::{
    compilation_jobs::{CompilationJobs, CreateJobError},
    model_packages::ModelPackages,
};
use tracing::{info, warn};
use worker::{CallError, CallErrorKind, Failure, backoff::Backoff, queue::Sender};

/// How often a version that is requested is shown as not approved before its request is rejected.
const MAX_APPROVAL_WAITS: u32 = 3;

/// How long a request waits whose version is not approved.
const APPROVAL_RETRY: Duration = Duration::from_secs(5);

/// Turns compilation requests into jobs.
pub struct Starter<J, T, Q, P> {
    /// SageMaker's compilation jobs.
    pub jobs: J,
    /// SageMaker's model registry.
    pub packages: P,
    pub ledger: Ledger<T>,
    /// The JobStates queue.
    pub job_states: Q,
    /// Execution role of jobs whose rule names none.
    pub role_arn: String,
}

impl<J: CompilationJobs, T: LedgerTable, Q: Sender, P: ModelPackages> Starter<J, T, Q, P> {
    /// Handles one event of the Requests queue.
    pub async fn handle_event(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Compilation(request) => self.start_job(&request).await,
            Event::Stop(stop) => self.stop_job(stop).await,
            _ => Err(Failure::terminal("not a compilation request")),
        }
    }

    async fn start_job(&self, request: &CompilationRequest) -> Result<(), Failure> {
        let job = request.job_name.as_str();
        let call = self.ledger.record_create_call(request).await?;
        let known = call.row();
        // SageMaker accepted the job of an earlier delivery: another call would only be refused.
        if known.status != JobStatus::Requested {
            if known.status == JobStatus::Stopped {
                // Another delivery may have created it nevertheless, and crashed before it could
                // stop it.
                let may_exist = known.unseen > 0 && self.ledger.may_be_unseen(known);
                if may_exist && self.jobs.describe_job(job).await?.is_none() {
                    return Err(Failure::busy(format!("SageMaker may not show the stopped job {job} yet")));
                }
                self.request_stop(job).await?;
            }
            info!(job, status = %known.status, "Compilation job not started: it was started or stopped before");
            return self.send_observation(job).await;
        }
        match self.find_missing_approval(request).await {
            Ok(None) => {}
            Ok(Some(reason)) => {
                self.reject_unapproved(&call, &reason).await?;
                return self.send_observation(job).await;
            }
            Err(error) if error.kind == CallErrorKind::Denied => {
                self.reject_after_wait(&call, error.to_string()).await?;
                return self.send_observation(job).await;
            }
            Err(error) => {
                self.ledger.withdraw_create_call(&call).await?;
                return Err(error.into());
            }
        }
        match self.jobs.create_job(request, &self.role_arn).await {
            Ok(()) => {
                self.record_started(&call).await?;
                info!(job, target = %request.target, "Compilation job started");
            }
            Err(CreateJobError::Exists) => self.check_existing_job(&call).await?,
            Err(CreateJobError::Rejected(reason)) => self.record_rejection(&call, &reason).await?,
            Err(CreateJobError::NotYetPossible(reason)) => self.reject_after_wait(&call, reason).await?,
            Err(CreateJobError::Call(error))
                if error.kind == CallErrorKind::Quota
                    && self.ledger.park_refused_request(&call, &error.message).await? =>
            {
                info!(job, reason = error.message, "Compilation request parked until another job finishes");
                return Ok(());
            }
            Err(CreateJobError::Call(error)) => {
                if error.kind != CallErrorKind::Unanswered {
                    self.ledger.withdraw_create_call(&call).await?;
                }
                return Err(error.into());
            }
        }
        self.send_observation(job).await
    }

    /// Why a job may not be created: a person may have rejected the model package version while its
    /// request waited. `None` if it may be created.
    async fn find_missing_approval(&self, request: &CompilationRequest) -> Result<Option<String>, CallError> {
        let ModelSource::Package(package) = &request.source else { return Ok(None) };
        if !request.approved_only {
            return Ok(None);
        }
        let approval = self.packages.find_approval(&package.model_package_version_arn).await?;
        Ok(match approval.as_deref() {
            Some("Approved") => None,
            Some(other) => Some(format!("{NOT_APPROVED}: its approval status is {other}")),
            None => Some(format!("{NOT_APPROVED}: it was deleted")),
        })
    }

    /// Records that a version is not approved, once SageMaker has said so several times: what it
    /// describes may be older than the approval.
    async fn reject_unapproved(&self, call: &CreateCall<'_>, reason: &str) -> Result<(), Failure> {
        let job = &call.request().job_name;
        if call.row().status == JobStatus::Requested
            && self.ledger.record_missing_approval(job).await? <= MAX_APPROVAL_WAITS
        {
            self.ledger.withdraw_create_call(call).await?;
            info!(job = job.as_str(), reason, "Compilation request waits: the version is not approved");
            return Err(Failure::Deferred { cause: reason.to_owned(), backoff: Backoff::Fixed(APPROVAL_RETRY) });
        }
        self.record_rejection(call, reason).await
    }

    /// Records that a permission is missing, or something that the request names, once that was so
    /// for some minutes: it may have been given or created a moment ago.
    async fn reject_after_wait(&self, call: &CreateCall<'_>, reason: String) -> Result<(), Failure> {
        let job = call.request().job_name.as_str();
        if !self.ledger.record_refusal(job).await? {
            self.ledger.withdraw_create_call(call).await?;
            warn!(job, reason, "Compilation request not possible yet; it is sent again");
            return Err(Failure::Deferred { cause: reason, backoff: Backoff::Fixed(PERMISSION_RETRY) });
        }
        self.record_rejection(call, &reason).await
    }

    /// Records that a job was started; a job that was cancelled meanwhile is stopped.
    async fn record_started(&self, call: &CreateCall<'_>) -> Result<(), Failure> {
        let job = call.request().job_name.as_str();
        if self.ledger.mark_job_accepted(call).await? == JobStatus::Stopped {
            if self.jobs.describe_job(job).await?.is_none() {
                return Err(not_shown_yet(job));
            }
            self.request_stop(job).await?;
        }
        Ok(())
    }

    async fn stop_job(&self, stop: StopRequest) -> Result<(), Failure> {
        let job = &stop.job_name;
        let name = JobName::from(job.clone());
        // A model may have joined the job since the stop was sent.
        if let Some(row) = self.ledger.find_job(&name).await?
            && self.ledger.is_needed_by_others(&row, &[]).await?
        {
            info!(job, "Compilation job not stopped: another model shares it");
            return Ok(());
        }
        if self.jobs.describe_job(job).await?.is_none() {
            match self.ledger.cancel_job_after_calls(&name).await? {
                Some(JobStatus::Requested) => return Err(may_be_started(job)),
                Some(status) if !status.is_terminal() => return Err(not_shown_yet(job)),
                _ => {}
            }
        }
        // Another invocation may be creating a job that SageMaker does not know yet. Stopping a
        // missing job is harmless.
        self.request_stop(job).await?;
        info!(job, "Compilation job asked to stop: a newer version of its model arrived");
        self.send_observation(job).await
    }

    /// Asks SageMaker to stop a job. The role may stop only jobs with the tags of the stack, so a
    /// job that does not exist is refused too; it needs no stop.
    async fn request_stop(&self, job: &str) -> Result<(), Failure> {
        match self.jobs.stop_job(job).await {
            Err(error) if error.kind == CallErrorKind::Denied && self.jobs.describe_job(job).await?.is_none() => Ok(()),
            result => Ok(result?),
        }
    }

    /// Sends a hint to the JobStates queue that the status of a job has changed.
    async fn send_observation(&self, job: &str) -> Result<(), Failure> {
        self.job_states.send_bodies(vec![JobObservation::without_status(job, Observer::Start).to_body()]).await?;
        Ok(())
    }

    /// Records why a request is rejected, unless another call may have created its job: that job
    /// runs, and SageMaker shows it soon.
    async fn record_rejection(&self, call: &CreateCall<'_>, reason: &str) -> Result<(), Failure> {
        let request = call.request();
        let job = request.job_name.as_str();
        let current = self.jobs.describe_job(job).await?;
        if current.as_ref().is_some_and(|current| is_same_job(request, current)) {
            info!(job, reason, "Compilation request rejected, but its job was started before");
            return self.record_started(call).await;
        }
        match self.ledger.mark_job_rejected(call, reason).await? {
            JobStatus::Requested => return Err(may_be_started(job)),
            status if status.is_terminal() => warn!(job, reason, "Compilation request rejected"),
            status => info!(job, reason, %status, "Compilation request rejected, but its job was started before"),
        }
        Ok(())
    }

    /// Checks whether the job that has the name of a request was started by the same request
    /// before. The name is the idempotency key.
    async fn check_existing_job(&self, call: &CreateCall<'_>) -> Result<(), Failure> {
        let request = call.request();
        let job = request.job_name.as_str();
        let Some(current) = self.jobs.describe_job(job).await? else {
            let cause =
                format!("SageMaker reports that the job {job} exists, but does not find it when asked to describe it");
            return Err(Failure::Transient(cause.into()));
        };
        if is_same_job(request, &current) {
            self.record_started(call).await?;
            info!(job, "Compilation job was started before");
        } else {
            let reason = format!("a job named {job} exists for another model ({})", current.source);
            self.record_rejection(call, &reason).await?;
        }
        Ok(())
    }
}

/// Another call may have created the job, and SageMaker does not show it yet.
fn may_be_started(job: &str) -> Failure {
    Failure::busy(format!("SageMaker may not show the job {job} yet, which an earlier call may have created"))
}

/// SageMaker may not find a job that it has just accepted, and a job that it does not find cannot
/// be stopped.
fn not_shown_yet(job: &str) -> Failure {
    Failure::Transient(format!("the job {job} cannot be stopped yet: DescribeCompilationJob does not return it").into())
}

fn is_same_job(request: &CompilationRequest, current: &JobDescription) -> bool {
    let is_same_model = match &request.source {
        ModelSource::Upload(_) => {
            request.framework.is_some_and(|framework| current.framework == framework.as_str())
                && current.data_input_config == request.data_input_config
        }
        // For a model package, SageMaker may return a framework and inputs that were not sent.
        ModelSource::Package(_) => true,
    };
    is_same_model
        && current.source == request.source.to_uri()
        && current.target == request.target.to_string()
        && current.output_location == request.output_location
}

#[cfg(test)]
mod tests;
