//! `ListImages` and `DescribeImage`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::emulated_image::EmulatedImage;
use crate::{
    answer::{OperationAnswer, ServiceError, epoch_seconds},
    emulator_state::EmulatorState,
    list_page::{SortKey, select_page},
};

pub(crate) fn list_images(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let found = state.images.iter_images();
    let sort_key = |image: &EmulatedImage| match request["SortBy"].as_str() {
        Some("IMAGE_NAME") => SortKey::by_name(&image.name),
        Some("LAST_MODIFIED_TIME") => SortKey::by_time(image.modified, &image.name),
        // Service model: "The default value is CREATION_TIME."
        _ => SortKey::by_time(image.created, &image.name),
    };
    // Service model: "The default value is DESCENDING." Other lists spell the order differently.
    let mut query = request.clone();
    query["SortOrder"] = if request["SortOrder"] == "ASCENDING" { "Ascending" } else { "Descending" }.into();
    let (page, next) = select_page(&query, found.map(|image| (sort_key(image), image)).collect(), |image| {
        matches_filters(request, image)
    })?;
    let shown = |image: &&EmulatedImage| {
        let mut shown = image_description(image);
        if let Some(members) = shown.as_object_mut() {
            members.remove("RoleArn");
        }
        shown
    };
    let mut answer = json!({ "Images": page.iter().map(shown).collect::<Vec<_>>() });
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}

pub(crate) fn describe_image(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let name = request["ImageName"].as_str().unwrap_or_default();
    state.images.get(name).map(image_description).ok_or_else(|| image_not_found(name))
}

fn matches_filters(request: &Value, image: &EmulatedImage) -> bool {
    let after = |member: &str, at: Timestamp| request[member].as_f64().is_none_or(|limit| epoch_seconds(at) >= limit);
    let before = |member: &str, at: Timestamp| request[member].as_f64().is_none_or(|limit| epoch_seconds(at) <= limit);
    request["NameContains"].as_str().is_none_or(|part| image.name.contains(part))
        && after("CreationTimeAfter", image.created)
        && before("CreationTimeBefore", image.created)
        && after("LastModifiedTimeAfter", image.modified)
        && before("LastModifiedTimeBefore", image.modified)
}

fn image_description(image: &EmulatedImage) -> Value {
    let mut shown = json!({
        "ImageName": image.name, "ImageArn": image.arn, "ImageStatus": image.status.as_str(),
        "CreationTime": epoch_seconds(image.created), "LastModifiedTime": epoch_seconds(image.modified),
    });
    for (member, value) in &image.members {
        shown[member] = value.clone();
    }
    if let Some(reason) = &image.failure_reason {
        shown["FailureReason"] = reason.as_str().into();
    }
    shown
}

pub(super) fn image_not_found(name: &str) -> ServiceError {
    ServiceError::resource_not_found(format!("No Image with the name {name} exists."))
}
