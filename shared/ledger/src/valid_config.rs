//! The last configuration that was valid when it was loaded.

use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerRow, LedgerTable};

const VALID_CONFIG_KEY: &str = "config#valid";

/// A configuration that was valid when it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidConfigRow {
    /// Its S3 version id; `None` in a bucket without versioning.
    pub version: Option<String>,
}

impl LedgerRow for ValidConfigRow {}

impl<T: LedgerTable> Ledger<T> {
    /// The last valid configuration that was loaded; `None` if there was none.
    pub async fn find_valid_config(&self) -> Result<Option<ValidConfigRow>, CallError> {
        self.read_row(VALID_CONFIG_KEY).await
    }

    pub async fn record_valid_config(&self, valid: &ValidConfigRow) -> Result<(), CallError> {
        let record = |row: Option<ValidConfigRow>| (row.as_ref() != Some(valid)).then(|| valid.clone());
        self.update_row(VALID_CONFIG_KEY, record).await.map(drop)
    }
}
