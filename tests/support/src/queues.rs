//! Queues in memory.

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use worker::{
    CallError, CallErrorKind,
    delivery_history::DeliveryHistory,
    queue::{Sender, SourceQueue},
};

use crate::Shared;

/// A queue that functions send to.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    /// Bodies, oldest first.
    pub bodies: Shared<Vec<String>>,
    /// How the next calls fail, the last one first; `None` for a call that succeeds.
    pub failures: Shared<Vec<Option<CallErrorKind>>>,
}

impl MemoryQueue {
    /// An independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { bodies: self.bodies.fork(), failures: self.failures.fork() }
    }
}

impl Sender for MemoryQueue {
    async fn send_bodies(&self, bodies: Vec<String>) -> Result<(), CallError> {
        if let Some(kind) = self.failures.lock().pop().flatten() {
            return Err(CallError::new("SendMessageBatch", kind, "SQS rejects the call"));
        }
        self.bodies.lock().extend(bodies);
        Ok(())
    }
}

/// The queue a batch came from, with the template's `maxReceiveCount`.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    /// Ids of the delayed records, with what their copies carry.
    pub delayed: Shared<Vec<(String, DeliveryHistory)>>,
    /// The delays of these copies.
    pub delays: Shared<Vec<Duration>>,
    /// Ids of the failed records, with the wait before their next delivery.
    pub retried: Shared<Vec<(String, Duration)>>,
    /// Ids of the records moved to the dead-letter queue, with their causes.
    pub dead_letters: Shared<Vec<(String, String)>>,
}

/// `maxReceiveCount` of every queue in template.yaml.
const MAX_RECEIVE_COUNT: u32 = 5;

fn message_id(record: &SqsMessage) -> String {
    record.message_id.clone().unwrap_or_default()
}

impl SourceQueue for MemorySource {
    async fn delay_record(
        &self,
        record: &SqsMessage,
        history: &DeliveryHistory,
        delay: Duration,
    ) -> Result<(), CallError> {
        self.delayed.lock().push((message_id(record), history.clone()));
        self.delays.lock().push(delay);
        Ok(())
    }

    async fn retry_record(&self, record: &SqsMessage, wait: Duration) -> Result<(), CallError> {
        self.retried.lock().push((message_id(record), wait));
        Ok(())
    }

    async fn dead_letter_record(
        &self,
        record: &SqsMessage,
        _: &DeliveryHistory,
        _: &str,
        cause: &str,
    ) -> Result<(), CallError> {
        self.dead_letters.lock().push((message_id(record), cause.to_owned()));
        Ok(())
    }

    async fn max_receive_count(&self, _: &SqsMessage) -> Result<u32, CallError> {
        Ok(MAX_RECEIVE_COUNT)
    }
}
