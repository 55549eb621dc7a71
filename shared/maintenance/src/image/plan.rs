//! Plans the API calls for each declared image.

use std::collections::BTreeMap;

use document::arn::ArnScope;
use jiff::Timestamp;
use model_archive::Problem;
use serde::Serialize;

use super::{DesiredText, Image, ImageObservation, ImageStatus, ObservedImage};
use crate::{
    change::{missing_tags, tag_changes},
    digest::hash_parts,
    plan::{Change, PlanItem, ResourcePlan},
    update_history::UpdateHistory,
};

/// An API call for an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageAction {
    /// `AddTags`.
    AddTags { arn: String, tags: BTreeMap<String, String> },
    /// `UpdateImage`.
    Update(ImageUpdate),
}

/// Parameters of `UpdateImage`; one that is `None` is not sent.
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
    /// Identifies the declared properties.
    pub digest: String,
    pub changes: Vec<Change>,
    /// `LastModifiedTime` of the image.
    #[serde(skip)]
    pub modified_at: Option<Timestamp>,
}

impl DesiredText {
    /// The text in digests, which are stored in the ledger: it must not change when a variant is
    /// renamed.
    fn digest_text(&self) -> String {
        match self {
            Self::Unmanaged => "Any".to_owned(),
            Self::Absent => "Nothing".to_owned(),
            Self::Text(text) => format!("Text({text:?})"),
        }
    }
}

impl Image {
    /// Identifies the declared properties.
    pub(super) fn compute_digest(&self) -> String {
        let (display_name, description) = (self.display_name.digest_text(), self.description.digest_text());
        hash_parts([format!("{display_name} {description} {:?}", self.role_arn).as_str()])
    }

    pub(super) fn list_changes(&self, observed: &ObservedImage) -> Vec<Change> {
        let desired_display_name = match &self.display_name {
            DesiredText::Text(text) if *text == observed.name => &DesiredText::Absent,
            desired => desired,
        };
        let role = self.role_arn.clone().map_or(DesiredText::Unmanaged, DesiredText::Text);
        let changes = [
            compare_property("display_name", desired_display_name, observed),
            compare_property("description", &self.description, observed),
            compare_property("role_arn", &role, observed),
        ];
        changes.into_iter().flatten().collect()
    }

    fn build_update(&self, changes: Vec<Change>, observed: &ObservedImage) -> ImageUpdate {
        let new_value =
            |field: &str| changes.iter().find(|change| change.field == field).and_then(|change| change.to.clone());
        let is_removed = |field: &str| changes.iter().any(|change| change.field == field && change.to.is_none());
        let properties = [("display_name", "DisplayName"), ("description", "Description")];
        let removed = properties.into_iter().filter(|(field, _)| is_removed(field));
        ImageUpdate {
            name: self.name.clone(),
            display_name: new_value("display_name"),
            description: new_value("description"),
            role_arn: new_value("role_arn"),
            delete: removed.map(|(_, property)| property).collect(),
            digest: self.compute_digest(),
            changes,
            modified_at: observed.modified_at,
        }
    }
}

fn compare_property(field: &str, desired: &DesiredText, observed: &ObservedImage) -> Option<Change> {
    let observed = observed.property(field);
    let to = match desired {
        DesiredText::Unmanaged => return None,
        DesiredText::Absent => None,
        DesiredText::Text(text) => Some(text.clone()),
    };
    (to.as_deref() != observed).then(|| Change { field: field.to_owned(), from: observed.map(str::to_owned), to })
}

/// Plans every declared image; `observed` and `histories` have the order of `declared`.
pub fn plan_images(
    declared: &[Image],
    observed: &[ImageObservation],
    histories: &[UpdateHistory],
    now: Timestamp,
) -> ResourcePlan<ImageAction> {
    let no_history = UpdateHistory::default();
    let plan_item = |(index, image): (usize, &Image)| match observed.get(index) {
        Some(ImageObservation::Described(observed)) => {
            plan_image(image, observed, histories.get(index).unwrap_or(&no_history), now)
        }
        Some(ImageObservation::Unreadable { cause, refused: true }) => problem_item(
            image,
            "image-not-readable",
            format!("SageMaker refused to describe {}: {cause}", image.name),
            "give the function MaintainImages the permission that SageMaker names",
        ),
        Some(ImageObservation::Unreadable { cause, refused: false }) => problem_item(
            image,
            "image-unreadable",
            format!("{} could not be read: {cause}", image.name),
            "no action needed if this is temporary: the next run reads the image again",
        ),
        Some(ImageObservation::Missing) | None => problem_item(
            image,
            "unknown-image",
            format!("there is no image {} in this account and Region", image.name),
            "correct the name, create the image, or remove the entry; this stack does not create images",
        ),
    };
    ResourcePlan { items: declared.iter().enumerate().map(plan_item).collect() }
}

fn problem_item(image: &Image, code: &'static str, problem: String, remedy: &str) -> PlanItem<ImageAction> {
    PlanItem { problem: Some(Problem::new(code, problem, remedy)), ..PlanItem::unchanged(&image.name) }
}

fn plan_image(
    image: &Image,
    observed: &ObservedImage,
    history: &UpdateHistory,
    now: Timestamp,
) -> PlanItem<ImageAction> {
    let mut item = PlanItem::unchanged(&image.name);
    if observed.status == ImageStatus::Broken {
        let reason = observed.failure_reason.as_deref().unwrap_or("SageMaker gave no reason");
        let problem = format!("the status of {} is {}: {reason}", image.name, observed.status_text);
        return problem_item(image, "image-broken", problem, "delete the image and create it again");
    }
    if let Some(problem) = image.role_arn.as_deref().and_then(|role| foreign_role_problem(role, observed)) {
        item.problem = Some(problem);
        return item;
    }
    let tags = observed.tags.as_ref().map(|tags| missing_tags(&image.tags, tags)).unwrap_or_default();
    if !tags.is_empty() {
        item.changes.extend(tag_changes(&tags, observed.tags.as_ref().unwrap_or(&BTreeMap::new())));
        item.actions.push(ImageAction::AddTags { arn: observed.arn.clone(), tags });
    }
    let changes = image.list_changes(observed);
    if changes.is_empty() {
        return item;
    }
    item.changes.extend(changes.iter().cloned());
    if observed.status == ImageStatus::Busy {
        item.notes.push(format!(
            "the update is waiting for the image to become available (its status is {})",
            observed.status_text
        ));
        return item;
    }
    let digest = image.compute_digest();
    if !history.explain_hold(&mut item, &digest, "image-update-failed", now) {
        item.actions.push(ImageAction::Update(image.build_update(changes, observed)));
    }
    item
}

/// SageMaker accepts only a role of the image's own account and partition, because the role is
/// passed to it.
fn foreign_role_problem(role: &str, observed: &ObservedImage) -> Option<Problem> {
    let (role_home, home) = (ArnScope::from_arn(role)?, ArnScope::from_arn(&observed.arn)?);
    if role_home.partition == home.partition && role_home.account == home.account {
        return None;
    }
    Some(Problem::new(
        "role-elsewhere",
        format!(
            "{role} is a role of account {} in partition {}; the image belongs to account {} in partition {}",
            role_home.account, role_home.partition, home.account, home.partition
        ),
        "use a role of the image's own account and partition",
    ))
}
