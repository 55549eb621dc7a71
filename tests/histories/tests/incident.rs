//! Replays a published incident. In a similar public project, 4,384 uploads caused 14,727 billed
//! executions, and no alarm went off: a function timed out in the middle of a batch, and the whole
//! batch was redelivered
//! (aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws issue 904).
//! Here, the same batch of 50 is processed with a slow downstream service and a deadline that is
//! far too short.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use common::TestQueue;
use jiff::Timestamp;
use ledger::Ledger;
use neo::{CompilationRequest, JobDescription, JobName, JobStatus};
use sagemaker::compilation_jobs::{CompilationJobs, CreateJobError, JobPage};
use serde_json::json;
use start_compilation::Starter;
use support::{MemoryJobs, MemoryPackages, MemoryQueue, MemoryTable};
use worker::CallError;

const BATCH_SIZE: usize = 50;

/// One thirtieth of the incident's times: 27 of 30 s are available for work, and the downstream
/// service takes 8 s to respond.
const TIME_FOR_WORK: Duration = Duration::from_millis(900);
const SETTLE_TIME: Duration = Duration::from_millis(270);

/// The time that a function reserves before its deadline.
const RESERVED_TIME: Duration = Duration::from_secs(3);

/// SageMaker that creates a job immediately but responds late: a caller that does not wait for the
/// response does not know that the job exists.
struct SlowCompilationJobs {
    jobs: MemoryJobs,
    calls: AtomicUsize,
}

impl CompilationJobs for SlowCompilationJobs {
    async fn create_job(&self, request: &CompilationRequest, role_arn: &str) -> Result<(), CreateJobError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = self.jobs.create_job(request, role_arn).await;
        tokio::time::sleep(SETTLE_TIME).await;
        answer
    }

    async fn describe_job(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        self.jobs.describe_job(name).await
    }

    async fn stop_job(&self, name: &str) -> Result<(), CallError> {
        self.jobs.stop_job(name).await
    }

    async fn list_newest(&self, page: Option<String>) -> Result<JobPage, CallError> {
        self.jobs.list_newest(page).await
    }
}

fn request_body(number: usize) -> String {
    json!({
        "version": 1, "job_name": format!("resnet-{number}"), "model": format!("m{number}"), "content": format!("c{number}"),
        "source": { "bucket": "models", "key": format!("{number}.tar.gz"), "version_id": "v1", "etag": "e", "size": 1 },
        "rule": "all", "target": { "device": "ml_c5" }, "framework": "ONNX", "framework_version": null,
        "data_input_config": null, "compiler_options": null, "output_location": "s3://artifacts/",
        "max_runtime_seconds": 900, "tags": {}, "attempt": 1,
    })
    .to_string()
}

/// SEMANTICS deadline: A record that cannot be finished before the invocation's deadline is
/// returned to its queue; if it shared the invocation with other records, this does not count as a
/// receive, up to five times.
/// SEMANTICS once-per-target: Each accepted upload version results in exactly one compilation job
/// per target, no matter how often its event is delivered and what is lost in between.
#[tokio::test]
async fn batch_that_exceeds_the_deadline_starts_each_job_once() {
    let starter = Starter {
        jobs: SlowCompilationJobs { jobs: MemoryJobs::default(), calls: AtomicUsize::new(0) },
        packages: MemoryPackages::default(),
        ledger: Ledger::new(MemoryTable::default(), Timestamp::now),
        job_states: MemoryQueue::default(),
        role_arn: "role".to_owned(),
    };
    let mut queue = TestQueue::from_bodies((0..BATCH_SIZE).map(request_body));
    let mut invocations = 0;
    while !queue.messages.is_empty() {
        queue.deliver_batch(BATCH_SIZE, RESERVED_TIME + TIME_FOR_WORK, |event| starter.handle_event(event)).await;
        invocations += 1;
        assert!(invocations < BATCH_SIZE, "the queue is not drained: {queue:?}");
    }
    assert!(invocations > 1, "expected the batch to need more than one invocation");
    assert_eq!(queue.dead_letters, [], "only the batch exceeds its deadline, not a single record");
    assert_eq!(starter.jobs.jobs.jobs.read().len(), BATCH_SIZE, "one job per record");
    let calls = starter.jobs.calls.load(Ordering::Relaxed);
    assert!(calls > BATCH_SIZE, "expected some responses to be too late, with {calls} calls");
    assert!(calls < 2 * BATCH_SIZE, "expected records that were not started to be started once, with {calls} calls");
    for number in 0..BATCH_SIZE {
        let row = starter.ledger.find_job(&JobName::from(format!("resnet-{number}"))).await.unwrap().unwrap();
        assert_eq!(row.status, JobStatus::Starting);
        let hint = format!(r#""job_name":"resnet-{number}""#);
        assert!(starter.job_states.bodies.read().iter().any(|body| body.contains(&hint)), "{hint} was not sent");
    }
}
