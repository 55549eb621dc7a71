//! The table interface of the ledger: consistent reads, and writes that succeed only if the row
//! still has the revision that was read.

use std::fmt::Debug;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use worker::CallError;

/// A kind of row.
pub trait LedgerRow: Serialize + DeserializeOwned + Clone + Debug + Send + Sync {
    /// The row's current entry in a list; `None` for rows that are only read by their key.
    fn list_entry(&self) -> Option<ListEntry> {
        None
    }

    /// Limits what has no limit of its own, such as error messages and what a user's file contains.
    /// DynamoDB refuses an item of more than 400 KB.
    #[must_use]
    fn limit_size(self) -> Self {
        self
    }
}

/// A row's position in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListEntry {
    pub list: List,
    /// The number by which the list is ordered; for a list by time, milliseconds since the epoch.
    pub position: i64,
}

impl ListEntry {
    pub(crate) fn at_time(list: List, at: Timestamp) -> Self {
        Self { list, position: at.as_millisecond() }
    }
}

/// A list of rows, stored as an index of the table. It is eventually consistent: less than a second
/// behind the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Jobs that SageMaker has not accepted yet and that are not parked, by the time of their last
    /// change.
    RequestedJobs,
    /// Jobs whose requests are parked, by turn.
    ParkedRequests,
    /// Models that wait for SageMaker's quota, by the time since when, before a notification about
    /// it was published.
    Waits,
    /// The same after it was published.
    PublishedWaits,
    /// Running jobs of this stack, by the time of their last change.
    RunningJobs,
    /// Running jobs not started by this stack, by the time of their last change.
    ForeignRunningJobs,
    /// Finished jobs, by the time they finished.
    EndedJobs,
    /// Model versions, by the time they were planned.
    Models,
}

impl List {
    /// The name of the list in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestedJobs => "jobs-requested",
            Self::ParkedRequests => "requests-parked",
            Self::Waits => "waits",
            Self::PublishedWaits => "waits-published",
            Self::RunningJobs => "jobs-running",
            Self::ForeignRunningJobs => "jobs-running-foreign",
            Self::EndedJobs => "jobs-ended",
            Self::Models => "models",
        }
    }
}

/// Part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListRange {
    /// The newest rows, newest first.
    Newest,
    /// The rows after a time, oldest first.
    After(Timestamp),
}

impl ListRange {
    /// From the beginning of a list.
    pub(crate) fn first() -> Self {
        Self::After(Timestamp::MIN)
    }
}

/// A row with the revision that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<R> {
    /// Number of times the row was written.
    pub revision: u64,
    pub row: R,
}

/// A row whose content does not matter.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AnyRow {}

impl LedgerRow for AnyRow {}

/// A table of rows by key, with consistent reads.
pub trait LedgerTable: Sync {
    fn get_row<R: LedgerRow>(&self, key: &str) -> impl Future<Output = Result<Option<Versioned<R>>, CallError>> + Send;

    /// The rows of these keys, in any order. Keys without a row are skipped; a key must not occur
    /// twice.
    fn get_rows<R: LedgerRow>(&self, keys: &[String]) -> impl Future<Output = Result<Vec<R>, CallError>> + Send;

    /// At most `count` rows of a list.
    fn list_rows<R: LedgerRow>(
        &self,
        list: List,
        range: ListRange,
        count: usize,
    ) -> impl Future<Output = Result<Vec<R>, CallError>> + Send;

    /// The number of rows of a list, at most `max`.
    fn count_rows(&self, list: List, max: usize) -> impl Future<Output = Result<usize, CallError>> + Send {
        async move { Ok(self.list_rows::<AnyRow>(list, ListRange::first(), max).await?.len()) }
    }

    /// Writes a row if it still has the expected revision (`None`: if there is no row). Returns
    /// false if another writer was first.
    fn put_row<R: LedgerRow>(
        &self,
        key: &str,
        expected_revision: Option<u64>,
        row: &R,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;
}
