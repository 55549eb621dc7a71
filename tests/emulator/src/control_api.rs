//! `/_control`: the API with which tests script the emulator and read its request log.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    emulator_state::EmulatorState, faults::ScriptedFault, operations, partner_app::AppRelease,
    settings::EmulatorSettings, shared_state::SharedState, workteam::LabelingJobScript,
};

type ControlReply = Result<Json<Value>, (StatusCode, Json<Value>)>;

#[derive(Deserialize)]
pub(crate) struct RequestsQuery {
    #[serde(default)]
    since: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    pause: Option<bool>,
    advance_ms: Option<u64>,
}

pub(crate) async fn show_health(State(shared): State<Arc<SharedState>>) -> Json<Value> {
    let operations: Vec<&str> = operations::operation_names().collect();
    let (events, jobs) = shared.with_state(|state| (state.deliveries.clone(), state.compilation.iter_jobs().count()));
    Json(json!({ "status": "ok", "operations": operations, "compilation_jobs": jobs, "events": events }))
}

pub(crate) async fn list_faults(State(shared): State<Arc<SharedState>>) -> Json<Value> {
    Json(shared.with_state(|state| json!({ "faults": state.faults.as_slice() })))
}

pub(crate) async fn add_fault(State(shared): State<Arc<SharedState>>, body: Bytes) -> ControlReply {
    let fault: ScriptedFault = parse_body(&body)?;
    if let Some(operation) = fault.operation_name().filter(|operation| !operations::is_offered(operation)) {
        return Err(bad_request(&operations::unknown_operation(operation).message));
    }
    Ok(Json(shared.with_state(|state| {
        state.faults.add_fault(fault);
        json!({ "faults": state.faults.as_slice() })
    })))
}

pub(crate) async fn clear_faults(State(shared): State<Arc<SharedState>>) -> Json<Value> {
    shared.with_state(|state| state.faults.clear());
    Json(json!({ "faults": [] }))
}

pub(crate) async fn show_settings(State(shared): State<Arc<SharedState>>) -> Json<Value> {
    Json(shared.with_state(|state| json!(state.settings)))
}

/// Changes the settings in the body; the others keep their values.
pub(crate) async fn change_settings(State(shared): State<Arc<SharedState>>, body: Bytes) -> ControlReply {
    let changes: serde_json::Map<String, Value> = parse_body(&body)?;
    shared.with_state(|state| {
        let mut merged = json!(state.settings);
        for (name, value) in changes {
            merged[name] = value;
        }
        state.change_settings(
            serde_json::from_value::<EmulatorSettings>(merged).map_err(|error| bad_request(&error.to_string()))?,
        );
        Ok(Json(json!(state.settings)))
    })
}

pub(crate) async fn show_clock(State(shared): State<Arc<SharedState>>) -> Json<Value> {
    Json(shared.with_state(|state| clock_to_json(state)))
}

pub(crate) async fn change_clock(State(shared): State<Arc<SharedState>>, body: Bytes) -> ControlReply {
    let change: ClockChange = parse_body(&body)?;
    Ok(Json(shared.with_state(|state| {
        match change.pause {
            Some(true) => state.clock.pause(),
            Some(false) => state.clock.resume(),
            None => {}
        }
        state.clock.advance(Duration::from_millis(change.advance_ms.unwrap_or_default()));
        clock_to_json(state)
    })))
}

pub(crate) async fn list_requests(
    State(shared): State<Arc<SharedState>>,
    Query(from): Query<RequestsQuery>,
) -> Json<Value> {
    Json(json!({ "requests": shared.with_state(|state| state.request_log.requests_after(from.since)) }))
}

pub(crate) async fn list_compilation_jobs(State(shared): State<Arc<SharedState>>) -> Json<Value> {
    Json(json!({ "compilation_jobs": shared.with_state(|state| state.compilation_jobs()) }))
}

pub(crate) async fn list_app_releases(State(shared): State<Arc<SharedState>>) -> Json<Value> {
    Json(shared.with_state(|state| json!(state.partner_apps.catalogue)))
}

/// Replaces the versions of the app types in the body; the other types keep theirs.
pub(crate) async fn change_app_releases(State(shared): State<Arc<SharedState>>, body: Bytes) -> ControlReply {
    let changes: BTreeMap<String, Vec<AppRelease>> = parse_body(&body)?;
    Ok(Json(shared.with_state(|state| {
        state.partner_apps.catalogue.0.extend(changes);
        json!(state.partner_apps.catalogue)
    })))
}

pub(crate) async fn start_labeling_job(State(shared): State<Arc<SharedState>>, body: Bytes) -> ControlReply {
    let script: LabelingJobScript = parse_body(&body)?;
    shared.with_state(|state| state.start_labeling_job(&script)).map(Json).map_err(|error| bad_request(&error))
}

pub(crate) async fn list_notices(State(shared): State<Arc<SharedState>>) -> Json<Value> {
    Json(json!({ "notices": shared.with_state(|state| state.workteams.notices.clone()) }))
}

pub(crate) async fn reset_emulator(State(shared): State<Arc<SharedState>>) -> Json<Value> {
    shared.with_state(EmulatorState::reset_state);
    Json(json!({ "status": "ok" }))
}

fn clock_to_json(state: &EmulatorState) -> Value {
    json!({ "now": state.clock.now(), "paused": state.clock.is_paused() })
}

fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, (StatusCode, Json<Value>)> {
    serde_json::from_slice(body).map_err(|error| bad_request(&error.to_string()))
}

fn bad_request(error: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error })))
}
