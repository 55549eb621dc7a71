//! Sends state change events to the targets of the matching `EventBridge` rules.
//!
//! `PutEvents` rejects event sources of AWS (`aws.sagemaker`), on AWS and on `MiniStack`. The
//! emulator therefore does the work of the event bus: it reads the rules of the default bus,
//! matches the event with `TestEventPattern`, and sends it to the SQS queues among the targets.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_eventbridge::{
    error::DisplayErrorContext,
    types::{Rule, RuleState, Target},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{settings::Owner, side_effect::StateChangeEvent};

pub(crate) struct EventBus {
    events: aws_sdk_eventbridge::Client,
    queues: aws_sdk_sqs::Client,
    owner: Owner,
    events_built: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    #[error("{action}: {cause}")]
    Call { action: &'static str, cause: String },
    #[error("cannot deliver to the target {arn}: expected an SQS queue without an input transformer")]
    Target { arn: String },
}

/// Counts event deliveries for `/_control/health`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct DeliveryCounters {
    /// Successful deliveries; an event with two targets counts twice.
    pub delivered: u64,
    pub failed: u64,
    pub last_error: Option<String>,
}

impl DeliveryCounters {
    pub fn record_delivery(&mut self, delivered: Result<(), DeliveryError>) {
        match delivered {
            Ok(()) => self.delivered += 1,
            Err(error) => {
                self.failed += 1;
                self.last_error = Some(error.to_string());
            }
        }
    }
}

impl EventBus {
    pub fn new(config: &aws_config::SdkConfig, owner: Owner) -> Self {
        let (events, queues) = (aws_sdk_eventbridge::Client::new(config), aws_sdk_sqs::Client::new(config));
        Self { events, queues, owner, events_built: AtomicU64::new(0) }
    }

    /// Sends the event to each target of each matching rule. Returns one result per target.
    pub async fn deliver_event(&self, change: &StateChangeEvent) -> Vec<Result<(), DeliveryError>> {
        let event = self.build_event(change).to_string();
        match self.find_targets(change.detail_type, &event).await {
            Err(error) => vec![Err(error)],
            Ok(targets) => {
                let mut delivered = Vec::new();
                for target in targets {
                    delivered.push(self.send_to_target(&target, &event).await);
                }
                delivered
            }
        }
    }

    async fn find_targets(&self, detail_type: &str, event: &str) -> Result<Vec<Target>, DeliveryError> {
        let mut targets = Vec::new();
        for rule in self.list_all_rules().await? {
            let (Some(name), Some(pattern)) = (rule.name(), rule.event_pattern()) else { continue };
            let applies = rule.state() == Some(&RuleState::Enabled) && !excludes_type(pattern, detail_type);
            if applies && self.matches_pattern(pattern, event).await? {
                let found = self.events.list_targets_by_rule().rule(name).send().await;
                targets
                    .extend(found.map_err(|error| call_error("ListTargetsByRule", error))?.targets.unwrap_or_default());
            }
        }
        Ok(targets)
    }

    async fn list_all_rules(&self) -> Result<Vec<Rule>, DeliveryError> {
        let mut rules = Vec::new();
        let mut token = None;
        loop {
            let page = self.events.list_rules().set_next_token(token).send().await;
            let page = page.map_err(|error| call_error("ListRules", error))?;
            rules.extend(page.rules.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                return Ok(rules);
            }
        }
    }

    async fn matches_pattern(&self, pattern: &str, event: &str) -> Result<bool, DeliveryError> {
        let tested = self.events.test_event_pattern().event_pattern(pattern).event(event).send().await;
        Ok(tested.map_err(|error| call_error("TestEventPattern", error))?.result())
    }

    async fn send_to_target(&self, target: &Target, event: &str) -> Result<(), DeliveryError> {
        let transformed =
            target.input().is_some() || target.input_path().is_some() || target.input_transformer().is_some();
        // arn:aws:sqs:<region>:<account>:<queue>
        let parts: Vec<&str> = target.arn().split(':').collect();
        let queue = match parts[..] {
            ["arn", _, "sqs", _, _, queue] if !transformed => queue,
            _ => {
                return Err(DeliveryError::Target { arn: target.arn().to_owned() });
            }
        };
        let found = self.queues.get_queue_url().queue_name(queue).send().await;
        let found = found.map_err(|error| call_error("GetQueueUrl", error))?;
        let message = self.queues.send_message().set_queue_url(found.queue_url).message_body(event);
        message.send().await.map_err(|error| call_error("SendMessage", error))?;
        Ok(())
    }

    /// Builds the event that targets receive. A duplicate of a state change has its own event id.
    fn build_event(&self, change: &StateChangeEvent) -> Value {
        let number = self.events_built.fetch_add(1, Ordering::Relaxed);
        // EventBridge truncates the time to whole seconds.
        let time = change.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({
            "version": "0",
            "id": format!("00000000-0000-4000-9000-{number:012x}"),
            "detail-type": change.detail_type,
            "source": "aws.sagemaker",
            "account": self.owner.account,
            "time": time,
            "region": self.owner.region,
            "resources": [change.resource],
            "detail": change.detail,
        })
    }
}

/// Whether a pattern lists other types of events only. Most rules do, and each `TestEventPattern`
/// delays all later events.
fn excludes_type(pattern: &str, detail_type: &str) -> bool {
    let pattern: Value = serde_json::from_str(pattern).unwrap_or_default();
    let types = pattern["detail-type"].as_array();
    types.is_some_and(|types| types.iter().all(|listed| listed.as_str().is_some_and(|listed| listed != detail_type)))
}

pub(crate) fn call_error(action: &'static str, error: impl std::error::Error) -> DeliveryError {
    DeliveryError::Call { action, cause: DisplayErrorContext(error).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_patterns_of_other_types_are_excluded() {
        for (pattern, excluded) in [
            (r#"{"detail-type": ["Image"]}"#, true),
            (r#"{"detail-type": ["Image", "Job"]}"#, false),
            (r#"{"detail-type": [{"prefix": "J"}]}"#, false),
            (r#"{"source": ["aws.sagemaker"]}"#, false),
            ("no JSON", false),
        ] {
            assert_eq!(excludes_type(pattern, "Job"), excluded, "{pattern}");
        }
    }
}
