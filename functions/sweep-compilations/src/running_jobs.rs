//! Describes the jobs that are running according to the ledger, one by one: the only way to find
//! the end of a job in an account whose list is too long to be read.

use jiff::{SignedDuration, Timestamp};
use ledger::{JobOwner, JobRow, LedgerTable, SweepRow};
use sagemaker::compilation_jobs::CompilationJobs;
use tracing::warn;
use worker::{CallError, CallErrorKind, queue::Sender};

use crate::{
    call_budget::CallBudget,
    handler::{SweepReport, Sweeper, observation_body},
};

/// Running jobs that each sweep describes.
const MAX_DESCRIBED: usize = 20;

/// Age of the last observation from which a job that SageMaker does not have was deleted.
const LOST_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// The same for a job that SageMaker never showed, as a number of sweeps: the clock of the function
/// that recorded it may differ from this one's, and SageMaker may not show a new job yet.
const LOST_AFTER_SWEEPS: u32 = 15;

impl<J: CompilationJobs, T: LedgerTable, Q: Sender, N: Sync> Sweeper<J, T, Q, N> {
    /// Describes running jobs, in turn: each sweep continues where the last one ended. The jobs of
    /// this stack come first: all of them if they are few.
    pub(crate) async fn describe_running_jobs(
        &self,
        now: Timestamp,
        position: &mut SweepRow,
        budget: &mut CallBudget,
        report: &mut SweepReport,
    ) -> Result<(), CallError> {
        for owner in [JobOwner::Stack, JobOwner::Others] {
            let count = MAX_DESCRIBED.saturating_sub(report.described);
            let reached = match owner {
                JobOwner::Stack => &mut position.described_until,
                JobOwner::Others => &mut position.foreign_described_until,
            };
            for job in self.ledger.next_running_jobs(owner, *reached, count).await? {
                if let (JobOwner::Stack, Some(first)) = (owner, job.statuses.first()) {
                    let age = usize::try_from(now.duration_since(first.at).as_secs()).unwrap_or(0);
                    report.oldest_unfinished_seconds = report.oldest_unfinished_seconds.max(age);
                }
                if !self.describe_running_job(&job, now, budget, report).await? {
                    return Ok(());
                }
                *reached = Some(job.updated_at);
            }
        }
        Ok(())
    }

    /// Describes a job and sends it if its status is new. Returns false if no call is left.
    async fn describe_running_job(
        &self,
        job: &JobRow,
        now: Timestamp,
        budget: &mut CallBudget,
        report: &mut SweepReport,
    ) -> Result<bool, CallError> {
        let Some(described) = budget.make_call(self.jobs.describe_job(job.name.as_str())).await else {
            return Ok(false);
        };
        report.described += 1;
        match described {
            Ok(Some(description)) if !job.is_outdated_by(description.status, description.created_at) => {}
            Ok(Some(_)) => self.send_job(job, report).await?,
            Ok(None) if !self.is_lost(job, now).await? => {}
            Ok(None) => {
                warn!(job = job.name.as_str(), status = %job.status, "Compilation job not found in SageMaker");
                // The observation is sent first. If the sweep crashes in between, the row is still
                // among the running ones, and the next sweep does both again. The other way round,
                // nothing would ever look at the row again. relay-compilation retries an
                // observation that arrives before the row is written.
                self.send_job(job, report).await?;
                self.ledger.mark_job_lost(&job.name).await?;
            }
            Err(error) if error.kind == CallErrorKind::Throttled => {}
            Err(error) => {
                // A failure for one job does not block the others.
                warn!(job = job.name.as_str(), %error, "Compilation job could not be described");
                report.unanswered += 1;
            }
        }
        Ok(true)
    }

    /// Whether a job that SageMaker does not have was deleted.
    async fn is_lost(&self, job: &JobRow, now: Timestamp) -> Result<bool, CallError> {
        if job.arn.is_some() {
            return Ok(now.duration_since(job.updated_at) > LOST_AFTER);
        }
        Ok(self.ledger.record_unseen_job(&job.name).await? >= LOST_AFTER_SWEEPS)
    }

    async fn send_job(&self, job: &JobRow, report: &mut SweepReport) -> Result<(), CallError> {
        self.job_states.send_bodies(vec![observation_body(job.name.as_str())]).await?;
        report.sent += 1;
        Ok(())
    }
}
