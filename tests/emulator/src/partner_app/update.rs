//! `UpdatePartnerApp`.

use serde_json::{Value, json};

use super::{
    describe_list::app_not_found,
    emulated_app::{EmulatedAppStatus, EmulatedPartnerApp},
};
use crate::{
    answer::{OperationAnswer, ServiceError},
    clock::add_millis,
    emulator_state::EmulatorState,
};

pub(crate) fn update_partner_app(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let arn = request["Arn"].as_str().unwrap_or_default();
    let app = state.partner_apps.get(arn).ok_or_else(|| app_not_found(arn))?;
    let token = request["ClientToken"].as_str().unwrap_or_default();
    match app.tokens.get(token) {
        Some(earlier) if earlier == request => return Ok(json!({ "Arn": arn })),
        Some(_) => {
            return Err(conflict_error(format!("The client token {token} was used for another update of {arn}.")));
        }
        None => {}
    }
    if app.status.is_busy() {
        return Err(conflict_error(format!(
            "The Partner AI App {arn} is in status {:?} and cannot be updated.",
            app.status
        )));
    }
    check_offered_version(state, app, request)?;
    let name = app.name.clone();
    state.tags.merge_tags(arn, &request["Tags"])?;
    let now = state.clock.now();
    let due = add_millis(now, state.settings.spread_duration(&name, state.settings.updating_ms));
    if let Some(app) = state.partner_apps.get_mut(arn) {
        app.status = EmulatedAppStatus::Updating;
        app.modified = now;
        app.error = None;
        app.due = Some(due);
        app.update = Some(request.clone());
        app.tokens.insert(token.to_owned(), request.clone());
    }
    Ok(json!({ "Arn": arn }))
}

/// Service model: `AppVersion` must be the version in `AvailableUpgrade`. Skipping versions and
/// downgrades are not supported.
fn check_offered_version(state: &EmulatorState, app: &EmulatedPartnerApp, request: &Value) -> Result<(), ServiceError> {
    let Some(wanted) = request["AppVersion"].as_str() else { return Ok(()) };
    let offered = state.partner_apps.catalogue.next_release(&app.kind, &app.version);
    if offered.is_some_and(|offered| offered.version == wanted) {
        return Ok(());
    }
    let offered = offered.map_or("none", |offered| &offered.version);
    let message = format!(
        "AppVersion {wanted} is not the available upgrade of {} (version {}, available upgrade: {offered}).",
        app.arn, app.version
    );
    Err(ServiceError::validation_exception(message))
}

fn conflict_error(message: String) -> ServiceError {
    ServiceError::new("ConflictException", message)
}
