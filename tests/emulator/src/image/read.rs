//! `ListImages` and `DescribeImage`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::image::Image;
use crate::answer::{Answer, Refusal};
use crate::paging;
use crate::times::seconds;
use crate::world::World;

/// Images on a page unless the request says otherwise (service model 2017-07-24).
const DEFAULT_PAGE: usize = 10;

pub(crate) fn list(world: &mut World, request: &Value) -> Answer {
    let mut found: Vec<&Image> = world.images.all().filter(|image| matches(request, image)).collect();
    match request["SortBy"].as_str() {
        Some("IMAGE_NAME") => found.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("LAST_MODIFIED_TIME") => found.sort_by_key(|image| (image.modified, &image.name)),
        // The model: "The default value is CREATION_TIME."
        _ => found.sort_by_key(|image| (image.created, &image.name)),
    }
    // The model: "The default value is DESCENDING."
    if request["SortOrder"].as_str() != Some("ASCENDING") {
        found.reverse();
    }
    let (page, next) = paging::page(&found, request, DEFAULT_PAGE)?;
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
