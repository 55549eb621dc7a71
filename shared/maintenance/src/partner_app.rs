//! Partner AI Apps as they are declared.

mod calendar;
mod history;
mod plan;
mod read;
mod settings;
mod standing;

use std::collections::BTreeMap;

pub use calendar::calendar;
pub use history::{AppHistory, Failures, Outcome, Pending, Ran};
pub use plan::{AppView, PartnerAppAction, SettingsUpdate, Upgrade, client_token, next_look, plan, view};
pub(crate) use read::read;
pub use standing::{AppStanding, AppStatus, Observed, Offer};

use crate::{
    upgrade::{Policy, Version},
    window::{WeekTime, Window},
};

/// How long a window is whose length is not declared, in minutes. The service does not document the length of its own.
pub const DEFAULT_WINDOW_MINUTES: u16 = 120;

/// An app as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AppRef {
    /// By its name, unique in an account and Region.
    Name(String),
    /// By its ARN.
    Arn(String),
}

impl AppRef {
    /// As written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(text) | Self::Arn(text) => text,
        }
    }

    /// Whether this names the app.
    pub fn is(&self, name: &str, arn: &str) -> bool {
        match self {
            Self::Name(text) => text == name,
            Self::Arn(text) => text == arn,
        }
    }
}

/// One entry of `partner_apps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerApp {
    /// Which app.
    pub app: AppRef,
    /// Whether it is upgraded.
    pub upgrade: Policy,
    /// The newest version it is upgraded to; none: whatever is offered.
    pub max_version: Option<Version>,
    /// When it may be changed; none: from the app's own `MaintenanceWindowStart` on.
    pub window: Option<Window>,
    /// Which app must have run a version before this one gets it, and how long.
    pub after: Option<Soak>,
    /// From so many days before the end of life of its version on, it does not wait for `after`.
    pub force_before_eol_days: Option<u16>,
    /// What is sent where it differs.
    pub settings: Settings,
    /// Tags that it has at least.
    pub tags: BTreeMap<String, String>,
}

/// Another app that has to try a version first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soak {
    /// The app.
    pub app: AppRef,
    /// Days it must have run the version.
    pub days: u16,
}

/// The desired state of an app: what is none is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `MaintenanceConfig.MaintenanceWindowStart`.
    pub maintenance_window_start: Option<WeekTime>,
    /// `Tier`.
    pub tier: Option<String>,
    /// `EnableAutoMinorVersionUpgrade`.
    pub auto_minor_upgrade: Option<bool>,
    /// `EnableIamSessionBasedIdentity`.
    pub iam_session_identity: Option<bool>,
    /// `ApplicationConfig`.
    pub application: Application,
}

/// `ApplicationConfig`: what is none is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Application {
    /// Users with admin access.
    pub admin_users: Option<Vec<String>>,
    /// What the type of app asks for.
    pub arguments: Option<BTreeMap<String, String>>,
    /// Identity Center groups that may use the app; `*` stands for anything.
    pub assigned_group_patterns: Option<Vec<String>>,
    /// Groups by the role they have in the app.
    pub role_group_assignments: Option<BTreeMap<String, Vec<String>>>,
}
