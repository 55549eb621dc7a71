//! Messages of one topic that come within a short time and are told as one.
//!
//! Every message stays in its queue until the burst it belongs to was told: nothing depends on whoever tells it. A burst is open for
//! others until its time is up, then it is frozen, told, and cleared; only then can the next one begin.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Ledger, NoticeRow, Row, Table, contended};
use crate::{call::CallError, labeling::TeamMessage};

/// Messages of a burst; one more waits for the next. Keeps the row, and what is told of it, small.
const MAX_MESSAGES: usize = 50;

/// Messages of one topic that are told as one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurstRow {
    /// When it is told.
    pub closes_at: Timestamp,
    /// Whether it is being told: then nothing is added.
    pub frozen: bool,
    /// What came, oldest first; none: it was told.
    pub messages: Vec<TeamMessage>,
}

impl Row for BurstRow {}

impl BurstRow {
    /// Whether this message is part of it.
    fn holds(&self, id: &str) -> bool {
        self.messages.iter().any(|message| message.id == id)
    }

    /// Whether it is to be told now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.frozen || self.messages.len() >= MAX_MESSAGES || self.closes_at <= now
    }

    /// The same for everybody who tells it, and no other burst's, even if it begins with the same message.
    pub fn id(&self) -> String {
        let first = self.messages.first();
        let topic = first.and_then(|first| first.topic_arn.rsplit(':').next()).unwrap_or_default();
        let id = first.map(|first| first.id.as_str()).unwrap_or_default();
        format!("{topic}-{}-{id}", self.closes_at.as_millisecond())
    }
}

impl<T: Table> Ledger<T> {
    /// Adds a message to the burst of its topic, or begins one that is open for `window`. Returns the burst that stands; it does not hold
    /// the message if another one is being told.
    pub async fn join_burst(&self, message: &TeamMessage, window: Duration) -> Result<BurstRow, CallError> {
        let now = (self.clock)();
        let open_for = SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX);
        let joined = |row: Option<BurstRow>| {
            let mut row = row.unwrap_or_default();
            if row.messages.is_empty() {
                let closes_at = now.saturating_add(open_for).unwrap_or(Timestamp::MAX);
                return Some(BurstRow { closes_at, frozen: false, messages: vec![message.clone()] });
            }
            if row.is_due(now) || row.holds(&message.id) {
                return None;
            }
            row.messages.push(message.clone());
            Some(row)
        };
        self.update_burst(&message.topic_arn, joined).await
    }

    /// Closes a burst that is due to further messages. What it returns is not frozen if there is none that is due.
    pub async fn freeze_burst(&self, topic_arn: &str) -> Result<BurstRow, CallError> {
        let now = (self.clock)();
        let frozen = |row: Option<BurstRow>| {
            let row = row.filter(|row| !row.frozen && !row.messages.is_empty() && row.is_due(now))?;
            Some(BurstRow { frozen: true, ..row })
        };
        self.update_burst(topic_arn, frozen).await
    }

    /// Makes room for the next burst after this one was told, or cannot be.
    pub async fn clear_burst(&self, topic_arn: &str, told: &BurstRow) -> Result<(), CallError> {
        let cleared = |row: Option<BurstRow>| row.filter(|row| row.id() == told.id()).map(|_| BurstRow::default());
        self.update_burst(topic_arn, cleared).await.map(drop)
    }

    /// Whether what `id` names was done.
    pub async fn was_done(&self, id: &str) -> Result<bool, CallError> {
        Ok(matches!(self.get(&format!("notice#{id}")).await?, Some(NoticeRow::Published { .. })))
    }

    async fn update_burst(
        &self,
        topic_arn: &str,
        change: impl Fn(Option<BurstRow>) -> Option<BurstRow> + Send,
    ) -> Result<BurstRow, CallError> {
        let key = format!("burst#{topic_arn}");
        self.update(&key, change).await?.ok_or_else(|| contended(&key))
    }
}
