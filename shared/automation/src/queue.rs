//! Queues: the one a function is fed from, and those it sends to.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use aws_lambda_events::sqs::SqsMessage;
use aws_sdk_sqs::{
    Client,
    types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry},
};
use jiff::Timestamp;
use serde_json::Value;

use crate::call::{CallError, Kind};

/// Longest delay SQS takes for a message (API reference, `DelaySeconds`).
const MAX_DELAY: Duration = Duration::from_mins(15);

/// Delays of a record after which it is given up: two weeks of the longest ones.
const MAX_DELAYS: u32 = 14 * 24 * 4;

/// Wait before the second delivery of a record that failed; each further one is twice as long.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// Most entries of one `SendMessageBatch` (API reference).
const BATCH_ENTRIES: usize = 10;

/// Longest cause kept with a dead letter: its attributes count towards the message's size.
const MAX_CAUSE: usize = 4096;

/// Message attribute: how often the record was delayed.
pub(crate) const DELAYS: &str = "delays";
/// Message attribute: when the record was first seen.
pub(crate) const FIRST_SEEN: &str = "first_seen";
/// Attribute of a dead letter: why it died.
pub(crate) const CAUSE: &str = "cause";
/// Attribute of a dead letter: what the logs name it by.
pub(crate) const CORRELATION_ID: &str = "correlation_id";
/// Attribute of a dead letter: who gave it up.
pub(crate) const FUNCTION: &str = "function";
/// Attribute of a dead letter: the id it had in its own queue.
pub(crate) const MESSAGE_ID: &str = "message_id";

/// The queue a batch came from.
pub trait SourceQueue: Sync {
    /// Lets the record wait, `first` the first time and longer from then on, without using up its deliveries; tells how long.
    fn delay(
        &self,
        record: &SqsMessage,
        first: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Duration, CallError>> + Send;

    /// Lets a record that failed come again soon, and not only when the queue's visibility timeout ends; tells when.
    fn retry(&self, record: &SqsMessage) -> impl Future<Output = Result<Duration, CallError>> + Send;

    /// Moves the record to the queue's dead-letter queue, with the cause.
    fn dead_letter(
        &self,
        record: &SqsMessage,
        correlation_id: &str,
        cause: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Whether SQS would move the record to the dead-letter queue, causeless, if it failed once more.
    fn is_last_delivery(&self, record: &SqsMessage) -> impl Future<Output = Result<bool, CallError>> + Send;
}

/// A queue that is sent to.
pub trait Sender: Sync {
    /// Sends every body, or fails.
    fn send(&self, bodies: Vec<String>) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// How long to wait after `before` earlier waits: doubling, with a tenth of jitter taken from the message's id so that a burst
/// spreads.
fn next_delay(first: Duration, before: u32, message_id: &str) -> Duration {
    let delay = first.saturating_mul(2_u32.saturating_pow(before)).min(MAX_DELAY);
    let spread = message_id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 100;
    delay.saturating_sub(delay * spread / 1000)
}

/// SQS waits whole seconds: a part of one is one.
pub(crate) fn whole_seconds(wait: Duration) -> i32 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(i32::MAX)
}

/// How often the record was delayed already.
fn delays(record: &SqsMessage) -> u32 {
    text_attribute(record, DELAYS).and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Whether the record was delayed for some two weeks, as long as SQS keeps a message: what has no room for it so long has none.
pub(crate) fn has_waited_long_enough(record: &SqsMessage) -> bool {
    delays(record) >= MAX_DELAYS
}

/// How often the record was delivered, this time included.
fn deliveries(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1).max(1)
}

fn text_attribute<'a>(record: &'a SqsMessage, name: &str) -> Option<&'a str> {
    record.message_attributes.get(name)?.string_value.as_deref()
}

fn first_seen(record: &SqsMessage, now: Timestamp) -> String {
    let sent =
        || record.attributes.get("SentTimestamp")?.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    text_attribute(record, FIRST_SEEN).map_or_else(|| sent().unwrap_or(now).to_string(), str::to_owned)
}

/// What is known of a source queue.
#[derive(Debug, Clone)]
struct Source {
    url: String,
    dead_letter_url: String,
    max_receive_count: u32,
}

/// Source queues as SQS has them, found through the records' own `eventSourceARN`.
#[derive(Debug)]
pub struct SqsSource {
    client: Client,
    known: Mutex<HashMap<String, Source>>,
}

impl SqsSource {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        Self { client, known: Mutex::default() }
    }

    async fn source(&self, record: &SqsMessage) -> Result<Source, CallError> {
        let arn = record.event_source_arn.as_deref().unwrap_or_default();
        let known = |known: &Mutex<HashMap<String, Source>>| known.lock().ok()?.get(arn).cloned();
        if let Some(source) = known(&self.known) {
            return Ok(source);
        }
        let url = url_of(&self.client, arn).await?;
        let attributes = self
            .client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::RedrivePolicy)
            .send()
            .await
            .map_err(|error| CallError::new("GetQueueAttributes", error))?;
        let policy = attributes.attributes().and_then(|all| all.get(&QueueAttributeName::RedrivePolicy));
        let policy: Value = policy.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let Some(dead_letter_arn) = policy["deadLetterTargetArn"].as_str() else {
            let message = format!("{arn} has no dead-letter queue; template.yaml gives it one");
            return Err(CallError::other("GetQueueAttributes", Kind::NotFound, message));
        };
        // CloudFormation keeps the count as it was written: a number or its text.
        let count = &policy["maxReceiveCount"];
        let count = count.as_u64().or_else(|| count.as_str()?.parse().ok());
        let source = Source {
            url,
            dead_letter_url: url_of(&self.client, dead_letter_arn).await?,
            max_receive_count: count.and_then(|count| count.try_into().ok()).unwrap_or(u32::MAX),
        };
        if let Ok(mut known) = self.known.lock() {
            known.insert(arn.to_owned(), source.clone());
        }
        Ok(source)
    }
}

/// The URL of the queue with this ARN.
pub(crate) async fn url_of(client: &Client, arn: &str) -> Result<String, CallError> {
    let mut tail = arn.rsplitn(3, ':');
    let (name, account) = (tail.next().unwrap_or_default(), tail.next().map(str::to_owned));
    url(client, name, account).await
}

/// The URL of the caller's queue of this name.
pub(crate) async fn url_of_name(client: &Client, name: &str) -> Result<String, CallError> {
    url(client, name, None).await
}

async fn url(client: &Client, name: &str, account: Option<String>) -> Result<String, CallError> {
    let answer = client.get_queue_url().queue_name(name).set_queue_owner_aws_account_id(account).send().await;
    let answer = answer.map_err(|error| CallError::new("GetQueueUrl", error))?;
    answer.queue_url.ok_or_else(|| CallError::other("GetQueueUrl", Kind::NotFound, format!("{name} has no URL")))
}

pub(crate) fn attribute(kind: &str, value: impl Into<String>) -> Result<MessageAttributeValue, CallError> {
    MessageAttributeValue::builder()
        .data_type(kind)
        .string_value(value)
        .build()
        .map_err(|error| CallError::other("SendMessage", Kind::Invalid, error.to_string()))
}

impl SourceQueue for SqsSource {
    async fn delay(&self, record: &SqsMessage, first: Duration, now: Timestamp) -> Result<Duration, CallError> {
        let source = self.source(record).await?;
        let count = delays(record);
        let wait = next_delay(first, count, record.message_id.as_deref().unwrap_or_default());
        self.client
            .send_message()
            .queue_url(source.url)
            .message_body(record.body.as_deref().unwrap_or_default())
            .delay_seconds(whole_seconds(wait))
            .message_attributes(DELAYS, attribute("Number", (count + 1).to_string())?)
            .message_attributes(FIRST_SEEN, attribute("String", first_seen(record, now))?)
            .send()
            .await
            .map_err(|error| CallError::new("SendMessage", error))?;
        Ok(wait)
    }

    async fn retry(&self, record: &SqsMessage) -> Result<Duration, CallError> {
        let source = self.source(record).await?;
        let wait = next_delay(RETRY_DELAY, deliveries(record) - 1, record.message_id.as_deref().unwrap_or_default());
        self.client
            .change_message_visibility()
            .queue_url(source.url)
            .receipt_handle(record.receipt_handle.as_deref().unwrap_or_default())
            .visibility_timeout(whole_seconds(wait))
            .send()
            .await
            .map_err(|error| CallError::new("ChangeMessageVisibility", error))?;
        Ok(wait)
    }

    async fn dead_letter(
        &self,
        record: &SqsMessage,
        correlation_id: &str,
        cause: &str,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let source = self.source(record).await?;
        let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "local".to_owned());
        let cause: String = cause.chars().filter(|c| !c.is_control() || *c == '\n').take(MAX_CAUSE).collect();
        self.client
            .send_message()
            .queue_url(source.dead_letter_url)
            .message_body(record.body.as_deref().unwrap_or_default())
            .message_attributes(CAUSE, attribute("String", cause)?)
            .message_attributes(CORRELATION_ID, attribute("String", correlation_id)?)
            .message_attributes(FUNCTION, attribute("String", function)?)
            .message_attributes(FIRST_SEEN, attribute("String", first_seen(record, now))?)
            .message_attributes(MESSAGE_ID, attribute("String", record.message_id.as_deref().unwrap_or("none"))?)
            .send()
            .await
            .map_err(|error| CallError::new("SendMessage", error))?;
        self.client
            .delete_message()
            .queue_url(source.url)
            .receipt_handle(record.receipt_handle.as_deref().unwrap_or_default())
            .send()
            .await
            .map_err(|error| CallError::new("DeleteMessage", error))?;
        Ok(())
    }

    async fn is_last_delivery(&self, record: &SqsMessage) -> Result<bool, CallError> {
        Ok(deliveries(record) >= self.source(record).await?.max_receive_count)
    }
}

/// One queue of SQS.
#[derive(Debug, Clone)]
pub struct SqsSender {
    client: Client,
    url: String,
}

impl SqsSender {
    /// Sends to the queue of this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }
}

impl Sender for SqsSender {
    async fn send(&self, bodies: Vec<String>) -> Result<(), CallError> {
        for batch in bodies.chunks(BATCH_ENTRIES) {
            let entries = batch.iter().enumerate().map(|(index, body)| {
                SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(body)
                    .build()
                    .map_err(|error| CallError::other("SendMessageBatch", Kind::Invalid, error.to_string()))
            });
            let answer = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.collect::<Result<_, _>>()?))
                .send()
                .await
                .map_err(|error| CallError::new("SendMessageBatch", error))?;
            if let Some(failed) = answer.failed().first() {
                let message = format!(
                    "{} of {} not sent: {}",
                    answer.failed().len(),
                    batch.len(),
                    failed.message().unwrap_or(failed.code())
                );
                return Err(CallError::other("SendMessageBatch", Kind::Unanswered, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn delays_grow_to_the_longest_and_spread() {
        let first = Duration::from_secs(5);
        let spread: Vec<_> = ["a", "b", "c", "d"].iter().map(|id| next_delay(first, 0, id)).collect();
        assert!(spread.iter().all(|delay| (first * 9 / 10..=first).contains(delay)), "{spread:?}");
        assert!(spread.windows(2).any(|pair| pair[0] != pair[1]));
        assert!(next_delay(first, 3, "a") > next_delay(first, 2, "a"));
        assert!((MAX_DELAY * 9 / 10..=MAX_DELAY).contains(&next_delay(first, 40, "a")));
    }

    #[test]
    fn a_part_of_a_second_is_one() {
        assert_eq!(whole_seconds(Duration::from_millis(900)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(5)), 5);
    }

    #[test]
    fn a_delayed_record_keeps_its_history() {
        let record: SqsMessage = serde_json::from_value(json!({
            "attributes": { "SentTimestamp": "1790000000000" },
            "messageAttributes": { "delays": { "stringValue": "4", "dataType": "Number" } },
        }))
        .unwrap();
        assert_eq!(delays(&record), 4);
        assert_eq!(first_seen(&record, Timestamp::UNIX_EPOCH), "2026-09-21T14:13:20Z");
    }
}
