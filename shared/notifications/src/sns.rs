//! The SNS topic that notifications are published to.

use aws_sdk_sns::{Client, types::MessageAttributeValue};
use worker::{CallError, CallErrorKind};

use crate::{Notification, channel::Channel};

#[derive(Debug, Clone)]
pub struct SnsTopic {
    client: Client,
    arn: String,
}

impl SnsTopic {
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }
}

impl Channel for SnsTopic {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        let invalid = |cause: String| CallError::new("Publish", CallErrorKind::Invalid, cause);
        let message = notification.sns_message().map_err(|error| invalid(error.to_string()))?;
        let mut publish = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(&notification.subject)
            .message_structure("json")
            .message(message);
        let texts =
            notification.message_attributes().into_iter().map(|(name, text)| (name, "String", text.into_owned()));
        let left = notification.objects_left().map(|left| ("objects_left", "Number", left.to_string()));
        for (name, data_type, value) in texts.chain(left) {
            let value = MessageAttributeValue::builder().data_type(data_type).string_value(value).build();
            publish = publish.message_attributes(name, value.map_err(|error| invalid(error.to_string()))?);
        }
        publish.send().await.map_err(|error| CallError::from_sdk("Publish", error))?;
        tracing::info!(kind = notification.kind.as_str(), id = notification.id, "Notification published");
        Ok(())
    }
}
