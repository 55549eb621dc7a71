//! Handles observations of compilation jobs: each may mean that the status of a job has changed.
//!
//! An observation is only a hint; a status that is new is fetched from SageMaker.

use automation::{
    ForeignJobs, ModelNotifier,
    event::{Event, JobObservation},
    objects::Objects,
};
use jiff::SignedDuration;
use ledger::{Execution, JobRow, Ledger, LedgerTable};
use neo::{CompilationRequest, JobName, JobStatus};
use notifications::{Channel, Notification, notifier::Notifier};
use sagemaker::compilation_jobs::CompilationJobs;
use tracing::info;
use worker::{CallError, CallErrorKind, Clock, Failure, metrics, queue::Sender};

use crate::artifact::check_artifact;

/// How long after an event SageMaker may not show the status that the event reports. After that,
/// nothing is expected of the event any more.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Records job statuses in the ledger and publishes notifications about them.
pub struct JobRelay<J, T, N, Q, O> {
    /// SageMaker's compilation jobs.
    pub jobs: J,
    pub ledger: Ledger<T>,
    pub notifier: Notifier<T, N>,
    /// Publishes reused artifacts and summaries.
    pub models: ModelNotifier<T, N, O>,
    /// The Requests queue.
    pub requests: Q,
    /// Jobs not started by this stack that are also reported.
    pub foreign: ForeignJobs,
    pub clock: Clock,
}

impl<J: CompilationJobs, T: LedgerTable, N: Channel, Q: Sender, O: Objects> JobRelay<J, T, N, Q, O> {
    /// Handles one event of the JobStates queue.
    pub async fn handle_event(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Job(observation) => self.relay_status(observation).await,
            Event::FailedCall(call) => {
                info!(call, "Failed API call ignored: it changed nothing");
                Ok(())
            }
            _ => Err(Failure::terminal("not a compilation job event")),
        }
    }

    async fn relay_status(&self, observation: JobObservation) -> Result<(), Failure> {
        let age = observation.at.map(|at| (self.clock)().duration_since(at));
        let lag_ms = age.map(|age| age.as_millis());
        let (job, seen_by, event_status) = (observation.job_name, observation.seen_by, observation.status);
        let row = self.record_current_status(&job, event_status).await?;
        let status = row.as_ref().map_or(JobStatus::Unknown, |row| row.status);
        info!(job, ?seen_by, %status, ?event_status, lag_ms, "Compilation job observed");
        if event_status.is_some_and(|later| status.can_become(later))
            && (row.is_some() || self.foreign.includes_job(&job))
            && age.is_some_and(|age| age.abs() < SHOWN_AFTER)
        {
            return Err(Failure::busy(format!("SageMaker does not show the reported status of the job {job} yet")));
        }
        let Some(row) = row else {
            info!(job, ?seen_by, "Compilation job not reported: it is not selected, or no longer exists");
            return Ok(());
        };
        let mut next = row.next_attempt();
        if let Some(attempt) = &next
            && !self.ledger.replace_failed_job(&row, attempt).await?
        {
            next = None;
        }
        if row.status.is_terminal() {
            // Free the quota slot once per finished job.
            let freed = self
                .ledger
                .run_once(&format!("made-room-{}", row.publication_name()), self.free_quota_slot(next.as_ref()))
                .await?;
            if let (Execution::Ran, Some(class)) = (freed, row.failure_class()) {
                metrics::write_count_of("JobsFailed", ("FailureClass", class.as_str()), (self.clock)());
            }
        }
        let notified = self.publish_status(&row, next.as_ref()).await;
        // A notification that cannot be published does not keep back the results of the models.
        let published =
            if row.status.is_terminal() { self.models.publish_job_results(&row, (self.clock)()).await } else { Ok(()) };
        Failure::merge_results([notified, published])
    }

    async fn publish_status(&self, row: &JobRow, next: Option<&CompilationRequest>) -> Result<(), Failure> {
        match Notification::job_status(row, next, (self.clock)()) {
            Some(notification) => self.notifier.publish_once(&notification).await,
            None => Ok(()),
        }
    }

    /// Releases one parked request, since a job has finished. The finished job's own next attempt
    /// is parked behind the others: it starts when another job finishes or with the next sweep, and
    /// the cause of the failure may be gone then.
    async fn free_quota_slot(&self, next: Option<&CompilationRequest>) -> Result<(), CallError> {
        self.ledger.release_parked_requests(&self.requests, 1).await?;
        if let Some(next) = next
            && !self.ledger.park_request(next).await?
        {
            let body = serde_json::to_string(next);
            let body = body.map_err(|error| CallError::local(CallErrorKind::Invalid, error.to_string()))?;
            self.requests.send_bodies(vec![body]).await?;
        }
        Ok(())
    }

    /// Records the status that SageMaker returns for a job and returns the job's row; `None` for a
    /// job that is not reported. SageMaker is not called for a job of this stack with a terminal
    /// status: no other status follows, and SageMaker may not know a job that was rejected, or
    /// stopped before it started. Nor is it called for an event that reports a status that is
    /// recorded already; a later status has an event of its own. The name of another job can be
    /// used again after it was deleted.
    async fn record_current_status(
        &self,
        job_name: &str,
        event_status: Option<JobStatus>,
    ) -> Result<Option<JobRow>, Failure> {
        let name = JobName::from(job_name.to_owned());
        let known = self.ledger.find_job(&name).await?;
        let is_current = |row: &&JobRow| {
            row.status.is_terminal() || event_status.is_some_and(|reported| !row.status.can_become(reported))
        };
        if let Some(row) = known.as_ref().filter(|row| row.request.is_some()).filter(is_current) {
            return Ok(Some(row.clone()));
        }
        if known.is_none() && !self.foreign.includes_job(job_name) {
            return Ok(None);
        }
        match (known, self.jobs.describe_job(name.as_str()).await?) {
            (Some(row), Some(description)) if !row.is_outdated_by(description.status, description.created_at) => {
                Ok(Some(row))
            }
            (known, Some(description)) => {
                // A later job takes the row of one whose end may not have been published: the
                // function may have crashed after it recorded the end.
                if let Some(earlier) = known.as_ref().filter(|row| row.status.is_terminal()) {
                    self.publish_status(earlier, None).await?;
                }
                let request = known.and_then(|row| row.request);
                let (description, check) = check_artifact(self.models.objects(), description, request.as_ref()).await?;
                Ok(Some(self.ledger.record_checked_observation(&description, check).await?))
            }
            // It was deleted after its end was recorded.
            (Some(row), None) if row.status.is_terminal() => Ok(Some(row)),
            // SageMaker may not find a job that it has just accepted.
            (Some(row), None) if self.ledger.may_be_unseen(&row) => {
                Err(Failure::busy(format!("SageMaker does not show the job {name} yet")))
            }
            (Some(_), None) => Err(Failure::Transient(format!("SageMaker has no compilation job named {name}").into())),
            // A job not started by this stack that was deleted meanwhile: there is nothing to
            // report.
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
