//! One app and its states: Creating → Available, Updating → Available | `UpdateFailed`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// `PartnerAppStatus`, as far as apps get here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Updating,
    Available,
    UpdateFailed,
}

impl Status {
    /// Whether something is being done to it.
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Creating | Self::Updating)
    }
}

/// The members that an update changes.
pub(super) const MEMBERS: [&str; 7] = [
    "MaintenanceConfig",
    "Tier",
    "ApplicationConfig",
    "AuthType",
    "IdcConfig",
    "EnableIamSessionBasedIdentity",
    "EnableAutoMinorVersionUpgrade",
];

#[derive(Debug, Clone)]
pub(crate) struct App {
    pub arn: String,
    pub name: String,
    pub kind: String,
    pub role: Value,
    pub key: Value,
    pub version: String,
    pub status: Status,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// Those of [`MEMBERS`] that are set.
    pub members: Map<String, Value>,
    pub error: Option<String>,
    /// The update that is under way.
    pub update: Option<Value>,
    /// When it changes by itself.
    pub due: Option<Timestamp>,
    /// Updates by their client token.
    pub tokens: BTreeMap<String, Value>,
}

impl App {
    /// Takes the members over that the request has.
    pub fn set(&mut self, request: &Value) {
        for member in MEMBERS {
            if let Some(value) = request.get(member) {
                self.members.insert(member.to_owned(), value.clone());
            }
        }
    }

    /// The change that is due at `at`; an update fails for the reason given.
    pub fn step(&mut self, at: Timestamp, failure: Option<String>) {
        self.due = None;
        self.modified = at;
        let Some(update) = self.update.take() else {
            self.status = Status::Available;
            return;
        };
        self.error = failure;
        if self.error.is_some() {
            self.status = Status::UpdateFailed;
            return;
        }
        self.set(&update);
        if let Some(version) = update["AppVersion"].as_str() {
            version.clone_into(&mut self.version);
        }
        self.status = Status::Available;
    }

    pub fn error_info(&self) -> Value {
        // Longest code and reason: 64 and 256 characters (service model 2017-07-24).
        self.error.as_ref().map_or(
            Value::Null,
            |reason| json!({ "Code": "UpdateFailed", "Reason": reason.chars().take(256).collect::<String>() }),
        )
    }
}
