//! Publishes each notification once.

use ledger::{Ledger, LedgerTable};
use worker::Failure;

use crate::{Notification, sns::Topic};

/// Publishes notifications to a topic and remembers their ids in the ledger.
#[derive(Debug, Clone)]
pub struct Notifier<T, N> {
    ledger: Ledger<T>,
    topic: N,
}

impl<T: LedgerTable, N: Topic> Notifier<T, N> {
    pub fn new(ledger: Ledger<T>, topic: N) -> Self {
        Self { ledger, topic }
    }

    pub fn ledger(&self) -> &Ledger<T> {
        &self.ledger
    }

    pub fn topic(&self) -> &N {
        &self.topic
    }

    /// Publishes a notification, unless one with the same id was published before. If the function
    /// crashes between publishing and recording, the notification is republished with the same id.
    pub async fn publish_once(&self, notification: &Notification) -> Result<(), Failure> {
        self.ledger.run_once(&notification.id, self.topic.publish(notification)).await.map(drop)
    }
}
