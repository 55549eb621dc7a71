//! What is known of an app from earlier runs: how long it has run what, and what was asked of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AppStanding, AppStatus};
use crate::plan::Change;

/// Versions of an app that are remembered.
const MAX_RAN: usize = 10;

/// How long the service may show the state before an update that it has just taken.
const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// How long an update that leaves no trace is waited for.
const LOST: SignedDuration = SignedDuration::from_hours(24);

/// What is known of an app; a new one is known of nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppHistory {
    /// The versions it was seen running, oldest first.
    pub ran: Vec<Ran>,
    /// What was asked of it and is not seen through.
    pub pending: Option<Pending>,
    /// Updates that failed, by what they were for.
    pub failures: Option<Failures>,
    /// The digest of the settings that SageMaker took last.
    pub taken: Option<String>,
}

/// A version that an app was seen running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The version.
    pub version: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; none: it runs.
    pub until: Option<Timestamp>,
}

/// What was asked of an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Pending {
    /// An upgrade.
    Upgrade {
        /// The version before.
        from: String,
        /// The version asked for.
        to: String,
        /// When.
        asked_at: Timestamp,
    },
    /// Settings.
    Settings {
        /// Tells these settings from others.
        digest: String,
        /// What is to be different.
        changes: Vec<Change>,
        /// When.
        asked_at: Timestamp,
    },
}

impl Pending {
    /// When it was asked for.
    pub fn asked_at(&self) -> Timestamp {
        match self {
            Self::Upgrade { asked_at, .. } | Self::Settings { asked_at, .. } => *asked_at,
        }
    }

    /// What it is for: the version, or the digest of the settings.
    pub fn subject(&self) -> &str {
        match self {
            Self::Upgrade { to, .. } => to,
            Self::Settings { digest, .. } => digest,
        }
    }
}

/// Failed tries of one update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// The version, or the digest of the settings.
    pub of: String,
    /// How many.
    pub count: u32,
    /// When the last one was noticed.
    pub last: Timestamp,
    /// Why.
    pub reason: String,
}

/// What became of an update, or of a version.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The app runs another version.
    Upgraded {
        /// The version before.
        from: String,
        /// The version it runs now.
        to: String,
        /// How long it took, as far as it was this system that asked; none: somebody else did.
        took: Option<SignedDuration>,
    },
    /// An upgrade failed.
    UpgradeFailed {
        /// The version it runs still.
        from: String,
        /// The version asked for.
        to: String,
        /// Failed tries so far.
        failures: Failures,
    },
    /// Settings were taken.
    SettingsUpdated {
        /// What is different now.
        changes: Vec<Change>,
    },
    /// Settings were not taken.
    SettingsFailed {
        /// What was to be different.
        changes: Vec<Change>,
        /// Failed tries so far.
        failures: Failures,
    },
}

impl AppHistory {
    /// How long the app has run a version, in all; the version may be one it has left since.
    pub fn ran_for(&self, version: &str, now: Timestamp) -> Option<SignedDuration> {
        let ran = self.ran.iter().filter(|ran| ran.version == version);
        ran.map(|ran| ran.until.unwrap_or(now).duration_since(ran.since)).reduce(|a, b| a + b)
    }

    /// Failed tries of an update for this version, or these settings.
    pub fn failures_of(&self, of: &str) -> Option<&Failures> {
        self.failures.as_ref().filter(|failures| failures.of == of)
    }

    /// The history with what is seen now, and what became of what was asked.
    #[must_use]
    pub fn observe(&self, standing: &AppStanding, now: Timestamp) -> (Self, Option<Outcome>) {
        let mut history = self.clone();
        let changed = history.note_version(standing, now);
        let outcome = match history.pending.clone() {
            Some(pending) => history.follow(&pending, standing, now),
            None => changed.map(|(from, to)| Outcome::Upgraded { from, to, took: None }),
        };
        (history, outcome)
    }

    /// The version before and the one now, if it changed.
    fn note_version(&mut self, standing: &AppStanding, now: Timestamp) -> Option<(String, String)> {
        let version = standing.version.as_ref().filter(|_| standing.status.is_available())?;
        let current = self.ran.last_mut().filter(|ran| ran.until.is_none());
        let before = match current {
            Some(ran) if ran.version == *version => return None,
            Some(ran) => {
                ran.until = Some(now);
                Some(ran.version.clone())
            }
            None => None,
        };
        // An app that is seen for the first time has run its version at least since it was last changed.
        let since = if before.is_some() { now } else { standing.modified_at.map_or(now, |at| at.min(now)) };
        self.ran.push(Ran { version: version.clone(), since, until: None });
        let surplus = self.ran.len().saturating_sub(MAX_RAN);
        self.ran.drain(..surplus);
        before.map(|from| (from, version.clone()))
    }

    fn follow(&mut self, pending: &Pending, standing: &AppStanding, now: Timestamp) -> Option<Outcome> {
        let waited = now.duration_since(pending.asked_at());
        let reason = standing.error.clone().unwrap_or_else(|| "SageMaker gave no reason".to_owned());
        if let Pending::Upgrade { from, to, .. } = pending
            && standing.version.as_ref() == Some(to)
            && standing.status.is_available()
        {
            (self.pending, self.failures) = (None, None);
            return Some(Outcome::Upgraded { from: from.clone(), to: to.clone(), took: Some(waited) });
        }
        let failed = match standing.status {
            AppStatus::UpdateFailed if waited >= GRACE => reason,
            AppStatus::Failed | AppStatus::Deleting | AppStatus::Deleted => {
                format!("the app is in state {}: {reason}", standing.status)
            }
            AppStatus::Available if matches!(pending, Pending::Settings { .. }) && waited >= GRACE => {
                return Some(self.settled(pending));
            }
            AppStatus::Available if waited >= LOST => {
                "SageMaker took the update, and a day later the app is as it was".to_owned()
            }
            _ => return None,
        };
        let count = self.failures_of(pending.subject()).map_or(0, |failures| failures.count) + 1;
        let failures = Failures { of: pending.subject().to_owned(), count, last: now, reason: failed };
        (self.pending, self.failures) = (None, Some(failures.clone()));
        Some(match pending {
            Pending::Upgrade { from, to, .. } => {
                Outcome::UpgradeFailed { from: from.clone(), to: to.clone(), failures }
            }
            Pending::Settings { changes, .. } => Outcome::SettingsFailed { changes: changes.clone(), failures },
        })
    }

    fn settled(&mut self, pending: &Pending) -> Outcome {
        (self.pending, self.failures) = (None, None);
        self.taken = Some(pending.subject().to_owned());
        match pending {
            Pending::Settings { changes, .. } => Outcome::SettingsUpdated { changes: changes.clone() },
            Pending::Upgrade { .. } => Outcome::SettingsUpdated { changes: Vec::new() },
        }
    }
}
