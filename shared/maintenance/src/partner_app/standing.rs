//! Partner apps as SageMaker shows them.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use super::Application;
use crate::{upgrade::Version, window::WeekTime};

/// `PartnerAppStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppStatus {
    /// Not available yet.
    Creating,
    /// Not available meanwhile.
    Updating,
    /// On its way out.
    Deleting,
    /// Gone.
    Deleted,
    /// In use.
    Available,
    /// Not available; AWS is investigating.
    Failed,
    /// The last update failed, and the app is available.
    UpdateFailed,
    /// A state that this release does not know.
    Unknown,
}

impl AppStatus {
    /// Reads a status in any case.
    pub fn parse(text: &str) -> Self {
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

    /// Whether an update may be asked for.
    pub fn is_available(self) -> bool {
        matches!(self, Self::Available | Self::UpdateFailed)
    }
}

impl fmt::Display for AppStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The upgrade that SageMaker offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The one version that it can be upgraded to.
    pub version: Version,
    /// What is new in it.
    pub release_notes: Vec<String>,
}

/// An app as `DescribePartnerApp` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppStanding {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: AppStatus,
    /// Why its last update failed.
    pub error: Option<String>,
    /// The version it runs.
    pub version: Option<String>,
    /// What it can be upgraded to.
    pub offer: Option<Offer>,
    /// When its version is no longer supported.
    pub eol: Option<Timestamp>,
    /// When it was last changed.
    pub modified_at: Option<Timestamp>,
    /// SageMaker's own weekly window.
    pub maintenance_window_start: Option<WeekTime>,
    /// `Tier`.
    pub tier: Option<String>,
    /// `EnableAutoMinorVersionUpgrade`.
    pub auto_minor_upgrade: bool,
    /// `EnableIamSessionBasedIdentity`.
    pub iam_session_identity: bool,
    /// `ApplicationConfig`.
    pub application: Application,
    /// Its tags; none if they were not asked for.
    pub tags: Option<BTreeMap<String, String>>,
}

impl AppStanding {
    /// The version it runs, if it can be compared.
    pub fn running(&self) -> Option<Version> {
        self.version.as_deref().and_then(Version::leading)
    }
}

/// An app of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// It was read.
    Read(Box<AppStanding>),
    /// It is there, and could not be read.
    Unread {
        /// Its ARN.
        arn: String,
        /// Its name.
        name: String,
        /// Why not.
        cause: String,
    },
}

impl Observed {
    /// Its ARN.
    pub fn arn(&self) -> &str {
        match self {
            Self::Read(standing) => &standing.arn,
            Self::Unread { arn, .. } => arn,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Read(standing) => &standing.name,
            Self::Unread { name, .. } => name,
        }
    }
}
