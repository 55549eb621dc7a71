//! `ListImages` and `DescribeImage`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::Image;
use crate::answer::seconds;
use crate::answer::{Answer, Refusal};
use crate::page::{self, Place};
use crate::world::World;

pub(crate) fn list(world: &mut World, request: &Value) -> Answer {
    let found = world.images.all().filter(|image| matches(request, image));
    let place = |image: &Image| match request["SortBy"].as_str() {
        Some("IMAGE_NAME") => Place::by_name(&image.name),
        Some("LAST_MODIFIED_TIME") => Place::by_time(image.modified, &image.name),
        // The model: "The default value is CREATION_TIME."
        _ => Place::by_time(image.created, &image.name),
    };
    // The model: "The default value is DESCENDING." Other lists write it otherwise.
    let mut query = request.clone();
    query["SortOrder"] = if request["SortOrder"] == "ASCENDING" { "Ascending" } else { "Descending" }.into();
    let (page, next) = page::cut(&query, found.map(|image| (place(image), image)).collect())?;
    let shown = |image: &&Image| {
        let mut shown = description(image);
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

pub(crate) fn describe(world: &mut World, request: &Value) -> Answer {
    let name = request["ImageName"].as_str().unwrap_or_default();
    world.images.get(name).map(description).ok_or_else(|| missing(name))
}

fn matches(request: &Value, image: &Image) -> bool {
    let after = |member: &str, at: Timestamp| request[member].as_f64().is_none_or(|limit| seconds(at) >= limit);
    let before = |member: &str, at: Timestamp| request[member].as_f64().is_none_or(|limit| seconds(at) <= limit);
    request["NameContains"].as_str().is_none_or(|part| image.name.contains(part))
        && after("CreationTimeAfter", image.created)
        && before("CreationTimeBefore", image.created)
        && after("LastModifiedTimeAfter", image.modified)
        && before("LastModifiedTimeBefore", image.modified)
}

fn description(image: &Image) -> Value {
    let mut shown = json!({
        "ImageName": image.name, "ImageArn": image.arn, "ImageStatus": image.status.as_str(),
        "CreationTime": seconds(image.created), "LastModifiedTime": seconds(image.modified),
    });
    for (member, value) in &image.members {
        shown[member] = value.clone();
    }
    if let Some(reason) = &image.failure_reason {
        shown["FailureReason"] = reason.as_str().into();
    }
    shown
}

pub(super) fn missing(name: &str) -> Refusal {
    Refusal::not_found(format!("No Image with the name {name} exists."))
}
