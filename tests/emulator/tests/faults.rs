//! Scripted faults, the request log, and the emulator's own life.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{client, client_with_attempts, create, refusal, request, start, until};
use sagemaker_emulator::{Emulator, Fault, LoggedRequest, Outcome, ServiceModel, StartError, When};

fn outcomes(emulator: &Emulator) -> Vec<Outcome> {
    emulator.requests().into_iter().map(|request: LoggedRequest| request.outcome).collect()
}

#[tokio::test]
async fn the_sdk_retries_a_throttled_request() {
    let emulator = start().await;
    emulator.script(Fault::next("CreateCompilationJob", 2, "ThrottlingException", "Rate exceeded"));
    create(&client_with_attempts(&emulator, 3), "job").await;
    let throttled =
        Outcome::Refused { status: 400, code: "ThrottlingException".to_owned(), message: "Rate exceeded".to_owned() };
    assert_eq!(outcomes(&emulator), [throttled.clone(), throttled, Outcome::Accepted]);
    assert!(emulator.pending_faults().is_empty());
}

#[tokio::test]
async fn the_sdk_does_not_retry_a_quota_answer() {
    let emulator = start().await;
    emulator.script(Fault::next("CreateCompilationJob", 1, "ResourceLimitExceeded", "too many"));
    let refused = request(&client_with_attempts(&emulator, 3), "job").send().await;
    assert!(refused.unwrap_err().into_service_error().is_resource_limit_exceeded());
    assert_eq!(emulator.requests().len(), 1);
}

#[tokio::test]
async fn a_request_dropped_before_it_acts_leaves_no_job() {
    let emulator = start().await;
    emulator.script(Fault::drop("CreateCompilationJob", 1, When::Before));
    assert_eq!(refusal(request(&client(&emulator), "job").send().await).0, "no answer");
    assert!(emulator.compilation_jobs().is_empty());
    create(&client(&emulator), "job").await;
    assert_eq!(outcomes(&emulator), [Outcome::Dropped { when: When::Before }, Outcome::Accepted]);
}

#[tokio::test]
async fn a_request_dropped_after_it_acted_meets_itself_when_retried() {
    let emulator = start().await;
    emulator.script(Fault::drop("CreateCompilationJob", 1, When::After));
    assert_eq!(refusal(request(&client_with_attempts(&emulator, 3), "job").send().await).0, "ResourceInUse");
    assert_eq!(emulator.compilation_jobs().len(), 1);
    let outcomes = outcomes(&emulator);
    assert_eq!(outcomes[0], Outcome::Dropped { when: When::After });
    assert!(matches!(&outcomes[1], Outcome::Refused { code, .. } if code == "ResourceInUse"), "{outcomes:?}");
}

#[tokio::test]
async fn a_fault_hits_its_operation_only() {
    let emulator = start().await;
    emulator.script(Fault::next("ListCompilationJobs", 1, "InternalFailure", ""));
    create(&client(&emulator), "job").await;
    assert_eq!(refusal(client(&emulator).list_compilation_jobs().send().await).0, "InternalFailure");
    emulator.script(Fault::next("ListCompilationJobs", 1, "InternalFailure", ""));
    emulator.clear_faults();
    client(&emulator).list_compilation_jobs().send().await.unwrap();
}

#[tokio::test]
async fn a_delayed_request_acts_though_its_client_has_gone() {
    let emulator = start().await;
    let delay = Duration::from_secs(1);
    emulator.script(Fault::delay("CreateCompilationJob", 1, delay));
    let began = Instant::now();
    let call = tokio::spawn(request(&client(&emulator), "job").send());
    until(|| !emulator.requests().is_empty()).await;
    assert_eq!(outcomes(&emulator), [Outcome::Pending]);
    call.abort();
    until(|| !emulator.compilation_jobs().is_empty()).await;
    assert!(began.elapsed() >= delay);
}

#[tokio::test]
async fn the_log_holds_requests_in_order_with_their_bodies() {
    let emulator = start().await;
    create(&client(&emulator), "job").await;
    let _ = request(&client(&emulator), "not_allowed").send().await;
    let requests = emulator.requests();
    assert_eq!(requests.iter().map(|request| request.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(requests[0].operation, "CreateCompilationJob");
    assert_eq!(requests[0].body["InputConfig"]["DataInputConfig"], r#"{"data":[1,3,224,224]}"#);
    assert_eq!(requests[1].body["CompilationJobName"], "not_allowed");
    emulator.reset();
    assert!(emulator.requests().is_empty() && emulator.compilation_jobs().is_empty());
    create(&client(&emulator), "job").await;
    assert_eq!(emulator.requests()[0].sequence, 3, "numbers go on after a reset");
}

#[tokio::test]
async fn dropping_the_emulator_stops_it() {
    let emulator = start().await;
    let (client, address) = (client(&emulator), emulator.url().replace("http://", ""));
    create(&client, "job").await;
    drop(emulator);
    until(|| std::net::TcpStream::connect(&address).is_err()).await;
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_said() {
    let emulator = start().await;
    let port: u16 = emulator.url().rsplit(':').next().unwrap().parse().unwrap();
    let Err(taken) = Emulator::builder().port(port).start().await else { panic!("two servers on one port") };
    assert!(matches!(taken, StartError::Listen { .. }));
    assert!(taken.to_string().contains(&port.to_string()), "{taken}");
    let missing = ServiceModel::load(Path::new("/nowhere/service-2.json.gz")).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/service-2.json.gz"), "{missing}");
    let wrong = ServiceModel::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap_err();
    assert!(wrong.to_string().contains("SAGEMAKER_SERVICE_MODEL"), "{wrong}");
}
