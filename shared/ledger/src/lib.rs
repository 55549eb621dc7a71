#![doc = include_str!("../README.md")]

mod applied_config;
mod arrivals;
mod bucket_passes;
mod bursts;
mod config_checks;
mod create_calls;
mod daily_jobs;
mod dynamodb;
mod histories;
mod idempotency;
mod jobs;
mod models;
mod package_groups;
mod quota_queue;
mod refusals;
mod rows;
mod sweep_position;
mod table;
mod valid_config;
mod waiting;

pub use arrivals::{Sequencer, VersionOrder};
pub use bucket_passes::{BucketPass, BucketRow};
pub use bursts::BurstRow;
pub use create_calls::{CreateCall, MAX_UNSEEN};
pub use dynamodb::DynamoTable;
pub use histories::{IdleUntil, RequestAnswer, UpdatedKind};
pub use idempotency::Execution;
pub use jobs::{JobOwner, Reuse};
pub use package_groups::{PackageGroupList, PackageGroupRow, PackageRule, PackageVersions};
pub use refusals::{MAX_PERMISSION_WAIT, MIN_REFUSALS, PERMISSION_RETRY};
pub use rows::{
    Arrival, ArrivalsRow, ArtifactCheck, ClaimRow, ContentRow, JobRow, ListingPass, ModelFailure, ModelRow, ModelState,
    QuotaWait, StatusSeen, SweepRow,
};
pub use table::{LedgerRow, LedgerTable, List, ListEntry, ListRange, Versioned};
pub use valid_config::ValidConfigRow;
pub use waiting::{MAX_COUNTED, ModelWait, ParkedSummary, WaitingModel, WaitingRow};

use std::time::Duration;

use jiff::{Span, Timestamp, ToSpan};
use neo::{ContentId, JobName, ModelId};
use worker::{CallError, CallErrorKind, Clock};

/// How long a row is kept after its last change: a year.
const RETENTION: fn() -> Span = || (365 * 24).hours();

/// Times a contended row is read and changed, before the whole record is retried.
const WRITE_TRIES: u32 = 8;

/// Pause before a contended row is read again; it grows with each further try.
const WRITE_PAUSE: Duration = Duration::from_millis(10);

/// Reads and writes the ledger table.
#[derive(Debug, Clone)]
pub struct Ledger<T> {
    table: T,
    clock: Clock,
}

impl<T: LedgerTable> Ledger<T> {
    pub fn new(table: T, clock: Clock) -> Self {
        Self { table, clock }
    }

    pub fn table(&self) -> &T {
        &self.table
    }

    async fn read_row<R: LedgerRow>(&self, key: &str) -> Result<Option<R>, CallError> {
        Ok(self.table.get_row(key).await?.map(|versioned| versioned.row))
    }

    async fn write_row<R: LedgerRow>(&self, key: &str, revision: Option<u64>, row: &R) -> Result<bool, CallError> {
        let expires_at = (self.clock)().saturating_add(RETENTION()).unwrap_or(Timestamp::MAX);
        self.table.put_row(key, revision, row, expires_at).await
    }

    /// Changes a row with `change`, which returns the new row, or `None` to leave it unchanged. If
    /// another writer was first, the row is read and changed again, [`WRITE_TRIES`] times at most.
    async fn update_row<R: LedgerRow>(
        &self,
        key: &str,
        change: impl Fn(Option<R>) -> Option<R> + Send,
    ) -> Result<UpdatedRow<R>, CallError> {
        for attempt in 0..WRITE_TRIES {
            if attempt > 0 {
                tokio::time::sleep(WRITE_PAUSE.saturating_mul(attempt)).await;
            }
            let current = self.table.get_row::<R>(key).await?;
            let revision = current.as_ref().map(|versioned| versioned.revision);
            let row = current.map(|versioned| versioned.row);
            let Some(changed) = change(row.clone()).map(LedgerRow::limit_size) else {
                return Ok(UpdatedRow { row, revision, written: false });
            };
            if self.write_row(key, revision, &changed).await? {
                let revision = Some(revision.unwrap_or(0) + 1);
                return Ok(UpdatedRow { row: Some(changed), revision, written: true });
            }
        }
        Err(contended_error(key))
    }
}

/// The result of [`Ledger::update_row`].
struct UpdatedRow<R> {
    /// The row as it is now; `None` if there is none.
    row: Option<R>,
    /// Number of times the row was written; `None` if there is none.
    revision: Option<u64>,
    /// Whether this update wrote it.
    written: bool,
}

fn model_key(id: &ModelId) -> String {
    format!("model#{id}")
}

fn job_key(name: &JobName) -> String {
    format!("job#{name}")
}

fn content_key(id: &ContentId) -> String {
    format!("content#{}", id.as_str())
}

fn contended_error(key: &str) -> CallError {
    let message = format!("other writers changed the row {key} {WRITE_TRIES} times in a row");
    CallError::new("PutItem", CallErrorKind::Contended, message)
}

#[cfg(test)]
mod tests {
    use worker::Failure;

    use super::*;

    #[test]
    fn contended_row_defers_the_record() {
        let failure = Failure::from(contended_error("waiting#m"));
        assert!(matches!(failure, Failure::Deferred { .. }), "no delivery is used up: {failure:?}");
    }
}
