//! The ledger table in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use ledger::{LedgerRow, LedgerTable, List, ListEntry, ListRange, Versioned};
use serde_json::Value;
use worker::{CallError, CallErrorKind};

use crate::Shared;

/// Maximum size of an item in bytes (DynamoDB developer guide, "Quotas").
const MAX_ITEM: usize = 400 * 1024;

/// The ledger table.
#[derive(Debug, Clone, Default)]
pub struct MemoryTable {
    /// Rows by key, with their revisions.
    pub rows: Shared<BTreeMap<String, (u64, Value)>>,
    lists: Shared<Lists>,
    /// How many of the next writes are throttled.
    pub throttled_writes: Shared<usize>,
    /// How many rows were read and written.
    pub touched_rows: Shared<usize>,
}

/// Which rows are in a list, in its order: a part of a long list is read without the rest.
#[derive(Debug, Clone, Default)]
struct Lists {
    /// List and position of each row that is in a list, by key.
    entries: HashMap<String, (List, i64)>,
    /// Position and key of each row.
    rows: HashMap<List, BTreeSet<(i64, String)>>,
}

impl Lists {
    fn replace_entry(&mut self, key: &str, entry: Option<ListEntry>) {
        if let Some((list, position)) = self.entries.remove(key) {
            self.rows.entry(list).or_default().remove(&(position, key.to_owned()));
        }
        if let Some(ListEntry { list, position }) = entry {
            self.entries.insert(key.to_owned(), (list, position));
            self.rows.entry(list).or_default().insert((position, key.to_owned()));
        }
    }

    /// The keys of at most `count` rows of a list.
    fn list_keys(&self, list: List, range: ListRange, count: usize) -> Vec<&String> {
        let Some(rows) = self.rows.get(&list) else { return Vec::new() };
        let keys: &mut dyn Iterator<Item = &(i64, String)> = match range {
            ListRange::Newest => &mut rows.iter().rev(),
            ListRange::After(time) => &mut rows.range((time.as_millisecond().saturating_add(1), String::new())..),
        };
        keys.take(count).map(|(_, key)| key).collect()
    }
}

impl MemoryTable {
    /// Writes a row as another release, or a person, may have written it.
    pub fn put_json(&self, key: &str, revision: u64, row: Value) {
        self.rows.lock().insert(key.to_owned(), (revision, row));
    }

    /// An independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            rows: self.rows.fork(),
            lists: self.lists.fork(),
            throttled_writes: self.throttled_writes.fork(),
            touched_rows: self.touched_rows.fork(),
        }
    }

    fn count_touched(&self, rows: usize) {
        *self.touched_rows.lock() += rows;
    }
}

impl LedgerTable for MemoryTable {
    async fn get_row<R: LedgerRow>(&self, key: &str) -> Result<Option<Versioned<R>>, CallError> {
        self.count_touched(1);
        let found = self.rows.lock().get(key).cloned();
        found.map(|(revision, row)| Ok(Versioned { revision, row: decode_row(row)? })).transpose()
    }

    async fn get_rows<R: LedgerRow>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        self.count_touched(keys.len());
        let rows = self.rows.lock();
        if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
            return Err(CallError::new("BatchGetItem", CallErrorKind::Invalid, "the list of keys contains duplicates"));
        }
        keys.iter().filter_map(|key| rows.get(key)).map(|(_, row)| decode_row(row.clone())).collect()
    }

    async fn list_rows<R: LedgerRow>(&self, list: List, range: ListRange, count: usize) -> Result<Vec<R>, CallError> {
        let rows = self.rows.lock();
        let lists = self.lists.lock();
        let listed: Vec<_> = lists.list_keys(list, range, count).into_iter().filter_map(|key| rows.get(key)).collect();
        self.count_touched(listed.len());
        listed.into_iter().map(|(_, row)| decode_row(row.clone())).collect()
    }

    async fn put_row<R: LedgerRow>(
        &self,
        key: &str,
        expected_revision: Option<u64>,
        row: &R,
        _: Timestamp,
    ) -> Result<bool, CallError> {
        self.count_touched(1);
        let throttled = self.throttled_writes.get();
        if throttled > 0 {
            self.throttled_writes.set(throttled - 1);
            return Err(CallError::new("PutItem", CallErrorKind::Throttled, "rate exceeded"));
        }
        let entry = row.list_entry();
        let row = encode_row(row)?;
        if row.to_string().len() > MAX_ITEM {
            let message = "Item size has exceeded the maximum allowed size";
            return Err(CallError::new("PutItem", CallErrorKind::Invalid, message));
        }
        let mut rows = self.rows.lock();
        let revision = rows.get(key).map(|(revision, _)| *revision);
        if revision == expected_revision {
            rows.insert(key.to_owned(), (expected_revision.unwrap_or(0) + 1, row));
            self.lists.lock().replace_entry(key, entry);
        }
        Ok(revision == expected_revision)
    }
}

fn encode_row<R: LedgerRow>(row: &R) -> Result<Value, CallError> {
    serde_json::to_value(row).map_err(|error| CallError::local(CallErrorKind::Invalid, error.to_string()))
}

fn decode_row<R: LedgerRow>(value: Value) -> Result<R, CallError> {
    serde_json::from_value(value).map_err(|error| CallError::local(CallErrorKind::Invalid, error.to_string()))
}
