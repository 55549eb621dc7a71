//! Images: desired state, observed state and the plan.

mod plan;
mod read;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use plan::{ImageAction, ImageUpdate, plan_images};
pub(crate) use read::read_images;

use crate::plan::Change;

/// One entry of `images`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `ImageName`.
    pub name: String,
    /// `DisplayName`.
    pub display_name: DesiredText,
    /// `Description`.
    pub description: DesiredText,
    /// `RoleArn`; `None` if it is not managed.
    pub role_arn: Option<String>,
    /// Tags to add; other tags are kept.
    pub tags: BTreeMap<String, String>,
}

/// The desired state of a property that can be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesiredText {
    /// The configuration does not name the property: it is kept unchanged.
    Unmanaged,
    /// The configuration says `null`: the property is removed.
    Absent,
    Text(String),
}

/// `ImageStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageStatus {
    /// SageMaker accepts an update.
    Created,
    /// The image is being created, updated or deleted.
    Busy,
    /// The last update failed.
    UpdateFailed,
    /// The image could not be created or deleted, or has a status that this release does not know.
    Broken,
}

impl From<&str> for ImageStatus {
    /// Accepts the format of the API (`UPDATE_FAILED`) and of events (`UpdateFailed`).
    fn from(text: &str) -> Self {
        match text.replace('_', "").to_ascii_uppercase().as_str() {
            "CREATED" => Self::Created,
            "CREATING" | "UPDATING" | "DELETING" => Self::Busy,
            "UPDATEFAILED" => Self::UpdateFailed,
            _ => Self::Broken,
        }
    }
}

/// An image as `DescribeImage` returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedImage {
    pub name: String,
    pub arn: String,
    pub status: ImageStatus,
    /// The status as SageMaker writes it.
    pub status_text: String,
    /// Why the last update failed.
    pub failure_reason: Option<String>,
    /// `DisplayName`.
    pub display_name: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `RoleArn`.
    pub role_arn: Option<String>,
    /// `None` if the tags were not requested.
    pub tags: Option<BTreeMap<String, String>>,
}

/// The result of reading a declared image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageObservation {
    Described(Box<ObservedImage>),
    /// The account and Region have no image of this name.
    Missing,
    /// The image could not be described.
    Unreadable {
        cause: String,
    },
}

/// How long the service may still show the state before an update that it has just accepted.
const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// What earlier runs recorded of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageHistory {
    /// The requested update whose result is not known yet.
    pub pending: Option<PendingImageUpdate>,
    /// The update that failed, or that SageMaker accepted without effect. It is not requested
    /// again.
    pub failed: Option<FailedImageUpdate>,
}

/// A requested update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingImageUpdate {
    /// Identifies the requested properties.
    pub digest: String,
    pub changes: Vec<Change>,
    #[serde(rename = "asked_at")]
    pub requested_at: Timestamp,
}

/// A failed update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedImageUpdate {
    /// Identifies the requested properties.
    pub digest: String,
    pub reason: String,
}

/// The result of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageUpdateOutcome {
    Updated {
        changes: Vec<Change>,
    },
    Failed {
        /// The requested changes.
        changes: Vec<Change>,
        reason: String,
    },
}

impl ImageHistory {
    /// Returns the history with the observed state added, and the result of the pending update once
    /// that is known.
    #[must_use]
    pub fn record_observation(
        &self,
        declared: &Image,
        observed: &ObservedImage,
        now: Timestamp,
    ) -> (Self, Option<ImageUpdateOutcome>) {
        let mut history = self.clone();
        let Some(pending) = self.pending.clone() else { return (history, None) };
        let reason = match observed.status {
            ImageStatus::Busy => return (history, None),
            // Right after the call SageMaker may still show the state before it.
            ImageStatus::Created if declared.differs_from(observed) && declared.compute_digest() == pending.digest => {
                if now.duration_since(pending.requested_at) < GRACE {
                    return (history, None);
                }
                Some("SageMaker accepted the update, but the image did not change".to_owned())
            }
            ImageStatus::Created => None,
            ImageStatus::UpdateFailed | ImageStatus::Broken => {
                let unknown = || format!("SageMaker gave no reason; the image's status is {}", observed.status_text);
                Some(observed.failure_reason.clone().unwrap_or_else(unknown))
            }
        };
        history.pending = None;
        let changes = pending.changes;
        match reason {
            None => {
                history.failed = None;
                (history, Some(ImageUpdateOutcome::Updated { changes }))
            }
            Some(reason) => {
                history.failed = Some(FailedImageUpdate { digest: pending.digest, reason: reason.clone() });
                (history, Some(ImageUpdateOutcome::Failed { changes, reason }))
            }
        }
    }
}
