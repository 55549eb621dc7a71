//! A queue of messages and the batches that Lambda makes of them.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests; not every test uses all of it")]

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use automation::{
    batch::{self, Failure},
    event::Event,
    memory::MemorySource,
};
use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;

/// A message, and how often it was delivered before.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub id: String,
    pub body: String,
    pub deliveries: u32,
}

/// A queue, and what became of its messages.
#[derive(Debug, Default)]
pub struct Queue {
    pub waiting: VecDeque<Waiting>,
    /// Message ids and causes.
    pub dead: Vec<(String, String)>,
}

impl Queue {
    pub fn of(bodies: impl IntoIterator<Item = String>) -> Self {
        let waiting = bodies.into_iter().enumerate();
        let waiting = waiting.map(|(number, body)| Waiting { id: format!("m{number}"), body, deliveries: 0 });
        Self { waiting: waiting.collect(), dead: Vec::new() }
    }

    /// Delivers up to `count` messages as one batch to a function that has this much time. What it delays or does not finish waits
    /// again, as SQS would have it.
    pub async fn deliver<H, F>(&mut self, count: usize, time: Duration, handle: H)
    where
        H: Fn(Event) -> F,
        F: Future<Output = Result<(), Failure>>,
    {
        let batch: Vec<_> = self.waiting.drain(..count.min(self.waiting.len())).collect();
        let records: Vec<_> = batch
            .iter()
            .map(|message| {
                json!({ "messageId": message.id, "body": message.body,
                        "attributes": { "ApproximateReceiveCount": (message.deliveries + 1).to_string() } })
            })
            .collect();
        let mut context = Context::default();
        let deadline = (SystemTime::now() + time).duration_since(SystemTime::UNIX_EPOCH).unwrap();
        context.deadline = deadline.as_millis().try_into().unwrap();
        let payload = serde_json::from_value(json!({ "Records": records })).unwrap();
        let source = MemorySource::default();
        let answer = batch::run(&source, Timestamp::now, LambdaEvent { payload, context }, handle).await.unwrap();
        let failed: Vec<_> = answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        let (delayed, dead) = (source.delayed.lock().clone(), source.dead_letters.lock().clone());
        for message in batch {
            if let Some(letter) = dead.iter().find(|(id, _)| *id == message.id) {
                self.dead.push(letter.clone());
            } else if delayed.contains(&message.id) {
                // A copy of it, whose deliveries are counted anew.
                self.waiting.push_back(Waiting { deliveries: 0, ..message });
            } else if failed.contains(&message.id) {
                self.waiting.push_back(Waiting { deliveries: message.deliveries + 1, ..message });
            }
        }
    }
}
