//! Interleaves two functions call by call, and lets them crash in each call: a model summary is
//! published once no job of the model will run again, and never before.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{future::poll_fn, pin::Pin, task::Poll};

use automation::{
    ConfigSource, ForeignJobs, ModelNotifier,
    event::{Event, JobObservation, Observer},
};
use histories::{CrashSchedule, CrashingEdge, advance_clock, now};
use ledger::{JobRow, Ledger, LedgerTable, List, ListRange, ModelRow};
use neo::{JobDescription, JobName, JobStatus};
use notifications::{Notification, notifier::Notifier};
use plan_compilation::Planner;
use relay_compilation::JobRelay;
use serde_json::{Value, json};
use support::{MemoryJobs, MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic, StoredObject, build_archive};
use worker::{Failure, Message};

const CONFIG: &str = "
version: 1
compilation:
  rules:
    - name: all
      keys: '**'
      framework: ONNX
      inputs: { data: [1] }
      targets: [ { device: ml_c5 }, { device: ml_m5 }, { device: rasp4b } ]
";

/// The smallest `ModelProto`: an IR version, and a graph with one input `data` of one float.
const MODEL: &[u8] = b"\x08\x08\x3a\x14\x5a\x12\x0a\x04data\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";

/// More calls than a function makes here.
const MAX_CALLS: usize = 60;

/// Longer than any claim is valid, in seconds.
const LONGER_THAN_A_CLAIM: i64 = 120;

/// By how many calls of the second function the orders differ. Those of the first one differ by one.
const STEP: usize = 5;

/// The AWS services that the functions share.
#[derive(Clone, Default)]
struct SharedEdges {
    table: MemoryTable,
    objects: MemoryObjects,
    topic: MemoryTopic,
    jobs: MemoryJobs,
    requests: MemoryQueue,
}

type Edge<E> = CrashingEdge<E>;

impl SharedEdges {
    /// A stack with a configuration, and the version `v1` of a model with three jobs: two of them are
    /// running, and the last one has completed.
    async fn with_running_jobs() -> Self {
        let edges = Self::default();
        let config = StoredObject { version_id: Some("c".to_owned()), bytes: CONFIG.into(), ..StoredObject::default() };
        edges.objects.put_version("config", "automation.yaml", config);
        edges.plan("v1", &CrashSchedule::without_crash()).await.unwrap();
        let statuses = [JobStatus::InProgress, JobStatus::InProgress, JobStatus::Completed];
        for (job, status) in edges.list_jobs().iter().zip(statuses) {
            edges.observe(job, status, &CrashSchedule::without_crash()).await.unwrap();
        }
        edges
    }

    /// Delivers the event of a version of the model; all versions have the same bytes.
    async fn plan(&self, version: &str, crashes: &CrashSchedule) -> Result<(), Failure> {
        let bytes = build_archive(&[("model.onnx", MODEL)]);
        let body = json!({
            "source": "aws.s3", "detail-type": "Object Created",
            "detail": { "bucket": { "name": "models" },
                        "object": { "key": "a.tar.gz", "size": bytes.len(), "etag": "e", "version-id": version } },
        });
        let object = StoredObject {
            version_id: Some(version.to_owned()),
            etag: "e".to_owned(),
            bytes,
            ..StoredObject::default()
        };
        self.objects.put_version("models", "a.tar.gz", object);
        let objects = crashes.wrap_edge(&self.objects);
        let planner = Planner {
            config: ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            archives: objects,
            ledger: self.ledger(crashes),
            notifier: self.notifier(crashes),
            models: self.model_notifier(crashes),
            requests: crashes.wrap_edge(&self.requests),
            model_bucket: "models".to_owned(),
            artifact_bucket: "artifacts".to_owned(),
            region: None,
            clock: now,
        };
        planner.handle_event(Event::parse(&body.to_string()).unwrap()).await
    }

    /// Sets the status of a job in SageMaker, and delivers an observation of it.
    async fn observe(&self, job: &JobRow, status: JobStatus, crashes: &CrashSchedule) -> Result<(), Failure> {
        let description = JobDescription {
            name: job.name.to_string(),
            arn: format!("arn:{}", job.name),
            status,
            source: "s3://models/a.tar.gz".to_owned(),
            framework: "ONNX".to_owned(),
            data_input_config: None,
            target: job.target.clone(),
            output_location: String::new(),
            options: neo::JobOptions::default(),
            artifact: None,
            failure_reason: (status == JobStatus::Failed).then(|| "ServerError: internal".to_owned()),
            created_at: None,
            started_at: None,
            ended_at: None,
        };
        self.jobs.jobs.lock().insert(job.name.to_string(), description);
        let relay = JobRelay {
            jobs: crashes.wrap_edge(&self.jobs),
            ledger: self.ledger(crashes),
            notifier: self.notifier(crashes),
            models: self.model_notifier(crashes),
            requests: crashes.wrap_edge(&self.requests),
            foreign: ForeignJobs::default(),
            clock: now,
        };
        relay.handle_event(Event::Job(JobObservation::without_status(job.name.as_str(), Observer::Sweep))).await
    }

    fn ledger(&self, crashes: &CrashSchedule) -> Ledger<Edge<MemoryTable>> {
        Ledger::new(crashes.wrap_edge(&self.table), now)
    }

    fn notifier(&self, crashes: &CrashSchedule) -> Notifier<Edge<MemoryTable>, Edge<MemoryTopic>> {
        Notifier::new(self.ledger(crashes), crashes.wrap_edge(&self.topic))
    }

    fn model_notifier(
        &self,
        crashes: &CrashSchedule,
    ) -> ModelNotifier<Edge<MemoryTable>, Edge<MemoryTopic>, Edge<MemoryObjects>> {
        let objects = crashes.wrap_edge(&self.objects);
        ModelNotifier::new(self.ledger(crashes), self.notifier(crashes), objects, "artifacts".to_owned())
    }

    async fn models(&self) -> Vec<ModelRow> {
        self.table.list_rows(List::Models, ListRange::Newest, 9).await.unwrap()
    }

    /// All jobs, by target.
    fn list_jobs(&self) -> Vec<JobRow> {
        let rows = self.table.rows.lock();
        let jobs = rows.iter().filter(|(key, _)| key.starts_with("job#"));
        let mut jobs: Vec<JobRow> = jobs.map(|(_, (_, row))| serde_json::from_value(row.clone()).unwrap()).collect();
        jobs.sort_by(|a, b| a.target.cmp(&b.target));
        jobs
    }

    /// Completes every job that has not ended, and the attempts that follow.
    async fn finish_jobs(&self) {
        for _ in 0..4 {
            for job in self.list_jobs().iter().filter(|job| !job.status.is_terminal()) {
                self.observe(job, JobStatus::Completed, &CrashSchedule::without_crash()).await.unwrap();
            }
        }
    }

    /// Checks that every model has one summary, of exactly the jobs of its final plan, all of them
    /// completed, and no notification about an artifact of another job.
    async fn check_summaries(&self, context: &str) {
        for model in self.models().await {
            let id = model.source.model_id();
            let published = self.topic.published.lock();
            let about_model: Vec<Value> = published
                .iter()
                .filter(|notification| notification.id.ends_with(id.as_str()))
                .map(|notification: &Notification| serde_json::to_value(notification).unwrap())
                .collect();
            let summaries: Vec<_> = about_model.iter().filter(|document| document["type"] == "model.summary").collect();
            assert!(!summaries.is_empty(), "{context}: no summary of {model:#?}");
            for summary in summaries {
                let jobs = summary["jobs"].as_array().unwrap();
                let mut names: Vec<_> = jobs.iter().map(|job| job["name"].as_str().unwrap()).collect();
                let mut expected: Vec<_> = model.jobs.iter().map(JobName::as_str).collect();
                names.sort_unstable();
                expected.sort_unstable();
                assert_eq!(names, expected, "{context}: jobs of the summary");
                assert!(jobs.iter().all(|job| job["status"] == "COMPLETED"), "{context}: {summary:#}");
            }
            for document in about_model.iter().filter(|document| document["reused_from"].is_string()) {
                let reused = document["reused_from"].as_str().unwrap();
                assert!(model.jobs.iter().any(|job| job.as_str() == reused), "{context}: {document:#}");
            }
        }
    }
}

/// A delivery of a message to a function.
type Delivery = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

fn fail_first_job(edges: SharedEdges) -> Delivery {
    Box::pin(async move {
        let job = edges.list_jobs().swap_remove(0);
        edges.observe(&job, JobStatus::Failed, &CrashSchedule::without_crash()).await
    })
}

fn complete_second_job(edges: SharedEdges) -> Delivery {
    Box::pin(async move {
        let job = edges.list_jobs().swap_remove(1);
        edges.observe(&job, JobStatus::Completed, &CrashSchedule::without_crash()).await
    })
}

fn plan_second_version(edges: SharedEdges) -> Delivery {
    Box::pin(async move { edges.plan("v2", &CrashSchedule::without_crash()).await })
}

/// Runs a delivery for this many calls. Every edge yields once before its call, so a poll makes one
/// call. Returns the result if the delivery has ended.
async fn run_calls(delivery: &mut Delivery, calls: usize) -> Option<Result<(), Failure>> {
    for _ in 0..calls {
        if let Poll::Ready(result) = poll_fn(|context| Poll::Ready(delivery.as_mut().poll(context))).await {
            return Some(result);
        }
    }
    None
}

/// Runs the deliveries in every order in which the first one makes some calls, then the second one
/// makes some, and each of them makes the rest. Checks the summaries after each.
async fn check_orders(first: fn(SharedEdges) -> Delivery, second: fn(SharedEdges) -> Delivery) {
    let (mut orders, mut ahead, mut first_ended) = (0, 0, false);
    while !first_ended {
        let (mut between, mut second_ended) = (0, false);
        while !second_ended {
            let edges = SharedEdges::with_running_jobs().await;
            let (mut first_run, mut second_run) = (first(edges.clone()), second(edges.clone()));
            let first_result = run_calls(&mut first_run, ahead).await;
            let second_result = run_calls(&mut second_run, between).await;
            (first_ended, second_ended) = (first_result.is_some(), second_result.is_some());
            let results = [
                match first_result {
                    Some(result) => result,
                    None => first_run.await,
                },
                match second_result {
                    Some(result) => result,
                    None => second_run.await,
                },
            ];
            // A message is delivered again only if its delivery failed.
            for (deliver, result) in [first, second].into_iter().zip(results) {
                if result.is_err() {
                    advance_clock(LONGER_THAN_A_CLAIM);
                    deliver(edges.clone()).await.unwrap();
                }
            }
            edges.finish_jobs().await;
            edges.check_summaries(&format!("{ahead} calls ahead, {between} between")).await;
            (orders, between) = (orders + 1, between + STEP);
        }
        ahead += 1;
    }
    assert!(orders > 50, "{orders} orders");
}

/// SEMANTICS summary-is-final: A model summary is published when no job of the model will run again,
/// and never before.
#[tokio::test]
async fn summary_waits_for_a_retry_in_every_order_of_calls() {
    check_orders(fail_first_job, complete_second_job).await;
    check_orders(complete_second_job, fail_first_job).await;
}

#[tokio::test]
async fn upload_that_shares_a_job_shares_its_next_attempt() {
    check_orders(plan_second_version, fail_first_job).await;
    check_orders(fail_first_job, plan_second_version).await;
}

#[tokio::test]
async fn summary_waits_for_a_retry_after_a_crash_in_each_call() {
    for call in 0..MAX_CALLS {
        for crashing in [JobStatus::Failed, JobStatus::Completed] {
            let edges = SharedEdges::with_running_jobs().await;
            let jobs = edges.list_jobs();
            let mut failed = Vec::new();
            for (job, status) in [(&jobs[0], JobStatus::Failed), (&jobs[1], JobStatus::Completed)] {
                let schedule = if status == crashing {
                    CrashSchedule::crash_in_call(call)
                } else {
                    CrashSchedule::without_crash()
                };
                let is_failed = edges.observe(job, status, &schedule).await.is_err();
                failed.extend(is_failed.then_some((job, status)));
            }
            for (job, status) in failed {
                advance_clock(LONGER_THAN_A_CLAIM);
                edges.observe(job, status, &CrashSchedule::without_crash()).await.unwrap();
            }
            edges.finish_jobs().await;
            edges.check_summaries(&format!("crash in call {call} of the relay of {crashing}")).await;
        }
    }
}
