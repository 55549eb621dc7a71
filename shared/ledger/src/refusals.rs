//! For how long a service has been refusing something for a reason that may pass, such as a
//! permission that was given a moment ago.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use neo::JobName;
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerTable, table::LedgerRow};

/// How long a call is repeated that is refused for lack of a permission: a new role or policy takes
/// effect within minutes (IAM user guide, "Changes that I make are not always immediately
/// visible").
pub const MAX_PERMISSION_WAIT: SignedDuration = SignedDuration::from_mins(10);

/// Wait before such a call is repeated.
pub const PERMISSION_RETRY: Duration = Duration::from_mins(1);

/// How often such a call is made at least: the times of a series come from the clocks of several
/// machines, which can differ.
pub const MIN_REFUSALS: u32 = 10;

/// Pause after which a refusal begins a new series: the call was not repeated, or succeeded in
/// between.
const SERIES_END: SignedDuration = SignedDuration::from_hours(3);

/// A series of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct RefusalRow {
    since: Timestamp,
    last: Timestamp,
    #[serde(default)]
    count: u32,
}

impl LedgerRow for RefusalRow {}

impl<T: LedgerTable> Ledger<T> {
    /// Records that the work identified by `id` was refused. Returns whether it has been refused
    /// for [`MAX_PERMISSION_WAIT`], and [`MIN_REFUSALS`] times.
    pub async fn record_refusal(&self, id: &str) -> Result<bool, CallError> {
        let now = (self.clock)();
        let row = self.extend_refusals(id, now).await?;
        let has_lasted = |row: RefusalRow| now.duration_since(row.since) >= MAX_PERMISSION_WAIT;
        Ok(row.is_some_and(|row| row.count >= MIN_REFUSALS && has_lasted(row)))
    }

    /// Records that SageMaker shows a version as not approved whose job is requested. Returns how
    /// often that was so.
    pub async fn record_missing_approval(&self, job: &JobName) -> Result<u32, CallError> {
        let row = self.extend_refusals(&format!("approval#{job}"), (self.clock)()).await?;
        Ok(row.map_or(0, |row| row.count))
    }

    async fn extend_refusals(&self, id: &str, now: Timestamp) -> Result<Option<RefusalRow>, CallError> {
        let extend = |row: Option<RefusalRow>| {
            let series = row.filter(|row| now.duration_since(row.last) <= SERIES_END);
            let (since, count) = series.map_or((now, 0), |row| (row.since.min(now), row.count));
            Some(RefusalRow { since, last: now, count: count.saturating_add(1) })
        };
        Ok(self.update_row(&format!("refused#{id}"), extend).await?.row)
    }
}
