//! The ledger: one DynamoDB table that records what was planned, requested, observed and published.
//!
//! Every message can be delivered more than once and every function can crash at any point, so a
//! step must be safe to repeat. The ledger makes it so:
//!
//! - A decision is recorded before anything is sent or called. A redelivered message finds the
//!   decision and only repeats the action.
//! - Every write is conditional on the revision that was read. Two invocations never overwrite each
//!   other: the second one reads the row again and decides again. No transactions are needed.
//! - Rows expire a year after their last change, so the table does not grow without bound.
//!
//! | key | row | written by |
//! |---|---|---|
//! | `model#<id>` | [`ModelRow`]: one upload version and its jobs | plan-compilation |
//! | `content#<id>` | [`ContentRow`]: the job that compiled these bytes with these settings | plan-compilation |
//! | `arrivals#<id>` | [`ArrivalsRow`]: the versions of one key that supersede each other | plan-compilation |
//! | `job#<name>` | [`JobRow`]: one compilation job | every function |
//! | `notice#<id>` | [`ClaimRow`]: work that is done once, such as publishing a notification | every function that notifies |
//! | `waiting#<model id>` | [`WaitingRow`]: the wait of a model for SageMaker's quota; the requests that are parked are in the rows of their jobs | start-, relay-, sweep-compilations |
//! | `parked#turn` | the turn that the parked requests have reached | relay-, sweep-compilations |
//! | `parked#compilation-requests` | requests that an earlier release parked | sweep-compilations, which moves them |
//! | `refused#<id>` | since when a call is refused for lack of a permission | plan-, start-compilation |
//! | `app#<arn>`, `image#<name>`, `workteam#<name>` | the history of an app, image or work team: its versions and requested updates | maintain-partner-apps, maintain-images, maintain-workteams |
//! | `app#rest` | [`IdleUntil`]: until when scheduled runs have nothing to do | maintain-partner-apps |
//! | `burst#<topic ARN>` | [`BurstRow`]: messages to one topic that are published as one notification | relay-workteam |
//! | `config#checks-<n>` | since when the configuration is checked for what earlier releases accepted | every function that loads the configuration |
//! | `config#valid` | [`ValidConfigRow`]: the last configuration that was valid when it was loaded | every function that reads the configuration |
//! | `config#applied` | the version of the configuration that was applied last | plan-compilation |
//! | `bucket#<name>` | [`BucketRow`]: how far the list of a model bucket was searched for missed uploads | plan-compilation |
//! | `sweep#compilation-jobs` | [`SweepRow`]: the position of the sweep | sweep-compilations |
//!
//! Access patterns: a model version, a job or a claim by its key; the jobs of a model through its
//! row; running jobs, finished jobs and models by time, and parked requests by turn, through the index
//! `by-list` ([`List`]).

mod applied_config;
mod arrivals;
mod bucket_passes;
mod bursts;
mod config_checks;
mod dynamodb;
mod histories;
mod idempotency;
mod jobs;
mod models;
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
pub use dynamodb::DynamoTable;
pub use histories::{IdleUntil, RequestAnswer, UpdatedKind};
pub use idempotency::Execution;
pub use jobs::{JobOwner, Reuse};
pub use refusals::{MAX_PERMISSION_WAIT, PERMISSION_RETRY};
pub use rows::{
    Arrival, ArrivalsRow, ArtifactCheck, ClaimRow, ContentRow, JobRow, ListingPass, ModelRow, ModelState, QuotaWait,
    StatusSeen, SweepRow,
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
                return Ok(UpdatedRow { row, written: false });
            };
            if self.write_row(key, revision, &changed).await? {
                return Ok(UpdatedRow { row: Some(changed), written: true });
            }
        }
        Err(contended_error(key))
    }
}

/// The result of [`Ledger::update_row`].
struct UpdatedRow<R> {
    /// The row as it is now; `None` if there is none.
    row: Option<R>,
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
