//! Dead letters: looked at, and sent back to where they came from.

use std::{collections::HashMap, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName},
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    call::{CallError, Kind},
    queue::{self, CAUSE, CORRELATION_ID, FIRST_SEEN, FUNCTION},
};

/// How long letters that were looked at are hidden from others: longer than ten are sent back.
const HELD: Duration = Duration::from_mins(5);

/// Wait for letters that a part of the queue does not show at once.
const LONG_POLL: Duration = Duration::from_secs(1);

/// Most messages of one `ReceiveMessage` (API reference).
const RECEIVED: i32 = 10;

/// Attributes that tell of a letter's death: ours, and those of EventBridge and its Scheduler (their user guides, dead-letter
/// queues). They do not go back with it, so that a letter that dies again has room for new ones.
const OF_ITS_DEATH: [&str; 11] = [
    CAUSE,
    CORRELATION_ID,
    FUNCTION,
    queue::DELAYS,
    queue::MESSAGE_ID,
    "RULE_ARN",
    TARGET_ARN,
    ERROR_CODE,
    ERROR_MESSAGE,
    "EXHAUSTED_RETRY_CONDITION",
    "RETRY_ATTEMPTS",
];

/// Attribute by which EventBridge names the target that an event was for.
const TARGET_ARN: &str = "TARGET_ARN";
/// Attributes by which it tells why the event could not be delivered.
const ERROR_CODE: &str = "ERROR_CODE";
const ERROR_MESSAGE: &str = "ERROR_MESSAGE";

/// A message that nobody could work off.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    message: Message,
}

impl DeadLetter {
    /// Why it died, as whoever gave it up says.
    pub fn cause(&self) -> String {
        let told =
            self.attribute(CAUSE).or_else(|| self.attribute(ERROR_MESSAGE)).or_else(|| self.attribute(ERROR_CODE));
        told.unwrap_or("unknown: its function ended before it could say").to_owned()
    }

    /// The function that gave it up; none if the queue itself or EventBridge did.
    pub fn function(&self) -> Option<&str> {
        self.attribute(FUNCTION)
    }

    /// The model or the message that it is about, as the logs name it.
    pub fn correlation_id(&self) -> &str {
        self.attribute(CORRELATION_ID).or(self.message.message_id()).unwrap_or_default()
    }

    /// The id of the message, which it keeps as long as it lies in this queue.
    pub fn message_id(&self) -> &str {
        self.message.message_id().unwrap_or_default()
    }

    /// When it was first sent; for a letter that SQS itself moved, to the queue it died in.
    pub fn first_seen(&self) -> Option<Timestamp> {
        self.attribute(FIRST_SEEN).and_then(|time| time.parse().ok()).or_else(|| self.sent_at())
    }

    /// When it came into this queue, or, if SQS itself moved it, into its own.
    pub fn sent_at(&self) -> Option<Timestamp> {
        let sent = self.message.attributes()?.get(&MessageSystemAttributeName::SentTimestamp)?;
        Timestamp::from_millisecond(sent.parse().ok()?).ok()
    }

    /// What it says.
    pub fn body(&self) -> &str {
        self.message.body().unwrap_or_default()
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.message.message_attributes()?.get(name)?.string_value()
    }

    /// What goes back with it: what came with it, and when it was first seen.
    fn kept(&self) -> Result<HashMap<String, MessageAttributeValue>, CallError> {
        let mut kept = self.message.message_attributes().cloned().unwrap_or_default();
        kept.retain(|name, _| !OF_ITS_DEATH.contains(&name.as_str()));
        if let Some(seen) = self.first_seen().filter(|_| !kept.contains_key(FIRST_SEEN)) {
            kept.insert(FIRST_SEEN.to_owned(), queue::attribute("String", seen.to_string())?);
        }
        Ok(kept)
    }
}

/// A dead-letter queue.
#[derive(Debug)]
pub struct DeadLetters {
    client: Client,
    url: String,
    /// The queues it serves.
    sources: Vec<String>,
}

impl DeadLetters {
    /// The dead-letter queue of this URL or name.
    ///
    /// # Errors
    /// A kind of `NotFound` if there is no such queue, `Invalid` if it has a dead-letter queue itself.
    pub async fn open(client: Client, name: &str) -> Result<Self, CallError> {
        let url = if name.contains("://") { name.to_owned() } else { queue::url_of_name(&client, name).await? };
        let attributes = client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::RedrivePolicy)
            .send()
            .await;
        let attributes = attributes.map_err(|error| CallError::new("GetQueueAttributes", error))?;
        let policy = attributes.attributes().and_then(|all| all.get(&QueueAttributeName::RedrivePolicy));
        if let Some(policy) = policy.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            let message = format!("{name} is no dead-letter queue: its own is {}", policy["deadLetterTargetArn"]);
            return Err(CallError::other("GetQueueAttributes", Kind::Invalid, message));
        }
        let mut sources = Vec::new();
        let mut pages = client.list_dead_letter_source_queues().queue_url(&url).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::new("ListDeadLetterSourceQueues", error))?;
            sources.extend(page.queue_urls);
        }
        Ok(Self { client, url, sources })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes letters out to be looked at, at most `count` and at most ten; none if there are no more. Others do not see them for
    /// five minutes. Each is sent and deleted, or given back.
    pub async fn take(&self, count: usize) -> Result<Vec<DeadLetter>, CallError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(RECEIVED.min(count.try_into().unwrap_or(RECEIVED)))
            .visibility_timeout(queue::whole_seconds(HELD))
            .wait_time_seconds(queue::whole_seconds(LONG_POLL))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await;
        let messages = answer.map_err(|error| CallError::new("ReceiveMessage", error))?.messages.unwrap_or_default();
        Ok(messages.into_iter().map(|message| DeadLetter { message }).collect())
    }

    /// Sends a letter to the queue it came from; it stays here too. Returns the URL it was sent to.
    pub async fn send(&self, letter: &DeadLetter) -> Result<String, CallError> {
        let url = self.destination(letter).await?;
        self.client
            .send_message()
            .queue_url(&url)
            .message_body(letter.body())
            .set_message_attributes(Some(letter.kept()?))
            .send()
            .await
            .map_err(|error| CallError::new("SendMessage", error))?;
        Ok(url)
    }

    /// Deletes a letter that was sent. Should that fail, it may be sent twice, and that does no harm.
    pub async fn delete(&self, letter: &DeadLetter) -> Result<(), CallError> {
        self.client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(letter.message.receipt_handle().unwrap_or_default())
            .send()
            .await
            .map_err(|error| CallError::new("DeleteMessage", error))?;
        Ok(())
    }

    /// Lets others see a letter again.
    pub async fn give_back(&self, letter: &DeadLetter) -> Result<(), CallError> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(letter.message.receipt_handle().unwrap_or_default())
            .visibility_timeout(0)
            .send()
            .await
            .map_err(|error| CallError::new("ChangeMessageVisibility", error))?;
        Ok(())
    }

    /// Where a letter goes back to: the queue that this one serves, or the one that EventBridge could not put it on.
    async fn destination(&self, letter: &DeadLetter) -> Result<String, CallError> {
        let nowhere = |message: String| Err(CallError::other("redrive", Kind::Invalid, message));
        match (self.sources.as_slice(), letter.attribute(TARGET_ARN)) {
            (_, Some(arn)) if arn.contains(":sqs:") => queue::url_of(&self.client, arn).await,
            (_, Some(arn)) => nowhere(format!("it was for {arn}, which is no queue: what calls it will call it again")),
            ([source], None) => Ok(source.clone()),
            ([], None) => nowhere(format!("no queue has {} as its dead-letter queue", self.url)),
            (several, None) => nowhere(format!("it may be of any of {}", several.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(attributes: &[(&str, &str)]) -> DeadLetter {
        let mut message = Message::builder().message_id("m-1").body("{}");
        for (name, value) in attributes {
            message = message.message_attributes(*name, queue::attribute("String", *value).unwrap());
        }
        let sent = (MessageSystemAttributeName::SentTimestamp, "1790000000000".to_owned());
        DeadLetter { message: message.attributes(sent.0, sent.1).build() }
    }

    #[test]
    fn what_tells_of_its_death_does_not_go_back_with_it() {
        let ours = [
            ("cause", "no"),
            ("correlation_id", "model"),
            ("function", "plan"),
            ("message_id", "m-0"),
            ("delays", "3"),
            ("first_seen", "2026-09-20T00:00:00Z"),
            ("trace", "somebody else's"),
        ];
        let told = letter(&ours);
        let kept = told.kept().unwrap();
        let mut names: Vec<_> = kept.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["first_seen", "trace"]);
        assert_eq!(kept["first_seen"].string_value(), Some("2026-09-20T00:00:00Z"));
        assert_eq!((told.cause().as_str(), told.function(), told.correlation_id()), ("no", Some("plan"), "model"));
    }

    #[test]
    fn a_letter_that_sqs_moved_or_eventbridge_sent_is_told_as_far_as_it_is_known() {
        let moved = letter(&[]);
        assert!(moved.cause().starts_with("unknown"), "{}", moved.cause());
        assert_eq!(moved.correlation_id(), "m-1");
        assert_eq!(moved.kept().unwrap()["first_seen"].string_value(), Some("2026-09-21T14:13:20Z"));
        let event = letter(&[("ERROR_CODE", "NO_PERMISSIONS"), ("TARGET_ARN", "arn:aws:sqs:eu-west-1:1:uploads")]);
        assert_eq!(event.cause(), "NO_PERMISSIONS");
        assert_eq!(event.kept().unwrap().len(), 1);
    }
}
