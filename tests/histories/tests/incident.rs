//! A public project of this kind turned 4,384 uploads into 14,727 billed executions, while every alarm was green: a function timed out in
//! the middle of a batch, all of which came again (aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws
//! issue 904). Here its batch of 50 meets a slow downstream and a deadline that is far too short for it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use automation::{
    call::CallError,
    compilation_jobs::{CompilationJobs, CreateError, JobPage},
    job::{JobDescription, JobStatus},
    ledger::Ledger,
    memory::{MemoryJobs, MemoryQueue, MemoryTable},
};
use common::Queue;
use jiff::Timestamp;
use neo::{CompilationRequest, JobName};
use serde_json::json;
use start_compilation::handler::Starter;

/// Records of the batch.
const BATCH: usize = 50;

/// A thirtieth of the incident's times: of 30 s, 27 s are for work, and the downstream takes 8 s to answer.
const WORK: Duration = Duration::from_millis(900);
const ANSWER: Duration = Duration::from_millis(270);

/// What a function keeps free at its end, whatever its deadline.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// SageMaker, which does at once what it is asked for and answers late: who does not wait for the answer does not know.
struct Slow {
    jobs: MemoryJobs,
    asked: AtomicUsize,
}

impl CompilationJobs for Slow {
    async fn create(&self, request: &CompilationRequest, role_arn: &str) -> Result<(), CreateError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.jobs.create(request, role_arn).await;
        tokio::time::sleep(ANSWER).await;
        answer
    }

    async fn describe(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        self.jobs.describe(name).await
    }

    async fn stop(&self, name: &str) -> Result<(), CallError> {
        self.jobs.stop(name).await
    }

    async fn modified_between(
        &self,
        after: Timestamp,
        until: Timestamp,
        page: Option<String>,
    ) -> Result<JobPage, CallError> {
        self.jobs.modified_between(after, until, page).await
    }
}

fn request(number: usize) -> String {
    json!({
        "version": 1, "job_name": format!("resnet-{number}"), "model": format!("m{number}"), "content": format!("c{number}"),
        "source": { "bucket": "models", "key": format!("{number}.tar.gz"), "version_id": "v1", "etag": "e", "size": 1 },
        "rule": "all", "target": { "device": "ml_c5" }, "framework": "ONNX", "framework_version": null,
        "data_input_config": null, "compiler_options": null, "output_location": "s3://artifacts/",
        "max_runtime_seconds": 900, "tags": {}, "attempt": 1,
    })
    .to_string()
}

/// SEMANTICS deadline: A record that cannot finish before the invocation's deadline is handed back.
/// SEMANTICS once-per-target: One accepted upload version gives exactly one compilation job per target, however
/// often it is told and whatever is lost in between.
#[tokio::test]
async fn a_batch_that_takes_longer_than_its_function_may_makes_no_second_job_and_loses_nothing() {
    let starter = Starter {
        jobs: Slow { jobs: MemoryJobs::default(), asked: AtomicUsize::new(0) },
        ledger: Ledger::new(MemoryTable::default(), Timestamp::now),
        job_states: MemoryQueue::default(),
        role_arn: "role".to_owned(),
    };
    let mut queue = Queue::of((0..BATCH).map(request));
    let mut invocations = 0;
    while !queue.waiting.is_empty() {
        queue.deliver(BATCH, ANSWER_TIME + WORK, |event| starter.handle(event)).await;
        invocations += 1;
        assert!(invocations < BATCH, "it does not come to an end: {queue:?}");
    }
    assert!(invocations > 1, "the batch was to take longer than one invocation");
    assert_eq!(queue.dead, [], "nobody's time was up but the batch's");
    assert_eq!(starter.jobs.jobs.jobs.lock().len(), BATCH, "one job each");
    let asked = starter.jobs.asked.load(Ordering::Relaxed);
    assert!(asked > BATCH, "some answers were to come too late, {asked} were asked for");
    assert!(asked < 2 * BATCH, "what was not begun is not begun twice: {asked} were asked for");
    for number in 0..BATCH {
        let row = starter.ledger.job(&JobName::from(format!("resnet-{number}"))).await.unwrap().unwrap();
        assert_eq!(row.status, JobStatus::Starting);
        let hint = format!(r#""job_name":"resnet-{number}""#);
        assert!(starter.job_states.bodies.lock().iter().any(|body| body.contains(&hint)), "{hint} was not sent");
    }
}
