//! Runs work once per id: claim it, do it, record that it is done.
//!
//! A message can be delivered more than once, and two invocations can process the same message at
//! the same time. Before the work starts, a row is therefore claimed with a conditional write: only
//! one invocation holds the claim. An error and a panic release it. A claim also expires, because
//! its holder may have been stopped: until then, a redelivered message is delayed. The row is
//! marked as done only after the work succeeded, so a crash never loses the work; a crash between
//! the work and this last write repeats it. That is the only way in which work is done twice, and
//! the reason why every notification carries an `id` by which subscribers recognize duplicates.
//!
//! What breaks if this is changed:
//!
//! - A row that is marked as done before the work: a crash in between loses a notification, and
//!   nothing finds out.
//! - A claim that is held for less time than the work takes with all its retries: two invocations
//!   publish the same notification.
//! - A claim that does not expire: a function that was stopped keeps its notification from being
//!   published.
//! - An id that contains a time or a random number: every delivery of the same message is new work.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use worker::{CallError, Failure};

use crate::{ClaimRow, Ledger, LedgerTable, Versioned};

/// How long a claim is held: longer than a publication takes with all its retries, so that two
/// invocations never hold a claim at the same time.
const CLAIM_DURATION: SignedDuration = SignedDuration::from_secs(60);

/// Whether [`Ledger::run_once`] ran the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// This call ran it.
    Ran,
    /// An earlier call did.
    AlreadyDone,
}

impl<T: LedgerTable> Ledger<T> {
    /// Runs the work identified by `id`, unless it was done before.
    ///
    /// # Errors
    /// [`Failure::Deferred`] if another invocation holds the claim; otherwise the error of the work
    /// or of the ledger.
    pub async fn run_once<F>(&self, id: &str, work: F) -> Result<Execution, Failure>
    where
        F: Future<Output = Result<(), CallError>>,
    {
        let key = claim_key(id);
        let now = (self.clock)();
        let current: Option<Versioned<ClaimRow>> = self.table.get_row(&key).await?;
        match current {
            Some(Versioned { row: ClaimRow::Done { .. }, .. }) => return Ok(Execution::AlreadyDone),
            Some(Versioned { row: ClaimRow::Claimed { until }, .. }) if until > now => {
                return Err(claimed_elsewhere(id));
            }
            _ => {}
        }
        let revision = current.map(|versioned| versioned.revision);
        let claim = ClaimRow::Claimed { until: now.saturating_add(CLAIM_DURATION).unwrap_or(Timestamp::MAX) };
        if !self.write_row(&key, revision, &claim).await? {
            return Err(claimed_elsewhere(id));
        }
        let claimed = Some(revision.map_or(1, |revision| revision + 1));
        let result = AssertUnwindSafe(work).catch_unwind().await;
        if !matches!(result, Ok(Ok(()))) {
            // Releases the claim. If this fails too, the claim expires.
            let _ = self.write_row(&key, claimed, &ClaimRow::Claimed { until: now }).await;
        }
        result.unwrap_or_else(|panic| resume_unwind(panic))?;
        self.write_row(&key, claimed, &ClaimRow::Done { at: (self.clock)() }).await?;
        Ok(Execution::Ran)
    }

    /// Whether the work identified by `id` was done and recorded.
    pub async fn was_done(&self, id: &str) -> Result<bool, CallError> {
        Ok(matches!(self.read_row(&claim_key(id)).await?, Some(ClaimRow::Done { .. })))
    }
}

fn claim_key(id: &str) -> String {
    format!("notice#{id}")
}

fn claimed_elsewhere(id: &str) -> Failure {
    Failure::busy(format!("{id} is being processed by another invocation"))
}
