use jiff::Timestamp;
use ledger::{MAX_PERMISSION_WAIT, MAX_UNSEEN, MIN_REFUSALS, Reuse};
use serde_json::json;
use support::{
    MemoryJobs, MemoryPackages, MemoryQueue, MemoryTable, ScriptedResponse, compilation_request, model_row,
    model_upload,
};
use worker::Message;

use super::*;

type TestStarter = Starter<MemoryJobs, MemoryTable, MemoryQueue, MemoryPackages>;

fn create_starter() -> TestStarter {
    Starter {
        jobs: MemoryJobs::default(),
        packages: MemoryPackages::default(),
        ledger: Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH),
        job_states: MemoryQueue::default(),
        role_arn: "arn:aws:iam::123456789012:role/neo".to_owned(),
    }
}

fn request_event(key: &str) -> Event {
    let request = CompilationRequest {
        source: model_upload(key).into(),
        data_input_config: Some(r#"{"data":[1,3]}"#.to_owned()),
        ..compilation_request("resnet-ml-c5-abc")
    };
    Event::parse(&serde_json::to_string(&request).unwrap()).unwrap()
}

/// Delivers a stop that follows from a newer version of the model.
async fn deliver_stop(starter: &TestStarter) -> Result<(), Failure> {
    let Event::Compilation(request) = request_event("a.tar.gz") else { panic!() };
    let row = model_row(request.source.clone(), vec![request.job_name.clone()]);
    starter.ledger.create_model(&request.model, row).await.unwrap();
    starter.ledger.mark_model_superseded(&request.model).await.unwrap();
    starter.handle_event(Event::parse(r#"{"version":1,"stop":"resnet-ml-c5-abc"}"#).unwrap()).await
}

/// Status and failure reason of the job in the ledger.
async fn find_status(starter: &TestStarter) -> Option<(JobStatus, Option<String>)> {
    let row = starter.ledger.find_job(&JobName::from("resnet-ml-c5-abc".to_owned())).await.unwrap();
    row.map(|row| (row.status, row.failure_reason))
}

/// SEMANTICS once-per-target: Each accepted upload version results in exactly one compilation job
/// per target, no matter how often its event is delivered and what is lost in between.
#[tokio::test]
async fn request_delivered_twice_starts_one_job() {
    let starter = create_starter();
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(starter.jobs.jobs.read().len(), 1);
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
    assert_eq!(
        *starter.job_states.bodies.read(),
        [r#"{"version":1,"job_name":"resnet-ml-c5-abc","seen_by":"start"}"#; 2]
    );
}

/// Many functions may release the same parked request at once.
#[tokio::test]
async fn accepted_job_is_not_created_again() {
    let starter = create_starter();
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    starter.jobs.responses.push(ScriptedResponse::Lost);
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(starter.jobs.responses.read().len(), 1, "expected no second call");
}

#[tokio::test]
async fn request_with_a_lost_response_is_retried() {
    let starter = create_starter();
    starter.jobs.responses.push(ScriptedResponse::Lost);
    assert!(matches!(starter.handle_event(request_event("a.tar.gz")).await, Err(Failure::Transient(_))));
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(starter.jobs.jobs.read().len(), 1);
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

/// SEMANTICS quota-waits: A quota error parks the request until the quota has room; this does not
/// count as a receive, and nothing is lost.
#[tokio::test]
async fn exceeded_quota_parks_the_request_until_it_is_released() {
    let starter = create_starter();
    starter.jobs.responses.push(ScriptedResponse::Quota);
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Requested, None)));
    assert!(starter.jobs.jobs.read().is_empty() && starter.job_states.bodies.read().is_empty());
    let released = MemoryQueue::default();
    assert_eq!(starter.ledger.release_parked_requests(&released, 5).await.unwrap(), 1);
    assert_eq!(starter.ledger.release_parked_requests(&released, 5).await.unwrap(), 0);
    let body = released.bodies.update(|bodies| bodies.remove(0));
    starter.handle_event(Event::parse(&body).unwrap()).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

/// A queue whose messages are delivered before the sender can do anything else.
struct DeliveringQueue<'a> {
    starter: &'a TestStarter,
    /// Messages that remain in the queue.
    left: MemoryQueue,
}

impl Sender for DeliveringQueue<'_> {
    async fn send_bodies(&self, bodies: Vec<String>) -> Result<(), CallError> {
        for body in bodies {
            if self.starter.handle_event(Event::parse(&body).unwrap()).await.is_err() {
                self.left.send_bodies(vec![body]).await?;
            }
        }
        Ok(())
    }
}

/// A released request is delivered, and refused again, before its release is recorded: it is parked
/// again, and no copy of it remains in the queue.
#[tokio::test]
async fn request_refused_while_it_is_released_is_parked() {
    let starter = create_starter();
    starter.jobs.responses.set(vec![ScriptedResponse::Quota; 100]);
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    let queue = DeliveringQueue { starter: &starter, left: MemoryQueue::default() };
    for _ in 0..3 {
        starter.ledger.release_parked_requests(&queue, 1).await.unwrap();
        assert_eq!(queue.left.bodies.read().len(), 0);
        assert_eq!(starter.ledger.peek_parked_requests(5).await.unwrap().len(), 1);
    }
}

/// Every released request is refused, and parked again, before its release is recorded: no more
/// requests are released than `count` says.
#[tokio::test]
async fn fast_starts_do_not_release_more_requests() {
    const RELEASED: usize = 2;
    let starter = create_starter();
    starter.jobs.responses.set(vec![ScriptedResponse::Quota; 100]);
    let Event::Compilation(request) = request_event("a.tar.gz") else { panic!() };
    for number in 0..9 {
        let request = CompilationRequest { job_name: format!("job-{number}").into(), ..*request.clone() };
        starter.handle_event(Event::Compilation(Box::new(request))).await.unwrap();
    }
    let before = starter.jobs.responses.read().len();
    let queue = DeliveringQueue { starter: &starter, left: MemoryQueue::default() };
    assert_eq!(starter.ledger.release_parked_requests(&queue, RELEASED).await.unwrap(), RELEASED);
    assert_eq!(before - starter.jobs.responses.read().len(), RELEASED);
}

#[tokio::test]
async fn refusal_is_recorded_and_reported() {
    let starter = create_starter();
    starter.jobs.responses.push(ScriptedResponse::Rejected("Unsupported framework version".to_owned()));
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    let rejected = (JobStatus::Rejected, Some("Unsupported framework version".to_owned()));
    assert_eq!(find_status(&starter).await, Some(rejected));
    assert_eq!(starter.job_states.bodies.read().len(), 1);
}

#[tokio::test]
async fn missing_permission_is_reported_after_ten_minutes() {
    let reason = "not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/neo";
    let starter = create_starter();
    starter.jobs.responses.set(vec![ScriptedResponse::NotYetPossible(reason.to_owned()); MIN_REFUSALS as usize]);
    for _ in 1..MIN_REFUSALS {
        let failure = starter.handle_event(request_event("a.tar.gz")).await.unwrap_err();
        assert!(matches!(failure, Failure::Deferred { .. }), "no delivery is used up: {failure:?}");
        assert!(starter.job_states.bodies.read().is_empty(), "nothing is reported yet");
    }
    let later = || Timestamp::UNIX_EPOCH + MAX_PERMISSION_WAIT;
    let starter = TestStarter { ledger: Ledger::new(starter.ledger.table().clone(), later), ..starter };
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Rejected, Some(reason.to_owned()))));
    assert_eq!(starter.job_states.bodies.read().len(), 1, "it is reported");
}

#[tokio::test]
async fn permission_given_meanwhile_starts_the_job() {
    let starter = create_starter();
    starter.jobs.responses.push(ScriptedResponse::NotYetPossible("Could not assume role".to_owned()));
    starter.handle_event(request_event("a.tar.gz")).await.unwrap_err();
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

#[tokio::test]
async fn refusal_after_a_lost_response_keeps_the_running_job() {
    let starter = create_starter();
    starter.jobs.responses.set(vec![ScriptedResponse::Rejected("no such role".to_owned()), ScriptedResponse::Lost]);
    assert!(matches!(starter.handle_event(request_event("a.tar.gz")).await, Err(Failure::Transient(_))));
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

#[tokio::test]
async fn request_is_rejected_if_its_job_name_is_taken() {
    let starter = create_starter();
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    let fresh = TestStarter { ledger: create_starter().ledger, ..starter };
    fresh.handle_event(request_event("b.tar.gz")).await.unwrap();
    let (status, reason) = find_status(&fresh).await.unwrap();
    assert_eq!(status, JobStatus::Rejected);
    assert!(reason.unwrap().contains("exists for another model (s3://models/a.tar.gz)"));
}

#[tokio::test]
async fn model_package_is_identified_by_its_arn() {
    let starter = create_starter();
    let package_event = |number: u32| {
        let arn = format!("arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/{number}");
        let Event::Compilation(mut request) = request_event("a.tar.gz") else { panic!() };
        let source = json!({ "model_package_version_arn": arn, "version": "1-abc" });
        request.source = serde_json::from_value(source).unwrap();
        (request.framework, request.data_input_config) = (None, None);
        Event::Compilation(request)
    };
    starter.handle_event(package_event(1)).await.unwrap();
    // The same job, with a framework that SageMaker has detected.
    starter.jobs.change_job("resnet-ml-c5-abc", |job| job.framework = "ONNX".to_owned());
    let fresh = TestStarter { ledger: create_starter().ledger, ..starter };
    fresh.handle_event(package_event(1)).await.unwrap();
    assert_eq!(find_status(&fresh).await, Some((JobStatus::Starting, None)));
    let fresh = TestStarter { ledger: create_starter().ledger, ..fresh };
    fresh.handle_event(package_event(2)).await.unwrap();
    assert!(find_status(&fresh).await.unwrap().1.unwrap().contains("exists for another model (arn:aws:sagemaker"));
}

#[tokio::test]
async fn job_stopped_before_its_start_is_not_started() {
    let starter = create_starter();
    let Event::Compilation(planned) = request_event("a.tar.gz") else { panic!() };
    starter.ledger.claim_job(&planned, Reuse::Running).await.unwrap();
    deliver_stop(&starter).await.unwrap();
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert!(starter.jobs.jobs.read().is_empty());
    assert_eq!(find_status(&starter).await, Some((JobStatus::Stopped, None)));
}

/// A delivery of the request may have created the job and crashed: until it cannot be shown any
/// more, nothing is reported.
#[tokio::test]
async fn stop_waits_for_a_job_that_may_exist() {
    let starter = create_starter();
    let Event::Compilation(planned) = request_event("a.tar.gz") else { panic!() };
    starter.ledger.record_create_call(&planned).await.unwrap();
    for _ in 0..MAX_UNSEEN {
        let waits = deliver_stop(&starter).await;
        assert!(matches!(waits, Err(Failure::Deferred { .. })), "no delivery is used up: {waits:?}");
        assert_eq!(find_status(&starter).await, Some((JobStatus::Requested, None)));
        assert!(starter.job_states.bodies.read().is_empty(), "nothing is reported yet");
    }
    deliver_stop(&starter).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Stopped, None)));
    // The delivery was slow, and creates the job now.
    starter.jobs.lag.set(1);
    starter.jobs.create_job(&planned, "role").await.unwrap();
    let waits = starter.handle_event(request_event("a.tar.gz")).await;
    assert!(matches!(waits, Err(Failure::Deferred { .. })), "no delivery is used up: {waits:?}");
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(starter.jobs.jobs.read()["resnet-ml-c5-abc"].status, JobStatus::Stopping);
}

/// Another delivery of the request creates the job, and crashes before it can record that.
/// Meanwhile the request is withdrawn, and SageMaker does not show the job yet.
#[tokio::test]
async fn job_created_by_a_crashed_delivery_is_stopped() {
    for calls in [1, 2, MAX_UNSEEN + 1] {
        let starter = create_starter();
        starter.jobs.lag.set(MAX_UNSEEN);
        let Event::Compilation(planned) = request_event("a.tar.gz") else { panic!() };
        for _ in 0..calls {
            starter.ledger.record_create_call(&planned).await.unwrap();
        }
        starter.jobs.create_job(&planned, "role").await.unwrap();
        while let Err(waits) = deliver_stop(&starter).await {
            assert!(matches!(waits, Failure::Deferred { .. }), "no delivery is used up: {waits:?}");
        }
        assert_eq!(starter.jobs.jobs.read()["resnet-ml-c5-abc"].status, JobStatus::Stopping, "after {calls} calls");
    }
}

/// SageMaker accepts the first delivery of a request, does not show its job yet, and refuses the
/// second one.
#[tokio::test]
async fn refusal_of_a_second_delivery_keeps_the_job() {
    let starter = create_starter();
    starter.jobs.lag.set(3);
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    starter.jobs.responses.push(ScriptedResponse::Rejected("no such role".to_owned()));
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

/// SageMaker creates the job, the response is lost, and the next delivery is refused before
/// SageMaker shows the job.
#[tokio::test]
async fn refusal_after_a_lost_response_waits_for_the_job() {
    let starter = create_starter();
    starter.jobs.lag.set(2);
    let Event::Compilation(planned) = request_event("a.tar.gz") else { panic!() };
    starter.ledger.claim_job(&planned, Reuse::Running).await.unwrap();
    let refused = || ScriptedResponse::Rejected("no such role".to_owned());
    starter.jobs.responses.set(vec![refused(), refused(), refused(), ScriptedResponse::Lost]);
    assert!(matches!(starter.handle_event(request_event("a.tar.gz")).await, Err(Failure::Transient(_))));
    for _ in 0..2 {
        let waits = starter.handle_event(request_event("a.tar.gz")).await;
        assert!(matches!(waits, Err(Failure::Deferred { .. })), "no delivery is used up: {waits:?}");
    }
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

/// Calls that were throttled, or not permitted, did not create the job: they do not count as looks
/// for the job that a later call creates, and whose response is lost.
#[tokio::test]
async fn earlier_refusals_are_no_looks_for_the_job() {
    let rejected = || ScriptedResponse::Rejected("no such role".to_owned());
    let Event::Compilation(planned) = request_event("a.tar.gz") else { panic!() };
    let refusals = [ScriptedResponse::Throttled, ScriptedResponse::NotYetPossible("Could not assume role".to_owned())];
    for (refusal, was_lost_before) in refusals.iter().flat_map(|refusal| [(refusal, false), (refusal, true)]) {
        let starter = create_starter();
        starter.jobs.lag.set(2 - u32::from(was_lost_before));
        if was_lost_before {
            starter.ledger.record_create_call(&planned).await.unwrap();
        }
        starter.jobs.responses.set(vec![rejected(), rejected(), ScriptedResponse::Lost]);
        starter.jobs.responses.update(|responses| responses.extend(vec![refusal.clone(); MAX_UNSEEN as usize]));
        for _ in 0..MAX_UNSEEN {
            let waits = starter.handle_event(request_event("a.tar.gz")).await;
            assert!(matches!(waits, Err(Failure::Deferred { .. })), "{refusal:?}: {waits:?}");
        }
        assert!(matches!(starter.handle_event(request_event("a.tar.gz")).await, Err(Failure::Transient(_))));
        while starter.handle_event(request_event("a.tar.gz")).await.is_err() {}
        assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)), "{refusal:?}, {was_lost_before}");
    }
}

/// A delivery creates the job and crashes before it can record that. The next delivery is refused
/// for another reason before SageMaker shows the job.
#[tokio::test]
async fn refusal_after_a_crash_waits_for_the_job() {
    let starter = create_starter();
    starter.jobs.lag.set(2);
    let Event::Compilation(planned) = request_event("a.tar.gz") else { panic!() };
    starter.ledger.record_create_call(&planned).await.unwrap();
    starter.jobs.create_job(&planned, "role").await.unwrap();
    starter.jobs.responses.set(vec![ScriptedResponse::Rejected("no such role".to_owned()); 3]);
    for _ in 0..2 {
        let waits = starter.handle_event(request_event("a.tar.gz")).await;
        assert!(matches!(waits, Err(Failure::Deferred { .. })), "no delivery is used up: {waits:?}");
    }
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

/// Several deliveries crash before SageMaker gets their calls; the response to the next one is
/// lost, and the one after that is refused before SageMaker shows the job.
#[tokio::test]
async fn refusal_after_several_lost_calls_waits_for_the_job() {
    for crashes in 1..=MAX_UNSEEN + 1 {
        let starter = create_starter();
        starter.jobs.lag.set(2);
        let Event::Compilation(planned) = request_event("a.tar.gz") else { panic!() };
        for _ in 0..crashes {
            starter.ledger.record_create_call(&planned).await.unwrap();
        }
        let refused = || ScriptedResponse::Rejected("no such role".to_owned());
        starter.jobs.responses.set(vec![refused(), refused(), ScriptedResponse::Lost]);
        while starter.handle_event(request_event("a.tar.gz")).await.is_err() {}
        assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)), "after {crashes} crashes");
    }
}

/// The lost calls did not create the job: SageMaker never shows it.
#[tokio::test]
async fn refusal_after_lost_calls_is_reported_soon() {
    for calls in 1..=MAX_UNSEEN + 1 {
        let starter = create_starter();
        let Event::Compilation(planned) = request_event("a.tar.gz") else { panic!() };
        for _ in 0..calls {
            starter.ledger.record_create_call(&planned).await.unwrap();
        }
        for _ in 0..MAX_UNSEEN {
            assert_eq!(find_status(&starter).await.unwrap().0, JobStatus::Requested);
            starter.jobs.responses.push(ScriptedResponse::Rejected("no such role".to_owned()));
            let _ = starter.handle_event(request_event("a.tar.gz")).await;
        }
        let rejected = (JobStatus::Rejected, Some("no such role".to_owned()));
        assert_eq!(find_status(&starter).await, Some(rejected), "after {calls} calls");
    }
}

#[tokio::test]
async fn running_job_is_stopped() {
    let starter = create_starter();
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    deliver_stop(&starter).await.unwrap();
    assert_eq!(starter.jobs.jobs.read()["resnet-ml-c5-abc"].status, JobStatus::Stopping);
}

/// Another model joins the job while the stop waits in the queue.
#[tokio::test]
async fn job_that_another_model_joined_is_not_stopped() {
    let starter = create_starter();
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    let Event::Compilation(request) = request_event("a.tar.gz") else { panic!() };
    let other = CompilationRequest { content: request.content.clone(), ..compilation_request("other") };
    assert_eq!(starter.ledger.claim_job(&request, Reuse::Running).await.unwrap(), request.job_name);
    assert_eq!(starter.ledger.claim_job(&other, Reuse::Running).await.unwrap(), request.job_name);
    deliver_stop(&starter).await.unwrap();
    assert_eq!(starter.jobs.jobs.read()["resnet-ml-c5-abc"].status, JobStatus::Starting);
}

#[tokio::test]
async fn other_events_are_terminal_failures() {
    assert!(matches!(create_starter().handle_event(Event::S3Test).await, Err(Failure::Terminal(_))));
}

/// SageMaker may not show a job yet that it has just accepted.
#[tokio::test]
async fn stop_before_sagemaker_shows_the_job_is_repeated() {
    let starter = create_starter();
    starter.jobs.lag.set(1);
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert!(matches!(deliver_stop(&starter).await, Err(Failure::Transient(_))));
    deliver_stop(&starter).await.unwrap();
    assert_eq!(starter.jobs.jobs.read()["resnet-ml-c5-abc"].status, JobStatus::Stopping);
}

#[tokio::test]
async fn stop_of_a_job_that_was_lost_changes_nothing() {
    let starter = create_starter();
    starter.handle_event(request_event("a.tar.gz")).await.unwrap();
    starter.jobs.jobs.take();
    starter.ledger.mark_job_lost(&JobName::from("resnet-ml-c5-abc".to_owned())).await.unwrap();
    deliver_stop(&starter).await.unwrap();
    assert_eq!(find_status(&starter).await.unwrap().0, JobStatus::Failed);
}

/// A request for a version of a model package group.
fn package_request(number: u32) -> Event {
    let arn = format!("arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/{number}");
    let source = json!({ "model_package_version_arn": arn, "version": format!("{number}-abc") });
    let request = CompilationRequest {
        source: serde_json::from_value(source).unwrap(),
        rule: "registry".to_owned(),
        framework: None,
        approved_only: true,
        ..compilation_request("resnet-ml-c5-abc")
    };
    Event::parse(&serde_json::to_string(&request).unwrap()).unwrap()
}

/// SEMANTICS approved-only: No job is created for a version of a model package group that is not
/// approved at that moment; its request is rejected.
#[tokio::test]
async fn version_rejected_while_it_waited_is_not_compiled() {
    for approval in [Some("Rejected"), Some("PendingManualApproval"), None] {
        let starter = create_starter();
        starter.packages.add_group("resnet");
        if let Some(approval) = approval {
            starter.packages.put_version("resnet", 3, approval, Timestamp::UNIX_EPOCH);
        }
        claim_package_job(&starter).await;
        for _ in 0..MAX_UNSEEN {
            let waits = starter.handle_event(package_request(3)).await;
            assert!(matches!(waits, Err(Failure::Deferred { .. })), "no delivery is used up: {waits:?}");
        }
        starter.handle_event(package_request(3)).await.unwrap();
        assert!(starter.jobs.jobs.read().is_empty());
        let (status, reason) = find_status(&starter).await.unwrap();
        assert_eq!(status, JobStatus::Rejected);
        let expected =
            approval.map_or("it was deleted".to_owned(), |status| format!("its approval status is {status}"));
        assert_eq!(reason.unwrap(), format!("{NOT_APPROVED}: {expected}"));
        assert_eq!(starter.job_states.bodies.read().len(), 1, "it is reported");
    }
}

async fn claim_package_job(starter: &TestStarter) {
    let Event::Compilation(planned) = package_request(3) else { panic!() };
    starter.ledger.claim_job(&planned, Reuse::Running).await.unwrap();
}

/// SageMaker may describe a version as it was before its approval.
#[tokio::test]
async fn approval_that_is_not_shown_yet_is_waited_for() {
    let starter = create_starter();
    claim_package_job(&starter).await;
    starter.packages.put_version("resnet", 3, "PendingManualApproval", Timestamp::UNIX_EPOCH);
    for _ in 0..2 {
        assert!(matches!(starter.handle_event(package_request(3)).await, Err(Failure::Deferred { .. })));
    }
    starter.packages.put_version("resnet", 3, "Approved", Timestamp::UNIX_EPOCH);
    starter.handle_event(package_request(3)).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

/// Deliveries that waited for the approval made no call: they do not count as looks for the job
/// that a later call creates, and whose response is lost.
#[tokio::test]
async fn waits_for_the_approval_are_no_looks_for_the_job() {
    let starter = create_starter();
    starter.jobs.lag.set(2);
    claim_package_job(&starter).await;
    starter.packages.put_version("resnet", 3, "PendingManualApproval", Timestamp::UNIX_EPOCH);
    for _ in 0..MAX_UNSEEN {
        assert!(matches!(starter.handle_event(package_request(3)).await, Err(Failure::Deferred { .. })));
    }
    starter.packages.put_version("resnet", 3, "Approved", Timestamp::UNIX_EPOCH);
    let refused = || ScriptedResponse::Rejected("no such role".to_owned());
    starter.jobs.responses.set(vec![refused(), refused(), ScriptedResponse::Lost]);
    assert!(matches!(starter.handle_event(package_request(3)).await, Err(Failure::Transient(_))));
    while starter.handle_event(package_request(3)).await.is_err() {}
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

/// One delivery creates the job, SageMaker does not show it yet, and the other delivery finds the
/// version rejected: the job runs.
#[tokio::test]
async fn job_of_another_delivery_is_not_rejected() {
    let starter = create_starter();
    claim_package_job(&starter).await;
    starter.packages.put_version("resnet", 3, "Approved", Timestamp::UNIX_EPOCH);
    let Event::Compilation(request) = package_request(3) else { panic!() };
    starter.jobs.create_job(&request, &starter.role_arn).await.unwrap();
    starter.jobs.lag.set(1);
    starter.packages.put_version("resnet", 3, "Rejected", Timestamp::UNIX_EPOCH);
    for _ in 0..=MAX_UNSEEN {
        let _ = starter.handle_event(package_request(3)).await;
        assert_ne!(find_status(&starter).await.unwrap().0, JobStatus::Rejected);
        let _ = starter.jobs.describe_job("resnet-ml-c5-abc").await;
    }
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}

/// A version that may not be described is answered like a job that may not be created.
#[tokio::test]
async fn approval_that_may_not_be_read_is_answered() {
    let starter = create_starter();
    claim_package_job(&starter).await;
    for _ in 1..MIN_REFUSALS {
        starter.packages.failures.push(CallErrorKind::Denied);
        assert!(matches!(starter.handle_event(package_request(3)).await, Err(Failure::Deferred { .. })));
    }
    let later = || Timestamp::UNIX_EPOCH + MAX_PERMISSION_WAIT;
    let starter = TestStarter { ledger: Ledger::new(starter.ledger.table().clone(), later), ..starter };
    starter.packages.failures.push(CallErrorKind::Denied);
    starter.handle_event(package_request(3)).await.unwrap();
    assert_eq!(find_status(&starter).await.unwrap().0, JobStatus::Rejected);
}

#[tokio::test]
async fn approved_version_is_compiled_and_a_named_one_not_checked() {
    let starter = create_starter();
    starter.packages.put_version("resnet", 3, "Approved", Timestamp::UNIX_EPOCH);
    starter.handle_event(package_request(3)).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
    // Rejected after its job was created: the job runs.
    starter.packages.put_version("resnet", 3, "Rejected", Timestamp::UNIX_EPOCH);
    for _ in 0..=MAX_UNSEEN {
        let _ = starter.handle_event(package_request(3)).await;
    }
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
    let named = create_starter();
    named.handle_event(request_event("a.tar.gz")).await.unwrap();
    assert_eq!(*named.packages.calls.read(), [""; 0]);
}

#[tokio::test]
async fn approval_that_cannot_be_read_is_read_again() {
    let starter = create_starter();
    starter.packages.put_version("resnet", 3, "Approved", Timestamp::UNIX_EPOCH);
    starter.packages.failures.push(CallErrorKind::Throttled);
    assert!(matches!(starter.handle_event(package_request(3)).await, Err(Failure::Deferred { .. })));
    starter.handle_event(package_request(3)).await.unwrap();
    assert_eq!(find_status(&starter).await, Some((JobStatus::Starting, None)));
}
