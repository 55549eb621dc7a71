//! Partner AI Apps: desired state, observed state, upgrade plan and announcements.

mod announcement;
mod calendar;
mod history;
mod observed;
mod plan;
mod read;
mod review;
mod settings;
mod update;
mod view;

use std::{collections::BTreeMap, fmt};

pub use announcement::Announcement;
pub use calendar::{CalendarEvent, format_calendar, list_calendar};
pub use history::{AppHistory, VersionRun};
pub use observed::{AppObservation, AppStatus, AvailableUpgrade, ObservedApp};
pub use plan::{PartnerAppAction, SettingsUpdate, VersionUpgrade, derive_client_token, plan_apps};
pub(crate) use read::read_apps;
pub use review::{AppReview, review_apps};
pub use update::{FailedAttempts, PendingAppUpdate, UpdateOutcome};
pub use view::{AppView, build_views, next_review_at};

use crate::{
    upgrade::{AppVersion, UpgradePolicy},
    window::{MaintenanceWindow, WeekTime},
};

/// Length of a window that declares none, in minutes. The service does not document the length of
/// its own.
pub const DEFAULT_WINDOW_MINUTES: u16 = 120;

/// How the configuration refers to an app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AppRef {
    /// By its name, which is unique per account and Region.
    Name(String),
    Arn(String),
}

impl AppRef {
    /// The name or ARN as the configuration has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(text) | Self::Arn(text) => text,
        }
    }

    /// Whether this refers to the app with that name and ARN.
    pub fn matches_app(&self, name: &str, arn: &str) -> bool {
        match self {
            Self::Name(text) => text == name,
            Self::Arn(text) => text == arn,
        }
    }
}

/// One entry of `partner_apps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerApp {
    pub app: AppRef,
    pub upgrade: UpgradePolicy,
    /// The newest version to upgrade to; `None` for no limit.
    pub max_version: Option<AppVersion>,
    /// When the app may be changed; `None` for a window that starts at the app's own
    /// `MaintenanceWindowStart`.
    pub window: Option<MaintenanceWindow>,
    /// Which app must have run a version first, and for how long.
    pub after: Option<WaitingPeriod>,
    /// `after` does not apply within this many days of the end of life of the running version.
    pub force_before_eol_days: Option<u16>,
    pub settings: AppSettings,
    /// Tags to add; other tags are kept.
    pub tags: BTreeMap<String, String>,
}

/// The configuration key `after`: another app has to run a version first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingPeriod {
    pub app: AppRef,
    /// How long it must have run the version.
    pub days: u16,
}

/// Desired settings of an app; a setting that is `None` is not managed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppSettings {
    /// `MaintenanceConfig.MaintenanceWindowStart`.
    pub maintenance_window_start: Option<WeekTime>,
    /// `Tier`.
    pub tier: Option<String>,
    /// `EnableAutoMinorVersionUpgrade`.
    pub auto_minor_upgrade: Option<bool>,
    /// `EnableIamSessionBasedIdentity`.
    pub iam_session_identity: Option<bool>,
    /// `ApplicationConfig`.
    pub application: ApplicationConfig,
}

/// The value of an argument of an app. It can be a credential: neither `Debug` nor JSON shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ArgumentValue(String);

impl ArgumentValue {
    /// What is shown instead of the value.
    const HIDDEN: &str = "<hidden>";

    /// The value itself, to send it to SageMaker.
    pub fn expose_value(&self) -> &str {
        &self.0
    }
}

impl From<String> for ArgumentValue {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for ArgumentValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::HIDDEN)
    }
}

impl serde::Serialize for ArgumentValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::HIDDEN)
    }
}

/// `ApplicationConfig`; a field that is `None` is not managed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ApplicationConfig {
    /// Users with admin access.
    pub admin_users: Option<Vec<String>>,
    /// Arguments that the type of app requires.
    pub arguments: Option<BTreeMap<String, ArgumentValue>>,
    /// Identity Center groups that may use the app; `*` is a wildcard.
    pub assigned_group_patterns: Option<Vec<String>>,
    /// Groups by their role in the app.
    pub role_group_assignments: Option<BTreeMap<String, Vec<String>>>,
}
