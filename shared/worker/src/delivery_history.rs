//! What a record carries about its earlier deliveries.
//!
//! SQS counts the deliveries of a message. A delayed record is a new message, whose count starts
//! again, so the counts go on in attributes of the copy. Otherwise, a record that fails and waits
//! in turns would never reach the dead-letter queue.

use aws_lambda_events::sqs::SqsMessage;
use jiff::Timestamp;

use crate::backoff::MAX_DELAYS;

/// Message attribute: how often the record was delayed.
pub(crate) const DELAYS: &str = "delays";
/// Message attribute: how many deliveries of the record failed.
pub(crate) const FAILURES: &str = "failures";
/// Message attribute: how many deliveries were interrupted.
pub(crate) const INTERRUPTIONS: &str = "interruptions";
/// Message attribute: when the record was first seen.
pub(crate) const FIRST_SEEN: &str = "first_seen";

/// The earlier deliveries of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryHistory {
    /// How often the record was delayed with exponential backoff.
    pub delays: u32,
    /// How many deliveries failed.
    pub failures: u32,
    /// How many deliveries reached the deadline of an invocation that processed other records, too.
    pub interruptions: u32,
    /// When the record was first sent.
    pub first_seen: Timestamp,
}

impl DeliveryHistory {
    /// Reads the history from the attributes of a record; `now` is used if SQS did not add when the
    /// record was sent.
    pub fn from_record(record: &SqsMessage, now: Timestamp) -> Self {
        let count = |name| text_attribute(record, name).and_then(|count| count.parse().ok()).unwrap_or(0_u32);
        let sent = || Timestamp::from_millisecond(record.attributes.get("SentTimestamp")?.parse().ok()?).ok();
        let seen = text_attribute(record, FIRST_SEEN).and_then(|time| time.parse().ok());
        Self {
            delays: count(DELAYS),
            failures: count(FAILURES).saturating_add(receive_count(record) - 1),
            interruptions: count(INTERRUPTIONS),
            first_seen: seen.or_else(sent).unwrap_or(now),
        }
    }

    /// The attributes of a copy of the record: name, data type and value.
    pub fn attributes(&self) -> [(&'static str, &'static str, String); 4] {
        [
            (DELAYS, "Number", self.delays.to_string()),
            (FAILURES, "Number", self.failures.to_string()),
            (INTERRUPTIONS, "Number", self.interruptions.to_string()),
            (FIRST_SEEN, "String", self.first_seen.to_string()),
        ]
    }

    /// Whether the record was delayed for about two weeks, the longest time SQS keeps a message: no
    /// further delay will help.
    pub(crate) fn exceeds_max_delays(&self) -> bool {
        self.delays >= MAX_DELAYS
    }
}

/// How often the record was delivered, including this delivery.
fn receive_count(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1).max(1)
}

fn text_attribute<'a>(record: &'a SqsMessage, name: &str) -> Option<&'a str> {
    record.message_attributes.get(name)?.string_value.as_deref()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn copy_continues_the_counts_of_its_record() {
        let record: SqsMessage = serde_json::from_value(json!({
            "attributes": { "SentTimestamp": "1790000000000", "ApproximateReceiveCount": "3" },
            "messageAttributes": {
                "delays": { "stringValue": "4", "dataType": "Number" },
                "failures": { "stringValue": "1", "dataType": "Number" },
                "interruptions": { "stringValue": "2", "dataType": "Number" },
            },
        }))
        .unwrap();
        let history = DeliveryHistory::from_record(&record, Timestamp::UNIX_EPOCH);
        let first_seen = "2026-09-21T14:13:20Z".parse().unwrap();
        assert_eq!(history, DeliveryHistory { delays: 4, failures: 3, interruptions: 2, first_seen });

        let attributes: serde_json::Map<_, _> = history
            .attributes()
            .into_iter()
            .map(|(name, kind, value)| (name.to_owned(), json!({ "stringValue": value, "dataType": kind })))
            .collect();
        let copy: SqsMessage = serde_json::from_value(json!({
            "attributes": { "ApproximateReceiveCount": "1" }, "messageAttributes": attributes,
        }))
        .unwrap();
        assert_eq!(DeliveryHistory::from_record(&copy, Timestamp::UNIX_EPOCH), history);
    }
}
