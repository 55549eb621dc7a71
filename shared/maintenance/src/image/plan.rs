//! Declared images, images that stand and what is known of them: the plan.

use std::collections::BTreeMap;

use document::arn::Home;
use model_archive::Problem;
use serde::Serialize;

use super::{Image, ImageHistory, ImageStanding, ImageStatus, ObservedImage, Wanted};
use crate::{
    change::{missing_tags, tag_changes},
    digest::digest,
    plan::{Change, Item, Plan},
};

/// A call for an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageAction {
    /// `AddTags`.
    AddTags {
        /// The image's ARN.
        arn: String,
        /// The tags.
        tags: BTreeMap<String, String>,
    },
    /// `UpdateImage`.
    Update(ImageUpdate),
}

/// What `UpdateImage` is called with; what is none is not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageUpdate {
    /// `ImageName`.
    pub name: String,
    /// `DisplayName`.
    pub display_name: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `RoleArn`.
    pub role_arn: Option<String>,
    /// `DeleteProperties`.
    pub delete: Vec<&'static str>,
    /// Tells these properties from others.
    pub digest: String,
    /// What is different then.
    pub changes: Vec<Change>,
}

impl Image {
    /// Tells the declared properties from others.
    pub(super) fn digest(&self) -> String {
        digest([format!("{:?} {:?} {:?}", self.display_name, self.description, self.role_arn).as_str()])
    }

    pub(super) fn differs(&self, standing: &ImageStanding) -> bool {
        !self.changes(standing).is_empty()
    }

    fn changes(&self, standing: &ImageStanding) -> Vec<Change> {
        // An image without a display name is shown by its name.
        let shown = standing.display_name.as_ref().filter(|shown| **shown != standing.name);
        let display_name = match &self.display_name {
            Wanted::Text(text) if *text == standing.name => &Wanted::Nothing,
            wanted => wanted,
        };
        let role = self.role_arn.clone().map_or(Wanted::Any, Wanted::Text);
        let changes = [
            change("display_name", display_name, shown),
            change("description", &self.description, standing.description.as_ref()),
            change("role_arn", &role, standing.role_arn.as_ref()),
        ];
        changes.into_iter().flatten().collect()
    }

    fn update(&self, changes: Vec<Change>) -> ImageUpdate {
        let value =
            |field: &str| changes.iter().find(|change| change.field == field).and_then(|change| change.to.clone());
        let gone = |field: &str| changes.iter().any(|change| change.field == field && change.to.is_none());
        let properties = [("display_name", "DisplayName"), ("description", "Description")];
        ImageUpdate {
            name: self.name.clone(),
            display_name: value("display_name"),
            description: value("description"),
            role_arn: value("role_arn"),
            delete: properties.into_iter().filter(|(field, _)| gone(field)).map(|(_, property)| property).collect(),
            digest: self.digest(),
            changes,
        }
    }
}

fn change(field: &str, wanted: &Wanted, standing: Option<&String>) -> Option<Change> {
    let to = match wanted {
        Wanted::Any => return None,
        Wanted::Nothing => None,
        Wanted::Text(text) => Some(text.clone()),
    };
    (to.as_ref() != standing).then(|| Change { field: field.to_owned(), from: standing.cloned(), to })
}

/// The plan for the declared images; `observed` and `histories` are in their order.
pub fn plan(declared: &[Image], observed: &[ObservedImage], histories: &[ImageHistory]) -> Plan<ImageAction> {
    let none = ImageHistory::default();
    let item = |(index, image): (usize, &Image)| match observed.get(index) {
        Some(ObservedImage::Read(standing)) => read(image, standing, histories.get(index).unwrap_or(&none)),
        Some(ObservedImage::Unread { cause }) => refused(
            image,
            "image-unreadable",
            format!("{} could not be read: {cause}", image.name),
            "none is needed if this was a passing fault: the next run reads it again",
        ),
        Some(ObservedImage::Missing) | None => refused(
            image,
            "unknown-image",
            format!("there is no image {} in this account and Region", image.name),
            "correct the name, create the image, or remove the entry: images are not created here",
        ),
    };
    Plan { items: declared.iter().enumerate().map(item).collect() }
}

fn refused(image: &Image, code: &'static str, problem: String, remedy: &str) -> Item<ImageAction> {
    Item { problem: Some(Problem::new(code, problem, remedy)), ..Item::unchanged(&image.name) }
}

fn read(image: &Image, standing: &ImageStanding, history: &ImageHistory) -> Item<ImageAction> {
    let mut item = Item::unchanged(&image.name);
    if standing.status == ImageStatus::Broken {
        let reason = standing.failure_reason.as_deref().unwrap_or("SageMaker gave no reason");
        let problem = format!("{} is in state {}: {reason}", image.name, standing.status_text);
        return refused(image, "image-broken", problem, "delete the image and create it again");
    }
    if let Some(problem) = image.role_arn.as_deref().and_then(|role| foreign(role, standing)) {
        item.problem = Some(problem);
        return item;
    }
    let tags = standing.tags.as_ref().map(|tags| missing_tags(&image.tags, tags)).unwrap_or_default();
    if !tags.is_empty() {
        item.changes.extend(tag_changes(&tags, standing.tags.as_ref().unwrap_or(&BTreeMap::new())));
        item.actions.push(ImageAction::AddTags { arn: standing.arn.clone(), tags });
    }
    let changes = image.changes(standing);
    if changes.is_empty() {
        return item;
    }
    item.changes.extend(changes.iter().cloned());
    let failed = history.failed.as_ref().filter(|failed| failed.digest == image.digest());
    if let Some(failed) = failed {
        item.problem = Some(Problem::new(
            "image-update-failed",
            format!("the update of {} failed: {}", image.name, failed.reason),
            "correct the configuration; the image is updated again once it says something else",
        ));
    } else if standing.status == ImageStatus::Busy {
        item.notes
            .push(format!("the image is in state {}: it is looked at again when that has ended", standing.status_text));
    } else if history.pending.as_ref().is_some_and(|pending| pending.digest == image.digest()) {
        item.notes.push("the update was asked for, and SageMaker does not show it yet".to_owned());
    } else {
        item.actions.push(ImageAction::Update(image.update(changes)));
    }
    item
}

/// SageMaker takes a role of the image's own account and partition only: it is passed on.
fn foreign(role: &str, standing: &ImageStanding) -> Option<Problem> {
    let (role_home, home) = (Home::of(role)?, Home::of(&standing.arn)?);
    if role_home.partition == home.partition && role_home.account == home.account {
        return None;
    }
    Some(Problem::new(
        "role-elsewhere",
        format!(
            "{role} is a role of account {} in partition {}; the image belongs to {} in {}",
            role_home.account, role_home.partition, home.account, home.partition
        ),
        "name a role of the image's own account and partition",
    ))
}
