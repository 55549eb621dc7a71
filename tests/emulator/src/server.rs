//! The HTTP server: `POST /` with `X-Amz-Target: SageMaker.<Operation>`, and `/_control`.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, State},
    http::{HeaderMap, Response, StatusCode},
    routing::{get, post},
};
use serde_json::Value;

use crate::{
    answer::{OperationAnswer, ServiceError, build_response},
    connection::ConnectionHandle,
    control_api,
    faults::DropTiming,
    operations,
    request_log::RequestOutcome,
    service_model,
    settings::RandomFault,
    shared_state::SharedState,
};

/// The prefix of the target header (`targetPrefix` in the service model).
const TARGET_PREFIX: &str = "SageMaker.";

pub(crate) fn build_router(shared: Arc<SharedState>) -> Router {
    Router::new()
        .route("/", post(handle_operation))
        .route("/_control/health", get(control_api::show_health))
        .route(
            "/_control/faults",
            get(control_api::list_faults).post(control_api::add_fault).delete(control_api::clear_faults),
        )
        .route("/_control/settings", get(control_api::show_settings).post(control_api::change_settings))
        .route("/_control/clock", get(control_api::show_clock).post(control_api::change_clock))
        .route("/_control/requests", get(control_api::list_requests))
        .route("/_control/jobs", get(control_api::list_compilation_jobs))
        .route(
            "/_control/partner-app-versions",
            get(control_api::list_app_releases).post(control_api::change_app_releases),
        )
        .route("/_control/labeling_jobs", post(control_api::start_labeling_job))
        .route("/_control/notices", get(control_api::list_notices))
        .route("/_control/reset", post(control_api::reset_emulator))
        .with_state(shared)
}

async fn handle_operation(
    State(shared): State<Arc<SharedState>>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = headers.get("x-amz-target").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let operation = target.as_deref().unwrap_or_default();
    let operation = operation.strip_prefix(TARGET_PREFIX).unwrap_or(operation).to_owned();
    // A separate task: as with SageMaker, a request takes effect even if its client disconnects.
    let exchange = tokio::spawn(async move { process_request(&shared, &operation, &body).await });
    match exchange.await {
        Ok(Some((sequence, answer))) => build_response(sequence, &answer),
        Ok(None) => {
            connection.close_unanswered();
            Response::default()
        }
        Err(panic) => {
            tracing::error!(%panic, "Request handler panicked");
            let mut failed = Response::new(Body::from(panic.to_string()));
            *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            failed
        }
    }
}

/// Processes a request. Returns its number and response; `None` closes the connection without a
/// response.
async fn process_request(shared: &SharedState, operation: &str, body: &[u8]) -> Option<(u64, OperationAnswer)> {
    let request =
        if body.is_empty() { Ok(Value::Object(serde_json::Map::new())) } else { serde_json::from_slice(body) };
    let (sequence, delay) = shared.with_state(|state| {
        let now = state.clock.now();
        let body = request.as_ref().cloned().unwrap_or_default();
        (state.request_log.record_arrival(now, operation, body), state.faults.take_delay(operation))
    });
    if let Some(milliseconds) = delay {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    let checked = check_request(shared, operation, request);
    shared.with_state(|state| {
        let random_fault = state.settings.draw_fault(sequence);
        if state.faults.take_drop(operation, DropTiming::Before)
            || random_fault == RandomFault::Dropped(DropTiming::Before)
        {
            state.request_log.record_outcome(sequence, RequestOutcome::Dropped { when: DropTiming::Before });
            return None;
        }
        let (answer, acted) = if let Some(error) = state.faults.take_error(operation) {
            (Err(error), false)
        } else if random_fault == RandomFault::Throttled || !state.admit_request(operation) {
            (Err(ServiceError::throttling_exception()), false)
        } else {
            (checked.and_then(|request| operations::handle_request(state, operation, &request)), true)
        };
        if acted
            && (state.faults.take_drop(operation, DropTiming::After)
                || random_fault == RandomFault::Dropped(DropTiming::After))
        {
            state.request_log.record_outcome(sequence, RequestOutcome::Dropped { when: DropTiming::After });
            return None;
        }
        state.request_log.record_outcome(sequence, RequestOutcome::from(&answer));
        Some((sequence, answer))
    })
}

fn check_request(
    shared: &SharedState,
    operation: &str,
    request: serde_json::Result<Value>,
) -> Result<Value, ServiceError> {
    if !operations::is_offered(operation) {
        return Err(operations::unknown_operation(operation));
    }
    let request = request.map_err(|error| ServiceError::serialization_exception(&error))?;
    let violations = shared.service_model.find_violations(operation, &request);
    if violations.is_empty() {
        Ok(request)
    } else {
        Err(ServiceError::validation_exception(service_model::format_violations(&violations)))
    }
}
