//! The type and the severity of a notification.

use serde::{Serialize, Serializer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationType {
    /// An upload cannot be compiled, or not for all of its targets, or SageMaker rejected a job.
    CompilationRejected,
    /// A compilation job is starting or in progress.
    CompilationStarted,
    CompilationCompleted,
    CompilationFailed,
    CompilationStopped,
    /// A model waits for SageMaker's quota.
    CompilationWaiting,
    /// The last compilation job of a model version finished.
    ModelSummary,
    /// SageMaker published messages to a work team's topic.
    WorkteamNotification,
    /// The status of a labeling job changed.
    LabelingJobState,
    WorkteamCreated,
    /// A work team was updated to match the configuration.
    WorkteamUpdated,
    /// A work team does not match the configuration and was not changed.
    WorkteamDrift,
    /// A work team could not be updated to match the configuration.
    WorkteamFailed,
    PartnerAppUpgradeAvailable,
    PartnerAppUpgradeStarted,
    PartnerAppUpgraded,
    PartnerAppUpgradeFailed,
    /// The settings of a partner app were updated to match the configuration.
    PartnerAppConfigUpdated,
    /// The version of a partner app reaches its end of life soon, or has reached it.
    PartnerAppEolWarning,
    /// A problem prevents maintenance of a partner app.
    PartnerAppBlocked,
    /// An image was updated to match the configuration.
    ImageUpdated,
    /// An image could not be updated to match the configuration.
    ImageUpdateFailed,
    /// A new version of the configuration is active.
    ConfigAccepted,
    /// The configuration is invalid.
    ConfigRejected,
}

impl NotificationType {
    /// The value of the message attribute `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CompilationRejected => "compilation.rejected",
            Self::CompilationStarted => "compilation.started",
            Self::CompilationCompleted => "compilation.completed",
            Self::CompilationFailed => "compilation.failed",
            Self::CompilationStopped => "compilation.stopped",
            Self::CompilationWaiting => "compilation.waiting",
            Self::ModelSummary => "model.summary",
            Self::WorkteamNotification => "workteam.notification",
            Self::LabelingJobState => "labeling_job.state",
            Self::WorkteamCreated => "workteam.created",
            Self::WorkteamUpdated => "workteam.updated",
            Self::WorkteamDrift => "workteam.drift",
            Self::WorkteamFailed => "workteam.failed",
            Self::PartnerAppUpgradeAvailable => "partner_app.upgrade_available",
            Self::PartnerAppUpgradeStarted => "partner_app.upgrade_started",
            Self::PartnerAppUpgraded => "partner_app.upgraded",
            Self::PartnerAppUpgradeFailed => "partner_app.upgrade_failed",
            Self::PartnerAppConfigUpdated => "partner_app.config_updated",
            Self::PartnerAppEolWarning => "partner_app.eol_warning",
            Self::PartnerAppBlocked => "partner_app.blocked",
            Self::ImageUpdated => "image.updated",
            Self::ImageUpdateFailed => "image.update_failed",
            Self::ConfigAccepted => "config.accepted",
            Self::ConfigRejected => "config.rejected",
        }
    }
}

impl Serialize for NotificationType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No action needed.
    Info,
    /// Needs attention.
    Warning,
    /// Needs action.
    Error,
}

impl Severity {
    /// The value of the message attribute `severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
