//! Where notifications are published to: the SNS topic, and an event bus if the stack has one.

use worker::CallError;

use crate::{Notification, event_bus::EventBridgeBus, sns::SnsTopic};

/// Publishes notifications.
pub trait Channel: Sync {
    fn publish(&self, notification: &Notification) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// A channel of the stack.
#[derive(Debug, Clone)]
pub enum AwsChannel {
    Topic(SnsTopic),
    Bus(EventBridgeBus),
}

impl Channel for AwsChannel {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        match self {
            Self::Topic(topic) => topic.publish(notification).await,
            Self::Bus(bus) => bus.publish(notification).await,
        }
    }
}
