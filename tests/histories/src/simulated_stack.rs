//! The simulated environment of the functions, and the steps of its history.

mod functions;
mod invariants;
mod model_packages;
mod replays;
mod sagemaker_jobs;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
    time::Duration,
};

use automation::event::Event;
use neo::JobDescription;
use serde_json::json;
use support::{
    MemoryJobs, MemoryObjects, MemoryPackages, MemoryQueue, MemoryTable, MemoryTopic, ScriptedResponse, Shared,
    StoredObject, build_archive,
};
use worker::{Failure, Message};

use crate::{
    clock::advance_clock,
    process::{CallControl, CallFault, Process, interleave},
    simulated_stack::{
        model_packages::{PACKAGE_GROUP, PackageReview},
        replays::Replay,
        sagemaker_jobs::ForeignEnds,
    },
};

const TARGETS: [&str; 3] = ["ml_c5", "ml_m5", "rasp4b"];

/// The configuration: a rule that stops older versions, one that does not, and one for a model
/// package group.
fn build_config(targets: &[&str]) -> String {
    let targets: Vec<_> = targets.iter().map(|target| format!("{{ device: {target} }}")).collect();
    let rule = |name: &str, keys: &str| {
        format!(
            "{{ name: {name}, keys: '{keys}', framework: ONNX, inputs: {{ data: [1] }}, targets: [ {} ]",
            targets.join(", ")
        )
    };
    let (latest, all) = (rule("latest", "latest/**"), rule("all", "**"));
    let packages =
        format!("{{ name: packages, model_package_group: {PACKAGE_GROUP}, targets: [ {} ] }}", targets.join(", "));
    format!(
        "version: 1\ncompilation:\n  rules:\n    - {latest}, on_new_version: stop }}\n    - {all} }}\n    - {packages}\n"
    )
}

/// The object key of one of three models.
fn model_key(model: u8) -> String {
    let folder = if model == 2 { "latest" } else { "all" };
    format!("{folder}/model-{model}.tar.gz")
}

/// Longer than a sweep of the few jobs of a history takes.
pub(crate) const SWEEP_LIMIT: Duration = Duration::from_mins(1);

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
    /// Replay the newest version of one of three models, as `automation replay` does. SQS delivers
    /// 1 to 4 messages for it.
    Replay { model: u8, deliveries: u8 },
    /// Deliver a message of a queue to its function, with a fault in one of its calls. Without an
    /// acknowledgement, the message stays in the queue.
    Deliver { queue: u8, message: u8, fault: ScheduledFault, acknowledged: bool },
    /// Deliver two messages concurrently. `turns` are numbers of calls that the two functions make
    /// alternately; then the first runs to its end, and then the second.
    DeliverTwo { queues: (u8, u8), messages: (u8, u8), faults: (ScheduledFault, ScheduledFault), turns: [u8; 4] },
    /// Advance a running job to its next status; with `fails`, a job that is in progress fails.
    ProgressJob { job: u8, fails: bool },
    /// Delete a finished job.
    DeleteJob { job: u8 },
    /// Create one of two jobs outside of the stack. If it has finished before, it is deleted, and
    /// its name is used again.
    CreateForeignJob { job: u8 },
    /// Approve or reject one of two versions of a model package group. EventBridge delivers 0 to 2
    /// events for it.
    ReviewPackage { version: u8, approved: bool, deliveries: u8 },
    /// Run the search for approved model packages, as its schedule does, with a fault in one of its
    /// calls.
    RunSearch { fault: ScheduledFault },
    /// Script SageMaker's next answers to `CreateCompilationJob`: the quota is exceeded, the
    /// request is rejected, or the response is lost after the job was created.
    ScriptResponses { which: u8, count: u8 },
    /// Run the sweep, as its schedule does, with a fault in one of its calls.
    RunSweep { fault: ScheduledFault },
    /// Move the clock forward by up to 21 minutes, or back by up to four to simulate an instance
    /// whose clock is behind.
    AdvanceClock { seconds: i8 },
}

/// A fault in one of the first calls of a process; half of all processes have none.
#[derive(Debug, Clone, Copy)]
pub struct ScheduledFault {
    pub call: u8,
    pub fault: u8,
}

impl ScheduledFault {
    pub(crate) const NONE: Self = Self { call: 0, fault: 0 };

    fn to_control(self) -> CallControl {
        if self.fault < 128 {
            return CallControl::without_faults();
        }
        let fault = CallFault::ALL[usize::from(self.fault) % CallFault::ALL.len()];
        CallControl::with_fault((self.call % 32).into(), fault)
    }
}

/// The simulated environment of the functions: queues, table, topic, S3 and SageMaker.
#[derive(Debug, Default)]
pub struct SimulatedStack {
    table: MemoryTable,
    objects: MemoryObjects,
    topic: MemoryTopic,
    bus: Option<MemoryTopic>,
    jobs: MemoryJobs,
    packages: MemoryPackages,
    uploads: MemoryQueue,
    requests: MemoryQueue,
    job_states: MemoryQueue,
    targets: &'static [&'static str],
    /// Uploaded contents by object key.
    contents: BTreeMap<String, BTreeSet<bool>>,
    versions: usize,
    /// Newest content by object key.
    newest: BTreeMap<String, bool>,
    replays: Vec<Replay>,
    reviews: BTreeMap<u32, PackageReview>,
    /// Jobs as they were when they were deleted.
    deleted: Vec<JobDescription>,
    foreign_ends: BTreeMap<String, ForeignEnds>,
    /// Number of crashes and failed invocations. Each may cause one duplicate notification.
    crashes: usize,
    dead_letters: Vec<String>,
}

impl SimulatedStack {
    /// Creates a stack with an event bus that contains only a configuration. `lag` is how many
    /// reads of a job do not show its last change.
    pub fn with_lag(lag: u32) -> Self {
        let stack = Self { bus: Some(MemoryTopic::default()), ..Self::with_targets(&TARGETS) };
        stack.packages.add_group(PACKAGE_GROUP);
        stack.jobs.lag.set(lag);
        stack
    }

    /// Creates a stack without an event bus that compiles for these targets.
    pub(crate) fn with_targets(targets: &'static [&'static str]) -> Self {
        let stack = Self { targets, ..Self::default() };
        let config = StoredObject {
            version_id: Some("c".to_owned()),
            etag: "c".to_owned(),
            bytes: build_config(targets).into_bytes(),
            ..StoredObject::default()
        };
        stack.objects.put_version("config", "automation.yaml", config);
        stack
    }

    /// An independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            table: self.table.fork(),
            objects: self.objects.fork(),
            topic: self.topic.fork(),
            bus: self.bus.as_ref().map(MemoryTopic::fork),
            jobs: self.jobs.fork(),
            packages: self.packages.fork(),
            uploads: self.uploads.fork(),
            requests: self.requests.fork(),
            job_states: self.job_states.fork(),
            contents: self.contents.clone(),
            newest: self.newest.clone(),
            replays: self.replays.clone(),
            reviews: self.reviews.clone(),
            deleted: self.deleted.clone(),
            foreign_ends: self.foreign_ends.clone(),
            dead_letters: self.dead_letters.clone(),
            ..*self
        }
    }

    pub async fn run_step(&mut self, step: &HistoryStep) {
        self.apply_step(step).await;
        self.check_approvals();
    }

    async fn apply_step(&mut self, step: &HistoryStep) {
        match *step {
            HistoryStep::Upload { model, content, deliveries } => {
                self.upload_model(model % 3, content, deliveries % 4 + 1);
            }
            HistoryStep::Replay { model, deliveries } => self.replay_upload(model % 3, deliveries % 4 + 1),
            HistoryStep::Deliver { queue, message, fault, acknowledged } => {
                self.deliver_message(queue, message.into(), &fault.to_control(), acknowledged).await;
            }
            HistoryStep::DeliverTwo { queues, messages, faults, turns } => {
                let bodies =
                    (self.take_message(queues.0, messages.0.into()), self.take_message(queues.1, messages.1.into()));
                let calls = (faults.0.to_control(), faults.1.to_control());
                let first =
                    Process::start(&calls.0, self.handle_message(queues.0, bodies.0.as_deref(), &calls.0)).await;
                let second =
                    Process::start(&calls.1, self.handle_message(queues.1, bodies.1.as_deref(), &calls.1)).await;
                let results = interleave(first, second, &turns.map(|calls| calls % 24)).await;
                self.acknowledge_message(queues.0, bodies.0, results.0, &calls.0, true);
                self.acknowledge_message(queues.1, bodies.1, results.1, &calls.1, true);
            }
            HistoryStep::ProgressJob { job, fails } => self.progress_job(job.into(), fails),
            HistoryStep::DeleteJob { job } => self.delete_job(job.into()),
            HistoryStep::CreateForeignJob { job } => {
                // The first sweep reports no jobs of the past.
                self.run_sweep(&CallControl::without_faults()).await;
                self.create_foreign_job(job % 2);
            }
            HistoryStep::ScriptResponses { which, count } => {
                let answer = match which % 4 {
                    0 => ScriptedResponse::Lost,
                    1 => ScriptedResponse::Rejected("no such role".to_owned()),
                    _ => ScriptedResponse::Quota,
                };
                self.jobs.responses.update(|all| all.extend(vec![answer; usize::from(count % 4)]));
            }
            HistoryStep::ReviewPackage { version, approved, deliveries } => {
                // The versions that are approved when the rule becomes active are the past.
                if self.reviews.is_empty() {
                    self.run_search(&CallControl::without_faults()).await;
                }
                self.review_package(u32::from(version % 2) + 1, approved, deliveries % 3);
            }
            HistoryStep::RunSearch { fault } => self.run_search(&fault.to_control()).await,
            HistoryStep::RunSweep { fault } => self.run_sweep(&fault.to_control()).await,
            HistoryStep::AdvanceClock { seconds } => {
                advance_clock(i64::from(seconds) * if seconds > 0 { 10 } else { 2 });
            }
        }
    }

    /// Runs without further faults until all messages are delivered and all jobs have ended.
    pub async fn run_until_idle(&mut self) {
        self.jobs.responses.take();
        for _ in 0..MAX_ROUNDS {
            advance_clock(LONGER_THAN_A_CLAIM);
            for queue in 0..3 {
                let waiting = self.queue_bodies(queue).read().len();
                for _ in 0..waiting {
                    self.deliver_message(queue, 0, &CallControl::without_faults(), true).await;
                }
            }
            let running = self.list_running_jobs();
            for _ in &running {
                self.progress_job(0, false);
            }
            self.run_sweep(&CallControl::without_faults()).await;
            if !self.reviews.is_empty() {
                self.run_search(&CallControl::without_faults()).await;
            }
            let queues_are_empty = (0..3).all(|queue| self.queue_bodies(queue).read().is_empty());
            if running.is_empty() && queues_are_empty && !self.has_unfinished_row() {
                return;
            }
        }
        panic!("the stack does not become idle: {self:#?}");
    }

    pub(crate) fn upload_model(&mut self, model: u8, content: bool, deliveries: u8) {
        self.versions += 1;
        let key = model_key(model);
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
        self.uploads.bodies.update(|all| all.extend(vec![event.to_string(); deliveries.into()]));
        self.newest.insert(key.clone(), content);
        self.contents.entry(key).or_default().insert(content);
    }

    pub(crate) fn queue_bodies(&self, queue: u8) -> &Shared<Vec<String>> {
        match queue % 3 {
            0 => &self.uploads.bodies,
            1 => &self.requests.bodies,
            _ => &self.job_states.bodies,
        }
    }

    pub(crate) async fn deliver_message(&mut self, queue: u8, index: usize, calls: &CallControl, acknowledged: bool) {
        let body = self.take_message(queue, index);
        let work = self.handle_message(queue, body.as_deref(), calls);
        let result = Process::start(calls, work).await.finish().await;
        if result.is_ok() {
            self.check_stop(body.as_deref());
        }
        self.acknowledge_message(queue, body, result, calls, acknowledged);
        self.check_approvals();
    }

    pub(crate) fn take_message(&self, queue: u8, index: usize) -> Option<String> {
        self.queue_bodies(queue).update(|bodies| {
            let count = bodies.len();
            (count > 0).then(|| bodies.remove(index % count))
        })
    }

    pub(crate) async fn handle_message(
        &self,
        queue: u8,
        body: Option<&str>,
        calls: &CallControl,
    ) -> Result<(), Failure> {
        let Some(body) = body else { return Ok(()) };
        let event = Event::parse(body).unwrap_or_else(|error| panic!("{error}"));
        match queue % 3 {
            0 => self.create_planner(calls).handle_event(event).await,
            1 => self.create_starter(calls).handle_event(event).await,
            _ => self.create_relay(calls).handle_event(event).await,
        }
    }

    /// Deletes the message if its function succeeded and SQS received the acknowledgement.
    /// Otherwise the message is redelivered.
    fn acknowledge_message(
        &mut self,
        queue: u8,
        body: Option<String>,
        result: Result<(), Failure>,
        calls: &CallControl,
        acknowledged: bool,
    ) {
        let Some(body) = body else { return };
        match result {
            Ok(()) if acknowledged => {}
            Err(Failure::Terminal(cause)) => self.dead_letters.push(cause.to_string()),
            result => {
                self.crashes += usize::from(calls.had_fault() || matches!(result, Err(Failure::Transient(_))));
                self.queue_bodies(queue).push(body);
            }
        }
    }

    /// Delivers all messages of a queue, and those that these cause in the same queue.
    pub(crate) async fn deliver_all(&mut self, queue: u8) {
        while !self.queue_bodies(queue).read().is_empty() {
            self.deliver_message(queue, 0, &CallControl::without_faults(), true).await;
        }
    }

    /// Runs a sweep, so that every status change is waiting in the queue.
    pub(crate) async fn run_until_observed(&mut self) {
        self.run_sweep(&CallControl::without_faults()).await;
    }

    /// Handles the result of a run whose message was taken.
    pub(crate) fn finish_run(&mut self, message: Option<(u8, String)>, result: Result<(), Failure>) {
        self.crashes += usize::from(result.is_err());
        let Some((queue, body)) = message else { return };
        self.acknowledge_message(queue, Some(body), result, &CallControl::without_faults(), true);
    }

    /// Hashes everything that a function can see or change.
    pub(crate) fn hash_contents(&self, hasher: &mut impl Hasher) {
        for (key, (revision, row)) in self.table.rows.read().iter() {
            (key, revision, row.to_string()).hash(hasher);
        }
        for queue in 0..3 {
            self.queue_bodies(queue).read().hash(hasher);
        }
        format!("{:?}", *self.jobs.jobs.read()).hash(hasher);
        self.jobs.responses.read().len().hash(hasher);
        self.topic.published.read().iter().for_each(|published| published.id.hash(hasher));
        self.objects.objects.read().values().for_each(|versions| versions.len().hash(hasher));
    }

    async fn run_search(&mut self, calls: &CallControl) {
        let planner = self.create_planner(calls);
        let search = async { planner.handle_schedule().await.map(drop) };
        let result = Process::start(calls, search).await.finish().await;
        self.crashes += usize::from(result.is_err());
    }

    async fn run_sweep(&mut self, calls: &CallControl) {
        let sweeper = self.create_sweeper(calls);
        let sweep = async { Ok(sweeper.run_sweep(SWEEP_LIMIT).await.map(drop)?) };
        let result = Process::start(calls, sweep).await.finish().await;
        self.crashes += usize::from(result.is_err());
    }
}

/// The smallest `ModelProto`: an IR version, and a graph with one input `data` of one float.
const FIRST_MODEL: &[u8] = b"\x08\x08\x3a\x14\x5a\x12\x0a\x04data\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";
/// A second one, with another IR version.
const SECOND_MODEL: &[u8] = b"\x08\x07\x3a\x14\x5a\x12\x0a\x04data\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";
