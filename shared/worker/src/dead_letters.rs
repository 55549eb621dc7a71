//! Dead-letter queues: reading their messages, and redriving them to the queues they came from.

use std::{collections::HashMap, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{
        Message, MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
        MessageSystemAttributeValue, QueueAttributeName,
    },
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    backoff::whole_seconds,
    delivery_history::{DELAYS, FAILURES, FIRST_SEEN, INTERRUPTIONS},
    error::{CallError, CallErrorKind},
    queue::{self, CAUSE, CORRELATION_ID, FUNCTION},
};

/// How long messages that were read are hidden from other consumers: longer than redriving ten of
/// them takes.
const VISIBILITY_TIMEOUT: Duration = Duration::from_mins(5);

/// Wait for messages on SQS servers that a short poll would not query.
const LONG_POLL: Duration = Duration::from_secs(1);

/// Maximum number of messages in one `ReceiveMessage` (API reference).
const MAX_RECEIVED: i32 = 10;

/// Attributes that describe the failure: those of this crate, of EventBridge and of EventBridge
/// Scheduler (their user guides, dead-letter queues). They are not redriven, so that a message that
/// fails again has room for new ones.
const FAILURE_ATTRIBUTES: [&str; 13] = [
    CAUSE,
    CORRELATION_ID,
    FUNCTION,
    DELAYS,
    FAILURES,
    INTERRUPTIONS,
    queue::MESSAGE_ID,
    "RULE_ARN",
    TARGET_ARN,
    ERROR_CODE,
    ERROR_MESSAGE,
    "EXHAUSTED_RETRY_CONDITION",
    "RETRY_ATTEMPTS",
];

/// Attribute in which EventBridge names the target of an event.
const TARGET_ARN: &str = "TARGET_ARN";
/// Attributes in which EventBridge says why the event could not be delivered.
const ERROR_CODE: &str = "ERROR_CODE";
const ERROR_MESSAGE: &str = "ERROR_MESSAGE";

/// A message in a dead-letter queue.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    message: Message,
}

impl DeadLetter {
    /// Why it failed, as the function or EventBridge recorded it.
    pub fn cause(&self) -> String {
        let recorded = self
            .text_attribute(CAUSE)
            .or_else(|| self.text_attribute(ERROR_MESSAGE))
            .or_else(|| self.text_attribute(ERROR_CODE));
        recorded.unwrap_or("unknown: the function stopped before recording a cause").to_owned()
    }

    /// The function that dead-lettered it; `None` if SQS or EventBridge moved it.
    pub fn function(&self) -> Option<&str> {
        self.text_attribute(FUNCTION)
    }

    /// The correlation id of its log lines; the message id if the function recorded none.
    pub fn correlation_id(&self) -> &str {
        self.text_attribute(CORRELATION_ID).or(self.message.message_id()).unwrap_or_default()
    }

    /// Its message id in this queue.
    pub fn message_id(&self) -> &str {
        self.message.message_id().unwrap_or_default()
    }

    /// When it was first sent; if SQS moved it, when it was sent to its source queue.
    pub fn first_seen(&self) -> Option<Timestamp> {
        self.text_attribute(FIRST_SEEN).and_then(|time| time.parse().ok()).or_else(|| self.sent_at())
    }

    /// When it was sent to this queue; if SQS moved it, to its source queue.
    pub fn sent_at(&self) -> Option<Timestamp> {
        let sent = self.message.attributes()?.get(&MessageSystemAttributeName::SentTimestamp)?;
        Timestamp::from_millisecond(sent.parse().ok()?).ok()
    }

    pub fn body(&self) -> &str {
        self.message.body().unwrap_or_default()
    }

    fn text_attribute(&self, name: &str) -> Option<&str> {
        self.message.message_attributes()?.get(name)?.string_value()
    }

    /// The attributes that are redriven: the original ones, and when it was first seen.
    fn kept_attributes(&self) -> Result<HashMap<String, MessageAttributeValue>, CallError> {
        let mut kept = self.message.message_attributes().cloned().unwrap_or_default();
        kept.retain(|name, _| !FAILURE_ATTRIBUTES.contains(&name.as_str()));
        if let Some(seen) = self.first_seen().filter(|_| !kept.contains_key(FIRST_SEEN)) {
            kept.insert(FIRST_SEEN.to_owned(), queue::build_attribute("String", seen.to_string())?);
        }
        Ok(kept)
    }

    /// The AWS X-Ray trace it belongs to, which is redriven too. A function's own messages need no
    /// such attribute: SQS sets it from the header that the SDK sends in a function.
    fn trace(&self) -> Option<MessageSystemAttributeValue> {
        let header = self.message.attributes()?.get(&MessageSystemAttributeName::AwsTraceHeader)?;
        MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().ok()
    }
}

/// A dead-letter queue.
#[derive(Debug)]
pub struct DeadLetterQueue {
    client: Client,
    url: String,
    /// URLs of the queues that it is the dead-letter queue of.
    sources: Vec<String>,
}

impl DeadLetterQueue {
    /// Opens the dead-letter queue with this URL or name.
    ///
    /// # Errors
    /// Of kind `NotFound` if there is no such queue, `Invalid` if it has a dead-letter queue
    /// itself.
    pub async fn open(client: Client, name: &str) -> Result<Self, CallError> {
        let url = if name.contains("://") { name.to_owned() } else { queue::find_url_by_name(&client, name).await? };
        let attributes = client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::RedrivePolicy)
            .send()
            .await;
        let attributes = attributes.map_err(|error| CallError::from_sdk("GetQueueAttributes", error))?;
        let policy = attributes.attributes().and_then(|all| all.get(&QueueAttributeName::RedrivePolicy));
        if let Some(policy) = policy.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            let message =
                format!("{name} is not a dead-letter queue: it has one itself, {}", policy["deadLetterTargetArn"]);
            return Err(CallError::new("GetQueueAttributes", CallErrorKind::Invalid, message));
        }
        let mut sources = Vec::new();
        let mut pages = client.list_dead_letter_source_queues().queue_url(&url).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::from_sdk("ListDeadLetterSourceQueues", error))?;
            sources.extend(page.queue_urls);
        }
        Ok(Self { client, url, sources })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Receives at most `count` messages, and at most ten; an empty list if there are no more.
    /// Other consumers do not see them for five minutes. Each has to be sent and deleted, or
    /// released.
    pub async fn receive_messages(&self, count: usize) -> Result<Vec<DeadLetter>, CallError> {
        let response = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(MAX_RECEIVED.min(count.try_into().unwrap_or(MAX_RECEIVED)))
            .visibility_timeout(whole_seconds(VISIBILITY_TIMEOUT))
            .wait_time_seconds(whole_seconds(LONG_POLL))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await;
        let messages =
            response.map_err(|error| CallError::from_sdk("ReceiveMessage", error))?.messages.unwrap_or_default();
        Ok(messages.into_iter().map(|message| DeadLetter { message }).collect())
    }

    /// Sends a message to the queue it came from, without deleting it here. Returns the URL it was
    /// sent to.
    pub async fn send_to_source(&self, message: &DeadLetter) -> Result<String, CallError> {
        let url = self.find_destination(message).await?;
        let mut copy = self
            .client
            .send_message()
            .queue_url(&url)
            .message_body(message.body())
            .set_message_attributes(Some(message.kept_attributes()?));
        if let Some(trace) = message.trace() {
            copy = copy.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, trace);
        }
        copy.send().await.map_err(|error| CallError::from_sdk("SendMessage", error))?;
        Ok(url)
    }

    /// Deletes a message that was sent. If that fails, the message may be redriven twice, which is
    /// safe.
    pub async fn delete_message(&self, message: &DeadLetter) -> Result<(), CallError> {
        self.client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(message.message.receipt_handle().unwrap_or_default())
            .send()
            .await
            .map_err(|error| CallError::from_sdk("DeleteMessage", error))?;
        Ok(())
    }

    /// Makes a message visible to other consumers again.
    pub async fn release_message(&self, message: &DeadLetter) -> Result<(), CallError> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(message.message.receipt_handle().unwrap_or_default())
            .visibility_timeout(0)
            .send()
            .await
            .map_err(|error| CallError::from_sdk("ChangeMessageVisibility", error))?;
        Ok(())
    }

    /// The URL a message is redriven to: the source queue, or the queue to which EventBridge could
    /// not deliver it.
    async fn find_destination(&self, message: &DeadLetter) -> Result<String, CallError> {
        let no_destination = |message: String| Err(CallError::local(CallErrorKind::Invalid, message));
        match (self.sources.as_slice(), message.text_attribute(TARGET_ARN)) {
            (_, Some(arn)) if arn.contains(":sqs:") => queue::find_url_by_arn(&self.client, arn).await,
            (_, Some(arn)) => no_destination(format!(
                "its target {arn} is not a queue; the schedule that invokes it will invoke it again"
            )),
            ([source], None) => Ok(source.clone()),
            ([], None) => no_destination(format!("no queue has {} as its dead-letter queue", self.url)),
            (several, None) => {
                no_destination(format!("it may have come from any of these queues: {}", several.join(", ")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead_letter(attributes: &[(&str, &str)]) -> DeadLetter {
        let mut message = Message::builder().message_id("m-1").body("{}");
        for (name, value) in attributes {
            message = message.message_attributes(*name, queue::build_attribute("String", *value).unwrap());
        }
        let sent = (MessageSystemAttributeName::SentTimestamp, "1790000000000".to_owned());
        DeadLetter { message: message.attributes(sent.0, sent.1).build() }
    }

    #[test]
    fn failure_attributes_are_not_redriven() {
        let ours = [
            ("cause", "no"),
            ("correlation_id", "model"),
            ("function", "plan"),
            ("message_id", "m-0"),
            ("delays", "3"),
            ("failures", "2"),
            ("interruptions", "1"),
            ("first_seen", "2026-09-20T00:00:00Z"),
            ("trace", "another tool's"),
        ];
        let failed = dead_letter(&ours);
        let kept = failed.kept_attributes().unwrap();
        let mut names: Vec<_> = kept.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["first_seen", "trace"]);
        assert_eq!(kept["first_seen"].string_value(), Some("2026-09-20T00:00:00Z"));
        assert_eq!(
            (failed.cause().as_str(), failed.function(), failed.correlation_id()),
            ("no", Some("plan"), "model")
        );
    }

    #[test]
    fn messages_moved_by_sqs_or_eventbridge_show_what_is_known() {
        let moved = dead_letter(&[]);
        assert!(moved.cause().starts_with("unknown"), "{}", moved.cause());
        assert_eq!(moved.correlation_id(), "m-1");
        assert_eq!(moved.kept_attributes().unwrap()["first_seen"].string_value(), Some("2026-09-21T14:13:20Z"));
        let event = dead_letter(&[("ERROR_CODE", "NO_PERMISSIONS"), ("TARGET_ARN", "arn:aws:sqs:eu-west-1:1:uploads")]);
        assert_eq!(event.cause(), "NO_PERMISSIONS");
        assert_eq!(event.kept_attributes().unwrap().len(), 1);
    }
}
