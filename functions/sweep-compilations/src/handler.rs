//! Events are for speed, the sweep is for truth (level-triggered reconciliation): it finds every
//! status change for which no event arrived.

use std::time::Duration;

use automation::{
    ForeignJobs,
    event::{JobObservation, Observer},
};
use lambda_runtime::LambdaEvent;
use ledger::{Ledger, LedgerTable, SweepRow};
use notifications::{Channel, notifier::Notifier};
use sagemaker::compilation_jobs::CompilationJobs;
use serde::Serialize;
use serde_json::Value;
use tracing::info;
use worker::{CallError, Clock, Error, batch::time_left, metrics, queue::Sender};

use crate::call_budget::CallBudget;

/// Parked requests that each sweep releases, in case the end of the jobs before them went
/// unnoticed.
const MAX_RELEASED: usize = 5;

/// Finds jobs whose status the ledger does not have.
pub struct Sweeper<J, T, Q, N> {
    /// SageMaker's compilation jobs.
    pub jobs: J,
    pub ledger: Ledger<T>,
    pub notifier: Notifier<T, N>,
    /// The JobStates queue.
    pub job_states: Q,
    /// The Requests queue.
    pub requests: Q,
    /// Jobs not started by this stack that are also reported.
    pub foreign: ForeignJobs,
    /// Pause between calls to SageMaker: [`CALL_PAUSE`](crate::CALL_PAUSE).
    pub call_pause: Duration,
    pub clock: Clock,
}

/// The result of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// Calls to SageMaker.
    pub calls: usize,
    /// Of these, calls that SageMaker throttled.
    pub throttled: usize,
    /// Jobs that SageMaker listed.
    pub seen: usize,
    /// Running jobs that were described one by one.
    #[serde(rename = "asked")]
    pub described: usize,
    /// Of these, calls that failed for another reason than throttling.
    pub unanswered: usize,
    /// Jobs whose status was sent to the JobStates queue.
    pub sent: usize,
    /// Parked requests that were released.
    pub released: usize,
    /// Requests that were parked before.
    pub parked: usize,
    /// For how long the model has been waiting for the quota that waits longest.
    pub oldest_parked_seconds: usize,
    /// For how long the job has been unfinished that was requested first, of those that this sweep
    /// read: running ones of this stack, and parked ones.
    pub oldest_unfinished_seconds: usize,
}

impl<J: CompilationJobs, T: LedgerTable, Q: Sender, N: Channel> Sweeper<J, T, Q, N> {
    /// Handles an invocation by the schedule. Its payload carries no information: the time comes
    /// from the clock.
    pub async fn handle_schedule(&self, invocation: LambdaEvent<Value>) -> Result<SweepReport, Error> {
        Ok(self.run_sweep(time_left(&invocation.context)).await?)
    }

    /// Runs one sweep and counts what it did. `time_limit` is the time until Lambda ends the
    /// invocation.
    ///
    /// A sweep that SageMaker throttles is not a failure: the next one continues.
    pub async fn run_sweep(&self, time_limit: Duration) -> Result<SweepReport, CallError> {
        let mut report = SweepReport::default();
        // On the heap: the future holds the calls of several clients.
        let result = Box::pin(self.sweep_jobs(time_limit, &mut report)).await;
        let counts = [
            ("SageMakerCalls", report.calls),
            ("SageMakerCallsThrottled", report.throttled),
            ("JobsSeen", report.seen),
            ("JobsAsked", report.described),
            ("JobsUnanswered", report.unanswered),
            ("JobsSent", report.sent),
            ("RequestsReleased", report.released),
            ("RequestsParked", report.parked),
            ("OldestParkedSeconds", report.oldest_parked_seconds),
            ("OldestUnfinishedSeconds", report.oldest_unfinished_seconds),
        ];
        metrics::write_counts(&counts, (self.clock)());
        let failed = result.as_ref().err().map(ToString::to_string);
        info!(
            calls = report.calls,
            throttled = report.throttled,
            seen = report.seen,
            asked = report.described,
            unanswered = report.unanswered,
            sent = report.sent,
            released = report.released,
            parked = report.parked,
            oldest_parked_seconds = report.oldest_parked_seconds,
            oldest_unfinished_seconds = report.oldest_unfinished_seconds,
            failed,
            "Sweep finished"
        );
        result.map(|()| report)
    }

    /// What needs no call to SageMaker comes first, then what is certain to be found. No step
    /// prevents the next one, and the position is recorded whatever happened.
    async fn sweep_jobs(&self, time_limit: Duration, report: &mut SweepReport) -> Result<(), CallError> {
        let mut budget = CallBudget::new(time_limit, self.call_pause);
        let now = (self.clock)();
        let counted = self.count_parked(now, report).await;
        let moved = self.ledger.move_old_parked_requests().await;
        let released = self.ledger.release_parked_requests(&self.requests, MAX_RELEASED).await;
        report.released = *released.as_ref().unwrap_or(&0);
        let published = self.publish_waits(now).await;
        let known = self.ledger.read_sweep_position().await?;
        let is_first = known.is_none();
        let mut position = known.unwrap_or_else(|| SweepRow::new(now));
        let described = self.describe_running_jobs(now, &mut position, &mut budget, report).await;
        let listed = self.list_recent_jobs(now, is_first, &mut position, &mut budget, report).await;
        (report.calls, report.throttled) = (budget.calls, budget.throttled);
        let recorded = self.ledger.record_sweep_position(position).await;
        counted.and(moved).and(released).map(drop).and(published).and(described).and(listed).and(recorded)
    }
}

pub(crate) fn observation_body(job: &str) -> String {
    JobObservation::without_status(job, Observer::Sweep).to_body()
}

#[cfg(test)]
mod tests;
