//! `CreateImage`, `UpdateImage` and `DeleteImage`.

use serde_json::{Map, Value, json};

use super::{
    describe_list::image_not_found,
    emulated_image::{EmulatedImage, EmulatedImageStatus},
};
use crate::{
    answer::{OperationAnswer, ServiceError},
    clock::add_millis,
    emulator_state::EmulatorState,
};

/// The image members that a request can set.
const MEMBERS: [&str; 3] = ["DisplayName", "Description", "RoleArn"];

pub(crate) fn create_image(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let name = request["ImageName"].as_str().unwrap_or_default().to_owned();
    if state.images.get(&name).is_some() {
        return Err(ServiceError::new("ResourceInUse", format!("Image {name} already exists.")));
    }
    let arn = state.owner.build_arn(&format!("image/{}", name.to_lowercase()));
    state.tags.merge_tags(&arn, &request["Tags"])?;
    let now = state.clock.now();
    let mut image = EmulatedImage {
        arn: arn.clone(),
        status: EmulatedImageStatus::Creating,
        created: now,
        modified: now,
        members: given_members(request),
        failure_reason: None,
        update: None,
        due: Some(add_millis(now, state.settings.spread_duration(&name, state.settings.updating_ms))),
        name,
    };
    image.enter_status(EmulatedImageStatus::Creating, now, &mut state.effects);
    state.images.insert(image);
    Ok(json!({ "ImageArn": arn }))
}

/// Deletes an image at once, without the status `DELETING`.
pub(crate) fn delete_image(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let name = request["ImageName"].as_str().unwrap_or_default();
    state.images.remove(name).map(|_| json!({})).ok_or_else(|| image_not_found(name))
}

pub(crate) fn update_image(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let name = request["ImageName"].as_str().unwrap_or_default();
    let now = state.clock.now();
    let image = state.images.get_mut(name).ok_or_else(|| image_not_found(name))?;
    if image.status.is_busy() {
        let status = image.status.as_str();
        return Err(ServiceError::new(
            "ResourceInUse",
            format!("Image {name} is in status {status} and cannot be updated."),
        ));
    }
    let mut members = image.members.clone();
    members.extend(given_members(request));
    for property in request["DeleteProperties"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if request.get(property).is_some() {
            return Err(ServiceError::validation_exception(format!("{property} cannot be both set and deleted.")));
        }
        members.remove(property);
    }
    image.update = Some(members);
    image.failure_reason = None;
    image.due = Some(add_millis(now, state.settings.spread_duration(name, state.settings.updating_ms)));
    image.enter_status(EmulatedImageStatus::Updating, now, &mut state.effects);
    Ok(json!({ "ImageArn": image.arn }))
}

fn given_members(request: &Value) -> Map<String, Value> {
    MEMBERS.iter().filter_map(|member| Some(((*member).to_owned(), request.get(*member)?.clone()))).collect()
}
