//! What the emulator does outside: S3 objects, events and messages to topics.

use jiff::Timestamp;
use serde_json::Value;

use crate::compilation::Work;
use crate::workteam::Notice;

/// Something to do outside the world's lock.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Tell `EventBridge`.
    Event(StateChange),
    /// Read the input of a compilation and write its artifact, then end the job.
    Compile(Work),
    /// Publish to a work team's topic.
    Publish(Notice),
}

/// An event that a state has changed.
#[derive(Debug, Clone)]
pub(crate) struct StateChange {
    pub detail_type: &'static str,
    /// The resource's ARN.
    pub resource: String,
    pub time: Timestamp,
    pub detail: Value,
}
