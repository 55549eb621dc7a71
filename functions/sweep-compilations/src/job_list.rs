//! Lists the jobs of the account, newest first, and finds those whose status the ledger does not
//! have.
//!
//! An account can have hundreds of thousands of past jobs, and SageMaker filters a page only after
//! it has cut it, so no filter makes the list shorter. The list is therefore read from its newest
//! job down to those created [`LISTED_AGE`] ago, over as many sweeps as this takes. The newest page
//! is read by every sweep.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use ledger::{JobRow, LedgerTable, ListingPass, SweepRow};
use neo::JobName;
use sagemaker::compilation_jobs::{CompilationJobs, JobSummary};
use tracing::warn;
use worker::{CallError, CallErrorKind, queue::Sender};

use crate::{
    call_budget::CallBudget,
    handler::{SweepReport, Sweeper, observation_body},
};

/// Age of the oldest jobs that are listed.
const LISTED_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Overlap of each pass over the list with the previous one: longer than clock skew and the delay
/// of SageMaker's lists.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// The difference of two times of SageMaker's clock, at least.
const TICK: SignedDuration = SignedDuration::from_millis(1);

/// Pages per sweep.
const MAX_PAGES: usize = 8;

impl<J: CompilationJobs, T: LedgerTable, Q: Sender, N: Sync> Sweeper<J, T, Q, N> {
    /// Reads the newest page of the list, then continues where the last sweep ended.
    pub(crate) async fn list_recent_jobs(
        &self,
        now: Timestamp,
        is_first: bool,
        position: &mut SweepRow,
        budget: &mut CallBudget,
        report: &mut SweepReport,
    ) -> Result<(), CallError> {
        // A clock that was ahead must not hide what SageMaker shows from now on.
        position.until = position.until.min(now);
        let (mut page, mut newest) = (None, position.until);
        for _ in 0..MAX_PAGES {
            let Some(listed) = budget.make_call(self.jobs.list_newest(page.clone())).await else { return Ok(()) };
            let listed = match listed {
                Ok(listed) => listed,
                Err(error) if error.kind == CallErrorKind::Throttled => continue,
                Err(error) if error.kind == CallErrorKind::Invalid && page.is_some() => {
                    warn!(%error, "SageMaker no longer accepts the stored page of the list; it is read from the start");
                    position.listing = None;
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            report.seen += listed.jobs.len();
            let is_old = |job: &JobSummary| job.created_at.is_some_and(|at| at < now - LISTED_AGE);
            let is_last = listed.next.is_none() || listed.jobs.iter().any(is_old);
            if page.is_none() {
                // Times of SageMaker's clock: this one may differ from it.
                let times = listed.jobs.iter().filter_map(|job| job.modified_at.max(job.created_at));
                let shown = times.max();
                newest = shown.unwrap_or(newest);
                self.send_new_statuses(listed.jobs, position.until, report).await?;
                if is_first {
                    // What SageMaker shows by now is the past. What it shows later is not, even if
                    // this clock is ahead.
                    let past = shown.map_or(Timestamp::UNIX_EPOCH, |shown| shown + OVERLAP + TICK);
                    position.until = position.until.min(past);
                    newest = newest.min(position.until);
                }
            } else {
                self.send_new_statuses(listed.jobs, position.until, report).await?;
            }
            let pass = position.listing.take();
            let started_at = pass.as_ref().map_or(newest, |pass| pass.started_at);
            if is_last {
                // The newest page alone is a whole pass.
                let started_at = if page.is_none() { newest } else { started_at };
                position.until = position.until.max(started_at);
                return Ok(());
            }
            let stored = pass.filter(|_| page.is_none()).map(|pass| pass.next_page);
            page = stored.or(listed.next);
            position.listing = page.clone().map(|next_page| ListingPass { started_at, next_page });
        }
        Ok(())
    }

    /// Sends those jobs whose status the ledger does not have.
    async fn send_new_statuses(
        &self,
        jobs: Vec<JobSummary>,
        compared_until: Timestamp,
        report: &mut SweepReport,
    ) -> Result<(), CallError> {
        // A job that ended before was compared by an earlier pass, or before the first sweep, which
        // does not report the past.
        let was_compared = |job: &JobSummary| {
            job.status.is_terminal() && job.modified_at.is_some_and(|at| at < compared_until - OVERLAP)
        };
        let jobs: Vec<_> = jobs.into_iter().filter(|job| !was_compared(job)).collect();
        let names: Vec<_> = jobs.iter().map(|job| JobName::from(job.name.clone())).collect();
        let rows = self.ledger.find_jobs(&names).await?;
        let known: HashMap<&str, &JobRow> = rows.iter().map(|row| (row.name.as_str(), row)).collect();
        let is_new = |job: &JobSummary| match known.get(job.name.as_str()) {
            Some(known) => known.is_outdated_by(job.status, job.created_at),
            None => self.foreign.includes_job(&job.name),
        };
        let observations: Vec<_> =
            jobs.iter().filter(|job| is_new(job)).map(|job| observation_body(&job.name)).collect();
        report.sent += observations.len();
        self.job_states.send_bodies(observations).await
    }
}
