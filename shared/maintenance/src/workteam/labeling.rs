//! Labeling jobs and the messages that SageMaker publishes about them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The progress of a labeling job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelingJob {
    /// The job's name, or its reference code for a job of another account.
    pub name: String,
    pub created_at: Timestamp,
    /// Objects labeled by workers.
    pub labeled: u64,
    /// Objects left to label by workers.
    pub pending: u64,
    /// All objects of the job.
    pub total: u64,
    /// How many workers label each object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers_per_object: Option<u32>,
}

/// A labeling job as `DescribeLabelingJob` returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelingJobDescription {
    pub job: LabelingJob,
    /// The ARN of the team that works on it.
    pub team_arn: String,
    pub failure_reason: Option<String>,
}

/// A message that SageMaker published to the topic of a work team. AWS does not document its text:
/// it is passed on unchanged, and nothing depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamMessage {
    /// The SNS message ID: the same for every redelivery.
    pub id: String,
    pub topic_arn: String,
    pub subject: Option<String>,
    pub message: String,
    pub published_at: Timestamp,
}

/// A status change of a labeling job, from EventBridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelingJobState {
    /// The ARN of the job.
    pub arn: String,
    /// The status as SageMaker writes it.
    pub status: String,
}

impl LabelingJobState {
    /// The job's name, in the letter case of the ARN.
    pub fn job_name(&self) -> &str {
        self.arn.rsplit_once(":labeling-job/").map_or(self.arn.as_str(), |(_, name)| name)
    }
}

/// `LabelingJobStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelingJobStatus {
    Initializing,
    InProgress,
    Completed,
    Failed,
    Stopping,
    Stopped,
    /// A status that this release does not know, as SageMaker writes it.
    Unknown(String),
}

impl From<&str> for LabelingJobStatus {
    /// Accepts any case.
    fn from(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "initializing" => Self::Initializing,
            "inprogress" => Self::InProgress,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            _ => Self::Unknown(text.to_owned()),
        }
    }
}

impl LabelingJobStatus {
    /// Whether the job has ended.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Stopped)
    }

    /// The status as the API writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Initializing => "Initializing",
            Self::InProgress => "InProgress",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Unknown(text) => text,
        }
    }
}

impl Serialize for LabelingJobStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_parsed_in_any_case() {
        for status in ["Initializing", "InProgress", "Completed", "Failed", "Stopping", "Stopped"] {
            for text in [status.to_owned(), status.to_uppercase(), status.to_lowercase()] {
                let parsed = LabelingJobStatus::from(text.as_str());
                assert!(!matches!(parsed, LabelingJobStatus::Unknown(_)), "{text}");
                assert_eq!(parsed.as_str(), status);
                assert_eq!(serde_json::to_value(parsed).unwrap(), status);
            }
        }
        assert_eq!(LabelingJobStatus::from("Paused"), LabelingJobStatus::Unknown("Paused".to_owned()));
    }

    #[test]
    fn a_job_name_is_the_end_of_its_arn() {
        let state = |arn: &str| LabelingJobState { arn: arn.to_owned(), status: "Completed".to_owned() };
        let arn = "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/Chest-CT";
        assert_eq!(state(arn).job_name(), "Chest-CT");
        assert_eq!(state("unexpected").job_name(), "unexpected");
    }

    #[test]
    fn documents_and_rows_keep_their_field_names() {
        let at: Timestamp = "2026-12-01T03:30:00Z".parse().unwrap();
        let job = LabelingJob {
            name: "chest-ct".to_owned(),
            created_at: at,
            labeled: 1,
            pending: 2,
            total: 3,
            workers_per_object: None,
        };
        assert_eq!(
            serde_json::to_value(job).unwrap(),
            serde_json::json!({
                "name": "chest-ct", "created_at": "2026-12-01T03:30:00Z", "labeled": 1, "pending": 2, "total": 3,
            })
        );
        let row = serde_json::json!({
            "id": "1", "topic_arn": "arn", "subject": null, "message": "hello", "published_at": "2026-12-01T03:30:00Z",
        });
        let message: TeamMessage = serde_json::from_value(row.clone()).unwrap();
        assert_eq!(serde_json::to_value(message).unwrap(), row);
    }
}
