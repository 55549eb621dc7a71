//! What the ledger needs of a table: read, and write only over the revision that was read.

use std::fmt::Debug;

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::call::CallError;

/// A kind of row.
pub trait Row: Serialize + DeserializeOwned + Clone + Debug + Send + Sync {
    /// The list that the row stands in as long as it says so; none for rows that are only ever read by their key.
    fn entry(&self) -> Option<Entry> {
        None
    }
}

/// A row's place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The list.
    pub list: List,
    /// What the list is ordered by.
    pub at: Timestamp,
}

/// A list of rows, kept by an index of the table: it lags behind the rows by less than a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Jobs that have not ended, by the time of their last change.
    RunningJobs,
    /// Jobs that have ended, by the time they did.
    EndedJobs,
    /// Model versions, by the time they were decided over.
    Models,
}

impl List {
    /// As the table names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunningJobs => "jobs-running",
            Self::EndedJobs => "jobs-ended",
            Self::Models => "models",
        }
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The newest, newest first.
    Newest,
    /// Those after a time, oldest first.
    After(Timestamp),
}

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

    /// At most `count` rows of a list.
    fn list<R: Row>(
        &self,
        list: List,
        part: Part,
        count: usize,
    ) -> impl Future<Output = Result<Vec<R>, CallError>> + Send;

    /// Writes a row over the revision that was read (`None`: there was none); false if another writer was first.
    fn put<R: Row>(
        &self,
        key: &str,
        over: Option<u64>,
        row: &R,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;
}
