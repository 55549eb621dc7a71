//! Publishes each notification once on each channel.

use ledger::{Ledger, LedgerTable};
use worker::{CallError, Failure};

use crate::{Channel, Notification};

/// Publishes notifications to a topic, and to an event bus if there is one, and remembers their ids
/// in the ledger.
#[derive(Debug, Clone)]
pub struct Notifier<T, N> {
    ledger: Ledger<T>,
    topic: N,
    bus: Option<N>,
}

impl<T: LedgerTable, N: Channel> Notifier<T, N> {
    pub fn new(ledger: Ledger<T>, topic: N) -> Self {
        Self { ledger, topic, bus: None }
    }

    /// Also publishes to this event bus.
    #[must_use]
    pub fn with_bus(self, bus: N) -> Self {
        Self { bus: Some(bus), ..self }
    }

    pub fn ledger(&self) -> &Ledger<T> {
        &self.ledger
    }

    pub fn topic(&self) -> &N {
        &self.topic
    }

    /// Publishes a notification on each channel, unless one with the same id was published there
    /// before. If the function crashes between publishing and recording, the notification is
    /// republished with the same id.
    ///
    /// Each channel has a claim of its own: a failure of one neither repeats nor loses the
    /// notification on the other.
    pub async fn publish_once(&self, notification: &Notification) -> Result<(), Failure> {
        let topic = self.ledger.run_once(&notification.id, self.topic.publish(notification)).await;
        let Some(bus) = &self.bus else { return topic.map(drop) };
        let bus = self.ledger.run_once(&bus_claim(&notification.id), bus.publish(notification)).await;
        Failure::merge_results([topic.map(drop), bus.map(drop)])
    }

    /// Whether the notification with this id was published on every channel, and recorded.
    pub async fn was_published(&self, id: &str) -> Result<bool, CallError> {
        Ok(self.ledger.was_done(id).await? && (self.bus.is_none() || self.ledger.was_done(&bus_claim(id)).await?))
    }

    /// Records that what the notification with this id would say was published as a part of another
    /// one.
    pub async fn record_published(&self, id: &str) -> Result<(), Failure> {
        self.ledger.run_once(id, async { Ok(()) }).await?;
        if self.bus.is_some() {
            self.ledger.run_once(&bus_claim(id), async { Ok(()) }).await?;
        }
        Ok(())
    }
}

/// The id under which the ledger records what was published to the bus.
fn bus_claim(id: &str) -> String {
    format!("{id}#bus")
}
