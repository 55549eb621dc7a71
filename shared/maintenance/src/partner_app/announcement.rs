//! Announcements: notifications to publish about apps, as plain data.

use jiff::Timestamp;
use model_archive::Problem;

use super::{AppView, UpdateOutcome};
use crate::upgrade::{AppVersion, EndOfLife};

/// A notification to publish. It is published once per [`notification_id`](Self::notification_id),
/// so a run may announce what earlier runs announced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Announcement<'r> {
    /// An update succeeded or failed, or someone else upgraded the app.
    UpdateFinished {
        app: &'r AppView<'r>,
        outcome: &'r UpdateOutcome,
        /// When the update was requested, or the time of the review for an upgrade by someone else.
        requested_at: Timestamp,
    },
    UpgradeStarted {
        app: &'r AppView<'r>,
        from: &'r str,
        to: &'r str,
        requested_at: Timestamp,
    },
    UpgradeAvailable {
        app: &'r AppView<'r>,
        to: AppVersion,
    },
    /// The running version reaches its end of life soon, or has reached it.
    EndOfLife {
        app: &'r AppView<'r>,
        eol: EndOfLife,
    },
    /// A problem keeps the app from being maintained.
    Blocked {
        app: &'r AppView<'r>,
        problem: &'r Problem,
    },
}

impl<'r> Announcement<'r> {
    /// The app that the announcement is about.
    pub fn app(&self) -> &'r AppView<'r> {
        match self {
            Self::UpdateFinished { app, .. }
            | Self::UpgradeStarted { app, .. }
            | Self::UpgradeAvailable { app, .. }
            | Self::EndOfLife { app, .. }
            | Self::Blocked { app, .. } => app,
        }
    }

    /// The id under which it is published once. `config_version` is the version of the
    /// configuration: a problem is announced again when the configuration changes.
    pub fn notification_id(&self, config_version: Option<&str>) -> String {
        let app = self.app();
        let name = app.display_name();
        let arn = app.observed.as_ref().map_or(name, |app| app.arn.as_str());
        match self {
            Self::UpdateFinished { outcome, requested_at, .. } => match outcome {
                UpdateOutcome::Upgraded { to, .. } => format!("app-upgraded-{arn}-{to}-{requested_at}"),
                UpdateOutcome::SettingsUpdated { .. } => format!("app-settings-{arn}-{requested_at}"),
                UpdateOutcome::UpgradeFailed { failures, .. } | UpdateOutcome::SettingsFailed { failures, .. } => {
                    format!("app-failed-{name}-{}-{}-{requested_at}", failures.update_id, failures.count)
                }
            },
            Self::UpgradeStarted { to, requested_at, .. } => format!("app-started-{arn}-{to}-{requested_at}"),
            Self::UpgradeAvailable { to, .. } => format!("app-available-{arn}-{to}"),
            Self::EndOfLife { eol, .. } => {
                let version = app.observed.as_ref().map_or("its version", |app| app.version_or_default());
                format!("app-eol-{arn}-{version}-{}", eol.stage)
            }
            Self::Blocked { problem, .. } => {
                let id = format!("app-blocked-{name}-{}-{}", problem.code, config_version.unwrap_or("unversioned"));
                let available = app.observed.as_ref().ok().and_then(|app| app.available_upgrade.as_ref());
                match available {
                    Some(available) => format!("{id}-{}", available.version),
                    None => id,
                }
            }
        }
    }
}
