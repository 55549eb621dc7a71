//! A topic for notifications in memory, or an event bus.

use std::ops::Deref;

use notifications::{Channel, Notification, NotificationType};
use worker::{CallError, CallErrorKind};

use crate::Shared;

/// A channel for notifications.
#[derive(Debug, Clone, Default)]
pub struct MemoryTopic {
    /// Without those about accepted configurations.
    pub published: Shared<Vec<Notification>>,
    /// Those about accepted configurations: every stack publishes one, with its first
    /// configuration.
    pub accepted: Shared<Vec<Notification>>,
    /// How many of the next publications get no response.
    pub failures: Shared<usize>,
    /// Whether every publication is rejected as invalid.
    pub refuses: Shared<bool>,
}

impl MemoryTopic {
    /// An independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            published: self.published.fork(),
            accepted: self.accepted.fork(),
            failures: self.failures.fork(),
            refuses: self.refuses.fork(),
        }
    }

    /// The published notifications, oldest first, without those about accepted configurations.
    pub fn published(&self) -> impl Deref<Target = Vec<Notification>> {
        self.published.read()
    }

    /// Forgets the published notifications of this type.
    pub fn forget(&self, kind: &str) {
        self.published.lock().retain(|notification| notification.kind.as_str() != kind);
    }

    /// The types of the published notifications, oldest first, without `config.accepted`.
    pub fn types(&self) -> Vec<&'static str> {
        self.published.lock().iter().map(|notification| notification.kind.as_str()).collect()
    }
}

impl Channel for MemoryTopic {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        if notification.kind == NotificationType::ConfigAccepted {
            self.accepted.lock().push(notification.clone());
            return Ok(());
        }
        let mut failures = self.failures.lock();
        if *failures > 0 {
            *failures -= 1;
            return Err(CallError::new("Publish", CallErrorKind::Unanswered, "the topic did not respond"));
        }
        if *self.refuses.lock() {
            return Err(CallError::new("Publish", CallErrorKind::Invalid, "the topic rejects every notification"));
        }
        self.published.lock().push(notification.clone());
        Ok(())
    }
}
