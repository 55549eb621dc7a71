//! `EventBridge`, as a service of AWS uses it: state changes go to the targets of the rules that match.
//!
//! `PutEvents` refuses the sources of AWS (`aws.sagemaker`) to everybody else, on AWS and on `MiniStack` alike. So the
//! emulator does what the bus would do: it reads the rules of the default bus, lets `EventBridge` itself match the event
//! (`TestEventPattern`) and sends it to the queues among their targets.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_eventbridge::error::DisplayErrorContext;
use aws_sdk_eventbridge::types::{Rule, RuleState, Target};
use serde::Serialize;
use serde_json::{Value, json};

use crate::effects::StateChange;
use crate::settings::Owner;

pub(crate) struct Bus {
    events: aws_sdk_eventbridge::Client,
    queues: aws_sdk_sqs::Client,
    owner: Owner,
    told: AtomicU64,
}

/// Why an event did not reach a target.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    #[error("{action}: {cause}")]
    Call { action: &'static str, cause: String },
    #[error("the target {arn} is not an SQS queue that takes the event as it is; the emulator delivers to no other")]
    Target { arn: String },
}

/// What became of the events, for `/_control/health`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Deliveries {
    /// Events that reached a target, each target counted.
    pub delivered: u64,
    /// Events that failed to reach a target.
    pub failed: u64,
    pub last_error: Option<String>,
}

impl Deliveries {
    pub fn note(&mut self, delivered: Result<(), BusError>) {
        match delivered {
            Ok(()) => self.delivered += 1,
            Err(error) => {
                self.failed += 1;
                self.last_error = Some(error.to_string());
            }
        }
    }
}

impl Bus {
    pub fn new(config: &aws_config::SdkConfig, owner: Owner) -> Self {
        let (events, queues) = (aws_sdk_eventbridge::Client::new(config), aws_sdk_sqs::Client::new(config));
        Self { events, queues, owner, told: AtomicU64::new(0) }
    }

    /// Sends the event to each target of each rule that matches, and says what became of it for each.
    pub async fn deliver(&self, change: &StateChange) -> Vec<Result<(), BusError>> {
        let event = self.envelope(change).to_string();
        match self.targets(&event).await {
            Err(error) => vec![Err(error)],
            Ok(targets) => {
                let mut delivered = Vec::new();
                for target in targets {
                    delivered.push(self.send(&target, &event).await);
                }
                delivered
            }
        }
    }

    async fn targets(&self, event: &str) -> Result<Vec<Target>, BusError> {
        let mut targets = Vec::new();
        for rule in self.rules().await? {
            let (Some(name), Some(pattern)) = (rule.name(), rule.event_pattern()) else { continue };
            if rule.state() == Some(&RuleState::Enabled) && self.matches(pattern, event).await? {
                let found = self.events.list_targets_by_rule().rule(name).send().await;
                targets.extend(found.map_err(|error| failed("ListTargetsByRule", error))?.targets.unwrap_or_default());
            }
        }
        Ok(targets)
    }

    async fn rules(&self) -> Result<Vec<Rule>, BusError> {
        let mut rules = Vec::new();
        let mut token = None;
        loop {
            let page = self.events.list_rules().set_next_token(token).send().await;
            let page = page.map_err(|error| failed("ListRules", error))?;
            rules.extend(page.rules.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                return Ok(rules);
            }
        }
    }

    async fn matches(&self, pattern: &str, event: &str) -> Result<bool, BusError> {
        let tested = self.events.test_event_pattern().event_pattern(pattern).event(event).send().await;
        Ok(tested.map_err(|error| failed("TestEventPattern", error))?.result())
    }

    async fn send(&self, target: &Target, event: &str) -> Result<(), BusError> {
        let transformed =
            target.input().is_some() || target.input_path().is_some() || target.input_transformer().is_some();
        // arn:aws:sqs:<region>:<account>:<queue>
        let parts: Vec<&str> = target.arn().split(':').collect();
        let queue = match parts[..] {
            ["arn", _, "sqs", _, _, queue] if !transformed => queue,
            _ => {
                return Err(BusError::Target { arn: target.arn().to_owned() });
            }
        };
        let found = self.queues.get_queue_url().queue_name(queue).send().await;
        let found = found.map_err(|error| failed("GetQueueUrl", error))?;
        let message = self.queues.send_message().set_queue_url(found.queue_url).message_body(event);
        message.send().await.map_err(|error| failed("SendMessage", error))?;
        Ok(())
    }

    /// The event as targets get it; repeats of one state change have ids of their own.
    fn envelope(&self, change: &StateChange) -> Value {
        let number = self.told.fetch_add(1, Ordering::Relaxed);
        // EventBridge writes whole seconds.
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

pub(crate) fn failed(action: &'static str, error: impl std::error::Error) -> BusError {
    BusError::Call { action, cause: DisplayErrorContext(error).to_string() }
}
