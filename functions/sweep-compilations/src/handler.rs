//! Events are for speed, the sweep is for truth (level-triggered reconciliation): it finds every
//! status change for which no event arrived.

use std::collections::{BTreeSet, HashMap};

use automation::{
    ForeignJobs,
    event::{JobObservation, Observer},
};
use jiff::{SignedDuration, Timestamp};
use ledger::{Ledger, LedgerTable, SweepRow};
use neo::{JobName, JobStatus};
use sagemaker::compilation_jobs::{CompilationJobs, JobSummary};
use serde::Serialize;
use tracing::{info, warn};
use worker::{CallError, Clock, metrics, queue::Sender};

/// Overlap of each sweep with the previous one: longer than clock skew and the delay of SageMaker's
/// lists.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// The period listed at once. Progress is recorded after each, so that a sweep after a long pause
/// advances.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Calls to SageMaker after which a sweep begins no further window; the next sweep continues there.
/// At 10 calls a second, which SageMaker accepts from every account, this is half of the function's
/// timeout.
const MAX_CALLS: usize = 300;

/// Running jobs missing from SageMaker's list that each sweep describes one by one.
const MAX_DESCRIBED: usize = 20;

/// Running jobs that each sweep reads from the ledger: most of them are listed by SageMaker and
/// skipped.
const MAX_RUNNING_READ: usize = 5 * MAX_DESCRIBED;

/// Parked requests that each sweep releases, in case the end of the jobs before them went
/// unnoticed.
const MAX_RELEASED: usize = 5;

/// Finds jobs whose status the ledger does not have.
pub struct Sweeper<J, T, Q> {
    /// SageMaker's compilation jobs.
    pub jobs: J,
    pub ledger: Ledger<T>,
    /// The JobStates queue.
    pub job_states: Q,
    /// The Requests queue.
    pub requests: Q,
    /// Jobs not started by this stack that are also reported.
    pub foreign: ForeignJobs,
    pub clock: Clock,
}

/// The result of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// Calls to SageMaker.
    pub calls: usize,
    /// Jobs that SageMaker listed.
    pub seen: usize,
    /// Running jobs missing from the list that were described one by one.
    #[serde(rename = "asked")]
    pub described: usize,
    /// Of these, calls that failed.
    pub unanswered: usize,
    /// Jobs whose status was sent to the JobStates queue.
    pub sent: usize,
    /// Parked requests that were released.
    pub released: usize,
}

impl<J: CompilationJobs, T: LedgerTable, Q: Sender> Sweeper<J, T, Q> {
    /// Runs one sweep and counts what it did.
    pub async fn run_sweep(&self) -> Result<SweepReport, CallError> {
        let report = self.sweep_jobs().await?;
        let counts = [
            ("SageMakerCalls", report.calls),
            ("JobsSeen", report.seen),
            ("JobsAsked", report.described),
            ("JobsUnanswered", report.unanswered),
            ("JobsSent", report.sent),
            ("RequestsReleased", report.released),
        ];
        metrics::write_counts(&counts, (self.clock)());
        Ok(report)
    }

    /// The very first sweep covers only the overlap: historical jobs are not reported.
    async fn sweep_jobs(&self) -> Result<SweepReport, CallError> {
        let now = (self.clock)();
        let position =
            self.ledger.read_sweep_position().await?.unwrap_or(SweepRow { until: now, described_until: None });
        let mut report = SweepReport::default();
        let mut listed = BTreeSet::new();
        let scanned = self.scan_jobs(now, position, &mut report, &mut listed).await;
        // Release parked requests even if the scan failed.
        let released = self.ledger.release_parked_requests(&self.requests, MAX_RELEASED).await;
        report.released = *released.as_ref().unwrap_or(&0);
        let failed = scanned.as_ref().err().or(released.as_ref().err()).map(ToString::to_string);
        info!(
            since = %position.until, calls = report.calls, seen = report.seen, asked = report.described,
            unanswered = report.unanswered, sent = report.sent, released = report.released, failed,
            "Sweep finished"
        );
        scanned.and(released).map(|_| report)
    }

    async fn scan_jobs(
        &self,
        now: Timestamp,
        position: SweepRow,
        report: &mut SweepReport,
        listed: &mut BTreeSet<JobName>,
    ) -> Result<(), CallError> {
        let mut since = position.until - OVERLAP;
        while since < now && report.calls < MAX_CALLS {
            let until = now.min(since + WINDOW);
            self.list_window(since, until, report, listed).await?;
            self.ledger.record_sweep_position(SweepRow { until, ..position }).await?;
            since = until;
        }
        let described_until = self.describe_unlisted(position.described_until, now, report, listed).await?;
        self.ledger.record_sweep_position(SweepRow { until: since, described_until }).await
    }

    /// Lists the jobs modified in a window and sends those whose status is new.
    async fn list_window(
        &self,
        since: Timestamp,
        until: Timestamp,
        report: &mut SweepReport,
        listed: &mut BTreeSet<JobName>,
    ) -> Result<(), CallError> {
        let mut next = None;
        loop {
            let page = self.jobs.list_modified_between(since, until, next).await?;
            report.calls += 1;
            report.seen += page.jobs.len();
            listed.extend(page.jobs.iter().map(|job| JobName::from(job.name.clone())));
            let observations = self.new_observations(page.jobs).await?;
            report.sent += observations.len();
            self.job_states.send_bodies(observations).await?;
            next = page.next;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Observations of those jobs whose status the ledger does not have.
    async fn new_observations(&self, jobs: Vec<JobSummary>) -> Result<Vec<String>, CallError> {
        let names: Vec<_> = jobs.iter().map(|job| JobName::from(job.name.clone())).collect();
        let rows = self.ledger.find_jobs(&names).await?;
        let known: HashMap<&str, JobStatus> = rows.iter().map(|row| (row.name.as_str(), row.status)).collect();
        let is_new = |job: &JobSummary| match known.get(job.name.as_str()) {
            Some(known) => known.can_become(job.status),
            None => self.foreign.includes_job(&job.name),
        };
        Ok(jobs.into_iter().filter(is_new).map(|job| observation_body(&job.name)).collect())
    }

    /// Describes jobs that are running according to the ledger but that SageMaker did not list, the
    /// least recently updated first. Each sweep continues where the last one ended. Returns where
    /// the next one continues; `None` if no jobs are left.
    async fn describe_unlisted(
        &self,
        after: Option<Timestamp>,
        now: Timestamp,
        report: &mut SweepReport,
        listed: &BTreeSet<JobName>,
    ) -> Result<Option<Timestamp>, CallError> {
        let mut reached = after;
        let running = self.ledger.list_running_jobs(after, MAX_RUNNING_READ).await?;
        let all = running.len() < MAX_RUNNING_READ;
        for job in running {
            // A job that changed a moment ago is listed by a later sweep.
            if job.updated_at > now - OVERLAP {
                return Ok(None);
            }
            if report.described == MAX_DESCRIBED {
                return Ok(reached);
            }
            reached = Some(job.updated_at);
            if job.status == JobStatus::Requested || listed.contains(&job.name) {
                continue;
            }
            report.described += 1;
            report.calls += 1;
            match self.jobs.describe_job(job.name.as_str()).await {
                Ok(Some(description)) if !job.status.can_become(description.status) => continue,
                Ok(Some(_)) => {}
                Ok(None) => {
                    warn!(job = job.name.as_str(), status = %job.status, "Compilation job not found in SageMaker");
                    self.ledger.mark_job_lost(&job.name).await?;
                }
                Err(error) => {
                    // A failure for one job does not block the others.
                    warn!(job = job.name.as_str(), %error, "Compilation job could not be described");
                    report.unanswered += 1;
                    continue;
                }
            }
            self.job_states.send_bodies(vec![observation_body(job.name.as_str())]).await?;
            report.sent += 1;
        }
        Ok(reached.filter(|_| !all))
    }
}

fn observation_body(job: &str) -> String {
    JobObservation::without_status(job, Observer::Sweep).to_body()
}

#[cfg(test)]
mod tests;
