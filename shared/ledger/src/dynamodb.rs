//! The ledger table in DynamoDB.

use std::{
    collections::HashMap,
    hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, query::builders::QueryFluentBuilder},
    types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure, Select},
};
use futures::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use worker::{CallError, CallErrorKind};

use crate::table::{LedgerRow, LedgerTable, List, ListRange, Versioned};

/// Maximum number of keys of one `BatchGetItem` (API reference).
const MAX_BATCH_KEYS: usize = 100;

/// Times that the keys of a batch are requested. DynamoDB answers a throttled `BatchGetItem` with
/// success and the keys that it did not read, which the SDK does not retry.
const BATCH_TRIES: u32 = 6;

/// Pause before keys that were not read are requested again; it doubles each time.
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// An item of the table.
#[derive(Debug, Serialize, Deserialize)]
struct Item<R> {
    pk: String,
    revision: u64,
    /// Identifies the write of this revision; missing in items of earlier releases.
    #[serde(default)]
    write_id: String,
    /// Seconds since the epoch, as required by DynamoDB's time to live.
    expires_at: i64,
    row: R,
    /// Partition key of the index [`BY_LIST`]; the index contains only rows that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list: Option<String>,
    /// Sort key of the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

/// The global secondary index by list and time.
const BY_LIST: &str = "by-list";

/// Partitions of the index per list: DynamoDB writes at most 1,000 units a second to a partition.
const SHARDS: u64 = 4;

fn partition_key(list: List, shard: u64) -> String {
    format!("{}#{shard}", list.as_str())
}

/// All partitions of a list; earlier releases wrote to the first one.
fn partition_keys(list: List) -> Vec<String> {
    let shards = (0..SHARDS).map(|shard| partition_key(list, shard));
    std::iter::once(list.as_str().to_owned()).chain(shards).collect()
}

/// The partition of a row is stored with the row, so the hash may differ between releases.
fn shard_of(pk: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    pk.hash(&mut hasher);
    hasher.finish() % SHARDS
}

/// A DynamoDB table with the string partition key `pk`, and the index `by-list` with the string
/// partition key `list` and the number sort key `at`.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    client: Client,
    name: String,
}

impl DynamoTable {
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }
}

fn primary_key(pk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk.to_owned()))])
}

fn conversion_error(error: &serde_dynamo::Error) -> CallError {
    CallError::local(CallErrorKind::Unanswered, error.to_string())
}

/// An id that no other write has: the hashers of the standard library have random keys.
fn new_write_id() -> String {
    let random = || RandomState::new().hash_one(());
    format!("{:016x}{:016x}", random(), random())
}

/// Whether a conditional write failed because it had succeeded before: the SDK sends a request
/// again whose response was lost, and its condition then fails on the item that it wrote itself.
fn is_own_write<R>(error: &SdkError<PutItemError, R>, write_id: &str) -> bool {
    let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else { return false };
    let stored = failed.item().and_then(|item| item.get("write_id"));
    stored.and_then(|stored| stored.as_s().ok()).is_some_and(|stored| stored == write_id)
}

impl DynamoTable {
    fn build_query(&self, partition: String, range: ListRange) -> QueryFluentBuilder {
        let after = match range {
            ListRange::Newest => i64::MIN,
            ListRange::After(time) => time.as_millisecond(),
        };
        self.client
            .query()
            .table_name(&self.name)
            .index_name(BY_LIST)
            // `list` and `at` are reserved words in DynamoDB expressions.
            .key_condition_expression("#list = :list AND #at > :after")
            .expression_attribute_names("#list", "list")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":list", AttributeValue::S(partition))
            .expression_attribute_values(":after", AttributeValue::N(after.to_string()))
            .scan_index_forward(range != ListRange::Newest)
    }

    /// At most `count` rows of one partition of a list, with their positions.
    async fn query_partition<R: LedgerRow>(
        &self,
        partition: String,
        range: ListRange,
        count: usize,
    ) -> Result<Vec<(i64, R)>, CallError> {
        let mut rows = Vec::new();
        let mut start_key = None;
        while rows.len() < count {
            let limit = i32::try_from(count - rows.len()).unwrap_or(i32::MAX);
            let query = self.build_query(partition.clone(), range).limit(limit).set_exclusive_start_key(start_key);
            let response = query.send().await.map_err(|error| CallError::from_sdk("Query", error))?;
            for item in response.items.unwrap_or_default() {
                let item: Item<R> = serde_dynamo::from_item(item).map_err(|error| conversion_error(&error))?;
                rows.push((item.at.unwrap_or(0), item.row));
            }
            start_key = response.last_evaluated_key;
            if start_key.is_none() {
                break;
            }
        }
        Ok(rows)
    }
}

impl LedgerTable for DynamoTable {
    async fn get_row<R: LedgerRow>(&self, pk: &str) -> Result<Option<Versioned<R>>, CallError> {
        let response = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(primary_key(pk)))
            .consistent_read(true)
            .send()
            .await;
        let Some(item) = response.map_err(|error| CallError::from_sdk("GetItem", error))?.item else {
            return Ok(None);
        };
        let item: Item<R> = serde_dynamo::from_item(item).map_err(|error| conversion_error(&error))?;
        Ok(Some(Versioned { revision: item.revision, row: item.row }))
    }

    async fn get_rows<R: LedgerRow>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        let mut rows = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(MAX_BATCH_KEYS) {
            let requested = KeysAndAttributes::builder()
                .set_keys(Some(chunk.iter().map(|pk| primary_key(pk)).collect()))
                .consistent_read(true)
                .build()
                .map_err(|error| CallError::new("BatchGetItem", CallErrorKind::Invalid, error.to_string()))?;
            let mut unprocessed = Some(HashMap::from([(self.name.clone(), requested)]));
            let mut tries = 0;
            while let Some(request) = unprocessed.take() {
                if tries == BATCH_TRIES {
                    let message = format!("keys were not read in {BATCH_TRIES} requests: the table throttles");
                    return Err(CallError::new("BatchGetItem", CallErrorKind::Throttled, message));
                }
                if tries > 0 {
                    tokio::time::sleep(BATCH_PAUSE * 2_u32.pow(tries - 1)).await;
                }
                tries += 1;
                let response = self.client.batch_get_item().set_request_items(Some(request)).send().await;
                let response = response.map_err(|error| CallError::from_sdk("BatchGetItem", error))?;
                for item in response.responses.into_iter().flat_map(HashMap::into_values).flatten() {
                    rows.push(
                        serde_dynamo::from_item::<_, Item<R>>(item).map_err(|error| conversion_error(&error))?.row,
                    );
                }
                unprocessed = response.unprocessed_keys.filter(|keys| !keys.is_empty());
            }
        }
        Ok(rows)
    }

    async fn list_rows<R: LedgerRow>(&self, list: List, range: ListRange, count: usize) -> Result<Vec<R>, CallError> {
        let queries = partition_keys(list).into_iter().map(|partition| self.query_partition(partition, range, count));
        let mut rows: Vec<(i64, R)> = try_join_all(queries).await?.into_iter().flatten().collect();
        rows.sort_by_key(|(at, _)| *at);
        if range == ListRange::Newest {
            rows.reverse();
        }
        Ok(rows.into_iter().take(count).map(|(_, row)| row).collect())
    }

    async fn count_rows(&self, list: List, max: usize) -> Result<usize, CallError> {
        let mut count = 0;
        for partition in partition_keys(list) {
            let mut start_key = None;
            while count < max {
                let query = self.build_query(partition.clone(), ListRange::first()).select(Select::Count);
                let response = query.set_exclusive_start_key(start_key).send().await;
                let response = response.map_err(|error| CallError::from_sdk("Query", error))?;
                count += usize::try_from(response.count).unwrap_or(0);
                start_key = response.last_evaluated_key;
                if start_key.is_none() {
                    break;
                }
            }
        }
        Ok(count.min(max))
    }

    async fn put_row<R: LedgerRow>(
        &self,
        pk: &str,
        expected_revision: Option<u64>,
        row: &R,
        expires_at: Timestamp,
    ) -> Result<bool, CallError> {
        let entry = row.list_entry();
        let item = Item {
            pk: pk.to_owned(),
            revision: expected_revision.unwrap_or(0) + 1,
            write_id: new_write_id(),
            expires_at: expires_at.as_second(),
            row,
            list: entry.map(|entry| partition_key(entry.list, shard_of(pk))),
            at: entry.map(|entry| entry.position),
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(serde_dynamo::to_item(&item).map_err(|error| conversion_error(&error))?))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match expected_revision {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(revision) => put
                .condition_expression("revision = :expected")
                .expression_attribute_values(":expected", AttributeValue::N(revision.to_string())),
        };
        let Err(error) = put.send().await else { return Ok(true) };
        if is_own_write(&error, &item.write_id) {
            return Ok(true);
        }
        let error = CallError::from_sdk("PutItem", error);
        if error.kind == CallErrorKind::Conflict { Ok(false) } else { Err(error) }
    }
}
