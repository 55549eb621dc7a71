//! Everything outside the functions, and one step of its history at a time.

use std::collections::{BTreeMap, BTreeSet};

use automation::{
    batch::Failure,
    config::ConfigSource,
    event::Event,
    job::JobStatus,
    ledger::Ledger,
    memory::{Answer, MemoryJobs, MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic, Shared, StoredObject},
    scope::ForeignJobs,
};
use flate2::{Compression, write::GzEncoder};
use plan_compilation::handler::Planner;
use relay_compilation::handler::Relay;
use serde_json::json;
use start_compilation::handler::Starter;
use sweep_compilations::handler::Sweeper;

use crate::{
    clock::{advance, now},
    faults::{Faults, Faulty},
};

type FaultyRelay =
    Relay<Faulty<MemoryJobs>, Faulty<MemoryTable>, Faulty<MemoryTopic>, Faulty<MemoryQueue>, Faulty<MemoryObjects>>;

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

/// Longer than any claim holds.
const CLAIM_RUNS_OUT: i64 = 120;

/// Rounds after which a world that has no more faults must have come to rest.
const ROUNDS: usize = 100;

/// One step of a history. Numbers choose among what there is, modulo its count.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each step says what its numbers choose")]
pub enum Action {
    /// A new version of one of three models, with one of two contents; S3 tells of it `told` times.
    Upload { model: u8, content: bool, told: u8 },
    /// A message of a queue is delivered to its function, which dies in a call, if it makes as many; without an
    /// acknowledgement the message stays.
    Deliver { queue: u8, message: u8, dies_in_call: u8, acknowledged: bool },
    /// Two messages are delivered at once: their functions' calls take turns.
    DeliverTwo { queues: (u8, u8), messages: (u8, u8), die_in_call: (u8, u8) },
    /// A running job moves on; with `fails`, it fails.
    Progress { job: u8, fails: bool },
    /// SageMaker's next answers to `CreateCompilationJob` are that the quota is used up, are lost after the job was created, or are
    /// refusals.
    Answers { which: u8, count: u8 },
    /// The schedule wakes the sweep.
    Sweep { dies_in_call: u8 },
    /// Time passes; or the next functions run where the clock is behind.
    Wait { seconds: i8 },
}

/// Everything outside the functions.
#[derive(Debug, Default)]
pub struct World {
    table: MemoryTable,
    objects: MemoryObjects,
    topic: MemoryTopic,
    jobs: MemoryJobs,
    uploads: MemoryQueue,
    requests: MemoryQueue,
    job_states: MemoryQueue,
    /// Contents uploaded so far, by key.
    contents: BTreeMap<String, BTreeSet<bool>>,
    versions: usize,
    /// The newest content, by key.
    newest: BTreeMap<String, bool>,
    /// How often a process died: each may have doubled one notification.
    deaths: usize,
    dead_letters: Vec<String>,
}

impl World {
    /// A world with a configuration and nothing else.
    pub fn new() -> Self {
        let world = Self::default();
        let config = StoredObject {
            version_id: Some("c".to_owned()),
            etag: "c".to_owned(),
            bytes: CONFIG.as_bytes().to_vec(),
            ..StoredObject::default()
        };
        world.objects.put("config", "automation.yaml", config);
        world
    }

    /// Does one step.
    pub async fn act(&mut self, action: &Action) {
        match *action {
            Action::Upload { model, content, told } => self.upload(model % 3, content, told % 4 + 1),
            Action::Deliver { queue, message, dies_in_call, acknowledged } => {
                self.deliver(queue, message.into(), &faults(dies_in_call), acknowledged).await;
            }
            Action::DeliverTwo { queues, messages, die_in_call } => {
                let first = self.take(queues.0, messages.0.into());
                let second = self.take(queues.1, messages.1.into());
                let faults = (faults(die_in_call.0), faults(die_in_call.1));
                let results = tokio::join!(
                    self.handle(queues.0, first.as_deref(), &faults.0),
                    self.handle(queues.1, second.as_deref(), &faults.1),
                );
                self.acknowledge(queues.0, first, results.0, true);
                self.acknowledge(queues.1, second, results.1, true);
            }
            Action::Progress { job, fails } => self.progress(job.into(), fails),
            Action::Answers { which, count } => {
                let answer = match which % 4 {
                    0 => Answer::Lost,
                    1 => Answer::Refused("no such role".to_owned()),
                    _ => Answer::Quota,
                };
                self.jobs.answers.lock().extend(vec![answer; usize::from(count % 4)]);
            }
            Action::Sweep { dies_in_call } => self.sweep(&faults(dies_in_call)).await,
            Action::Wait { seconds } => advance(2 * i64::from(seconds)),
        }
    }

    /// Lets everything come to rest: no more faults, every message delivered, every job ended.
    pub async fn settle(&mut self) {
        self.jobs.answers.lock().clear();
        for _ in 0..ROUNDS {
            advance(CLAIM_RUNS_OUT);
            for queue in 0..3 {
                let waiting = self.queue(queue).lock().len();
                for _ in 0..waiting {
                    self.deliver(queue, 0, &Faults::none(), true).await;
                }
            }
            let running = self.running();
            for _ in &running {
                self.progress(0, false);
            }
            self.sweep(&Faults::none()).await;
            if running.is_empty() && (0..3).all(|queue| self.queue(queue).lock().is_empty()) {
                return;
            }
        }
        panic!("the world does not come to rest: {self:#?}");
    }

    fn upload(&mut self, model: u8, content: bool, told: u8) {
        self.versions += 1;
        let folder = if model == 2 { "latest" } else { "all" };
        let key = format!("{folder}/model-{model}.tar.gz");
        let version = format!("v{}", self.versions);
        let bytes = archive(content);
        let etag = format!("content-{content}");
        let event = json!({
            "source": "aws.s3", "detail-type": "Object Created",
            "detail": { "bucket": { "name": "models" },
                        "object": { "key": key, "size": bytes.len(), "etag": etag, "version-id": version,
                                    "sequencer": format!("{:08X}", self.versions) } },
        });
        let object = StoredObject { version_id: Some(version), etag, bytes, ..StoredObject::default() };
        self.objects.put("models", &key, object);
        self.uploads.bodies.lock().extend(vec![event.to_string(); told.into()]);
        self.newest.insert(key.clone(), content);
        self.contents.entry(key).or_default().insert(content);
    }

    fn queue(&self, queue: u8) -> &Shared<Vec<String>> {
        match queue % 3 {
            0 => &self.uploads.bodies,
            1 => &self.requests.bodies,
            _ => &self.job_states.bodies,
        }
    }

    async fn deliver(&mut self, queue: u8, index: usize, faults: &Faults, acknowledged: bool) {
        let body = self.take(queue, index);
        let result = self.handle(queue, body.as_deref(), faults).await;
        self.acknowledge(queue, body, result, acknowledged);
    }

    fn take(&self, queue: u8, index: usize) -> Option<String> {
        let mut bodies = self.queue(queue).lock();
        let count = bodies.len();
        (count > 0).then(|| bodies.remove(index % count))
    }

    async fn handle(&self, queue: u8, body: Option<&str>, faults: &Faults) -> Result<(), Failure> {
        let Some(body) = body else { return Ok(()) };
        let event = Event::parse(body).unwrap_or_else(|error| panic!("{error}"));
        match queue % 3 {
            0 => self.planner(faults).handle(event).await,
            1 => self.starter(faults).handle(event).await,
            _ => self.relay(faults).handle(event).await,
        }
    }

    /// Deletes the message if its function was done with it and SQS heard so; else it comes again.
    fn acknowledge(&mut self, queue: u8, body: Option<String>, result: Result<(), Failure>, heard: bool) {
        let Some(body) = body else { return };
        match result {
            Ok(()) if heard => {}
            Err(Failure::Terminal(cause)) => self.dead_letters.push(cause.to_string()),
            result => {
                self.deaths += usize::from(matches!(result, Err(Failure::Transient(_))));
                self.queue(queue).lock().push(body);
            }
        }
    }

    async fn sweep(&mut self, faults: &Faults) {
        let sweeper = Sweeper {
            jobs: under(&self.jobs, faults),
            ledger: self.ledger(faults),
            job_states: under(&self.job_states, faults),
            requests: under(&self.requests, faults),
            foreign: ForeignJobs::default(),
            clock: now,
        };
        self.deaths += usize::from(sweeper.sweep().await.is_err());
    }

    fn running(&self) -> Vec<String> {
        let jobs = self.jobs.jobs.lock();
        jobs.values().filter(|job| !job.status.is_terminal()).map(|job| job.name.clone()).collect()
    }

    fn progress(&self, index: usize, fails: bool) {
        let running = self.running();
        let Some(name) = running.get(index % running.len().max(1)) else { return };
        if let Some(job) = self.jobs.jobs.lock().get_mut(name) {
            job.status = match job.status {
                JobStatus::Starting => JobStatus::InProgress,
                JobStatus::Stopping => JobStatus::Stopped,
                _ if fails => JobStatus::Failed,
                _ => JobStatus::Completed,
            };
            // Every other failure is SageMaker's own, which is tried again.
            if job.status == JobStatus::Failed {
                let class = if index.is_multiple_of(2) { "ServerError: internal" } else { "ClientError: no" };
                job.failure_reason = Some(class.to_owned());
            }
        }
    }

    /// The names of the jobs that are second attempts, or later ones.
    fn retries(&self) -> BTreeSet<String> {
        let rows = self.table.rows.lock();
        let jobs = rows.iter().filter_map(|(key, (_, row))| Some((key.strip_prefix("job#")?, row)));
        jobs.filter(|(_, row)| row["request"]["attempt"].as_u64() > Some(1)).map(|(name, _)| name.to_owned()).collect()
    }

    fn ledger(&self, faults: &Faults) -> Ledger<Faulty<MemoryTable>> {
        Ledger::new(under(&self.table, faults), now)
    }

    fn planner(
        &self,
        faults: &Faults,
    ) -> Planner<MemoryObjects, Faulty<MemoryTable>, Faulty<MemoryTopic>, Faulty<MemoryQueue>> {
        Planner {
            config: ConfigSource::new(self.objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            objects: self.objects.clone(),
            ledger: self.ledger(faults),
            topic: under(&self.topic, faults),
            requests: under(&self.requests, faults),
            model_bucket: "models".to_owned(),
            artifact_bucket: "artifacts".to_owned(),
            region: None,
            clock: now,
        }
    }

    fn starter(&self, faults: &Faults) -> Starter<Faulty<MemoryJobs>, Faulty<MemoryTable>, Faulty<MemoryQueue>> {
        Starter {
            jobs: under(&self.jobs, faults),
            ledger: self.ledger(faults),
            job_states: under(&self.job_states, faults),
            role_arn: "role".to_owned(),
        }
    }

    fn relay(&self, faults: &Faults) -> FaultyRelay {
        Relay {
            jobs: under(&self.jobs, faults),
            ledger: self.ledger(faults),
            topic: under(&self.topic, faults),
            requests: under(&self.requests, faults),
            objects: under(&self.objects, faults),
            artifact_bucket: "artifacts".to_owned(),
            foreign: ForeignJobs::default(),
            clock: now,
        }
    }

    /// What a world at rest must look like, from nothing but what was uploaded; panics with what is wrong.
    pub fn check(&self) {
        assert!(self.dead_letters.is_empty(), "dead letters: {:?}", self.dead_letters);
        let refused = self.refused();
        let jobs = self.jobs.jobs.lock();
        // Each content of each key is compiled for each target, once; again only after a failure, by a later upload. Beside that, a job that
        // SageMaker itself failed is tried again.
        let retries: BTreeSet<String> = self.retries();
        let mut by_content: BTreeMap<(&str, &str), Vec<(JobStatus, bool)>> = BTreeMap::new();
        for job in jobs.values() {
            let is_retry = retries.contains(&job.name);
            by_content.entry((&job.source, &job.target)).or_default().push((job.status, is_retry));
        }
        for (key, contents) in self.contents.iter().filter(|(key, _)| !key.starts_with("latest/")) {
            let source = format!("s3://models/{key}");
            for target in ["ml_c5", "ml_m5", "rasp4b"] {
                let all = by_content.get(&(source.as_str(), target)).cloned().unwrap_or_default();
                let failed = all.iter().filter(|(status, _)| *status == JobStatus::Failed).count();
                let made: Vec<_> = all.iter().filter(|(_, is_retry)| !is_retry).map(|(status, _)| *status).collect();
                let refused = refused.iter().filter(|place| **place == (source.clone(), target.to_owned())).count();
                assert!(
                    made.len() + refused >= contents.len(),
                    "{key} {target}: {} contents, {refused} refused, jobs {made:?}",
                    contents.len()
                );
                assert!(
                    made.len() <= contents.len() + failed,
                    "{key} {target}: {} contents, jobs {made:?}",
                    contents.len()
                );
            }
        }
        self.check_latest();
        let published = self.topic.published.lock();
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        for notification in published.iter() {
            *told.entry(&notification.id).or_default() += 1;
        }
        for job in jobs.values() {
            let latest = job.source.starts_with("s3://models/latest/");
            assert!(latest || job.status != JobStatus::Stopped, "stopped: {job:#?}");
            let what = match job.status {
                JobStatus::Failed => "failed",
                JobStatus::Stopped => "stopped",
                _ => "completed",
            };
            let id = format!("job-{what}-{}", job.name);
            assert!(told.contains_key(id.as_str()), "nobody was told of {id}");
        }
        let repeats: usize = told.values().map(|times| times - 1).sum();
        assert!(repeats <= self.deaths, "{repeats} repeats, {} deaths: {told:#?}", self.deaths);
        self.check_summaries(&told);
    }
}

impl World {
    /// Every model was summed up, and told of each artifact that it has from another's job.
    fn check_summaries(&self, told: &BTreeMap<&str, usize>) {
        let rows = self.table.rows.lock();
        for (key, (_, row)) in rows.iter() {
            assert!(!key.starts_with("job#") || row["status"] != "REQUESTED", "nobody asks for {row:#}");
            let Some(model) = key.strip_prefix("model#") else { continue };
            match row["state"].as_str() {
                Some("requested" | "reused") => {}
                // Whether its jobs were asked for before it gave way is chance.
                Some("superseded") => continue,
                state => panic!("at rest, a model is {state:?}"),
            }
            assert!(told.contains_key(format!("summary-{model}").as_str()), "no summary of {row:#}");
            for job in row["jobs"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str) {
                let (_, job) = &rows[&format!("job#{job}")];
                if job["status"] == "COMPLETED" && job["request"]["model"] != model {
                    let id = format!("job-completed-{}-{model}", job["name"].as_str().unwrap_or_default());
                    assert!(told.contains_key(id.as_str()), "nobody was told of {id}");
                }
            }
        }
    }

    /// Source and target of every request that SageMaker refused; each was told.
    fn refused(&self) -> Vec<(String, String)> {
        let (rows, published) = (self.table.rows.lock(), self.topic.published.lock());
        let refused = rows.iter().filter(|(key, (_, row))| key.starts_with("job#") && row["status"] == "REJECTED");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let mut places = Vec::new();
        for (_, (_, row)) in refused {
            let id = format!("job-rejected-{}", text(&row["name"]));
            assert!(published.iter().any(|told| told.id == id), "nobody was told of {id}");
            assert!(!self.jobs.jobs.lock().contains_key(&text(&row["name"])), "told as refused, but it runs: {row:#}");
            places.push((format!("s3://models/{}", text(&row["request"]["source"]["key"])), text(&row["target"])));
        }
        places
    }

    /// Of a key whose versions give way to newer ones, the newest has a job that ran to its end for each target. Nothing else is
    /// ever stopped.
    fn check_latest(&self) {
        let rows = self.table.rows.lock();
        let jobs = rows.iter().filter(|(key, _)| key.starts_with("job#")).map(|(_, (_, row))| row);
        let mut ended = BTreeSet::new();
        for row in jobs {
            let source = &row["request"]["source"];
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            if row["status"] != "STOPPED" {
                ended.insert((text(&source["key"]), text(&source["etag"]), text(&row["target"])));
            }
        }
        for (key, content) in self.newest.iter().filter(|(key, _)| key.starts_with("latest/")) {
            for target in ["ml_c5", "ml_m5", "rasp4b"] {
                let newest = (key.clone(), format!("content-{content}"), target.to_owned());
                assert!(ended.contains(&newest), "the newest version has no job: {newest:?} {ended:#?}");
            }
        }
    }
}

fn under<E: Clone>(edge: &E, faults: &Faults) -> Faulty<E> {
    Faulty { edge: edge.clone(), faults: faults.clone() }
}

fn faults(dies_in_call: u8) -> Faults {
    // Half of all processes live.
    if dies_in_call < 128 { Faults::none() } else { Faults::dies_in_call((dies_in_call % 24).into()) }
}

fn archive(content: bool) -> Vec<u8> {
    let bytes: &[u8] = if content { MODEL } else { OTHER };
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "model.onnx", bytes).and_then(|()| tar.into_inner()?.finish()).unwrap_or_default()
}

/// The smallest `ModelProto`: an IR version, and a graph with one input `data` of one float.
const MODEL: &[u8] = b"\x08\x08\x3a\x14\x5a\x12\x0a\x04data\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";
/// Another one.
const OTHER: &[u8] = b"\x08\x07\x3a\x14\x5a\x12\x0a\x04data\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";
