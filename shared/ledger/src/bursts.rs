//! Bursts: messages that arrive at one topic within a short time and are published as one
//! notification.
//!
//! Every message stays in its queue until its burst has been published, so nothing is lost if the
//! function that publishes it crashes. A burst accepts messages until its window closes. Then it is
//! frozen, published and cleared; only then can the next burst of the topic start.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use maintenance::workteam::TeamMessage;
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerRow, LedgerTable, contended_error};

/// Messages per burst; the next message waits for the next burst. Keeps the row and the
/// notification small.
const MAX_MESSAGES: usize = 50;

/// The current burst of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurstRow {
    /// When the burst is published.
    pub closes_at: Timestamp,
    /// Whether the burst is being published: no message is added any more.
    pub frozen: bool,
    /// The messages, oldest first; empty after the burst was published.
    pub messages: Vec<TeamMessage>,
}

impl LedgerRow for BurstRow {}

impl BurstRow {
    fn contains_message(&self, id: &str) -> bool {
        self.messages.iter().any(|message| message.id == id)
    }

    /// Whether the burst has to be published now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.frozen || self.messages.len() >= MAX_MESSAGES || self.closes_at <= now
    }

    /// Identifies the burst: the same for every invocation that publishes it, and different for
    /// every other burst, even one that starts with the same message.
    pub fn burst_id(&self) -> String {
        let first = self.messages.first();
        let topic = first.and_then(|first| first.topic_arn.rsplit(':').next()).unwrap_or_default();
        let id = first.map(|first| first.id.as_str()).unwrap_or_default();
        format!("{topic}-{}-{id}", self.closes_at.as_millisecond())
    }
}

impl<T: LedgerTable> Ledger<T> {
    /// Adds a message to the burst of its topic, or starts a burst that stays open for `window`.
    /// Returns the current burst, which does not contain the message if another burst is being
    /// published.
    pub async fn join_burst(&self, message: &TeamMessage, window: Duration) -> Result<BurstRow, CallError> {
        let now = (self.clock)();
        let open_for = SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX);
        let add_message = |row: Option<BurstRow>| {
            let mut row = row.unwrap_or_default();
            if row.messages.is_empty() {
                let closes_at = now.saturating_add(open_for).unwrap_or(Timestamp::MAX);
                return Some(BurstRow { closes_at, frozen: false, messages: vec![message.clone()] });
            }
            if row.is_due(now) || row.contains_message(&message.id) {
                return None;
            }
            row.messages.push(message.clone());
            Some(row)
        };
        self.update_burst(&message.topic_arn, add_message).await
    }

    /// Freezes the burst of a topic if it is due, so that no message is added any more. Returns the
    /// current burst, which is not frozen if none is due.
    pub async fn freeze_burst(&self, topic_arn: &str) -> Result<BurstRow, CallError> {
        let now = (self.clock)();
        let freeze = |row: Option<BurstRow>| {
            let row = row.filter(|row| !row.frozen && !row.messages.is_empty() && row.is_due(now))?;
            Some(BurstRow { frozen: true, ..row })
        };
        self.update_burst(topic_arn, freeze).await
    }

    /// Clears a burst that was published, or cannot be, so that the next one can start.
    pub async fn clear_burst(&self, topic_arn: &str, burst: &BurstRow) -> Result<(), CallError> {
        let clear =
            |row: Option<BurstRow>| row.filter(|row| row.burst_id() == burst.burst_id()).map(|_| BurstRow::default());
        self.update_burst(topic_arn, clear).await.map(drop)
    }

    async fn update_burst(
        &self,
        topic_arn: &str,
        change: impl Fn(Option<BurstRow>) -> Option<BurstRow> + Send,
    ) -> Result<BurstRow, CallError> {
        let key = format!("burst#{topic_arn}");
        self.update_row(&key, change).await?.row.ok_or_else(|| contended_error(&key))
    }
}
