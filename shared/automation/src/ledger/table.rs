//! What the ledger needs of a table: read, and write only over the revision that was read.

use std::fmt::Debug;

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::call::CallError;

/// A kind of row.
pub trait Row: Serialize + DeserializeOwned + Clone + Debug + Send + Sync {}

impl<R: Serialize + DeserializeOwned + Clone + Debug + Send + Sync> Row for R {}

/// A row and the revision that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<R> {
    /// Counts the writes of the row.
    pub revision: u64,
    /// The row.
    pub row: R,
}

/// A table of rows by key, with consistent reads.
pub trait Table: Sync {
    /// The row under a key.
    fn get<R: Row>(&self, key: &str) -> impl Future<Output = Result<Option<Versioned<R>>, CallError>> + Send;

    /// The rows under those keys that have one, in no order.
    fn get_all<R: Row>(&self, keys: &[String]) -> impl Future<Output = Result<Vec<R>, CallError>> + Send;

    /// Writes a row over the revision that was read (`None`: there was none); false if another writer was first.
    fn put<R: Row>(
        &self,
        key: &str,
        over: Option<u64>,
        row: &R,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;
}
