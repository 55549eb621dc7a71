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
    /// The time at which the stack first loaded its configuration with these checks: now, if it has
    /// not done so before. A document that was uploaded earlier is in use.
    pub async fn record_config_checks(&self) -> Result<Timestamp, CallError> {
        let now = (self.clock)();
        // Written each time, so that the row does not expire while it is used.
        let begin = |row: Option<ConfigChecksRow>| Some(row.unwrap_or(ConfigChecksRow { since: now }));
        Ok(self.update_row(CHECKS_KEY, begin).await?.row.map_or(now, |row| row.since))
    }
}
