//! The ledger's table in DynamoDB.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, KeysAndAttributes},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::{List, Part, Row, Table, Versioned};
use crate::call::{CallError, Kind};

/// Most keys of one `BatchGetItem` (API reference).
const BATCH_KEYS: usize = 100;

/// An item as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item<R> {
    pk: String,
    revision: u64,
    /// Seconds since the epoch, as DynamoDB's time to live wants it.
    expires_at: i64,
    row: R,
    /// The keys of the index [`BY_LIST`]; rows without them are not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list: Option<String>,
    /// Milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

/// The index of the table by list and time.
const BY_LIST: &str = "by-list";

/// A table of DynamoDB with the string key `pk`, and the index `by-list` over `list` and the number `at`.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    client: Client,
    name: String,
}

impl DynamoTable {
    /// The table of this name.
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }
}

fn key(pk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk.to_owned()))])
}

fn unreadable(error: &serde_dynamo::Error) -> CallError {
    CallError::other("ledger row", Kind::Unanswered, error.to_string())
}

impl Table for DynamoTable {
    async fn get<R: Row>(&self, pk: &str) -> Result<Option<Versioned<R>>, CallError> {
        let answer =
            self.client.get_item().table_name(&self.name).set_key(Some(key(pk))).consistent_read(true).send().await;
        let Some(item) = answer.map_err(|error| CallError::new("GetItem", error))?.item else {
            return Ok(None);
        };
        let item: Item<R> = serde_dynamo::from_item(item).map_err(|error| unreadable(&error))?;
        Ok(Some(Versioned { revision: item.revision, row: item.row }))
    }

    async fn get_all<R: Row>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        let mut rows = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH_KEYS) {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(chunk.iter().map(|pk| key(pk)).collect()))
                .consistent_read(true)
                .build()
                .map_err(|error| CallError::other("BatchGetItem", Kind::Invalid, error.to_string()))?;
            let mut open = Some(HashMap::from([(self.name.clone(), wanted)]));
            while let Some(request) = open.take() {
                let answer = self.client.batch_get_item().set_request_items(Some(request)).send().await;
                let answer = answer.map_err(|error| CallError::new("BatchGetItem", error))?;
                for item in answer.responses.into_iter().flat_map(HashMap::into_values).flatten() {
                    rows.push(serde_dynamo::from_item::<_, Item<R>>(item).map_err(|error| unreadable(&error))?.row);
                }
                open = answer.unprocessed_keys.filter(|keys| !keys.is_empty());
            }
        }
        Ok(rows)
    }

    async fn list<R: Row>(&self, list: List, part: Part, count: usize) -> Result<Vec<R>, CallError> {
        let after = match part {
            Part::Newest => i64::MIN,
            Part::After(time) => time.as_millisecond(),
        };
        let mut rows = Vec::new();
        let mut from = None;
        while rows.len() < count {
            let query = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(BY_LIST)
                // Names are reserved words of DynamoDB's.
                .key_condition_expression("#list = :list AND #at > :after")
                .expression_attribute_names("#list", "list")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(":list", AttributeValue::S(list.as_str().to_owned()))
                .expression_attribute_values(":after", AttributeValue::N(after.to_string()))
                .scan_index_forward(part != Part::Newest)
                .limit(i32::try_from(count - rows.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(from);
            let answer = query.send().await.map_err(|error| CallError::new("Query", error))?;
            for item in answer.items.unwrap_or_default() {
                rows.push(serde_dynamo::from_item::<_, Item<R>>(item).map_err(|error| unreadable(&error))?.row);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(rows)
    }

    async fn put<R: Row>(
        &self,
        pk: &str,
        over: Option<u64>,
        row: &R,
        expires_at: Timestamp,
    ) -> Result<bool, CallError> {
        let entry = row.entry();
        let item = Item {
            pk: pk.to_owned(),
            revision: over.unwrap_or(0) + 1,
            expires_at: expires_at.as_second(),
            row,
            list: entry.map(|entry| entry.list.as_str().to_owned()),
            at: entry.map(|entry| entry.at.as_millisecond()),
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(serde_dynamo::to_item(item).map_err(|error| unreadable(&error))?));
        let put = match over {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(revision) => put
                .condition_expression("revision = :read")
                .expression_attribute_values(":read", AttributeValue::N(revision.to_string())),
        };
        match put.send().await.map_err(|error| CallError::new("PutItem", error)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind == Kind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }
}
