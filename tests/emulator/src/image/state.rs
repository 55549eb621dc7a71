//! One image and its states: CREATING → CREATED, UPDATING → CREATED | `UPDATE_FAILED`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::effects::{Effect, StateChange};

/// `ImageStatus`, as far as images get here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Created,
    Updating,
    UpdateFailed,
}

impl Status {
    /// As the operations write it.
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
pub(crate) struct Image {
    pub arn: String,
    pub name: String,
    pub status: Status,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// `DisplayName`, `Description` and `RoleArn`, as far as they are set.
    pub members: Map<String, Value>,
    pub failure_reason: Option<String>,
    /// The properties once the update under way has ended.
    pub update: Option<Map<String, Value>>,
    /// When it changes by itself.
    pub due: Option<Timestamp>,
}

impl Image {
    pub fn enter(&mut self, status: Status, at: Timestamp, effects: &mut Vec<Effect>) {
        self.status = status;
        self.modified = at;
        effects.push(Effect::Event(self.state_change()));
    }

    /// The change that is due at `at`; an update fails for the reason given.
    pub fn step(&mut self, at: Timestamp, failure: Option<String>, effects: &mut Vec<Effect>) {
        self.due = None;
        self.failure_reason = failure;
        let update = self.update.take();
        if self.failure_reason.is_some() {
            return self.enter(Status::UpdateFailed, at, effects);
        }
        if let Some(members) = update {
            self.members = members;
        }
        self.enter(Status::Created, at, effects);
    }

    /// The documented event: the status in another case than the operations', no failure reason.
    fn state_change(&self) -> StateChange {
        StateChange {
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
