//! Queues in memory.

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use jiff::Timestamp;
use worker::{
    CallError,
    backoff::Backoff,
    queue::{Sender, SourceQueue},
};

use crate::Shared;

/// A queue that functions send to.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    /// Bodies, oldest first.
    pub bodies: Shared<Vec<String>>,
}

impl Sender for MemoryQueue {
    async fn send_bodies(&self, bodies: Vec<String>) -> Result<(), CallError> {
        self.bodies.lock().extend(bodies);
        Ok(())
    }
}

/// The queue a batch came from, with a `maxReceiveCount` of 3.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    /// Ids of the delayed records.
    pub delayed: Shared<Vec<String>>,
    /// Ids of the records moved to the dead-letter queue, with their causes.
    pub dead_letters: Shared<Vec<(String, String)>>,
}

fn message_id(record: &SqsMessage) -> String {
    record.message_id.clone().unwrap_or_default()
}

impl SourceQueue for MemorySource {
    async fn delay_record(&self, record: &SqsMessage, _: Backoff, _: Timestamp) -> Result<Duration, CallError> {
        self.delayed.lock().push(message_id(record));
        Ok(Duration::from_secs(1))
    }

    async fn retry_record(&self, _: &SqsMessage) -> Result<Duration, CallError> {
        Ok(Duration::from_secs(1))
    }

    async fn dead_letter_record(
        &self,
        record: &SqsMessage,
        _: &str,
        cause: &str,
        _: Timestamp,
    ) -> Result<(), CallError> {
        self.dead_letters.lock().push((message_id(record), cause.to_owned()));
        Ok(())
    }

    async fn is_last_delivery(&self, record: &SqsMessage) -> Result<bool, CallError> {
        Ok(record.attributes.get("ApproximateReceiveCount").is_some_and(|count| count == "3"))
    }
}
