//! Requested updates of an app, and their results.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ObservedApp, PartnerApp};
use crate::{
    plan::Change,
    update_calls::{MissingEffect, UpdateCalls},
    upgrade::is_same_version,
};

/// A requested update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum PendingAppUpdate {
    Upgrade {
        /// The version before.
        from: String,
        /// The requested version.
        to: String,
        #[serde(rename = "asked_at")]
        requested_at: Timestamp,
        #[serde(default, skip_serializing_if = "UpdateCalls::is_default")]
        calls: UpdateCalls,
    },
    Settings {
        /// Identifies the requested settings.
        digest: String,
        changes: Vec<Change>,
        #[serde(rename = "asked_at")]
        requested_at: Timestamp,
        #[serde(default, skip_serializing_if = "UpdateCalls::is_default")]
        calls: UpdateCalls,
    },
}

impl PendingAppUpdate {
    pub fn requested_at(&self) -> Timestamp {
        match self {
            Self::Upgrade { requested_at, .. } | Self::Settings { requested_at, .. } => *requested_at,
        }
    }

    /// The requested version, or the digest of the requested settings.
    pub fn update_id(&self) -> &str {
        match self {
            Self::Upgrade { to, .. } => to,
            Self::Settings { digest, .. } => digest,
        }
    }

    pub fn calls(&self) -> &UpdateCalls {
        match self {
            Self::Upgrade { calls, .. } | Self::Settings { calls, .. } => calls,
        }
    }

    /// Whether the call was lost and is made again.
    pub(super) fn is_lost(&self, now: Timestamp) -> bool {
        self.calls().judge_missing_effect(self.requested_at(), now) == MissingEffect::CallAgain
    }

    /// The update as it is stored.
    pub(super) fn shorten_changes(self) -> Self {
        match self {
            Self::Settings { digest, changes, requested_at, calls } => {
                let changes = changes.iter().map(Change::shorten_values).collect();
                Self::Settings { digest, changes, requested_at, calls }
            }
            upgrade @ Self::Upgrade { .. } => upgrade,
        }
    }

    pub(super) fn with_calls(self, calls: UpdateCalls) -> Self {
        match self {
            Self::Upgrade { from, to, requested_at, .. } => Self::Upgrade { from, to, requested_at, calls },
            Self::Settings { digest, changes, requested_at, .. } => {
                Self::Settings { digest, changes, requested_at, calls }
            }
        }
    }
}

/// Failed attempts of one update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempts {
    /// The version, or the digest of the settings ([`PendingAppUpdate::update_id`]).
    #[serde(rename = "of")]
    pub update_id: String,
    pub count: u32,
    /// When the last failure was noticed.
    pub last: Timestamp,
    /// Why the last attempt failed.
    pub reason: String,
    /// How many of the attempts failed under an earlier version of the configuration.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier: u32,
    /// The S3 version id of the active configuration, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Whether SageMaker refused the last attempt.
    #[serde(default, skip_serializing_if = "is_false")]
    pub refused: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "signature of serde")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "signature of serde")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl FailedAttempts {
    /// The attempts under the active configuration, which are limited.
    pub fn attempts(&self) -> u32 {
        self.count.saturating_sub(self.earlier)
    }
}

/// The result of an update, or a version change that was not requested here.
#[derive(Debug, Clone, PartialEq)]
pub enum UpdateOutcome {
    /// The app runs another version.
    Upgraded {
        /// The version before.
        from: String,
        /// The version it runs now.
        to: String,
        /// The time since the request; `None` if someone else upgraded the app.
        took: Option<SignedDuration>,
    },
    UpgradeFailed {
        /// The version it still runs.
        from: String,
        /// The requested version.
        to: String,
        /// The failed attempts so far.
        failures: FailedAttempts,
    },
    SettingsUpdated {
        changes: Vec<Change>,
    },
    SettingsFailed {
        /// The requested changes.
        changes: Vec<Change>,
        /// The failed attempts so far.
        failures: FailedAttempts,
    },
}

/// What an app that can be updated shows of a requested update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShownRequest {
    Complete,
    Missing,
    /// It is not shown, and not wanted any more.
    Superseded,
}

pub(super) fn shown_state(
    pending: &PendingAppUpdate,
    declared: Option<&PartnerApp>,
    app: &ObservedApp,
) -> ShownRequest {
    match pending {
        PendingAppUpdate::Upgrade { to, .. } => {
            let offered = app.available_upgrade.as_ref().map(|available| available.version.to_string());
            if app.version.as_deref().is_some_and(|version| is_same_version(version, to)) {
                ShownRequest::Complete
            } else if !pending.calls().accepted && offered.is_some_and(|offered| offered != *to) {
                ShownRequest::Superseded
            } else {
                ShownRequest::Missing
            }
        }
        PendingAppUpdate::Settings { digest, changes, .. } => {
            let declared = declared.filter(|declared| declared.settings.compute_digest() == *digest);
            let Some(declared) = declared else { return ShownRequest::Superseded };
            let differing = declared.settings.list_changes(app);
            let is_missing = |change: &Change| differing.iter().any(|other| other.field == change.field);
            if changes.iter().any(is_missing) { ShownRequest::Missing } else { ShownRequest::Complete }
        }
    }
}

pub(super) fn describe_success(pending: &PendingAppUpdate, app: &ObservedApp, took: SignedDuration) -> UpdateOutcome {
    match pending {
        PendingAppUpdate::Upgrade { from, to, .. } => {
            let to = app.version.clone().unwrap_or_else(|| to.clone());
            UpdateOutcome::Upgraded { from: from.clone(), to, took: Some(took) }
        }
        PendingAppUpdate::Settings { changes, .. } => UpdateOutcome::SettingsUpdated { changes: changes.clone() },
    }
}
