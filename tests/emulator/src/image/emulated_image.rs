//! An image and its statuses: CREATING → CREATED, UPDATING → CREATED | `UPDATE_FAILED`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::side_effect::{SideEffect, StateChangeEvent};

/// The values of `ImageStatus` that the emulator uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmulatedImageStatus {
    Creating,
    Created,
    Updating,
    UpdateFailed,
}

impl EmulatedImageStatus {
    /// The spelling in API responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Created => "CREATED",
            Self::Updating => "UPDATING",
            Self::UpdateFailed => "UPDATE_FAILED",
        }
    }

    pub fn is_busy(self) -> bool {
        matches!(self, Self::Creating | Self::Updating)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct EmulatedImage {
    pub arn: String,
    pub name: String,
    pub status: EmulatedImageStatus,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// `DisplayName`, `Description` and `RoleArn`, if set.
    pub members: Map<String, Value>,
    pub failure_reason: Option<String>,
    /// The members after the update in progress succeeds.
    pub update: Option<Map<String, Value>>,
    /// Time of the next automatic status change.
    pub due: Option<Timestamp>,
}

impl EmulatedImage {
    pub fn enter_status(&mut self, status: EmulatedImageStatus, at: Timestamp, effects: &mut Vec<SideEffect>) {
        self.status = status;
        self.modified = at;
        effects.push(SideEffect::Event(self.to_state_change()));
    }

    /// Applies the status change that is due at `at`. With a `failure`, an update fails.
    pub fn apply_due_change(&mut self, at: Timestamp, failure: Option<String>, effects: &mut Vec<SideEffect>) {
        self.due = None;
        self.failure_reason = failure;
        let update = self.update.take();
        if self.failure_reason.is_some() {
            return self.enter_status(EmulatedImageStatus::UpdateFailed, at, effects);
        }
        if let Some(members) = update {
            self.members = members;
        }
        self.enter_status(EmulatedImageStatus::Created, at, effects);
    }

    /// The documented event. It spells the status in another case than the API and has no failure
    /// reason.
    fn to_state_change(&self) -> StateChangeEvent {
        StateChangeEvent {
            detail_type: "SageMaker Image State Change",
            resource: self.arn.clone(),
            time: self.modified,
            detail: json!({
                "ImageName": self.name, "ImageArn": self.arn, "ImageStatus": format!("{:?}", self.status),
                "Version": 1.0, "Tags": {},
            }),
        }
    }
}
