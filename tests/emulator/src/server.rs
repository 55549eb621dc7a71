//! The HTTP side of the operations: POST / with `X-Amz-Target: SageMaker.<Operation>`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use serde_json::Value;

use crate::answer::{Answer, Refusal, response};
use crate::faults::When;
use crate::journal::Outcome;
use crate::line::Line;
use crate::settings::Chance;
use crate::shared::Shared;
use crate::{control, model, operations};

/// The prefix of the target header (`targetPrefix` in the service model).
const TARGET_PREFIX: &str = "SageMaker.";

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", post(operation))
        .route("/_control/health", get(control::health))
        .route("/_control/faults", get(control::faults).post(control::script).delete(control::clear_faults))
        .route("/_control/settings", get(control::settings).post(control::change_settings))
        .route("/_control/clock", get(control::clock).post(control::change_clock))
        .route("/_control/requests", get(control::requests))
        .route("/_control/jobs", get(control::jobs))
        .route("/_control/partner-app-versions", get(control::releases).post(control::change_releases))
        .route("/_control/labeling_jobs", post(control::labeling_job))
        .route("/_control/notices", get(control::notices))
        .route("/_control/reset", post(control::reset))
        .with_state(shared)
}

async fn operation(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = headers.get("x-amz-target").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let operation = target.as_deref().unwrap_or_default();
    let operation = operation.strip_prefix(TARGET_PREFIX).unwrap_or(operation).to_owned();
    // A task of its own: a client that gives up does not undo the request, as with the service.
    let exchange = tokio::spawn(async move { exchange(&shared, &operation, &body).await });
    match exchange.await {
        Ok(Some((sequence, answer))) => response(sequence, &answer),
        Ok(None) => {
            line.cut();
            Response::default()
        }
        Err(panic) => {
            tracing::error!(%panic, "the emulator failed to handle a request");
            let mut failed = Response::new(Body::from(panic.to_string()));
            *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            failed
        }
    }
}

/// One request to its end: its number and answer, or nothing when the connection is to be cut.
async fn exchange(shared: &Shared, operation: &str, body: &[u8]) -> Option<(u64, Answer)> {
    let request =
        if body.is_empty() { Ok(Value::Object(serde_json::Map::new())) } else { serde_json::from_slice(body) };
    let (sequence, delay) = shared.with(|world| {
        let now = world.clock.now();
        let body = request.as_ref().cloned().unwrap_or_default();
        (world.journal.arrived(now, operation, body), world.faults.delay(operation))
    });
    if let Some(milliseconds) = delay {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    let checked = check(shared, operation, request);
    shared.with(|world| {
        let chance = world.settings.chance(sequence);
        if world.faults.drop(operation, When::Before) || chance == Chance::Dropped(When::Before) {
            world.journal.ended(sequence, Outcome::Dropped { when: When::Before });
            return None;
        }
        let (answer, acted) = if let Some(error) = world.faults.error(operation) {
            (Err(error), false)
        } else if chance == Chance::Throttled || !world.admit() {
            (Err(Refusal::throttled()), false)
        } else {
            (checked.and_then(|request| operations::handle(world, operation, &request)), true)
        };
        if acted && (world.faults.drop(operation, When::After) || chance == Chance::Dropped(When::After)) {
            world.journal.ended(sequence, Outcome::Dropped { when: When::After });
            return None;
        }
        world.journal.ended(sequence, Outcome::from(&answer));
        Some((sequence, answer))
    })
}

fn check(shared: &Shared, operation: &str, request: serde_json::Result<Value>) -> Result<Value, Refusal> {
    if !operations::is_offered(operation) {
        return Err(operations::unknown(operation));
    }
    let request = request.map_err(|error| Refusal::unreadable(&error))?;
    let violations = shared.model.violations(operation, &request);
    if violations.is_empty() { Ok(request) } else { Err(Refusal::validation(model::message(&violations))) }
}
