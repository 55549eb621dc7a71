//! What earlier runs recorded of an app: how long it ran which version, and which updates were
//! requested.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AppStatus, ObservedApp};
use crate::plan::Change;

/// Versions of an app that are remembered.
const MAX_RUNS: usize = 10;

/// How long the service may still show the state before an update that it has just accepted.
const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// How long to wait for an accepted update that has no visible effect.
const LOST: SignedDuration = SignedDuration::from_hours(24);

/// The record of an app; the default is that of an app seen for the first time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppHistory {
    /// The versions it was seen running, oldest first.
    #[serde(rename = "ran")]
    pub runs: Vec<VersionRun>,
    /// The requested update whose result is not known yet.
    pub pending: Option<PendingAppUpdate>,
    /// Failed attempts of the last update that failed.
    pub failures: Option<FailedAttempts>,
    /// The digest of the settings that SageMaker accepted last.
    #[serde(rename = "taken")]
    pub accepted_settings: Option<String>,
}

/// A period in which an app was seen running a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRun {
    pub version: String,
    pub since: Timestamp,
    /// `None` if it still runs the version.
    pub until: Option<Timestamp>,
}

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
    },
    Settings {
        /// Identifies the requested settings.
        digest: String,
        changes: Vec<Change>,
        #[serde(rename = "asked_at")]
        requested_at: Timestamp,
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

impl AppHistory {
    /// How long the app has run a version in total, even if it runs another one now; `None` if it
    /// never did.
    pub fn total_run_time(&self, version: &str, now: Timestamp) -> Option<SignedDuration> {
        let runs = self.runs.iter().filter(|run| run.version == version);
        runs.map(|run| run.until.unwrap_or(now).duration_since(run.since)).reduce(|a, b| a + b)
    }

    /// The failed attempts to update to this version, or to these settings.
    pub fn find_failures(&self, update_id: &str) -> Option<&FailedAttempts> {
        self.failures.as_ref().filter(|failures| failures.update_id == update_id)
    }

    /// Returns the history with the observed state added, and the result of the pending update once
    /// that is known.
    #[must_use]
    pub fn record_observation(&self, app: &ObservedApp, now: Timestamp) -> (Self, Option<UpdateOutcome>) {
        let mut history = self.clone();
        let changed = history.record_version(app, now);
        let outcome = match history.pending.clone() {
            Some(pending) => history.resolve_pending(&pending, app, now),
            None => changed.map(|(from, to)| UpdateOutcome::Upgraded { from, to, took: None }),
        };
        (history, outcome)
    }

    /// Returns the previous and the current version if the version changed.
    fn record_version(&mut self, app: &ObservedApp, now: Timestamp) -> Option<(String, String)> {
        let version = app.version.as_ref().filter(|_| app.status.is_available())?;
        let current = self.runs.last_mut().filter(|run| run.until.is_none());
        let before = match current {
            Some(run) if run.version == *version => return None,
            Some(run) => {
                run.until = Some(now);
                Some(run.version.clone())
            }
            None => None,
        };
        // An app that is seen for the first time has run its version at least since its last
        // change.
        let since = if before.is_some() { now } else { app.modified_at.map_or(now, |at| at.min(now)) };
        self.runs.push(VersionRun { version: version.clone(), since, until: None });
        let surplus = self.runs.len().saturating_sub(MAX_RUNS);
        self.runs.drain(..surplus);
        before.map(|from| (from, version.clone()))
    }

    fn resolve_pending(
        &mut self,
        pending: &PendingAppUpdate,
        app: &ObservedApp,
        now: Timestamp,
    ) -> Option<UpdateOutcome> {
        let waited = now.duration_since(pending.requested_at());
        if let PendingAppUpdate::Upgrade { from, to, .. } = pending
            && app.version.as_ref() == Some(to)
            && app.status.is_available()
        {
            (self.pending, self.failures) = (None, None);
            return Some(UpdateOutcome::Upgraded { from: from.clone(), to: to.clone(), took: Some(waited) });
        }
        let reason = app.error.clone().unwrap_or_else(|| "SageMaker gave no reason".to_owned());
        let reason = match app.status {
            AppStatus::UpdateFailed if waited >= GRACE => reason,
            AppStatus::Failed | AppStatus::Deleting | AppStatus::Deleted => {
                format!("the app's status is {}: {reason}", app.status)
            }
            AppStatus::Available if matches!(pending, PendingAppUpdate::Settings { .. }) && waited >= GRACE => {
                return Some(self.complete_settings_update(pending));
            }
            AppStatus::Available if waited >= LOST => {
                "SageMaker accepted the update, but the app had not changed after a day".to_owned()
            }
            _ => return None,
        };
        Some(self.record_failure(pending, reason, now))
    }

    fn record_failure(&mut self, pending: &PendingAppUpdate, reason: String, now: Timestamp) -> UpdateOutcome {
        let update_id = pending.update_id();
        let count = self.find_failures(update_id).map_or(0, |failures| failures.count) + 1;
        let failures = FailedAttempts { update_id: update_id.to_owned(), count, last: now, reason };
        (self.pending, self.failures) = (None, Some(failures.clone()));
        match pending {
            PendingAppUpdate::Upgrade { from, to, .. } => {
                UpdateOutcome::UpgradeFailed { from: from.clone(), to: to.clone(), failures }
            }
            PendingAppUpdate::Settings { changes, .. } => {
                UpdateOutcome::SettingsFailed { changes: changes.clone(), failures }
            }
        }
    }

    fn complete_settings_update(&mut self, pending: &PendingAppUpdate) -> UpdateOutcome {
        (self.pending, self.failures) = (None, None);
        self.accepted_settings = Some(pending.update_id().to_owned());
        match pending {
            PendingAppUpdate::Settings { changes, .. } => UpdateOutcome::SettingsUpdated { changes: changes.clone() },
            PendingAppUpdate::Upgrade { .. } => UpdateOutcome::SettingsUpdated { changes: Vec::new() },
        }
    }
}
