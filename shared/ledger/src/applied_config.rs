//! The version of the configuration that was applied last.

use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerRow, LedgerTable};

const APPLIED_CONFIG_KEY: &str = "config#applied";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AppliedConfigRow {
    version: String,
}

impl LedgerRow for AppliedConfigRow {}

impl<T: LedgerTable> Ledger<T> {
    /// The S3 version id of the configuration that was applied last, or its entity tag in a bucket
    /// without versioning; `None` if none was.
    pub async fn find_applied_config(&self) -> Result<Option<String>, CallError> {
        Ok(self.read_row::<AppliedConfigRow>(APPLIED_CONFIG_KEY).await?.map(|row| row.version))
    }

    pub async fn record_applied_config(&self, version: &str) -> Result<(), CallError> {
        let applied = AppliedConfigRow { version: version.to_owned() };
        let record = |row: Option<AppliedConfigRow>| (row.as_ref() != Some(&applied)).then(|| applied.clone());
        self.update_row(APPLIED_CONFIG_KEY, record).await.map(drop)
    }
}
