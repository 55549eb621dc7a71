//! `CreateImage` and `UpdateImage`.

use serde_json::{Map, Value, json};

use super::read::missing;
use super::state::{Image, Status};
use crate::answer::{Answer, Refusal};
use crate::clock::after_millis;
use crate::world::World;

/// The properties of an image.
const MEMBERS: [&str; 3] = ["DisplayName", "Description", "RoleArn"];

pub(crate) fn create(world: &mut World, request: &Value) -> Answer {
    let name = request["ImageName"].as_str().unwrap_or_default().to_owned();
    if world.images.get(&name).is_some() {
        return Err(Refusal::new("ResourceInUse", format!("Image {name} already exists.")));
    }
    let arn = world.owner.arn(&format!("image/{}", name.to_lowercase()));
    world.tags.add(&arn, &request["Tags"])?;
    let now = world.clock.now();
    let mut image = Image {
        arn: arn.clone(),
        status: Status::Creating,
        created: now,
        modified: now,
        members: given(request),
        failure_reason: None,
        update: None,
        due: Some(after_millis(now, world.settings.spread(&name, world.settings.updating_ms))),
        name,
    };
    image.enter(Status::Creating, now, &mut world.effects);
    world.images.insert(image);
    Ok(json!({ "ImageArn": arn }))
}

pub(crate) fn update(world: &mut World, request: &Value) -> Answer {
    let name = request["ImageName"].as_str().unwrap_or_default();
    let now = world.clock.now();
    let image = world.images.get_mut(name).ok_or_else(|| missing(name))?;
    if image.status.is_busy() {
        let status = image.status.as_str();
        return Err(Refusal::new(
            "ResourceInUse",
            format!("Image {name} is in status {status} and cannot be updated."),
        ));
    }
    let mut members = image.members.clone();
    members.extend(given(request));
    for property in request["DeleteProperties"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if request.get(property).is_some() {
            return Err(Refusal::validation(format!("{property} cannot be both set and deleted.")));
        }
        members.remove(property);
    }
    image.update = Some(members);
    image.failure_reason = None;
    image.due = Some(after_millis(now, world.settings.spread(name, world.settings.updating_ms)));
    image.enter(Status::Updating, now, &mut world.effects);
    Ok(json!({ "ImageArn": image.arn }))
}

fn given(request: &Value) -> Map<String, Value> {
    MEMBERS.iter().filter_map(|member| Some(((*member).to_owned(), request.get(*member)?.clone()))).collect()
}
