//! `/_control`: tests script the emulator and read what it saw.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::operations;
use crate::partner_app::Release;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::workteam::JobScript;
use crate::world::World;

type Reply = Result<Json<Value>, (StatusCode, Json<Value>)>;

#[derive(Deserialize)]
pub(crate) struct Since {
    #[serde(default)]
    since: u64,
}

/// A change of the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    pause: Option<bool>,
    advance_ms: Option<u64>,
}

pub(crate) async fn health(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let operations: Vec<&str> = operations::names().collect();
    let (events, jobs) = shared.with(|world| (world.deliveries.clone(), world.compilation.all().count()));
    Json(json!({ "status": "ok", "operations": operations, "compilation_jobs": jobs, "events": events }))
}

pub(crate) async fn faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| json!({ "faults": world.faults.pending() })))
}

pub(crate) async fn script(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let fault: Fault = parse(&body)?;
    if let Some(operation) = fault.operation().filter(|operation| !operations::is_offered(operation)) {
        return Err(refused(&operations::unknown(operation).message));
    }
    Ok(Json(shared.with(|world| {
        world.faults.script(fault);
        json!({ "faults": world.faults.pending() })
    })))
}

pub(crate) async fn clear_faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.with(|world| world.faults.clear());
    Json(json!({ "faults": [] }))
}

pub(crate) async fn settings(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| json!(world.settings)))
}

/// Changes the settings that the body names and leaves the others.
pub(crate) async fn change_settings(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let changes: serde_json::Map<String, Value> = parse(&body)?;
    shared.with(|world| {
        let mut merged = json!(world.settings);
        for (name, value) in changes {
            merged[name] = value;
        }
        world.settings = serde_json::from_value::<Settings>(merged).map_err(|error| refused(&error.to_string()))?;
        Ok(Json(json!(world.settings)))
    })
}

pub(crate) async fn clock(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| shown(world)))
}

pub(crate) async fn change_clock(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let change: ClockChange = parse(&body)?;
    Ok(Json(shared.with(|world| {
        match change.pause {
            Some(true) => world.clock.pause(),
            Some(false) => world.clock.resume(),
            None => {}
        }
        world.clock.advance(Duration::from_millis(change.advance_ms.unwrap_or_default()));
        shown(world)
    })))
}

pub(crate) async fn requests(State(shared): State<Arc<Shared>>, Query(from): Query<Since>) -> Json<Value> {
    Json(json!({ "requests": shared.with(|world| world.journal.since(from.since)) }))
}

pub(crate) async fn jobs(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "compilation_jobs": shared.with(|world| world.compilation_jobs()) }))
}

pub(crate) async fn releases(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| json!(world.partner_apps.catalogue)))
}

/// Sets the versions of those types of partner app that the body names.
pub(crate) async fn change_releases(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let changes: BTreeMap<String, Vec<Release>> = parse(&body)?;
    Ok(Json(shared.with(|world| {
        world.partner_apps.catalogue.0.extend(changes);
        json!(world.partner_apps.catalogue)
    })))
}

pub(crate) async fn labeling_job(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let script: JobScript = parse(&body)?;
    shared.with(|world| world.label(&script)).map(Json).map_err(|error| refused(&error))
}

pub(crate) async fn notices(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "notices": shared.with(|world| world.workteams.notices.clone()) }))
}

pub(crate) async fn reset(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.with(World::reset);
    Json(json!({ "status": "ok" }))
}

fn shown(world: &World) -> Value {
    json!({ "now": world.clock.now(), "paused": world.clock.is_paused() })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, (StatusCode, Json<Value>)> {
    serde_json::from_slice(body).map_err(|error| refused(&error.to_string()))
}

fn refused(error: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error })))
}
