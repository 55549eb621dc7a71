//! The EventBridge event bus that notifications are published to as events.

use aws_sdk_eventbridge::{
    Client,
    primitives::DateTime,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};
use worker::{CallError, CallErrorKind};

use crate::{Notification, channel::Channel};

/// The `source` of the events.
const SOURCE: &str = "sagemaker-automation";

/// An event bus in the account and Region of the stack.
#[derive(Debug, Clone)]
pub struct EventBridgeBus {
    client: Client,
    name: String,
}

impl EventBridgeBus {
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }
}

impl Channel for EventBridgeBus {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        let entry = build_entry(&self.name, notification)?;
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|error| CallError::from_sdk("PutEvents", error))?;
        answer.entries().iter().try_for_each(check_entry)?;
        tracing::info!(kind = notification.kind.as_str(), id = notification.id, "Notification sent to the event bus");
        Ok(())
    }
}

/// The document is the `detail` of an event whose `detail-type` is the type of the notification. A
/// notification that fits into an SNS message is smaller than the largest entry (256 KiB,
/// EventBridge API Reference, `PutEvents`).
pub(crate) fn build_entry(bus: &str, notification: &Notification) -> Result<PutEventsRequestEntry, CallError> {
    let invalid = |cause: String| CallError::new("PutEvents", CallErrorKind::Invalid, cause);
    let document = notification.document().map_err(|error| invalid(error.to_string()))?;
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source(SOURCE)
        .detail_type(notification.kind.as_str())
        .time(DateTime::from_millis(notification.time.as_millisecond()))
        .detail(document);
    Ok(entry.build())
}

/// `PutEvents` itself succeeds even if it accepts no entry.
fn check_entry(entry: &PutEventsResultEntry) -> Result<(), CallError> {
    let Some(code) = entry.error_code() else { return Ok(()) };
    // The codes are those of the EventBridge API Reference, `PutEventsResultEntry`.
    let kind = match code {
        "ThrottlingException" => CallErrorKind::Throttled,
        "InternalFailure" | "InternalException" => CallErrorKind::Unanswered,
        _ => CallErrorKind::Denied,
    };
    Err(CallError::new("PutEvents", kind, format!("{code}: {}", entry.error_message().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_that_was_not_accepted_is_a_failure() {
        assert!(check_entry(&PutEventsResultEntry::builder().event_id("e-1").build()).is_ok());
        for (code, kind) in [
            ("ThrottlingException", CallErrorKind::Throttled),
            ("InternalFailure", CallErrorKind::Unanswered),
            ("NotAuthorizedForSourceException", CallErrorKind::Denied),
        ] {
            let entry = PutEventsResultEntry::builder().error_code(code).error_message("no").build();
            let error = check_entry(&entry).unwrap_err();
            assert_eq!((error.kind, error.to_string()), (kind, format!("PutEvents: {code}: no")));
        }
    }
}
