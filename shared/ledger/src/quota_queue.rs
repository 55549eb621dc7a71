//! The quota queue: requests that exceed SageMaker's quota are parked here and released when a job
//! finishes.
//!
//! SageMaker rejects `CreateCompilationJob` while the maximum number of concurrent jobs is running,
//! which can take hours. A message that waited in SQS for that long would use up its deliveries,
//! and retrying every waiting request would throttle the API. A rejected request is therefore
//! parked: the row of its job is put on the list [`List::ParkedRequests`]. The job's row is all
//! there is to a parked request, so a job that was cancelled in the meantime is no longer parked.
//! Each finished job releases one request; the sweep releases a few more, in case the end of a job
//! was missed.
//!
//! The models take turns: a model with many targets does not delay the others. Each request gets
//! the turn after the last one of its model, but none that has passed already; the list is ordered
//! by turn. A turn that is lost when a function crashes does no harm.
//!
//! What breaks if this is changed:
//!
//! - A request that leaves the list before it was sent: a crash in between loses the job, and its
//!   model never gets a summary.
//! - A row for all requests, as in the first release: it is full after 3,000 of them, every release
//!   contends for it, and a job that was cancelled is started nevertheless.
//! - A release without turns, oldest request first: one model with 500 targets delays all others.
//! - A release by finished jobs alone: if the end of the last running job is missed, nothing starts
//!   any more. This is why the sweep releases too.

use neo::{CompilationRequest, JobName, JobStatus, ModelId};
use serde::{Deserialize, Serialize};
use tracing::info;
use worker::{CallError, CallErrorKind, queue::Sender};

use crate::{
    CreateCall, JobRow, Ledger, LedgerRow, LedgerTable, List, ListRange, QuotaWait, Versioned, WRITE_TRIES, job_key,
};

/// The row in which earlier releases parked requests.
const OLD_PARKED_KEY: &str = "parked#compilation-requests";

const TURN_KEY: &str = "parked#turn";

/// Requests that one call moves out of the row of an earlier release.
const MAX_MOVED: usize = 100;

/// The last turn that was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct TurnRow {
    turn: u64,
}

impl LedgerRow for TurnRow {}

/// Requests that an earlier release parked, by model. The first model is the next to be served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OldParkedRow {
    models: Vec<OldParkedModel>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OldParkedModel {
    model: ModelId,
    jobs: Vec<JobName>,
}

impl LedgerRow for OldParkedRow {}

/// Requests that are listed beyond those that are released: the list may still contain requests
/// that other releasers have just released.
const STALE_ENTRIES: usize = 10;

impl<T: LedgerTable> Ledger<T> {
    /// Parks a request that waits until another job has finished. Returns false if the request is
    /// parked already: another invocation may be releasing it right now, so this delivery must not
    /// rely on it; and if the job was started or cancelled meanwhile.
    pub async fn park_request(&self, request: &CompilationRequest) -> Result<bool, CallError> {
        self.park_job(request, None).await
    }

    /// Parks a request that SageMaker refused because of a quota, with SageMaker's message. If no
    /// other call was made, SageMaker does not have the job.
    pub async fn park_refused_request(&self, call: &CreateCall<'_>, reason: &str) -> Result<bool, CallError> {
        self.park_job(call.request(), Some((call, reason))).await
    }

    async fn park_job(
        &self,
        request: &CompilationRequest,
        refusal: Option<(&CreateCall<'_>, &str)>,
    ) -> Result<bool, CallError> {
        let reason = refusal.map(|(_, reason)| reason);
        let now = (self.clock)();
        let key = job_key(&request.job_name);
        let known: Option<JobRow> = self.read_row(&key).await?;
        if known.is_some_and(|row| row.is_parked() || row.status != JobStatus::Requested) {
            return Ok(false);
        }
        let reached = self.read_row::<TurnRow>(TURN_KEY).await?.map_or(0, |row| row.turn);
        let turn = self.record_waiting(&request.model, reason, reached).await?;
        let park = |row: Option<JobRow>| {
            // The request is read from the job's row when it is released.
            let row = row.unwrap_or_else(|| JobRow::new_requested(request, now));
            if row.is_parked() || row.status != JobStatus::Requested {
                return None;
            }
            let earlier = row.quota_wait.clone();
            let since = earlier.as_ref().map_or(now, |wait| wait.since);
            let reason = reason.map(str::to_owned).or_else(|| earlier?.reason);
            let row = if let Some((call, _)) = refusal { call.withdraw_from(row) } else { row };
            Some(JobRow { quota_wait: Some(QuotaWait { since, reason, turn: Some(turn) }), ..row })
        };
        let parked = self.update_row(&key, park).await?;
        // After the row was written: a model that joins the job from now on finds it parked.
        let sharing = parked.row.filter(|_| parked.written).map(|row| row.models).unwrap_or_default();
        for model in sharing.iter().filter(|model| **model != request.model) {
            self.record_shared_wait(model, reason).await?;
        }
        Ok(parked.written)
    }

    /// Sends at most `count` parked requests to the Requests queue again, one of each model in
    /// turn; returns how many.
    ///
    /// They leave the quota queue only after they were sent. If the function crashes in between,
    /// they are sent again, which is harmless: the job name is the idempotency key. A request that
    /// was sent by two functions, and parked again meanwhile, stays parked: its row has changed.
    pub async fn release_parked_requests(&self, requests: &impl Sender, count: usize) -> Result<usize, CallError> {
        let mut released = 0;
        // Another releaser may have released the same requests: then the next ones are.
        for _ in 0..WRITE_TRIES {
            // On the heap: the future holds several rows.
            let won = Box::pin(self.release_next(requests, count - released)).await?;
            released += won.unwrap_or(0);
            if won.is_none() || released == count {
                break;
            }
        }
        if released > 0 {
            info!(released, "Parked requests released");
        }
        Ok(released)
    }

    /// Sends the next parked requests; returns how many of them no other releaser has released, or
    /// `None` if no request is parked.
    async fn release_next(&self, requests: &impl Sender, count: usize) -> Result<Option<usize>, CallError> {
        let parked = self.next_parked(count).await?;
        if parked.is_empty() {
            return Ok(None);
        }
        let bodies = parked.iter().filter_map(|job| job.row.request.as_ref()).map(serde_json::to_string);
        let bodies: Result<Vec<_>, _> = bodies.collect();
        let bodies = bodies.map_err(|error| CallError::local(CallErrorKind::Invalid, error.to_string()))?;
        requests.send_bodies(bodies).await?;
        let (mut reached, mut won) = (0, 0);
        for job in parked {
            reached = reached.max(job.row.quota_wait.as_ref().and_then(|wait| wait.turn).unwrap_or(0));
            won += usize::from(self.mark_released(job).await?);
        }
        self.record_turn(reached).await?;
        Ok(Some(won))
    }

    /// Records that a parked request was sent. Returns false if another releaser has released it.
    /// It was released by this one if start-compilation has received it already, even if it is
    /// parked again: otherwise each refusal would release the next request.
    async fn mark_released(&self, Versioned { revision, row }: Versioned<JobRow>) -> Result<bool, CallError> {
        let released = row.quota_wait.map(|wait| QuotaWait { turn: None, ..wait });
        let row = JobRow { quota_wait: released, ..row };
        if self.write_row(&job_key(&row.name), Some(revision), &row).await? {
            return Ok(true);
        }
        Ok(self.find_job(&row.name).await?.is_some_and(|current| current.create_calls > row.create_calls))
    }

    /// The requests that are released next.
    pub async fn peek_parked_requests(&self, count: usize) -> Result<Vec<CompilationRequest>, CallError> {
        Ok(self.next_parked(count).await?.into_iter().filter_map(|job| job.row.request).collect())
    }

    async fn next_parked(&self, count: usize) -> Result<Vec<Versioned<JobRow>>, CallError> {
        let listed = count + STALE_ENTRIES;
        let listed: Vec<JobRow> = self.table.list_rows(List::ParkedRequests, ListRange::first(), listed).await?;
        let mut parked = Vec::with_capacity(count);
        for job in listed {
            if parked.len() == count {
                break;
            }
            // The list may still contain a job that was released or cancelled a moment ago.
            let current: Option<Versioned<JobRow>> = self.table.get_row(&job_key(&job.name)).await?;
            parked.extend(current.filter(|current| current.row.is_parked()));
        }
        Ok(parked)
    }

    /// Records that a turn was released. If another releaser is faster, its turn is as good.
    async fn record_turn(&self, turn: u64) -> Result<(), CallError> {
        let current: Option<Versioned<TurnRow>> = self.table.get_row(TURN_KEY).await?;
        if current.as_ref().is_none_or(|current| current.row.turn < turn) {
            self.write_row(TURN_KEY, current.map(|current| current.revision), &TurnRow { turn }).await?;
        }
        Ok(())
    }

    /// Parks requests anew that an earlier release parked, all of them in one row. Returns how
    /// many.
    pub async fn move_old_parked_requests(&self) -> Result<usize, CallError> {
        let Some(old) = self.read_row::<OldParkedRow>(OLD_PARKED_KEY).await? else { return Ok(0) };
        let moved: Vec<_> = old.models.into_iter().flat_map(|parked| parked.jobs).take(MAX_MOVED).collect();
        if moved.is_empty() {
            return Ok(0);
        }
        for job in &moved {
            if let Some(request) = self.find_job(job).await?.and_then(|row| row.request) {
                self.park_request(&request).await?;
            }
        }
        // Removed last: if the function crashes before, they are found in both places.
        let remove = |row: Option<OldParkedRow>| {
            let mut row = row?;
            for parked in &mut row.models {
                parked.jobs.retain(|job| !moved.contains(job));
            }
            row.models.retain(|parked| !parked.jobs.is_empty());
            Some(row)
        };
        self.update_row(OLD_PARKED_KEY, remove).await?;
        info!(moved = moved.len(), "Requests parked by an earlier release moved to their jobs' rows");
        Ok(moved.len())
    }
}
