//! The states of a compilation job, and what was observed of one.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a compilation job stands: SageMaker's states, and the two that come before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Planned; SageMaker does not know it yet.
    Requested,
    /// SageMaker refused the request: there never was a job.
    Rejected,
    /// SageMaker took the request.
    Starting,
    /// SageMaker compiles.
    #[serde(rename = "INPROGRESS")]
    InProgress,
    /// Somebody stopped it.
    Stopping,
    /// There is an artifact.
    Completed,
    /// There is a reason.
    Failed,
    /// It was stopped.
    Stopped,
    /// A state this release does not know.
    #[serde(other)]
    Unknown,
}

impl JobStatus {
    /// Reads a status in any of SageMaker's spellings: `INPROGRESS`, `InProgress`, `in_progress`.
    pub fn parse(text: &str) -> Self {
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

    /// Whether nothing follows it.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Rejected | Self::Completed | Self::Failed | Self::Stopped)
    }

    /// Whether a job in this state may be seen in `next` afterwards. States do not go backwards.
    pub fn leads_to(self, next: Self) -> bool {
        next.rank() > self.rank()
    }

    fn rank(self) -> u8 {
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

/// What `DescribeCompilationJob` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDescription {
    /// The job's name.
    pub name: String,
    /// The job's ARN.
    pub arn: String,
    /// Its state.
    pub status: JobStatus,
    /// `s3://…` of the model archive, or the ARN of a model package's version.
    pub source: String,
    /// The framework's API name; empty for a model package.
    pub framework: String,
    /// Input shapes as they were sent.
    pub data_input_config: Option<String>,
    /// The target as Neo names it: a device, or `LINUX_ARM64_NVIDIA`.
    pub target: String,
    /// `s3://…` prefix of the artifact.
    pub output_location: String,
    /// `s3://…` of the artifact, once completed.
    pub artifact: Option<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// When SageMaker took the request.
    pub created_at: Option<Timestamp>,
    /// When compiling (and billing) began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        for (text, status) in [
            ("INPROGRESS", JobStatus::InProgress),
            ("InProgress", JobStatus::InProgress),
            ("in_progress", JobStatus::InProgress),
            ("Completed", JobStatus::Completed),
            ("STOPPED", JobStatus::Stopped),
            ("Melting", JobStatus::Unknown),
        ] {
            assert_eq!(JobStatus::parse(text), status, "{text}");
        }
    }

    #[test]
    fn states_never_go_backwards() {
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
            assert_eq!(before.leads_to(after), leads, "{before} {after}");
        }
    }
}
