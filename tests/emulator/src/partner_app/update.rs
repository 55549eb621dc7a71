//! `UpdatePartnerApp`.

use serde_json::{Value, json};

use super::app::{App, Status};
use super::read::missing;
use crate::answer::{Answer, Refusal};
use crate::clock::after_millis;
use crate::world::World;

pub(crate) fn update(world: &mut World, request: &Value) -> Answer {
    let arn = request["Arn"].as_str().unwrap_or_default();
    let app = world.partner_apps.get(arn).ok_or_else(|| missing(arn))?;
    let token = request["ClientToken"].as_str().unwrap_or_default();
    match app.tokens.get(token) {
        Some(earlier) if earlier == request => return Ok(json!({ "Arn": arn })),
        Some(_) => return Err(conflict(format!("The client token {token} was used for another update of {arn}."))),
        None => {}
    }
    if app.status.is_busy() {
        return Err(conflict(format!("The Partner AI App {arn} is in status {:?} and cannot be updated.", app.status)));
    }
    offered(world, app, request)?;
    let name = app.name.clone();
    world.tags.add(arn, &request["Tags"])?;
    let now = world.clock.now();
    let due = after_millis(now, world.settings.spread(&name, world.settings.updating_ms));
    if let Some(app) = world.partner_apps.get_mut(arn) {
        app.status = Status::Updating;
        app.modified = now;
        app.error = None;
        app.due = Some(due);
        app.update = Some(request.clone());
        app.tokens.insert(token.to_owned(), request.clone());
    }
    Ok(json!({ "Arn": arn }))
}

/// The model: it must be the version in `AvailableUpgrade`; skipping and downgrades are not supported.
fn offered(world: &World, app: &App, request: &Value) -> Result<(), Refusal> {
    let Some(wanted) = request["AppVersion"].as_str() else { return Ok(()) };
    let offered = world.partner_apps.catalogue.next(&app.kind, &app.version);
    if offered.is_some_and(|offered| offered.version == wanted) {
        return Ok(());
    }
    let offered = offered.map_or("none", |offered| &offered.version);
    let message = format!(
        "AppVersion {wanted} is not the available upgrade of {} (version {}, available upgrade: {offered}).",
        app.arn, app.version
    );
    Err(Refusal::validation(message))
}

fn conflict(message: String) -> Refusal {
    Refusal::new("ConflictException", message)
}
