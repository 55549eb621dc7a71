//! Images: desired state, observed state and the plan.

mod plan;
mod read;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use plan::{ImageAction, ImageUpdate, plan_images};
pub(crate) use read::read_images;

use crate::{
    plan::Change,
    update_history::{DesiredUpdate, SettledUpdate, ShownUpdate, UpdateHistory},
};

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
    /// `CreationTime`.
    pub created_at: Option<Timestamp>,
    /// `LastModifiedTime`.
    pub modified_at: Option<Timestamp>,
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
        /// Whether SageMaker refused to describe it, so that the next run fails the same way.
        refused: bool,
    },
}

impl ObservedImage {
    /// The value of a property that the configuration can declare.
    pub(crate) fn property(&self, field: &str) -> Option<&str> {
        match field {
            // SageMaker returns the name of an image that has no display name as its display name.
            "display_name" => self.display_name.as_deref().filter(|display_name| *display_name != self.name),
            "description" => self.description.as_deref().map(str::trim),
            "role_arn" => self.role_arn.as_deref(),
            _ => None,
        }
    }

    /// What the image shows of an update with these changes.
    fn shown_update(&self, changes: &[Change]) -> ShownUpdate {
        let is_shown = |change: &Change| self.property(&change.field) == change.to.as_deref();
        match self.status {
            ImageStatus::Busy => ShownUpdate::InProgress,
            ImageStatus::Created if changes.iter().all(is_shown) => ShownUpdate::Complete,
            ImageStatus::Created => ShownUpdate::Missing,
            ImageStatus::UpdateFailed | ImageStatus::Broken => {
                let unknown = || format!("SageMaker gave no reason; the image's status is {}", self.status_text);
                let reason = self.failure_reason.clone().unwrap_or_else(unknown);
                ShownUpdate::Failed { reason, modified_at: self.modified_at }
            }
        }
    }
}

impl Image {
    /// Adds the observed state of the image to its history. Returns the result of the pending
    /// update too, once it is known and was not reported before. `config` is the version of the
    /// configuration. Nothing is known of an image that was created again.
    pub fn record_observation(
        &self,
        history: &UpdateHistory,
        observed: &ObservedImage,
        config: Option<&str>,
        now: Timestamp,
    ) -> (UpdateHistory, Option<SettledUpdate>) {
        let history = history.of_resource(observed.created_at);
        let shown = match &history.pending {
            Some(pending) => observed.shown_update(&pending.changes),
            None => observed.shown_update(&self.list_changes(observed)),
        };
        let digest = self.compute_digest();
        history.record_observation(shown, DesiredUpdate { digest: &digest, config }, now)
    }
}
