//! Since when the configuration is checked for errors that earlier releases accepted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerRow, LedgerTable};

/// A release that adds a check increments the number: what was in use until then is active.
const CHECKS_KEY: &str = "config#checks-1";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ConfigChecksRow {
    since: Timestamp,
}

impl LedgerRow for ConfigChecksRow {}

impl<T: LedgerTable> Ledger<T> {
    /// When the document that was in use when the stack first loaded its configuration with these
    /// checks was uploaded, by the clock of S3. `newest` is the upload time of the newest document,
    /// if there is one: it is in use if the stack has not done so before. Every later document is
    /// new.
    pub async fn record_config_checks(&self, newest: Option<Timestamp>) -> Result<Timestamp, CallError> {
        let since = newest.unwrap_or(Timestamp::UNIX_EPOCH);
        // Written each time, so that the row does not expire while it is used.
        let begin = |row: Option<ConfigChecksRow>| Some(row.unwrap_or(ConfigChecksRow { since }));
        Ok(self.update_row(CHECKS_KEY, begin).await?.row.map_or(since, |row| row.since))
    }
}
