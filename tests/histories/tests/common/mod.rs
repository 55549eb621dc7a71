//! An SQS queue, and its batches as Lambda delivers them to a function.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests; no test file uses all of this")]

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use automation::event::Event;
use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Map, Value, json};
use support::MemorySource;
use worker::{Failure, batch};

/// A message, how often it was delivered, and its message attributes.
#[derive(Debug, Clone)]
pub struct QueuedMessage {
    pub id: String,
    pub body: String,
    pub deliveries: u32,
    pub attributes: Map<String, Value>,
}

/// A queue and its dead-letter queue.
#[derive(Debug, Default)]
pub struct TestQueue {
    pub messages: VecDeque<QueuedMessage>,
    /// Message id and cause of each message in the dead-letter queue.
    pub dead_letters: Vec<(String, String)>,
    /// The waits between the deliveries of failed messages.
    pub waits: Vec<Duration>,
    /// The delays of the copies of messages that wait.
    pub delays: Vec<Duration>,
}

impl TestQueue {
    pub fn from_bodies(bodies: impl IntoIterator<Item = String>) -> Self {
        let messages = bodies.into_iter().enumerate();
        let messages = messages.map(|(number, body)| QueuedMessage {
            id: format!("m{number}"),
            body,
            deliveries: 0,
            attributes: Map::new(),
        });
        Self { messages: messages.collect(), ..Self::default() }
    }

    /// Delivers up to `count` messages as one batch to a function with this much time until its
    /// deadline. As in SQS, messages that are delayed or not processed return to the queue.
    pub async fn deliver_batch<H, F>(&mut self, count: usize, time: Duration, handle: H)
    where
        H: Fn(Event) -> F,
        F: Future<Output = Result<(), Failure>>,
    {
        let batch: Vec<_> = self.messages.drain(..count.min(self.messages.len())).collect();
        let records: Vec<_> = batch
            .iter()
            .map(|message| {
                json!({ "messageId": message.id, "body": message.body, "messageAttributes": message.attributes,
                        "attributes": { "ApproximateReceiveCount": (message.deliveries + 1).to_string() } })
            })
            .collect();
        let mut context = Context::default();
        let deadline = (SystemTime::now() + time).duration_since(SystemTime::UNIX_EPOCH).unwrap();
        context.deadline = deadline.as_millis().try_into().unwrap();
        let payload = serde_json::from_value(json!({ "Records": records })).unwrap();
        let source = MemorySource::default();
        let answer =
            batch::process_batch(&source, Timestamp::now, LambdaEvent { payload, context }, handle).await.unwrap();
        let failed: Vec<_> = answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        let (delayed, dead_letters) = (source.delayed.read().clone(), source.dead_letters.read().clone());
        self.delays.extend(source.delays.read().iter());
        self.waits.extend(source.retried.read().iter().map(|(_, wait)| *wait));
        for message in batch {
            if let Some(dead_letter) = dead_letters.iter().find(|(id, _)| *id == message.id) {
                self.dead_letters.push(dead_letter.clone());
            } else if let Some((_, history)) = delayed.iter().find(|(id, _)| *id == message.id) {
                // The function sends a copy, so SQS counts its deliveries from the start.
                let attributes = history
                    .attributes()
                    .map(|(name, kind, value)| (name.to_owned(), json!({ "dataType": kind, "stringValue": value })));
                let attributes = attributes.into_iter().collect();
                self.messages.push_back(QueuedMessage { deliveries: 0, attributes, ..message });
            } else if failed.contains(&message.id) {
                self.messages.push_back(QueuedMessage { deliveries: message.deliveries + 1, ..message });
            }
        }
    }
}
