//! How far reconciliation has read the lists of the model buckets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerRow, LedgerTable};

/// A model bucket whose list is read in passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketRow {
    /// Since when the stack knows the bucket: it does not answer older objects.
    pub first_seen: Timestamp,
    /// When the last complete pass started: it found every object that was due by then. Before the
    /// first pass, this is the time at which the bucket was first seen.
    pub found_until: Timestamp,
    /// The pass that is in progress.
    pub pass: Option<BucketPass>,
}

/// A pass over the list of a bucket. It can take several runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketPass {
    pub started_at: Timestamp,
    /// The key up to which the list was read; `None` at the start.
    pub last_key: Option<String>,
    /// Whether an object could not be checked: another pass checks the same objects again.
    #[serde(default)]
    pub is_incomplete: bool,
}

impl LedgerRow for BucketRow {}

impl<T: LedgerTable> Ledger<T> {
    /// The row of a bucket. A bucket without one is first seen now.
    pub async fn open_bucket(&self, bucket: &str, now: Timestamp) -> Result<BucketRow, CallError> {
        let first = BucketRow { first_seen: now, found_until: now, pass: None };
        let create = |row: Option<BucketRow>| row.is_none().then(|| first.clone());
        Ok(self.update_row(&bucket_key(bucket), create).await?.row.unwrap_or(first))
    }

    /// Records how far a run has read the list of a bucket, unless another run recorded something
    /// since `previous` was read.
    pub async fn record_bucket(&self, bucket: &str, previous: &BucketRow, row: &BucketRow) -> Result<(), CallError> {
        let record = |current: Option<BucketRow>| (current.as_ref() == Some(previous)).then(|| row.clone());
        self.update_row(&bucket_key(bucket), record).await.map(drop)
    }
}

fn bucket_key(bucket: &str) -> String {
    format!("bucket#{bucket}")
}
