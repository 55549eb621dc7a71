//! Queues: the one a batch came from, and those a function sends to.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::{
    Client,
    types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry},
};
use serde_json::Value;
use tracing::warn;

use crate::{
    backoff::whole_seconds,
    delivery_history::{DeliveryHistory, FIRST_SEEN},
    env::function_name,
    error::{CallError, CallErrorKind, format_chain},
};

/// Maximum number of entries in one `SendMessageBatch` (API reference).
const MAX_BATCH_ENTRIES: usize = 10;

/// Longest cause stored in a dead-letter queue, in characters: attributes count towards the
/// message's size.
const MAX_CAUSE: usize = 4096;

/// Message attribute in a dead-letter queue: why the record failed.
pub(crate) const CAUSE: &str = "cause";
/// Message attribute in a dead-letter queue: the correlation id of the log lines.
pub(crate) const CORRELATION_ID: &str = "correlation_id";
/// Message attribute in a dead-letter queue: the function that dead-lettered the record.
pub(crate) const FUNCTION: &str = "function";
/// Message attribute in a dead-letter queue: the id the record had in its source queue.
pub(crate) const MESSAGE_ID: &str = "message_id";

/// The queue a batch came from.
pub trait SourceQueue: Sync {
    /// Sends a copy of the record that becomes visible after `wait` and carries `history`. The copy
    /// takes the place of the record, so this does not use up a delivery.
    fn delay_record(
        &self,
        record: &SqsMessage,
        history: &DeliveryHistory,
        wait: Duration,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Makes a failed record visible again after `wait`, rather than when the queue's visibility
    /// timeout ends.
    fn retry_record(&self, record: &SqsMessage, wait: Duration) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Moves the record to the queue's dead-letter queue, with the cause. A record that was sent
    /// there but could not be deleted counts as moved.
    fn dead_letter_record(
        &self,
        record: &SqsMessage,
        history: &DeliveryHistory,
        correlation_id: &str,
        cause: &str,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// How often SQS delivers a record of this queue before it moves the record to the dead-letter
    /// queue, without a cause.
    fn max_receive_count(&self, record: &SqsMessage) -> impl Future<Output = Result<u32, CallError>> + Send;
}

/// A queue that is sent to.
pub trait Sender: Sync {
    /// Sends every body, or fails.
    fn send_bodies(&self, bodies: Vec<String>) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// The attributes of a source queue that matter here.
#[derive(Debug, Clone)]
struct SourceQueueAttributes {
    url: String,
    dead_letter_url: String,
    max_receive_count: u32,
}

/// Source queues in SQS, looked up by the `eventSourceARN` of their records.
#[derive(Debug)]
pub struct SqsSourceQueue {
    client: Client,
    known: Mutex<HashMap<String, SourceQueueAttributes>>,
}

impl SqsSourceQueue {
    pub fn new(client: Client) -> Self {
        Self { client, known: Mutex::default() }
    }

    async fn find_attributes(&self, record: &SqsMessage) -> Result<SourceQueueAttributes, CallError> {
        let arn = record.event_source_arn.as_deref().unwrap_or_default();
        let known = |known: &Mutex<HashMap<String, SourceQueueAttributes>>| known.lock().ok()?.get(arn).cloned();
        if let Some(source) = known(&self.known) {
            return Ok(source);
        }
        let url = find_url_by_arn(&self.client, arn).await?;
        let attributes = self
            .client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::RedrivePolicy)
            .send()
            .await
            .map_err(|error| CallError::from_sdk("GetQueueAttributes", error))?;
        let policy = attributes.attributes().and_then(|all| all.get(&QueueAttributeName::RedrivePolicy));
        let policy: Value = policy.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let Some(dead_letter_arn) = policy["deadLetterTargetArn"].as_str() else {
            let message = format!("{arn} has no dead-letter queue; template.yaml gives it one");
            return Err(CallError::new("GetQueueAttributes", CallErrorKind::NotFound, message));
        };
        // CloudFormation keeps the count as it was written: a number or its text.
        let count = &policy["maxReceiveCount"];
        let count = count.as_u64().or_else(|| count.as_str()?.parse().ok());
        let source = SourceQueueAttributes {
            url,
            dead_letter_url: find_url_by_arn(&self.client, dead_letter_arn).await?,
            max_receive_count: count.and_then(|count| count.try_into().ok()).unwrap_or(u32::MAX),
        };
        if let Ok(mut known) = self.known.lock() {
            known.insert(arn.to_owned(), source.clone());
        }
        Ok(source)
    }
}

/// The URL of the queue with this ARN.
pub(crate) async fn find_url_by_arn(client: &Client, arn: &str) -> Result<String, CallError> {
    let mut tail = arn.rsplitn(3, ':');
    let (name, account) = (tail.next().unwrap_or_default(), tail.next().map(str::to_owned));
    find_url(client, name, account).await
}

/// The URL of the queue with this name in the caller's account.
pub(crate) async fn find_url_by_name(client: &Client, name: &str) -> Result<String, CallError> {
    find_url(client, name, None).await
}

async fn find_url(client: &Client, name: &str, account: Option<String>) -> Result<String, CallError> {
    let response = client.get_queue_url().queue_name(name).set_queue_owner_aws_account_id(account).send().await;
    let response = response.map_err(|error| CallError::from_sdk("GetQueueUrl", error))?;
    response
        .queue_url
        .ok_or_else(|| CallError::new("GetQueueUrl", CallErrorKind::NotFound, format!("{name} has no URL")))
}

pub(crate) fn build_attribute(kind: &str, value: impl Into<String>) -> Result<MessageAttributeValue, CallError> {
    MessageAttributeValue::builder()
        .data_type(kind)
        .string_value(value)
        .build()
        .map_err(|error| CallError::new("SendMessage", CallErrorKind::Invalid, error.to_string()))
}

impl SourceQueue for SqsSourceQueue {
    async fn delay_record(
        &self,
        record: &SqsMessage,
        history: &DeliveryHistory,
        wait: Duration,
    ) -> Result<(), CallError> {
        let source = self.find_attributes(record).await?;
        let mut copy = self
            .client
            .send_message()
            .queue_url(source.url)
            .message_body(record.body.as_deref().unwrap_or_default())
            .delay_seconds(whole_seconds(wait));
        for (name, kind, value) in history.attributes() {
            copy = copy.message_attributes(name, build_attribute(kind, value)?);
        }
        copy.send().await.map_err(|error| CallError::from_sdk("SendMessage", error))?;
        Ok(())
    }

    async fn retry_record(&self, record: &SqsMessage, wait: Duration) -> Result<(), CallError> {
        let source = self.find_attributes(record).await?;
        self.client
            .change_message_visibility()
            .queue_url(source.url)
            .receipt_handle(record.receipt_handle.as_deref().unwrap_or_default())
            .visibility_timeout(whole_seconds(wait))
            .send()
            .await
            .map_err(|error| CallError::from_sdk("ChangeMessageVisibility", error))?;
        Ok(())
    }

    async fn dead_letter_record(
        &self,
        record: &SqsMessage,
        history: &DeliveryHistory,
        correlation_id: &str,
        cause: &str,
    ) -> Result<(), CallError> {
        let source = self.find_attributes(record).await?;
        let function = function_name();
        let cause: String = cause.chars().filter(|c| !c.is_control() || *c == '\n').take(MAX_CAUSE).collect();
        self.client
            .send_message()
            .queue_url(source.dead_letter_url)
            .message_body(record.body.as_deref().unwrap_or_default())
            .message_attributes(CAUSE, build_attribute("String", cause)?)
            .message_attributes(CORRELATION_ID, build_attribute("String", correlation_id)?)
            .message_attributes(FUNCTION, build_attribute("String", function)?)
            .message_attributes(FIRST_SEEN, build_attribute("String", history.first_seen.to_string())?)
            .message_attributes(MESSAGE_ID, build_attribute("String", record.message_id.as_deref().unwrap_or("none"))?)
            .send()
            .await
            .map_err(|error| CallError::from_sdk("SendMessage", error))?;
        let deleted = self
            .client
            .delete_message()
            .queue_url(source.url)
            .receipt_handle(record.receipt_handle.as_deref().unwrap_or_default())
            .send()
            .await;
        if let Err(error) = deleted {
            let error = format_chain(&CallError::from_sdk("DeleteMessage", error));
            warn!(error, "Record not deleted from its queue; it will be redelivered, and dead-lettered again");
        }
        Ok(())
    }

    async fn max_receive_count(&self, record: &SqsMessage) -> Result<u32, CallError> {
        Ok(self.find_attributes(record).await?.max_receive_count)
    }
}

/// One SQS queue.
#[derive(Debug, Clone)]
pub struct SqsSender {
    client: Client,
    url: String,
}

impl SqsSender {
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }
}

impl Sender for SqsSender {
    async fn send_bodies(&self, bodies: Vec<String>) -> Result<(), CallError> {
        for batch in bodies.chunks(MAX_BATCH_ENTRIES) {
            let entries = batch.iter().enumerate().map(|(index, body)| {
                SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(body)
                    .build()
                    .map_err(|error| CallError::new("SendMessageBatch", CallErrorKind::Invalid, error.to_string()))
            });
            let response = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.collect::<Result<_, _>>()?))
                .send()
                .await
                .map_err(|error| CallError::from_sdk("SendMessageBatch", error))?;
            if let Some(failed) = response.failed().first() {
                let message = format!(
                    "{} of {} not sent: {}",
                    response.failed().len(),
                    batch.len(),
                    failed.message().unwrap_or(failed.code())
                );
                return Err(CallError::new("SendMessageBatch", CallErrorKind::Unanswered, message));
            }
        }
        Ok(())
    }
}
