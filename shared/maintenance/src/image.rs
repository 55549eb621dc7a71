//! Images as they are declared, and the plan that brings them there.

mod plan;
mod read;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use plan::{ImageAction, ImageUpdate, plan};
pub(crate) use read::read;

/// One entry of `images`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `ImageName`.
    pub name: String,
    /// `DisplayName`.
    pub display_name: Wanted,
    /// `Description`.
    pub description: Wanted,
    /// `RoleArn`; none: left as it is.
    pub role_arn: Option<String>,
    /// Tags that it has at least.
    pub tags: BTreeMap<String, String>,
}

/// What a property is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Left as it is: the configuration does not name it.
    Any,
    /// Removed: the configuration says `null`.
    Nothing,
    /// This.
    Text(String),
}

/// `ImageStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageStatus {
    /// It can be updated.
    Created,
    /// It is being created, updated or deleted.
    Busy,
    /// The last update failed.
    UpdateFailed,
    /// It could not be created or deleted, or is in a state that this release does not know.
    Broken,
}

impl ImageStatus {
    /// Reads a status as the operations (`UPDATE_FAILED`) or events (`UpdateFailed`) write it.
    pub fn parse(text: &str) -> Self {
        match text.replace('_', "").to_ascii_uppercase().as_str() {
            "CREATED" => Self::Created,
            "CREATING" | "UPDATING" | "DELETING" => Self::Busy,
            "UPDATEFAILED" => Self::UpdateFailed,
            _ => Self::Broken,
        }
    }
}

/// An image as `DescribeImage` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageStanding {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its state.
    pub status: ImageStatus,
    /// Its state as SageMaker writes it.
    pub status_text: String,
    /// Why its last update failed.
    pub failure_reason: Option<String>,
    /// `DisplayName`.
    pub display_name: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `RoleArn`.
    pub role_arn: Option<String>,
    /// Its tags; none if they were not asked for.
    pub tags: Option<BTreeMap<String, String>>,
}

/// A declared image of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObservedImage {
    /// It was read.
    Read(Box<ImageStanding>),
    /// There is none of this name.
    Missing,
    /// It could not be read.
    Unread {
        /// Why not.
        cause: String,
    },
}

/// How long the service may show the state before an update that it has just taken.
const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// What is known of an image from earlier runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageHistory {
    /// The update that was asked for and is not seen through.
    pub pending: Option<PendingUpdate>,
    /// The update that failed, or that SageMaker took without a trace: it is not asked for again.
    pub failed: Option<FailedUpdate>,
}

/// An update that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingUpdate {
    /// Tells these properties from others.
    pub digest: String,
    /// What is to be different.
    pub changes: Vec<crate::plan::Change>,
    /// When it was asked for.
    pub asked_at: Timestamp,
}

/// An update that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedUpdate {
    /// Tells its properties from others.
    pub digest: String,
    /// Why.
    pub reason: String,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageOutcome {
    /// It is as declared.
    Updated {
        /// What is different now.
        changes: Vec<crate::plan::Change>,
    },
    /// It failed.
    Failed {
        /// What was to be different.
        changes: Vec<crate::plan::Change>,
        /// Why.
        reason: String,
    },
}

impl ImageHistory {
    /// The history with what is seen now, and what became of the update that was asked for.
    #[must_use]
    pub fn observe(&self, declared: &Image, standing: &ImageStanding, now: Timestamp) -> (Self, Option<ImageOutcome>) {
        let mut history = self.clone();
        let Some(pending) = self.pending.clone() else { return (history, None) };
        let reason = match standing.status {
            ImageStatus::Busy => return (history, None),
            // Just after the call SageMaker can show the state before it.
            ImageStatus::Created if declared.differs(standing) && declared.digest() == pending.digest => {
                if now.duration_since(pending.asked_at) < GRACE {
                    return (history, None);
                }
                Some("SageMaker took the update, and the image is as it was".to_owned())
            }
            ImageStatus::Created => None,
            ImageStatus::UpdateFailed | ImageStatus::Broken => {
                let unknown = || format!("SageMaker gave no reason; the image is in state {}", standing.status_text);
                Some(standing.failure_reason.clone().unwrap_or_else(unknown))
            }
        };
        history.pending = None;
        let changes = pending.changes;
        match reason {
            None => {
                history.failed = None;
                (history, Some(ImageOutcome::Updated { changes }))
            }
            Some(reason) => {
                history.failed = Some(FailedUpdate { digest: pending.digest, reason: reason.clone() });
                (history, Some(ImageOutcome::Failed { changes, reason }))
            }
        }
    }
}
