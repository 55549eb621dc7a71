//! What notifications are about, and how much they matter.

use serde::{Serialize, Serializer};

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationType {
    /// An upload, or one target of it, cannot be compiled.
    CompilationRejected,
    /// A compilation job runs.
    CompilationStarted,
    /// A compilation job left an artifact.
    CompilationCompleted,
    /// A compilation job failed.
    CompilationFailed,
    /// A compilation job was stopped.
    CompilationStopped,
    /// The last target of a model ended.
    ModelSummary,
    /// SageMaker told a work team of work.
    WorkteamNotification,
    /// A labeling job changed its state.
    LabelingJobState,
    /// A work team was created as declared.
    WorkteamCreated,
    /// A work team was brought to what is declared.
    WorkteamUpdated,
    /// A work team is not as declared, and is left so.
    WorkteamDrift,
    /// A work team could not be brought to what is declared.
    WorkteamFailed,
    /// A newer version of a partner app is offered.
    PartnerAppUpgradeAvailable,
    /// A partner app is being upgraded.
    PartnerAppUpgradeStarted,
    /// A partner app runs a newer version.
    PartnerAppUpgraded,
    /// An upgrade of a partner app failed.
    PartnerAppUpgradeFailed,
    /// A partner app was brought to what is declared.
    PartnerAppConfigUpdated,
    /// The version of a partner app comes to its end of life.
    PartnerAppEolWarning,
    /// Something keeps a partner app from being maintained.
    PartnerAppBlocked,
    /// An image was brought to what is declared.
    ImageUpdated,
    /// An image could not be brought to what is declared.
    ImageUpdateFailed,
    /// A configuration was refused.
    ConfigRejected,
}

impl NotificationType {
    /// The type as subscribers filter by it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CompilationRejected => "compilation.rejected",
            Self::CompilationStarted => "compilation.started",
            Self::CompilationCompleted => "compilation.completed",
            Self::CompilationFailed => "compilation.failed",
            Self::CompilationStopped => "compilation.stopped",
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
            Self::ConfigRejected => "config.rejected",
        }
    }
}

impl Serialize for NotificationType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How much a notification matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// All is well.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Error,
}

impl Severity {
    /// The severity as subscribers filter by it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
