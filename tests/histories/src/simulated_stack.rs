//! The simulated environment of the functions, and the steps of its history.

mod invariants;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use automation::{ConfigSource, ForeignJobs, ModelNotifier, event::Event};
use ledger::Ledger;
use neo::JobStatus;
use notifications::notifier::Notifier;
use plan_compilation::Planner;
use relay_compilation::JobRelay;
use serde_json::json;
use start_compilation::Starter;
use support::{
    MemoryJobs, MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic, ScriptedResponse, Shared, StoredObject,
    build_archive,
};
use sweep_compilations::Sweeper;
use worker::{Failure, Message};

use crate::{
    clock::{advance_clock, now},
    crashes::{CrashSchedule, CrashingEdge},
};

type CrashingRelay = JobRelay<
    CrashingEdge<MemoryJobs>,
    CrashingEdge<MemoryTable>,
    CrashingEdge<MemoryTopic>,
    CrashingEdge<MemoryQueue>,
    CrashingEdge<MemoryObjects>,
>;

const CONFIG: &str = "
version: 1
compilation:
  rules:
    - name: latest
      keys: 'latest/**'
      framework: ONNX
      inputs: { data: [1] }
      targets: [ { device: ml_c5 }, { device: ml_m5 }, { device: rasp4b } ]
      on_new_version: stop
    - name: all
      keys: '**'
      framework: ONNX
      inputs: { data: [1] }
      targets: [ { device: ml_c5 }, { device: ml_m5 }, { device: rasp4b } ]
";

/// Longer than any claim is valid, in seconds.
const LONGER_THAN_A_CLAIM: i64 = 120;

/// Rounds after which a stack without further crashes must be idle.
const MAX_ROUNDS: usize = 100;

/// One step of a history. Numbers are indexes into the existing items, modulo their count.
#[derive(Debug, Clone)]
pub enum HistoryStep {
    /// Upload a new version of one of three models, with one of two contents. S3 delivers 1 to 4
    /// events for it.
    Upload { model: u8, content: bool, deliveries: u8 },
    /// Deliver a message of a queue to its function. The function crashes in the given call if it
    /// makes that many calls. Without an acknowledgement, the message stays in the queue.
    Deliver { queue: u8, message: u8, crash_in_call: u8, acknowledged: bool },
    /// Deliver two messages concurrently: the calls of their functions interleave.
    DeliverTwo { queues: (u8, u8), messages: (u8, u8), crash_in_calls: (u8, u8) },
    /// Advance a running job to its next status; with `fails`, a job that is in progress fails.
    ProgressJob { job: u8, fails: bool },
    /// Script SageMaker's next answers to `CreateCompilationJob`: the quota is exceeded, the
    /// request is rejected, or the response is lost after the job was created.
    ScriptResponses { which: u8, count: u8 },
    /// Run the sweep, as its schedule does.
    RunSweep { crash_in_call: u8 },
    /// Move the clock forward, or back to simulate an instance whose clock is behind.
    AdvanceClock { seconds: i8 },
}

/// The simulated environment of the functions: queues, table, topic, S3 and SageMaker.
#[derive(Debug, Default)]
pub struct SimulatedStack {
    table: MemoryTable,
    objects: MemoryObjects,
    topic: MemoryTopic,
    jobs: MemoryJobs,
    uploads: MemoryQueue,
    requests: MemoryQueue,
    job_states: MemoryQueue,
    /// Uploaded contents by object key.
    contents: BTreeMap<String, BTreeSet<bool>>,
    versions: usize,
    /// Newest content by object key.
    newest: BTreeMap<String, bool>,
    /// Number of crashes and failed invocations. Each may cause one duplicate notification.
    crashes: usize,
    dead_letters: Vec<String>,
}

impl SimulatedStack {
    /// Creates a stack that contains only a configuration.
    pub fn new() -> Self {
        let stack = Self::default();
        let config = StoredObject {
            version_id: Some("c".to_owned()),
            etag: "c".to_owned(),
            bytes: CONFIG.as_bytes().to_vec(),
            ..StoredObject::default()
        };
        stack.objects.put_version("config", "automation.yaml", config);
        stack
    }

    pub async fn run_step(&mut self, step: &HistoryStep) {
        match *step {
            HistoryStep::Upload { model, content, deliveries } => {
                self.upload_model(model % 3, content, deliveries % 4 + 1);
            }
            HistoryStep::Deliver { queue, message, crash_in_call, acknowledged } => {
                self.deliver_message(queue, message.into(), &crash_schedule(crash_in_call), acknowledged).await;
            }
            HistoryStep::DeliverTwo { queues, messages, crash_in_calls } => {
                let first = self.take_message(queues.0, messages.0.into());
                let second = self.take_message(queues.1, messages.1.into());
                let crashes = (crash_schedule(crash_in_calls.0), crash_schedule(crash_in_calls.1));
                let results = tokio::join!(
                    self.handle_message(queues.0, first.as_deref(), &crashes.0),
                    self.handle_message(queues.1, second.as_deref(), &crashes.1),
                );
                self.acknowledge_message(queues.0, first, results.0, true);
                self.acknowledge_message(queues.1, second, results.1, true);
            }
            HistoryStep::ProgressJob { job, fails } => self.progress_job(job.into(), fails),
            HistoryStep::ScriptResponses { which, count } => {
                let answer = match which % 4 {
                    0 => ScriptedResponse::Lost,
                    1 => ScriptedResponse::Rejected("no such role".to_owned()),
                    _ => ScriptedResponse::Quota,
                };
                self.jobs.responses.lock().extend(vec![answer; usize::from(count % 4)]);
            }
            HistoryStep::RunSweep { crash_in_call } => self.run_sweep(&crash_schedule(crash_in_call)).await,
            HistoryStep::AdvanceClock { seconds } => advance_clock(2 * i64::from(seconds)),
        }
    }

    /// Runs without further crashes until all messages are delivered and all jobs have ended.
    pub async fn run_until_idle(&mut self) {
        self.jobs.responses.lock().clear();
        for _ in 0..MAX_ROUNDS {
            advance_clock(LONGER_THAN_A_CLAIM);
            for queue in 0..3 {
                let waiting = self.queue_bodies(queue).lock().len();
                for _ in 0..waiting {
                    self.deliver_message(queue, 0, &CrashSchedule::without_crash(), true).await;
                }
            }
            let running = self.list_running_jobs();
            for _ in &running {
                self.progress_job(0, false);
            }
            self.run_sweep(&CrashSchedule::without_crash()).await;
            if running.is_empty() && (0..3).all(|queue| self.queue_bodies(queue).lock().is_empty()) {
                return;
            }
        }
        panic!("the stack does not become idle: {self:#?}");
    }

    fn upload_model(&mut self, model: u8, content: bool, deliveries: u8) {
        self.versions += 1;
        let folder = if model == 2 { "latest" } else { "all" };
        let key = format!("{folder}/model-{model}.tar.gz");
        let version = format!("v{}", self.versions);
        let bytes = build_archive(&[("model.onnx", if content { FIRST_MODEL } else { SECOND_MODEL })]);
        let etag = format!("content-{content}");
        let event = json!({
            "source": "aws.s3", "detail-type": "Object Created",
            "detail": { "bucket": { "name": "models" },
                        "object": { "key": key, "size": bytes.len(), "etag": etag, "version-id": version,
                                    "sequencer": format!("{:08X}", self.versions) } },
        });
        let object = StoredObject { version_id: Some(version), etag, bytes, ..StoredObject::default() };
        self.objects.put_version("models", &key, object);
        self.uploads.bodies.lock().extend(vec![event.to_string(); deliveries.into()]);
        self.newest.insert(key.clone(), content);
        self.contents.entry(key).or_default().insert(content);
    }

    fn queue_bodies(&self, queue: u8) -> &Shared<Vec<String>> {
        match queue % 3 {
            0 => &self.uploads.bodies,
            1 => &self.requests.bodies,
            _ => &self.job_states.bodies,
        }
    }

    async fn deliver_message(&mut self, queue: u8, index: usize, crashes: &CrashSchedule, acknowledged: bool) {
        let body = self.take_message(queue, index);
        let result = self.handle_message(queue, body.as_deref(), crashes).await;
        self.acknowledge_message(queue, body, result, acknowledged);
    }

    fn take_message(&self, queue: u8, index: usize) -> Option<String> {
        let mut bodies = self.queue_bodies(queue).lock();
        let count = bodies.len();
        (count > 0).then(|| bodies.remove(index % count))
    }

    async fn handle_message(&self, queue: u8, body: Option<&str>, crashes: &CrashSchedule) -> Result<(), Failure> {
        let Some(body) = body else { return Ok(()) };
        let event = Event::parse(body).unwrap_or_else(|error| panic!("{error}"));
        match queue % 3 {
            0 => self.create_planner(crashes).handle_event(event).await,
            1 => self.create_starter(crashes).handle_event(event).await,
            _ => self.create_relay(crashes).handle_event(event).await,
        }
    }

    /// Deletes the message if its function succeeded and SQS received the acknowledgement.
    /// Otherwise the message is redelivered.
    fn acknowledge_message(
        &mut self,
        queue: u8,
        body: Option<String>,
        result: Result<(), Failure>,
        acknowledged: bool,
    ) {
        let Some(body) = body else { return };
        match result {
            Ok(()) if acknowledged => {}
            Err(Failure::Terminal(cause)) => self.dead_letters.push(cause.to_string()),
            result => {
                self.crashes += usize::from(matches!(result, Err(Failure::Transient(_))));
                self.queue_bodies(queue).lock().push(body);
            }
        }
    }

    async fn run_sweep(&mut self, crashes: &CrashSchedule) {
        let ledger = self.create_ledger(crashes);
        let sweeper = Sweeper {
            jobs: with_crashes(&self.jobs, crashes),
            notifier: Notifier::new(ledger.clone(), with_crashes(&self.topic, crashes)),
            ledger,
            job_states: with_crashes(&self.job_states, crashes),
            requests: with_crashes(&self.requests, crashes),
            foreign: ForeignJobs::default(),
            call_pause: Duration::ZERO,
            clock: now,
        };
        self.crashes += usize::from(sweeper.run_sweep(Duration::from_mins(1)).await.is_err());
    }

    fn list_running_jobs(&self) -> Vec<String> {
        let jobs = self.jobs.jobs.lock();
        jobs.values().filter(|job| !job.status.is_terminal()).map(|job| job.name.clone()).collect()
    }

    fn progress_job(&self, index: usize, fails: bool) {
        let running = self.list_running_jobs();
        let Some(name) = running.get(index % running.len().max(1)) else { return };
        if let Some(job) = self.jobs.jobs.lock().get_mut(name) {
            job.status = match job.status {
                JobStatus::Starting => JobStatus::InProgress,
                JobStatus::Stopping => JobStatus::Stopped,
                _ if fails => JobStatus::Failed,
                _ => JobStatus::Completed,
            };
            // Every second failure is on the side of SageMaker, which is retried.
            if job.status == JobStatus::Failed {
                let class = if index.is_multiple_of(2) { "ServerError: internal" } else { "ClientError: no" };
                job.failure_reason = Some(class.to_owned());
            }
        }
    }

    fn create_ledger(&self, crashes: &CrashSchedule) -> Ledger<CrashingEdge<MemoryTable>> {
        Ledger::new(with_crashes(&self.table, crashes), now)
    }

    fn create_planner(
        &self,
        crashes: &CrashSchedule,
    ) -> Planner<MemoryObjects, CrashingEdge<MemoryTable>, CrashingEdge<MemoryTopic>, CrashingEdge<MemoryQueue>> {
        let ledger = self.create_ledger(crashes);
        let notifier = Notifier::new(ledger.clone(), with_crashes(&self.topic, crashes));
        let objects = self.objects.clone();
        Planner {
            models: ModelNotifier::new(ledger.clone(), notifier.clone(), objects, "artifacts".to_owned()),
            config: ConfigSource::new(self.objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            archives: self.objects.clone(),
            ledger,
            notifier,
            requests: with_crashes(&self.requests, crashes),
            model_bucket: "models".to_owned(),
            artifact_bucket: "artifacts".to_owned(),
            region: None,
            clock: now,
        }
    }

    fn create_starter(
        &self,
        crashes: &CrashSchedule,
    ) -> Starter<CrashingEdge<MemoryJobs>, CrashingEdge<MemoryTable>, CrashingEdge<MemoryQueue>> {
        Starter {
            jobs: with_crashes(&self.jobs, crashes),
            ledger: self.create_ledger(crashes),
            job_states: with_crashes(&self.job_states, crashes),
            role_arn: "role".to_owned(),
        }
    }

    fn create_relay(&self, crashes: &CrashSchedule) -> CrashingRelay {
        let ledger = self.create_ledger(crashes);
        let notifier = Notifier::new(ledger.clone(), with_crashes(&self.topic, crashes));
        let objects = with_crashes(&self.objects, crashes);
        JobRelay {
            jobs: with_crashes(&self.jobs, crashes),
            models: ModelNotifier::new(ledger.clone(), notifier.clone(), objects, "artifacts".to_owned()),
            ledger,
            notifier,
            requests: with_crashes(&self.requests, crashes),
            foreign: ForeignJobs::default(),
            clock: now,
        }
    }
}

fn with_crashes<E: Clone>(edge: &E, crashes: &CrashSchedule) -> CrashingEdge<E> {
    CrashingEdge { edge: edge.clone(), crashes: crashes.clone() }
}

fn crash_schedule(crash_in_call: u8) -> CrashSchedule {
    // Half of all processes do not crash.
    if crash_in_call < 128 {
        CrashSchedule::without_crash()
    } else {
        CrashSchedule::crash_in_call((crash_in_call % 24).into())
    }
}

/// The smallest `ModelProto`: an IR version, and a graph with one input `data` of one float.
const FIRST_MODEL: &[u8] = b"\x08\x08\x3a\x14\x5a\x12\x0a\x04data\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";
/// A second one, with another IR version.
const SECOND_MODEL: &[u8] = b"\x08\x07\x3a\x14\x5a\x12\x0a\x04data\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";
