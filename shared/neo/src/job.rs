//! The status of a compilation job, and what `DescribeCompilationJob` returns about it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::JobOptions;

/// The status of a compilation job: SageMaker's `CompilationJobStatus`, and two that precede it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Planned, but not yet created in SageMaker.
    Requested,
    /// SageMaker rejected the request, so no job was created.
    Rejected,
    /// SageMaker accepted the request.
    Starting,
    #[serde(rename = "INPROGRESS")]
    InProgress,
    /// A stop was requested.
    Stopping,
    /// The artifact is in S3.
    Completed,
    /// See [`JobDescription::failure_reason`].
    Failed,
    Stopped,
    /// A status not known to this release.
    #[serde(other)]
    Unknown,
}

impl From<&str> for JobStatus {
    /// Accepts every spelling SageMaker uses: `INPROGRESS`, `InProgress`, `in_progress`.
    fn from(text: &str) -> Self {
        let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_ascii_uppercase();
        match plain.as_str() {
            "STARTING" => Self::Starting,
            "INPROGRESS" => Self::InProgress,
            "STOPPING" => Self::Stopping,
            "COMPLETED" => Self::Completed,
            "FAILED" => Self::Failed,
            "STOPPED" => Self::Stopped,
            _ => Self::Unknown,
        }
    }
}

impl JobStatus {
    /// Whether no other status follows.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Rejected | Self::Completed | Self::Failed | Self::Stopped)
    }

    /// Whether `next` may be observed after this status. A status never goes backwards.
    pub fn can_become(self, next: Self) -> bool {
        next.progress_rank() > self.progress_rank()
    }

    fn progress_rank(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Requested => 1,
            Self::Starting => 2,
            Self::InProgress => 3,
            Self::Stopping => 4,
            Self::Rejected | Self::Completed | Self::Failed | Self::Stopped => 5,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "REQUESTED",
            Self::Rejected => "REJECTED",
            Self::Starting => "STARTING",
            Self::InProgress => "INPROGRESS",
            Self::Stopping => "STOPPING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Stopped => "STOPPED",
            Self::Unknown => "UNKNOWN",
        })
    }
}

/// What `DescribeCompilationJob` returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDescription {
    pub name: String,
    pub arn: String,
    pub status: JobStatus,
    /// `s3://…` of the model archive, or the ARN of a model package version.
    pub source: String,
    /// The framework's API name; empty for a model package.
    pub framework: String,
    /// Input shapes as sent.
    pub data_input_config: Option<String>,
    /// The target as Neo names it: a device, or `LINUX_ARM64_NVIDIA`.
    pub target: String,
    /// Compiler options and framework version.
    pub options: JobOptions,
    /// `s3://…` prefix of the artifact.
    pub output_location: String,
    /// `s3://…` of the artifact, once completed.
    pub artifact: Option<String>,
    /// `FailureReason` of a failed job.
    pub failure_reason: Option<String>,
    /// When SageMaker accepted the request.
    pub created_at: Option<Timestamp>,
    /// When compilation (and billing) started.
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_accepted() {
        for (text, status) in [
            ("INPROGRESS", JobStatus::InProgress),
            ("InProgress", JobStatus::InProgress),
            ("in_progress", JobStatus::InProgress),
            ("Completed", JobStatus::Completed),
            ("STOPPED", JobStatus::Stopped),
            ("Melting", JobStatus::Unknown),
        ] {
            assert_eq!(JobStatus::from(text), status, "{text}");
        }
    }

    #[test]
    fn a_status_never_goes_backwards() {
        use JobStatus::{Completed, Failed, InProgress, Rejected, Requested, Starting, Stopped, Stopping};
        for (before, after, leads) in [
            (Requested, Starting, true),
            (Starting, Completed, true),
            (InProgress, Starting, false),
            (Completed, InProgress, false),
            (Completed, Failed, false),
            (Rejected, Completed, false),
            (Stopping, Stopped, true),
            (InProgress, InProgress, false),
        ] {
            assert_eq!(before.can_become(after), leads, "{before} {after}");
        }
    }
}
