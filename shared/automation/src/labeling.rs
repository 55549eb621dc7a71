//! Labeling jobs, as far as people are told of them.

use jiff::Timestamp;
use serde::Serialize;

/// A labeling job and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelingJob {
    /// Its name; of a job of another account, its reference code.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Objects that people have labeled.
    pub labeled: u64,
    /// Objects that people still have to label.
    pub pending: u64,
    /// All its objects.
    pub total: u64,
    /// How many people label each object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers_per_object: Option<u32>,
}

/// A labeling job as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelingJobDescription {
    /// How far it has come.
    pub job: LabelingJob,
    /// ARN of the team that works on it.
    pub team_arn: String,
    /// Why it failed.
    pub failure_reason: Option<String>,
}

/// A message to the topic of a work team. Its text is not documented: it is kept as it is, and nothing depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct TeamMessage {
    /// SNS's id of it: the same for every repeat.
    pub id: String,
    /// The topic it was published to.
    pub topic_arn: String,
    /// Its subject, if it has one.
    pub subject: Option<String>,
    /// What it says.
    pub message: String,
    /// When it was published.
    pub published_at: Timestamp,
}

/// A state of a labeling job, as EventBridge tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelingJobState {
    /// The job's ARN.
    pub arn: String,
    /// The state, as SageMaker writes it.
    pub status: String,
}

/// A state of a labeling job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelingJobStatus {
    /// It is being prepared.
    Initializing,
    /// Objects are labeled.
    InProgress,
    /// It is done.
    Completed,
    /// It failed.
    Failed,
    /// It is being stopped.
    Stopping,
    /// It was stopped.
    Stopped,
    /// One that SageMaker did not have when this was written, as it writes it.
    Unknown(String),
}

impl LabelingJobStatus {
    /// Reads a state, whatever the case of its letters.
    pub fn read(text: &str) -> Self {
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

    /// The state as SageMaker's API writes it.
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

impl LabelingJobState {
    /// The job's name, in the case in which the ARN has it.
    pub fn name(&self) -> &str {
        self.arn.rsplit_once(":labeling-job/").map_or(self.arn.as_str(), |(_, name)| name)
    }
}
