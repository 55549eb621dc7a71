//! Side effects of the emulator in AWS: S3 objects, EventBridge events and SNS messages.

use jiff::Timestamp;
use serde_json::Value;

use crate::{compilation::CompilationTask, workteam::WorkteamNotice};

/// An action to run without holding the lock of the state.
#[derive(Debug, Clone)]
pub(crate) enum SideEffect {
    /// Send an event to the `EventBridge` rules.
    Event(StateChangeEvent),
    /// Check the input of a compilation job, write its artifact, and end the job.
    Compile(CompilationTask),
    /// Publish to the SNS topic of a work team.
    Publish(WorkteamNotice),
}

/// A "state change" event of `SageMaker`.
#[derive(Debug, Clone)]
pub(crate) struct StateChangeEvent {
    pub detail_type: &'static str,
    /// ARN of the resource.
    pub resource: String,
    pub time: Timestamp,
    pub detail: Value,
}
