//! Scripted faults, the request log, and starting and stopping the emulator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

mod common;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use common::{
    create_client, create_client_with_attempts, create_job, create_job_request, error_code_and_message, start_emulator,
    wait_until,
};
use sagemaker_emulator::{
    DropTiming, Emulator, LoggedRequest, RequestOutcome, ScriptedFault, ServiceModel, StartError,
};

fn list_outcomes(emulator: &Emulator) -> Vec<RequestOutcome> {
    emulator.logged_requests().into_iter().map(|request: LoggedRequest| request.outcome).collect()
}

#[tokio::test]
async fn sdk_retries_a_throttled_request() {
    let emulator = start_emulator().await;
    emulator.add_fault(ScriptedFault::answer_with_error(
        "CreateCompilationJob",
        2,
        "ThrottlingException",
        "Rate exceeded",
    ));
    create_job(&create_client_with_attempts(&emulator, 3), "job").await;
    let throttled = RequestOutcome::Refused {
        status: 400,
        code: "ThrottlingException".to_owned(),
        message: "Rate exceeded".to_owned(),
    };
    assert_eq!(list_outcomes(&emulator), [throttled.clone(), throttled, RequestOutcome::Accepted]);
    assert!(emulator.pending_faults().is_empty());
}

#[tokio::test]
async fn sdk_does_not_retry_a_quota_error() {
    let emulator = start_emulator().await;
    emulator.add_fault(ScriptedFault::answer_with_error(
        "CreateCompilationJob",
        1,
        "ResourceLimitExceeded",
        "too many",
    ));
    let rejected = create_job_request(&create_client_with_attempts(&emulator, 3), "job").send().await;
    assert!(rejected.unwrap_err().into_service_error().is_resource_limit_exceeded());
    assert_eq!(emulator.logged_requests().len(), 1);
}

#[tokio::test]
async fn request_dropped_before_its_effect_creates_no_job() {
    let emulator = start_emulator().await;
    emulator.add_fault(ScriptedFault::drop_connection("CreateCompilationJob", 1, DropTiming::Before));
    assert_eq!(
        error_code_and_message(create_job_request(&create_client(&emulator), "job").send().await).0,
        "no answer"
    );
    assert!(emulator.compilation_jobs().is_empty());
    create_job(&create_client(&emulator), "job").await;
    assert_eq!(
        list_outcomes(&emulator),
        [RequestOutcome::Dropped { when: DropTiming::Before }, RequestOutcome::Accepted]
    );
}

#[tokio::test]
async fn retry_after_a_lost_response_finds_the_name_in_use() {
    let emulator = start_emulator().await;
    emulator.add_fault(ScriptedFault::drop_connection("CreateCompilationJob", 1, DropTiming::After));
    assert_eq!(
        error_code_and_message(create_job_request(&create_client_with_attempts(&emulator, 3), "job").send().await).0,
        "ResourceInUse"
    );
    assert_eq!(emulator.compilation_jobs().len(), 1);
    let outcomes = list_outcomes(&emulator);
    assert_eq!(outcomes[0], RequestOutcome::Dropped { when: DropTiming::After });
    assert!(matches!(&outcomes[1], RequestOutcome::Refused { code, .. } if code == "ResourceInUse"), "{outcomes:?}");
}

#[tokio::test]
async fn fault_affects_only_its_operation() {
    let emulator = start_emulator().await;
    emulator.add_fault(ScriptedFault::answer_with_error("ListCompilationJobs", 1, "InternalFailure", ""));
    create_job(&create_client(&emulator), "job").await;
    assert_eq!(
        error_code_and_message(create_client(&emulator).list_compilation_jobs().send().await).0,
        "InternalFailure"
    );
    emulator.add_fault(ScriptedFault::answer_with_error("ListCompilationJobs", 1, "InternalFailure", ""));
    emulator.clear_faults();
    create_client(&emulator).list_compilation_jobs().send().await.unwrap();
}

#[tokio::test]
async fn delayed_request_takes_effect_after_its_client_disconnects() {
    let emulator = start_emulator().await;
    let delay = Duration::from_secs(1);
    emulator.add_fault(ScriptedFault::delay_request("CreateCompilationJob", 1, delay));
    let began = Instant::now();
    let call = tokio::spawn(create_job_request(&create_client(&emulator), "job").send());
    wait_until(|| !emulator.logged_requests().is_empty()).await;
    assert_eq!(list_outcomes(&emulator), [RequestOutcome::Pending]);
    call.abort();
    wait_until(|| !emulator.compilation_jobs().is_empty()).await;
    assert!(began.elapsed() >= delay);
}

#[tokio::test]
async fn request_log_is_in_order_and_contains_bodies() {
    let emulator = start_emulator().await;
    create_job(&create_client(&emulator), "job").await;
    let _ = create_job_request(&create_client(&emulator), "not_allowed").send().await;
    let requests = emulator.logged_requests();
    assert_eq!(requests.iter().map(|request| request.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(requests[0].operation, "CreateCompilationJob");
    assert_eq!(requests[0].body["InputConfig"]["DataInputConfig"], r#"{"data":[1,3,224,224]}"#);
    assert_eq!(requests[1].body["CompilationJobName"], "not_allowed");
    emulator.reset_state();
    assert!(emulator.logged_requests().is_empty() && emulator.compilation_jobs().is_empty());
    create_job(&create_client(&emulator), "job").await;
    assert_eq!(emulator.logged_requests()[0].sequence, 3, "numbering continues after a reset");
}

#[tokio::test]
async fn dropping_the_emulator_stops_it() {
    let emulator = start_emulator().await;
    let (client, address) = (create_client(&emulator), emulator.endpoint_url().replace("http://", ""));
    create_job(&client, "job").await;
    drop(emulator);
    wait_until(|| std::net::TcpStream::connect(&address).is_err()).await;
}

#[tokio::test]
async fn start_errors_name_the_port_or_the_file() {
    let emulator = start_emulator().await;
    let port: u16 = emulator.endpoint_url().rsplit(':').next().unwrap().parse().unwrap();
    let Err(taken) = Emulator::builder().port(port).start().await else { panic!("two servers on one port") };
    assert!(matches!(taken, StartError::Listen { .. }));
    assert!(taken.to_string().contains(&port.to_string()), "{taken}");
    let missing = ServiceModel::load_file(Path::new("/nowhere/service-2.json.gz")).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/service-2.json.gz"), "{missing}");
    let wrong = ServiceModel::load_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap_err();
    assert!(wrong.to_string().contains("SAGEMAKER_SERVICE_MODEL"), "{wrong}");
}
