//! Observed state of partner apps.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use super::ApplicationConfig;
use crate::{upgrade::AppVersion, window::WeekTime};

/// `PartnerAppStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppStatus {
    Creating,
    /// Not available until the update has finished.
    Updating,
    Deleting,
    Deleted,
    Available,
    /// Not available; AWS investigates.
    Failed,
    /// The last update failed, but the app is available.
    UpdateFailed,
    /// A status that this release does not know.
    Unknown,
}

impl From<&str> for AppStatus {
    /// Accepts any case.
    fn from(text: &str) -> Self {
        let known = [
            Self::Creating,
            Self::Updating,
            Self::Deleting,
            Self::Deleted,
            Self::Available,
            Self::Failed,
            Self::UpdateFailed,
        ];
        let plain = text.replace('_', "");
        known.into_iter().find(|status| status.to_string().eq_ignore_ascii_case(&plain)).unwrap_or(Self::Unknown)
    }
}

impl AppStatus {
    /// Whether SageMaker accepts an update.
    pub fn is_available(self) -> bool {
        matches!(self, Self::Available | Self::UpdateFailed)
    }
}

impl fmt::Display for AppStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// `AvailableUpgrade`: the one version that SageMaker offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailableUpgrade {
    pub version: AppVersion,
    pub release_notes: Vec<String>,
}

/// An app as `DescribePartnerApp` returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedApp {
    pub arn: String,
    pub name: String,
    pub status: AppStatus,
    /// Why the last update failed.
    pub error: Option<String>,
    /// The version it runs.
    pub version: Option<String>,
    pub available_upgrade: Option<AvailableUpgrade>,
    /// `CurrentVersionEolDate`: end of support of the running version.
    pub eol: Option<Timestamp>,
    /// `LastModifiedTime`.
    pub modified_at: Option<Timestamp>,
    /// `MaintenanceConfig.MaintenanceWindowStart`: SageMaker's own weekly window.
    pub maintenance_window_start: Option<WeekTime>,
    /// `Tier`.
    pub tier: Option<String>,
    /// `EnableAutoMinorVersionUpgrade`.
    pub auto_minor_upgrade: bool,
    /// `EnableIamSessionBasedIdentity`.
    pub iam_session_identity: bool,
    /// `ApplicationConfig`.
    pub application: ApplicationConfig,
    /// `None` if the tags were not requested.
    pub tags: Option<BTreeMap<String, String>>,
}

impl ObservedApp {
    /// The running version; `None` if it is not known or cannot be compared.
    pub fn running_version(&self) -> Option<AppVersion> {
        self.version.as_deref().and_then(AppVersion::parse_prefix)
    }

    /// The running version for texts, or `its version` if it is not known.
    pub fn version_or_default(&self) -> &str {
        self.version.as_deref().unwrap_or("its version")
    }
}

/// The result of reading an app of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppObservation {
    Described(Box<ObservedApp>),
    /// The account has the app, but it could not be described.
    Unreadable {
        arn: String,
        name: String,
        cause: String,
        /// Whether SageMaker refused to describe it, so that the next run fails the same way.
        refused: bool,
    },
}

impl AppObservation {
    pub fn arn(&self) -> &str {
        match self {
            Self::Described(app) => &app.arn,
            Self::Unreadable { arn, .. } => arn,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Described(app) => &app.name,
            Self::Unreadable { name, .. } => name,
        }
    }
}
