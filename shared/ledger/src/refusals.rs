//! For how long a service has been refusing something for a reason that may pass, such as a
//! permission that was given a moment ago.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerTable, table::LedgerRow};

/// How long a call is repeated that is refused for lack of a permission: a new role or policy takes
/// effect within minutes (IAM user guide, "Changes that I make are not always immediately
/// visible").
pub const MAX_PERMISSION_WAIT: SignedDuration = SignedDuration::from_mins(10);

/// Wait before such a call is repeated.
pub const PERMISSION_RETRY: Duration = Duration::from_mins(1);

/// A series of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct RefusalRow {
    since: Timestamp,
    last: Timestamp,
}

impl LedgerRow for RefusalRow {}

impl<T: LedgerTable> Ledger<T> {
    /// Records that the work identified by `id` was refused. Returns whether it has been refused
    /// for longer than [`MAX_PERMISSION_WAIT`].
    pub async fn record_refusal(&self, id: &str) -> Result<bool, CallError> {
        let now = (self.clock)();
        let extend = |row: Option<RefusalRow>| {
            // After a pause that long, the call was not repeated, or succeeded in between.
            let series = row.filter(|row| now.duration_since(row.last) <= MAX_PERMISSION_WAIT);
            Some(RefusalRow { since: series.map_or(now, |row| row.since), last: now })
        };
        let row = self.update_row(&format!("refused#{id}"), extend).await?.row;
        Ok(row.is_some_and(|row| now.duration_since(row.since) >= MAX_PERMISSION_WAIT))
    }
}
