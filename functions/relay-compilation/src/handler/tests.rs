use std::collections::BTreeSet;

use automation::event::Observer;
use jiff::Timestamp;
use ledger::{ModelRow, ModelState, Reuse};
use neo::{JobDescription, JobStatus, ModelId};
use serde_json::{Value, json};
use support::{
    MemoryJobs, MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic, StoredObject, TestStack, compilation_request,
    job_description, model_row, model_upload, reject_request,
};
use worker::Message;

use super::*;

type TestRelay = JobRelay<MemoryJobs, MemoryTable, MemoryTopic, MemoryQueue, MemoryObjects>;

/// Creates a relay whose ledger has a model with two requested jobs.
async fn create_relay() -> (TestRelay, [CompilationRequest; 2]) {
    let upload = model_upload("resnet.tar.gz");
    let model = ModelId::new(&upload.bucket, &upload.key, upload.version());
    let requests = ["ml_c5", "ml_m5"].map(|target| CompilationRequest {
        model: model.clone(),
        target: serde_json::from_value(json!({ "device": target })).unwrap(),
        output_location: "s3://artifacts/".to_owned(),
        ..compilation_request(&format!("resnet-{target}"))
    });
    let stack = TestStack::new(|| Timestamp::UNIX_EPOCH);
    let (models, TestStack { ledger, notifier, clock, .. }) = (stack.model_notifier(), stack);
    for request in &requests {
        ledger.claim_job(request, Reuse::Running).await.unwrap();
    }
    let jobs = requests.iter().map(|request| request.job_name.clone()).collect();
    ledger.create_model(&model, model_row(upload.into(), jobs)).await.unwrap();
    let (jobs, queue, foreign) = (MemoryJobs::default(), MemoryQueue::default(), ForeignJobs::default());
    (JobRelay { jobs, ledger, notifier, models, requests: queue, foreign, clock }, requests)
}

/// Sets the status of a job in SageMaker, and delivers an observation of it.
async fn observe_status(relay: &TestRelay, request: &CompilationRequest, status: JobStatus) -> Result<(), Failure> {
    let name = request.job_name.to_string();
    let job = JobDescription {
        source: request.source.to_uri(),
        target: request.target.to_string(),
        output_location: request.output_location.clone(),
        artifact: (status == JobStatus::Completed).then(|| format!("s3://artifacts/{name}.tar.gz")),
        ..job_description(&name, status)
    };
    if job.artifact.is_some() {
        let object = StoredObject { etag: "compiled".to_owned(), bytes: vec![1; 9], ..StoredObject::default() };
        relay.models.objects().put_version("artifacts", &format!("{name}.tar.gz"), object);
    }
    relay.jobs.put_job(job);
    deliver_hint(relay, &name).await
}

async fn deliver_hint(relay: &TestRelay, name: &str) -> Result<(), Failure> {
    relay.handle_event(Event::Job(JobObservation::without_status(name, Observer::Sweep))).await
}

/// SEMANTICS every-end-notified: Every terminal job status is published; duplicates are suppressed.
#[tokio::test]
async fn each_status_is_published_once() {
    let (relay, [first, second]) = create_relay().await;
    for status in [JobStatus::Starting, JobStatus::InProgress, JobStatus::Completed, JobStatus::Completed] {
        observe_status(&relay, &first, status).await.unwrap();
    }
    assert_eq!(relay.notifier.topic().types(), ["compilation.started", "compilation.completed"]);
    for _ in 0..2 {
        observe_status(&relay, &second, JobStatus::Failed).await.unwrap();
    }
    assert_eq!(relay.notifier.topic().types()[2..], ["compilation.failed", "model.summary"]);
}

/// `DescribeCompilationJob` still returns the status before the one that an event reports.
#[tokio::test]
async fn event_waits_until_sagemaker_shows_its_status() {
    let (relay, [request, _]) = create_relay().await;
    observe_status(&relay, &request, JobStatus::InProgress).await.unwrap();
    let event = |job_name: &str, age: SignedDuration| {
        Event::Job(JobObservation {
            job_name: job_name.to_owned(),
            seen_by: Observer::StateChange,
            status: Some(JobStatus::Completed),
            at: Some(Timestamp::UNIX_EPOCH - age),
        })
    };
    for job in [request.job_name.as_str(), "nightly"] {
        let waits = relay.handle_event(event(job, SignedDuration::from_secs(3))).await;
        assert!(matches!(waits, Err(Failure::Deferred { .. })), "no delivery is used up: {waits:?}");
        relay.handle_event(event(job, SignedDuration::from_mins(2))).await.unwrap();
    }
    assert_eq!(relay.notifier.topic().types(), ["compilation.started"]);
    observe_status(&relay, &request, JobStatus::Completed).await.unwrap();
    relay.handle_event(event(request.job_name.as_str(), SignedDuration::ZERO)).await.unwrap();
    assert_eq!(relay.notifier.topic().types(), ["compilation.started", "compilation.completed"]);
}

#[tokio::test]
async fn event_with_a_recorded_status_needs_no_call() {
    let (relay, [request, _]) = create_relay().await;
    observe_status(&relay, &request, JobStatus::InProgress).await.unwrap();
    let reads = relay.jobs.reads.read().len();
    let event = |status| {
        Event::Job(JobObservation {
            status: Some(status),
            ..JobObservation::without_status(request.job_name.as_str(), Observer::StateChange)
        })
    };
    for status in [JobStatus::Starting, JobStatus::InProgress] {
        relay.handle_event(event(status)).await.unwrap();
    }
    assert_eq!(relay.jobs.reads.read().len(), reads);
    relay.handle_event(event(JobStatus::Stopping)).await.unwrap();
    assert_eq!(relay.jobs.reads.read().len(), reads + 1);
}

/// SEMANTICS one-summary: When the last target of a model finishes, one summary of the whole model
/// is published.
#[tokio::test]
async fn one_summary_follows_the_last_job_of_a_model() {
    let (relay, [first, second]) = create_relay().await;
    let (objects, bucket) = (MemoryObjects::default(), "artifacts".to_owned());
    let models = ModelNotifier::new(relay.ledger.clone(), relay.notifier.clone(), objects.clone(), bucket.clone());
    let relay = JobRelay { models, ..relay };
    observe_status(&relay, &first, JobStatus::Completed).await.unwrap();
    for _ in 0..2 {
        observe_status(&relay, &second, JobStatus::Failed).await.unwrap();
    }
    assert_eq!(relay.notifier.topic().types(), ["compilation.completed", "compilation.failed", "model.summary"]);
    let subject = relay.notifier.topic().published().last().unwrap().subject.clone();
    assert_eq!(subject, "resnet: compiled for 1 of 2 targets");
    let versions = objects.objects.read()[&(bucket, "resnet/v1/summary.json".to_owned())].clone();
    let document: Value = serde_json::from_slice(&versions[0].bytes).unwrap();
    assert_eq!((versions.len(), document["subject"].as_str()), (1, Some(subject.as_str())));
    assert_eq!(document["summary"], "s3://artifacts/resnet/v1/summary.json");
}

/// SEMANTICS reused-told: For a model that an earlier job compiled, a notification reports the
/// existing artifact with `reused_from`, and a model summary is published.
#[tokio::test]
async fn reused_jobs_are_reported_once_for_the_model_reusing_them() {
    let (relay, requests) = create_relay().await;
    let again = ModelId::new("models", "resnet.tar.gz", "v2");
    for request in &requests {
        let request =
            CompilationRequest { model: again.clone(), job_name: "again".to_owned().into(), ..request.clone() };
        assert_ne!(relay.ledger.claim_job(&request, Reuse::Running).await.unwrap(), request.job_name);
    }
    let first = relay.ledger.find_model(&requests[0].model).await.unwrap().unwrap();
    relay.ledger.create_model(&again, ModelRow { state: ModelState::Reused, ..first }).await.unwrap();
    for request in &requests {
        observe_status(&relay, request, JobStatus::Completed).await.unwrap();
        observe_status(&relay, request, JobStatus::Completed).await.unwrap();
    }
    let types = relay.notifier.topic().types();
    assert_eq!(types[..2], ["compilation.completed"; 2], "notifications about the first target");
    assert_eq!(
        types[2..].iter().copied().collect::<BTreeSet<_>>(),
        BTreeSet::from(["compilation.completed", "model.summary"]),
        "notifications about the second target and both models"
    );
    let published = relay.notifier.topic().published();
    let reused: Vec<_> =
        published.iter().filter(|notification| notification.text.contains("was already compiled")).collect();
    assert_eq!(reused.len(), requests.len());
    let document = serde_json::to_value(reused[0]).unwrap();
    assert_eq!(document["reused_from"], requests[0].job_name.as_str());
    assert_eq!(published.len(), 6);
}

/// A plan that joined the job may have been made again, with other jobs, before it was stored.
#[tokio::test]
async fn model_is_notified_only_about_jobs_of_its_plan() {
    let (relay, [first, second]) = create_relay().await;
    let again = ModelId::new("models", "resnet.tar.gz", "v2");
    for request in [&first, &second] {
        let request = CompilationRequest { model: again.clone(), ..request.clone() };
        let other = CompilationRequest { job_name: "again".to_owned().into(), ..request };
        relay.ledger.claim_job(&other, Reuse::Running).await.unwrap();
    }
    let model = relay.ledger.find_model(&first.model).await.unwrap().unwrap();
    let jobs = vec![second.job_name.clone()];
    relay.ledger.create_model(&again, ModelRow { state: ModelState::Reused, jobs, ..model }).await.unwrap();
    observe_status(&relay, &first, JobStatus::Completed).await.unwrap();
    let ids: Vec<_> = relay.notifier.topic().published().iter().map(|published| published.id.clone()).collect();
    assert_eq!(ids, ["job-completed-resnet-ml_c5"]);
    observe_status(&relay, &second, JobStatus::Completed).await.unwrap();
    let about_again = relay.notifier.topic().published().iter().filter(|one| one.id.ends_with(again.as_str())).count();
    assert_eq!(about_again, 2, "expected the artifact of the second job, and the summary");
}

#[tokio::test]
async fn finished_job_releases_a_parked_request() {
    let (relay, [first, second]) = create_relay().await;
    assert!(relay.ledger.park_request(&second).await.unwrap());
    observe_status(&relay, &first, JobStatus::InProgress).await.unwrap();
    assert!(relay.requests.bodies.read().is_empty());
    observe_status(&relay, &first, JobStatus::Completed).await.unwrap();
    let released = relay.requests.bodies.get();
    assert_eq!(released.len(), 1);
    assert!(matches!(Event::parse(&released[0]).unwrap(), Event::Compilation(request) if *request == second));
}

#[tokio::test]
async fn rejected_request_counts_as_finished() {
    let (relay, [first, second]) = create_relay().await;
    reject_request(&relay.ledger, &first, "no such target").await;
    deliver_hint(&relay, first.job_name.as_str()).await.unwrap();
    assert_eq!(relay.notifier.topic().types(), ["compilation.rejected"]);
    observe_status(&relay, &second, JobStatus::Completed).await.unwrap();
    assert_eq!(relay.notifier.topic().types()[1..], ["compilation.completed", "model.summary"]);
}

#[tokio::test]
async fn failure_of_the_service_is_retried_before_the_summary() {
    let (relay, [first, second]) = create_relay().await;
    observe_status(&relay, &second, JobStatus::Completed).await.unwrap();
    let mut attempt = first;
    for number in 2..=3 {
        fail_job(&relay, &attempt, "ServerError: There was an internal server error").await;
        let parked = relay.ledger.peek_parked_requests(9).await.unwrap();
        assert_eq!(parked.len(), 1);
        relay.ledger.release_parked_requests(&MemoryQueue::default(), 1).await.unwrap();
        attempt = parked[0].clone();
        assert_eq!(attempt.attempt, number);
        assert!(relay.notifier.topic().published().last().unwrap().text.contains(&format!("attempt {number} of 3")));
    }
    assert!(!relay.notifier.topic().types().contains(&"model.summary"));
    fail_job(&relay, &attempt, "ServerError: There was an internal server error").await;
    assert!(relay.ledger.peek_parked_requests(9).await.unwrap().is_empty(), "expected no fourth attempt");
    assert_eq!(
        relay.notifier.topic().types()[1..],
        ["compilation.failed", "compilation.failed", "compilation.failed", "model.summary"]
    );
}

/// The function records a failure that is retried, and crashes before it stores the next attempt.
/// Meanwhile the other job of the model finishes.
#[tokio::test]
async fn failure_that_is_retried_is_not_summed_up() {
    let (relay, [first, second]) = create_relay().await;
    let reason = Some("ServerError: There was an internal server error".to_owned());
    let failed = job_description(first.job_name.as_str(), JobStatus::Failed);
    relay.ledger.record_observation(&JobDescription { failure_reason: reason, ..failed }).await.unwrap();
    observe_status(&relay, &second, JobStatus::Completed).await.unwrap();
    assert_eq!(relay.notifier.topic().types(), ["compilation.completed"]);
    deliver_hint(&relay, first.job_name.as_str()).await.unwrap();
    let next = relay.ledger.peek_parked_requests(1).await.unwrap().remove(0);
    observe_status(&relay, &next, JobStatus::Completed).await.unwrap();
    let subjects: Vec<_> = relay.notifier.topic().published().iter().map(|one| one.subject.clone()).collect();
    assert_eq!(subjects.last().unwrap(), "resnet: compiled for 2 of 2 targets", "{subjects:?}");
}

#[tokio::test]
async fn failure_of_the_model_is_not_retried() {
    let (relay, [first, _]) = create_relay().await;
    fail_job(&relay, &first, "ClientError: InputConfiguration: TVM cannot convert").await;
    assert!(relay.ledger.peek_parked_requests(9).await.unwrap().is_empty());
}

/// Lets a job start and fail, and forgets the notification about its start.
async fn fail_job(relay: &TestRelay, request: &CompilationRequest, reason: &str) {
    observe_status(relay, request, JobStatus::InProgress).await.unwrap();
    let name = request.job_name.to_string();
    relay.jobs.change_job(&name, |job| {
        job.status = JobStatus::Failed;
        job.failure_reason = Some(reason.to_owned());
    });
    deliver_hint(relay, &name).await.unwrap();
    relay.notifier.topic().forget("compilation.started");
}

#[tokio::test]
async fn failed_publication_is_retried() {
    let (relay, [first, _]) = create_relay().await;
    relay.notifier.topic().failures.set(1);
    assert!(matches!(observe_status(&relay, &first, JobStatus::Completed).await, Err(Failure::Transient(_))));
    observe_status(&relay, &first, JobStatus::Completed).await.unwrap();
    assert_eq!(relay.notifier.topic().types(), ["compilation.completed"]);
}

#[tokio::test]
async fn foreign_job_is_reported() {
    let (relay, [first, _]) = create_relay().await;
    let foreign = CompilationRequest { job_name: "by-hand".to_owned().into(), ..first };
    observe_status(&relay, &foreign, JobStatus::Completed).await.unwrap();
    assert_eq!(relay.notifier.topic().types(), ["compilation.completed"]);
    assert_eq!(relay.notifier.topic().published()[0].subject, "Compilation completed: by-hand for ml_c5");
}

#[tokio::test]
async fn foreign_job_is_not_reported_if_disabled() {
    let (relay, [first, _]) = create_relay().await;
    let relay = JobRelay { foreign: ForeignJobs::new("-".to_owned()), ..relay };
    let foreign = CompilationRequest { job_name: "by-hand".to_owned().into(), ..first.clone() };
    observe_status(&relay, &foreign, JobStatus::Completed).await.unwrap();
    assert!(relay.notifier.topic().types().is_empty());
    observe_status(&relay, &first, JobStatus::Completed).await.unwrap();
    assert_eq!(relay.notifier.topic().types(), ["compilation.completed"], "expected jobs of this stack to be reported");
}

#[tokio::test]
async fn failed_api_call_is_ignored() {
    let (relay, _) = create_relay().await;
    relay.handle_event(Event::FailedCall("StopCompilationJob of x".to_owned())).await.unwrap();
    assert!(relay.notifier.topic().types().is_empty());
}

#[tokio::test]
async fn foreign_job_missing_in_sagemaker_is_not_reported() {
    let (relay, _) = create_relay().await;
    deliver_hint(&relay, "missing").await.unwrap();
    assert!(relay.notifier.topic().types().is_empty());
}

/// SageMaker may not show a job yet that it has just accepted.
#[tokio::test]
async fn own_job_missing_in_sagemaker_is_looked_up_again() {
    let (relay, [first, second]) = create_relay().await;
    let waits = deliver_hint(&relay, first.job_name.as_str()).await;
    assert!(matches!(waits, Err(Failure::Deferred { .. })), "no delivery is used up by a new job: {waits:?}");
    observe_status(&relay, &second, JobStatus::Starting).await.unwrap();
    relay.jobs.jobs.take();
    let waits = deliver_hint(&relay, second.job_name.as_str()).await;
    assert!(matches!(waits, Err(Failure::Transient(_))), "it was deleted: {waits:?}");
}

#[tokio::test]
async fn job_of_a_superseded_version_is_not_retried() {
    let (relay, [first, second]) = create_relay().await;
    relay.ledger.mark_model_superseded(&first.model).await.unwrap();
    fail_job(&relay, &first, "CapacityError: no machine").await;
    assert!(relay.ledger.peek_parked_requests(9).await.unwrap().is_empty());
    observe_status(&relay, &second, JobStatus::Completed).await.unwrap();
    assert_eq!(relay.notifier.topic().types(), ["compilation.failed", "compilation.completed", "model.summary"]);
}

#[tokio::test]
async fn repeated_terminal_status_frees_one_quota_slot() {
    let (relay, [first, second]) = create_relay().await;
    for number in 0..3 {
        let parked = CompilationRequest { job_name: format!("parked-{number}").into(), ..second.clone() };
        assert!(relay.ledger.park_request(&parked).await.unwrap());
    }
    fail_job(&relay, &first, "CapacityError: no machine").await;
    deliver_hint(&relay, first.job_name.as_str()).await.unwrap();
    let released = relay.requests.bodies.get();
    assert_eq!(released.len(), 1, "{released:?}");
    let parked = relay.ledger.peek_parked_requests(9).await.unwrap();
    assert_eq!(parked.len(), 3, "expected two of the parked requests, and the next attempt");
}

/// Completes a job whose artifact is this object, and returns the published documents.
async fn complete_with_artifact(artifact: Option<StoredObject>, failure: Option<CallErrorKind>) -> Vec<Value> {
    let (relay, [first, second]) = create_relay().await;
    observe_status(&relay, &second, JobStatus::Completed).await.unwrap();
    observe_status(&relay, &first, JobStatus::InProgress).await.unwrap();
    let objects = relay.models.objects();
    objects.head_failure.set(failure);
    if let Some(object) = artifact {
        objects.put_version("artifacts", "compiled.tar.gz", object);
    }
    let name = first.job_name.to_string();
    relay.jobs.change_job(&name, |job| {
        job.status = JobStatus::Completed;
        job.artifact = Some("s3://artifacts/compiled.tar.gz".to_owned());
    });
    deliver_hint(&relay, &name).await.unwrap();
    let published = relay.notifier.topic().published();
    published.iter().skip(2).map(|notification| serde_json::to_value(notification).unwrap()).collect()
}

/// SEMANTICS artifact-checked: A job is reported as completed only after its artifact was looked up
/// in S3: a missing artifact is a failure, and an artifact that is the input is reported as not
/// compiled.
#[tokio::test]
async fn artifact_is_looked_up_before_completion_is_reported() {
    let object =
        |etag: &str, size| StoredObject { etag: etag.to_owned(), bytes: vec![0; size], ..StoredObject::default() };
    // The input has the entity tag `e` and one byte.
    for (artifact, failure, expected) in [
        (Some(object("other", 1)), None, ("compilation.completed", "info", Value::Null, "2 of 2")),
        (Some(object("e", 2)), None, ("compilation.completed", "info", Value::Null, "2 of 2")),
        (Some(object("e", 1)), None, ("compilation.completed", "warning", "not_compiled".into(), "1 of 2")),
        (None, None, ("compilation.failed", "error", Value::Null, "1 of 2")),
        (None, Some(CallErrorKind::Denied), ("compilation.completed", "info", "not_readable".into(), "2 of 2")),
    ] {
        let documents = complete_with_artifact(artifact, failure).await;
        let [job, summary] = &documents[..] else { panic!("expected two notifications: {documents:#?}") };
        assert_eq!((&job["type"], &job["severity"]), (&expected.0.into(), &expected.1.into()), "{job:#}");
        assert_eq!(job["job"]["artifact_check"], expected.2, "{job:#}");
        assert!(summary["subject"].as_str().unwrap().ends_with(&format!("compiled for {} targets", expected.3)));
        let in_summary = summary["jobs"].as_array().unwrap().iter().find(|one| one["name"] == job["job"]["name"]);
        assert_eq!(in_summary.unwrap()["artifact_check"], expected.2, "{summary:#}");
    }
}

#[tokio::test]
async fn missing_artifact_is_a_failure_that_is_not_retried() {
    let documents = complete_with_artifact(None, None).await;
    assert_eq!(documents[0]["job"]["failure_class"], "artifact");
    assert_eq!(documents[0]["job"].get("retried_as"), None);
    let reason = documents[0]["job"]["failure_reason"].as_str().unwrap();
    assert_eq!(reason, "The job completed, but its artifact s3://artifacts/compiled.tar.gz is not in S3");
}

#[tokio::test]
async fn completion_waits_until_s3_answers() {
    let (relay, [first, _]) = create_relay().await;
    relay.models.objects().head_failure.set(Some(CallErrorKind::Unanswered));
    assert!(matches!(observe_status(&relay, &first, JobStatus::Completed).await, Err(Failure::Transient(_))));
    assert!(relay.notifier.topic().types().is_empty());
    relay.models.objects().head_failure.set(None);
    deliver_hint(&relay, first.job_name.as_str()).await.unwrap();
    assert_eq!(relay.notifier.topic().types(), ["compilation.completed"]);
}

#[tokio::test]
async fn job_name_that_is_used_again_is_reported_again() {
    let (relay, [first, _]) = create_relay().await;
    let nightly = CompilationRequest { job_name: "nightly".to_owned().into(), ..first };
    for night in 1..=3 {
        relay.jobs.create_job(&nightly, "role").await.unwrap();
        for status in [JobStatus::InProgress, JobStatus::Completed, JobStatus::Completed] {
            relay.jobs.change_job("nightly", |job| {
                job.created_at = Some(Timestamp::from_second(night * 86400).unwrap());
                job.status = status;
            });
            deliver_hint(&relay, "nightly").await.unwrap();
        }
        // Its pipeline deletes it. A late hint repeats nothing.
        relay.jobs.jobs.take();
        deliver_hint(&relay, "nightly").await.unwrap();
    }
    let published = relay.notifier.topic().published();
    let ends: Vec<_> = published.iter().map(|one| one.id.as_str()).filter(|id| id.contains("completed")).collect();
    assert_eq!(ends, ["job-completed-nightly", "job-completed-nightly#2", "job-completed-nightly#3"]);
}

/// The end is recorded, and its notification fails. Before the observation is delivered again, the
/// job is deleted and created again.
#[tokio::test]
async fn recorded_end_is_published_before_its_name_is_reused() {
    let (relay, [first, _]) = create_relay().await;
    let nightly = CompilationRequest { job_name: "nightly".to_owned().into(), ..first };
    let set_job = |night: i64, status: JobStatus| {
        relay.jobs.change_job("nightly", |job| {
            (job.created_at, job.status) = (Some(Timestamp::from_second(night * 86400).unwrap()), status);
        });
    };
    relay.jobs.create_job(&nightly, "role").await.unwrap();
    set_job(1, JobStatus::Completed);
    relay.notifier.topic().failures.set(1);
    assert!(deliver_hint(&relay, "nightly").await.is_err());
    set_job(2, JobStatus::InProgress);
    deliver_hint(&relay, "nightly").await.unwrap();
    let published = relay.notifier.topic().published();
    let ids: Vec<_> = published.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["job-completed-nightly", "job-started-nightly#2"]);
}

#[tokio::test]
async fn refused_notification_does_not_keep_back_the_summary() {
    let (relay, [first, second]) = create_relay().await;
    observe_status(&relay, &first, JobStatus::Completed).await.unwrap();
    // One publication fails: that about the job.
    relay.notifier.topic().failures.set(1);
    assert!(observe_status(&relay, &second, JobStatus::Completed).await.is_err());
    assert_eq!(relay.notifier.topic().types(), ["compilation.completed", "model.summary"]);
    observe_status(&relay, &second, JobStatus::Completed).await.unwrap();
    assert_eq!(relay.notifier.topic().types().len(), 3);
}
