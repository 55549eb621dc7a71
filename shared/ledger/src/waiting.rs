//! Models whose requests wait for SageMaker's quota: since when, for what, and whether that was
//! published.

use jiff::{SignedDuration, Timestamp};
use model_archive::shorten_text;
use neo::{JobStatus, ModelId};
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{
    JobRow, Ledger, LedgerTable, ModelRow, ModelState, Versioned, contended_error,
    rows::MAX_REASON,
    table::{LedgerRow, List, ListEntry, ListRange},
};

/// Parked requests that are counted; further ones are not, since counting reads each of them.
pub const MAX_COUNTED: usize = 10_000;

/// Longer than it takes to park a request.
const PARKING_TIME: SignedDuration = SignedDuration::from_mins(2);

/// The turns of a model in the quota queue, and its wait for the quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRow {
    pub model: ModelId,
    /// The last turn that one of its requests got.
    pub turn: u64,
    /// `None` after the last of its requests was accepted.
    pub wait: Option<ModelWait>,
}

/// The wait of a model for SageMaker's quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelWait {
    /// When its first request was parked.
    pub since: Timestamp,
    /// When its last request was parked.
    pub parked_at: Timestamp,
    /// SageMaker's message; `None` if no request was refused, but waits behind others.
    pub reason: Option<String>,
    /// Whether a notification about the wait was published.
    pub published: bool,
}

impl LedgerRow for WaitingRow {
    fn list_entry(&self) -> Option<ListEntry> {
        let wait = self.wait.as_ref()?;
        let list = if wait.published { List::PublishedWaits } else { List::Waits };
        Some(ListEntry::at_time(list, wait.since))
    }

    fn limit_size(self) -> Self {
        let shorten =
            |wait: ModelWait| ModelWait { reason: wait.reason.map(|reason| shorten_text(&reason, MAX_REASON)), ..wait };
        Self { wait: self.wait.map(shorten), ..self }
    }
}

/// A model that waits, with the jobs whose requests wait.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingModel {
    pub row: WaitingRow,
    pub wait: ModelWait,
    pub model: ModelRow,
    pub jobs: Vec<JobRow>,
    revision: u64,
}

/// How many requests wait for SageMaker's quota, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ParkedSummary {
    /// At most [`MAX_COUNTED`].
    pub count: usize,
    /// When the first request of the model that waits longest was parked.
    pub oldest: Option<Timestamp>,
}

impl<T: LedgerTable> Ledger<T> {
    /// Records that a request of a model waits. Returns its turn: the one after the last turn of
    /// the model, at least the turn that the queue has reached.
    pub(crate) async fn record_waiting(
        &self,
        model: &ModelId,
        reason: Option<&str>,
        reached: u64,
    ) -> Result<u64, CallError> {
        let now = (self.clock)();
        let key = waiting_key(model);
        let wait_on = |row: Option<WaitingRow>| {
            let turn = row.as_ref().map_or(reached, |row| reached.max(row.turn + 1));
            let earlier = row.and_then(|row| row.wait);
            let since = earlier.as_ref().map_or(now, |wait| wait.since);
            let published = earlier.as_ref().is_some_and(|wait| wait.published);
            let reason = reason.map(str::to_owned).or_else(|| earlier?.reason);
            Some(WaitingRow {
                model: model.clone(),
                turn,
                wait: Some(ModelWait { since, parked_at: now, reason, published }),
            })
        };
        let row = self.update_row(&key, wait_on).await?.row;
        row.map(|row| row.turn).ok_or_else(|| contended_error(&key))
    }

    /// Records that a model waits for the request of another model whose job it shares. It has no
    /// turn of its own.
    pub(crate) async fn record_shared_wait(&self, model: &ModelId, reason: Option<&str>) -> Result<(), CallError> {
        let now = (self.clock)();
        let wait_on = |row: Option<WaitingRow>| {
            let turn = row.as_ref().map_or(0, |row| row.turn);
            let is_known = row.is_some_and(|row| row.wait.is_some());
            let wait = ModelWait { since: now, parked_at: now, reason: reason.map(str::to_owned), published: false };
            (!is_known).then(|| WaitingRow { model: model.clone(), turn, wait: Some(wait) })
        };
        self.update_row(&waiting_key(model), wait_on).await.map(drop)
    }

    /// At most `count` models that wait and about which no notification was published, those that
    /// wait longest first. The rows of models that no longer wait are cleared.
    pub async fn list_unpublished_waits(&self, count: usize) -> Result<Vec<WaitingModel>, CallError> {
        let rows: Vec<WaitingRow> = self.table.list_rows(List::Waits, ListRange::first(), count).await?;
        let mut waiting = Vec::with_capacity(rows.len());
        for row in rows {
            waiting.extend(self.confirm_waiting(&row.model).await?);
        }
        Ok(waiting)
    }

    /// Clears the rows of models that no longer wait and about which a notification was published,
    /// up to the first one that does wait, at most `count`.
    pub async fn clear_finished_waits(&self, count: usize) -> Result<(), CallError> {
        let rows: Vec<WaitingRow> = self.table.list_rows(List::PublishedWaits, ListRange::first(), count).await?;
        for row in rows {
            if self.confirm_waiting(&row.model).await?.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Records that a notification about a wait was published. If the row was changed meanwhile,
    /// this is repeated with the next sweep.
    pub async fn mark_wait_published(&self, waiting: &WaitingModel) -> Result<(), CallError> {
        let wait = Some(ModelWait { published: true, ..waiting.wait.clone() });
        let row = WaitingRow { wait, ..waiting.row.clone() };
        self.write_row(&waiting_key(&row.model), Some(waiting.revision), &row).await.map(drop)
    }

    /// How many requests are parked, and since when the first of them waits.
    pub async fn summarize_parked(&self) -> Result<ParkedSummary, CallError> {
        let count = self.table.count_rows(List::ParkedRequests, MAX_COUNTED).await?;
        let mut oldest = None;
        for list in [List::Waits, List::PublishedWaits] {
            let rows: Vec<WaitingRow> = self.table.list_rows(list, ListRange::first(), 1).await?;
            let since = rows.into_iter().find_map(|row| row.wait).map(|wait| wait.since);
            oldest = [oldest, since].into_iter().flatten().min();
        }
        Ok(ParkedSummary { count, oldest })
    }

    /// Reads which jobs of a model wait; `None` if none does, or if the model was superseded, which
    /// is recorded: unless a request is being parked right now, whose row is written last.
    async fn confirm_waiting(&self, model: &ModelId) -> Result<Option<WaitingModel>, CallError> {
        let key = waiting_key(model);
        let current: Option<Versioned<WaitingRow>> = self.table.get_row(&key).await?;
        let Some(Versioned { revision, row }) = current else { return Ok(None) };
        let Some(wait) = row.wait.clone() else { return Ok(None) };
        let found = self.find_model(model).await?;
        if let Some(found) = found.filter(|found| found.state != ModelState::Superseded) {
            let mut jobs = self.find_jobs(&found.jobs).await?;
            jobs.retain(|job| job.status == JobStatus::Requested && job.quota_wait.is_some());
            if !jobs.is_empty() {
                return Ok(Some(WaitingModel { row, wait, model: found, jobs, revision }));
            }
        }
        if (self.clock)().duration_since(wait.parked_at) > PARKING_TIME {
            self.write_row(&key, Some(revision), &WaitingRow { wait: None, ..row }).await?;
        }
        Ok(None)
    }
}

fn waiting_key(model: &ModelId) -> String {
    format!("waiting#{model}")
}
