//! A partner app and its statuses: Creating → Available, Updating → Available | `UpdateFailed`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The values of `PartnerAppStatus` that the emulator uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmulatedAppStatus {
    Creating,
    Updating,
    Available,
    UpdateFailed,
}

impl EmulatedAppStatus {
    /// Whether the app is being created or updated.
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Creating | Self::Updating)
    }
}

/// The members that an update can change.
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
pub(crate) struct EmulatedPartnerApp {
    pub arn: String,
    pub name: String,
    pub kind: String,
    pub role: Value,
    pub key: Value,
    pub version: String,
    pub status: EmulatedAppStatus,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// The [`MEMBERS`] that are set.
    pub members: Map<String, Value>,
    pub error: Option<String>,
    /// The update in progress.
    pub update: Option<Value>,
    /// Time of the next automatic status change.
    pub due: Option<Timestamp>,
    /// Updates by client token.
    pub tokens: BTreeMap<String, Value>,
}

impl EmulatedPartnerApp {
    /// Copies the members that are present in the request.
    pub fn set_members(&mut self, request: &Value) {
        for member in MEMBERS {
            if let Some(value) = request.get(member) {
                self.members.insert(member.to_owned(), value.clone());
            }
        }
    }

    /// Applies the status change that is due at `at`. With a `failure`, an update fails.
    pub fn apply_due_change(&mut self, at: Timestamp, failure: Option<String>) {
        self.due = None;
        self.modified = at;
        let Some(update) = self.update.take() else {
            self.status = EmulatedAppStatus::Available;
            return;
        };
        self.error = failure;
        if self.error.is_some() {
            self.status = EmulatedAppStatus::UpdateFailed;
            return;
        }
        self.set_members(&update);
        if let Some(version) = update["AppVersion"].as_str() {
            version.clone_into(&mut self.version);
        }
        self.status = EmulatedAppStatus::Available;
    }

    pub fn error_to_json(&self) -> Value {
        // Maximum length: code 64 characters, reason 256 (service model 2017-07-24).
        self.error.as_ref().map_or(
            Value::Null,
            |reason| json!({ "Code": "UpdateFailed", "Reason": reason.chars().take(256).collect::<String>() }),
        )
    }
}
