//! What becomes of an upload.

use std::{collections::BTreeSet, sync::Arc};

use automation::{
    Clock,
    batch::Failure,
    config::{Config, ConfigSource, LoadError, Refused},
    event::{Event, ObjectCreated, StopRequest},
    job::JobStatus,
    ledger::{Ledger, ModelRow, ModelState, Place, Reuse, Sequencer, Table},
    metrics,
    notification::Notification,
    objects::{BlockingReader, Object, Objects, OpenError},
    queue::Sender,
    telling::Telling,
    topic::Topic,
};
use model_archive::{Inspection, Limits, Problem};
use neo::{ModelId, OnNewVersion, Overrides, Planned, PlannedPackage, Source, Upload};
use tracing::{info, warn};

use crate::own_output;

/// Turns uploads into compilation requests.
pub struct Planner<O, T, N, Q> {
    /// The configuration in force.
    pub config: ConfigSource<O>,
    /// The model bucket.
    pub objects: O,
    /// The ledger.
    pub ledger: Ledger<T>,
    /// The Notifications topic.
    pub topic: N,
    /// The Requests queue.
    pub requests: Q,
    /// The bucket whose uploads are compiled.
    pub model_bucket: String,
    /// Bucket that artifacts go to.
    pub artifact_bucket: String,
    /// The region that jobs run in.
    pub region: Option<String>,
    /// The time.
    pub clock: Clock,
}

/// What was decided over an upload or a model package.
struct Decision {
    source: Source,
    rule: Option<String>,
    stops_older: bool,
    /// One for each target that can be compiled.
    requests: Vec<neo::CompilationRequest>,
    /// What stands against it, or against some of its targets.
    problems: Vec<Problem>,
}

impl<O: Objects, T: Table, N: Topic, Q: Sender> Planner<O, T, N, Q> {
    /// Handles one event of the Uploads queue.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::ObjectsCreated(objects) => {
                for object in &objects {
                    if object.bucket == self.config.bucket() && object.key == self.config.key() {
                        self.packages().await?;
                    } else {
                        self.upload(object).await?;
                    }
                }
                Ok(())
            }
            Event::S3Test => {
                info!("S3 tells that its notifications are configured");
                Ok(())
            }
            _ => Err(Failure::terminal("this is no event of an upload")),
        }
    }

    async fn upload(&self, object: &ObjectCreated) -> Result<(), Failure> {
        if object.key.ends_with('/') || object.size == Some(0) {
            info!(bucket = object.bucket, key = object.key, "skipped: a folder or an empty object");
            return Ok(());
        }
        if let Some(id) = object.model_id()
            && let Some(row) = self.ledger.model(&id).await?
        {
            return self.carry_out(&id, row).await;
        }
        if let Some(problem) = own_output::of(&self.ledger, &self.artifact_bucket, object).await? {
            return self.skip(object, problem).await;
        }
        let Some(decision) = self.decide(object).await? else {
            return Ok(());
        };
        self.note(decision, object.sequencer.clone()).await
    }

    /// The configuration was changed: asks for the model packages that its rules name. What was asked for before is not asked for again.
    async fn packages(&self) -> Result<(), Failure> {
        let config = match self.config.load().await {
            Ok(config) => config,
            Err(LoadError::Call(error)) => return Err(error.into()),
            Err(LoadError::Invalid(refused)) => return self.tell_refused(&refused, None).await,
            Err(error @ LoadError::Missing { .. }) => {
                info!(%error, "no model packages");
                return Ok(());
            }
        };
        if let Some(refused) = &config.refused {
            self.tell_refused(refused, config.version()).await?;
        }
        let compilation = &config.document.compilation;
        for rule in &compilation.rules {
            let Some(package) = rule.package() else { continue };
            let (source, plan) = neo::plan_package(&PlannedPackage {
                package,
                rule,
                defaults: &compilation.defaults,
                artifact_bucket: &self.artifact_bucket,
                model_bucket: &self.model_bucket,
                region: self.region.as_deref(),
            });
            let id = source.model_id();
            if let Some(row) = self.ledger.model(&id).await? {
                self.carry_out(&id, row).await?;
                continue;
            }
            for warning in plan.all_warnings() {
                warn!(key = source.uri(), warning = %warning, "in the plan");
            }
            let decision = Decision {
                source,
                rule: Some(rule.name.clone()),
                stops_older: false,
                requests: plan.requests().cloned().collect(),
                problems: plan.all_problems(),
            };
            self.note(decision, None).await?;
        }
        Ok(())
    }

    /// Writes down what was decided, and does it.
    async fn note(&self, decision: Decision, sequencer: Option<String>) -> Result<(), Failure> {
        let Decision { source, rule, stops_older, requests, problems } = decision;
        let id = source.model_id();
        let mut row = ModelRow {
            source,
            rule,
            state: ModelState::Planned,
            jobs: Vec::new(),
            problems,
            planned_at: (self.clock)(),
            sequencer: sequencer.map(Sequencer::from),
            stops_older,
        };
        for request in &requests {
            let reuse = match (request.reuse, stops_older) {
                (false, _) => Reuse::Never,
                // One that still runs may be about to be stopped.
                (true, true) => Reuse::Completed,
                (true, false) => Reuse::Running,
            };
            row.jobs.push(self.ledger.claim_job(request, reuse).await?);
        }
        if requests.is_empty() {
            row.state = ModelState::Rejected;
        }
        let row = self.ledger.create_model(&id, row).await?;
        self.carry_out(&id, row).await
    }

    /// Leaves out what this system wrote itself. Somebody is told, but not for each artifact of a loop.
    async fn skip(&self, object: &ObjectCreated, problem: Problem) -> Result<(), Failure> {
        let now = (self.clock)();
        warn!(bucket = object.bucket, key = object.key, problem = problem.problem, "skipped: our own output");
        metrics::count(&[("OwnOutputsSkipped", 1)], now);
        let notification = Notification::own_output(&as_told(object), problem, now);
        self.ledger.once(&notification.id, self.topic.publish(&notification)).await?;
        Ok(())
    }

    /// Does what a model's row says; doing it again changes nothing.
    async fn carry_out(&self, id: &ModelId, row: ModelRow) -> Result<(), Failure> {
        match row.state {
            ModelState::Requested | ModelState::Reused | ModelState::Superseded => {
                info!(key = key(&row), model = id.as_str(), state = ?row.state, "decided before");
            }
            ModelState::Planned => {
                self.tell_problems(id, &row).await?;
                self.request(id, &row).await?;
            }
            ModelState::Rejected => self.tell_problems(id, &row).await?,
        }
        Ok(())
    }

    /// Tells what stands against an upload, or against some of its targets; once, however often it is asked to.
    async fn tell_problems(&self, id: &ModelId, row: &ModelRow) -> Result<(), Failure> {
        let Some(first) = row.problems.first() else { return Ok(()) };
        let notification = Notification::upload_rejected(id, row, (self.clock)());
        self.ledger.once(&notification.id, self.topic.publish(&notification)).await?;
        warn!(key = key(row), model = id.as_str(), problem = first.problem, jobs = row.jobs.len(), "rejected");
        Ok(())
    }

    /// Sends the requests of a planned model, and stops the jobs of the versions it replaces.
    async fn request(&self, id: &ModelId, row: &ModelRow) -> Result<(), Failure> {
        let key = key(row);
        let jobs = self.ledger.jobs(&row.jobs).await?;
        let (own, reused): (Vec<_>, Vec<_>) = jobs.iter().cloned().partition(|job| job.was_asked_for_by(id));
        let mut bodies = Vec::new();
        if let (true, Some(sequencer), Source::Upload(upload)) = (row.stops_older, &row.sequencer, &row.source) {
            match self.ledger.arrive(upload, id, sequencer).await? {
                Place::Superseded => {
                    for job in &own {
                        self.ledger.withdraw(&job.name).await?;
                    }
                    self.ledger.conclude(id, ModelState::Superseded).await?;
                    info!(key, model = id.as_str(), "superseded by a newer version that arrived before");
                    return Ok(());
                }
                Place::Newest(older) => {
                    // First, so that none of their jobs is tried again after it was looked at.
                    for model in &older {
                        self.ledger.supersede(model).await?;
                    }
                    bodies = self.stops(&older, row).await?;
                }
            }
        }
        let stops = bodies.len();
        // A reused job whose request may never have been sent is asked for as well: its name makes that harmless.
        let state = if own.is_empty() { ModelState::Reused } else { ModelState::Requested };
        let waiting = own.into_iter().chain(reused).filter(|job| job.status == JobStatus::Requested);
        for request in waiting.filter_map(|job| job.request) {
            bodies.push(serde_json::to_string(&request).map_err(Failure::terminal)?);
        }
        let requested = bodies.len() - stops;
        self.requests.send(bodies).await?;
        let telling = Telling {
            ledger: &self.ledger,
            topic: &self.topic,
            objects: &self.objects,
            artifact_bucket: &self.artifact_bucket,
            now: (self.clock)(),
        };
        telling.ended_before(id, row, &jobs).await?;
        self.ledger.conclude(id, state).await?;
        info!(
            key,
            model = id.as_str(),
            jobs = requested,
            stops,
            reused = state == ModelState::Reused,
            rule = row.rule,
            "requested"
        );
        Ok(())
    }

    /// Requests to stop the jobs of older versions, but for those that this version goes on with.
    async fn stops(&self, older: &[ModelId], newest: &ModelRow) -> Result<Vec<String>, Failure> {
        let mut names = BTreeSet::new();
        for id in older {
            names.extend(self.ledger.model(id).await?.map(|row| row.jobs).unwrap_or_default());
        }
        let names: Vec<_> = names.into_iter().filter(|name| !newest.jobs.contains(name)).collect();
        let running = self.ledger.jobs(&names).await?.into_iter().filter(|job| !job.status.is_terminal());
        Ok(running.map(|job| StopRequest { job_name: job.name.to_string() }.to_body()).collect())
    }

    /// Decides over an upload; none if there is nothing to decide because a newer upload took its place.
    async fn decide(&self, object: &ObjectCreated) -> Result<Option<Decision>, Failure> {
        let rejected = |upload: Upload, rule, problems| {
            let source = upload.into();
            Ok(Some(Decision { source, rule, stops_older: false, requests: Vec::new(), problems }))
        };
        let config = match self.config.load().await {
            Ok(config) => config,
            Err(LoadError::Call(error)) => return Err(error.into()),
            Err(error) => {
                if let LoadError::Invalid(refused) = &error {
                    self.tell_refused(refused, None).await?;
                }
                return rejected(as_told(object), None, vec![self.no_config(&error)]);
            }
        };
        if let Some(refused) = &config.refused {
            self.tell_refused(refused, config.version()).await?;
        }
        let Some(rule) = config.document.compilation.rule_for(&object.key) else {
            return rejected(as_told(object), None, vec![no_rule(&config, &object.key)]);
        };
        let opened = match self.objects.open(object).await {
            Ok(opened) => opened,
            Err(OpenError::Call(error)) => return Err(error.into()),
            Err(OpenError::Overwritten) => {
                info!(key = object.key, "overwritten before it was read: the newer upload has its own event");
                return Ok(None);
            }
            Err(OpenError::Gone) => return rejected(as_told(object), Some(rule.name.clone()), vec![gone(object)]),
        };
        let upload = Upload {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            version_id: opened.version_id.clone(),
            etag: opened.etag.clone(),
            size: opened.size,
        };
        if upload.size == 0 {
            info!(key = object.key, "skipped: an empty object");
            return Ok(None);
        }
        let metadata = opened.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let overrides = match Overrides::from_metadata(metadata) {
            Ok(overrides) => overrides,
            Err(problems) => return rejected(upload, Some(rule.name.clone()), problems),
        };
        let inspection = inspect(opened).await?;
        let plan = neo::plan(&Planned {
            upload: &upload,
            overrides: &overrides,
            rule,
            defaults: &config.document.compilation.defaults,
            inspection: &inspection,
            artifact_bucket: &self.artifact_bucket,
            region: self.region.as_deref(),
        });
        for warning in plan.all_warnings() {
            warn!(key = object.key, warning = %warning, "in the plan");
        }
        let stops_older = plan.on_new_version == OnNewVersion::Stop;
        let requests = plan.requests().cloned().collect();
        let (rule, problems) = (Some(rule.name.clone()), plan.all_problems());
        Ok(Some(Decision { source: upload.into(), rule, stops_older, requests, problems }))
    }

    async fn tell_refused(&self, refused: &Refused, in_force: Option<&str>) -> Result<(), Failure> {
        self.config.tell_refused(refused, in_force, &self.ledger, &self.topic, (self.clock)()).await
    }

    fn no_config(&self, error: &LoadError) -> Problem {
        let place = format!("s3://{}/{}", self.config.bucket(), self.config.key());
        Problem::new(
            "no-configuration",
            error.to_string(),
            format!(
                "put a valid automation.yaml at {place} (config/automation.example.yaml is one) and upload the archive again"
            ),
        )
    }
}

/// What the log names a model by.
fn key(row: &ModelRow) -> &str {
    row.source.upload().map_or_else(|| row.source.stem(), |upload| &upload.key)
}

/// The upload as its event tells of it, for answers that need no look at the object.
fn as_told(object: &ObjectCreated) -> Upload {
    Upload {
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        version_id: object.version_id.clone(),
        etag: object.etag.clone().unwrap_or_default(),
        size: object.size.unwrap_or_default(),
    }
}

fn no_rule(config: &Config, key: &str) -> Problem {
    let rules = &config.document.compilation.rules;
    let of_keys = rules.iter().filter_map(|rule| Some((&rule.name, rule.keys()?)));
    let patterns: Vec<_> = of_keys.map(|(name, keys)| format!("{name} ({})", keys.as_str())).collect();
    let known = if patterns.is_empty() { "there are no rules for uploads".to_owned() } else { patterns.join(", ") };
    Problem::new(
        "no-rule",
        format!("no rule is for the key `{key}`: {known}"),
        "add a rule to automation.yaml whose keys match it, or upload the archive under a key that one matches",
    )
}

fn gone(object: &ObjectCreated) -> Problem {
    Problem::new(
        "object-gone",
        format!("s3://{}/{} was deleted before it could be read", object.bucket, object.key),
        "upload the archive again",
    )
}

/// Streams the object through the inspector, on a thread that may block.
async fn inspect(object: Object) -> Result<Inspection, Failure> {
    let alive = Arc::new(());
    let reader = BlockingReader::new(object.body, &alive);
    let inspected = tokio::task::spawn_blocking(move || model_archive::inspect(reader, &Limits::default())).await;
    match inspected {
        Ok(Ok(inspection)) => Ok(inspection),
        Ok(Err(error)) => Err(Failure::Transient(Box::new(error))),
        Err(error) => Err(Failure::Transient(Box::new(error))),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, fs::File, io::Read, path::Path};

    use automation::memory::{MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic, StoredObject};
    use flate2::{Compression, read::GzDecoder, write::GzEncoder};
    use jiff::Timestamp;
    use neo::CompilationRequest;

    use super::*;

    const CONFIG: &str = r#"
version: 1
compilation:
  defaults: { symbolic_dims: { default: 1 } }
  rules:
    - name: edge
      keys: "vision/**"
      targets: [ { device: jetson_nano }, { device: ml_c5 } ]
    - { name: latest, keys: "latest/**", on_new_version: stop, targets: [ { device: ml_c5 } ] }
"#;

    type TestPlanner = Planner<MemoryObjects, MemoryTable, MemoryTopic, MemoryQueue>;

    fn planner(config: Option<&str>) -> TestPlanner {
        let clock: Clock = || Timestamp::UNIX_EPOCH;
        let objects = MemoryObjects::default();
        if let Some(config) = config {
            let bytes = config.as_bytes().to_vec();
            let object = StoredObject {
                version_id: Some("c1".to_owned()),
                etag: "c1".to_owned(),
                bytes,
                ..StoredObject::default()
            };
            objects.put("config", "automation.yaml", object);
        }
        Planner {
            config: ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            objects,
            ledger: Ledger::new(MemoryTable::default(), clock),
            topic: MemoryTopic::default(),
            requests: MemoryQueue::default(),
            model_bucket: "models".to_owned(),
            artifact_bucket: "artifacts".to_owned(),
            region: None,
            clock,
        }
    }

    /// A real model of the `onnx` package: its input is `data_0`, of shape 1×3×224×224.
    fn squeezenet() -> Vec<u8> {
        let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models/onnx/suite.tar.gz");
        let mut suite = tar::Archive::new(GzDecoder::new(File::open(suite).unwrap()));
        let mut entries = suite.entries().unwrap().map(Result::unwrap);
        let mut entry = entries.find(|entry| entry.path().unwrap().ends_with("light_squeezenet.onnx")).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    impl TestPlanner {
        /// Uploads a version of an object; the same bytes have the same entity tag.
        fn put(&self, key: &str, version: &str, bytes: Vec<u8>, metadata: &[(&str, &str)]) -> Event {
            let etag = format!("etag-{}", bytes.len());
            let metadata: HashMap<_, _> =
                metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let size = Some(bytes.len() as u64);
            let object = StoredObject { version_id: Some(version.to_owned()), etag: etag.clone(), metadata, bytes };
            self.objects.put("models", key, object);
            Event::ObjectsCreated(vec![ObjectCreated {
                bucket: "models".to_owned(),
                key: key.to_owned(),
                version_id: Some(version.to_owned()),
                etag: Some(etag),
                size,
                sequencer: Some(version.to_owned()),
            }])
        }

        fn requested(&self) -> Vec<CompilationRequest> {
            self.requests.bodies.lock().iter().map(|body| serde_json::from_str(body).unwrap()).collect()
        }

        /// Uploads and handles; returns the first problem that was told.
        async fn problem(&self, key: &str, bytes: Vec<u8>, metadata: &[(&str, &str)]) -> String {
            let event = self.put(key, "v1", bytes, metadata);
            self.handle(event).await.unwrap();
            assert_eq!(self.topic.types(), ["compilation.rejected"], "{key}");
            assert!(self.requested().is_empty(), "{key}");
            self.topic.published.lock()[0].text.lines().nth(2).unwrap().to_owned()
        }
    }

    #[tokio::test]
    async fn a_model_without_any_word_about_it_is_requested_for_every_target() {
        let planner = planner(Some(CONFIG));
        let event = planner.put("vision/a b+c ü.tar.gz", "v1", archive(&[("m.onnx", &squeezenet())]), &[]);
        planner.handle(event).await.unwrap();
        let requests = planner.requested();
        let targets: Vec<_> = requests.iter().map(|request| request.target.to_string()).collect();
        assert_eq!(targets, ["jetson_nano", "ml_c5"]);
        for request in &requests {
            assert_eq!(request.data_input_config.as_deref(), Some(r#"{"data_0":[1,3,224,224]}"#));
            assert_eq!(request.source.uri(), "s3://models/vision/a b+c ü.tar.gz");
            assert!(
                request.output_location.starts_with("s3://artifacts/vision/a b+c ü/"),
                "{}",
                request.output_location
            );
        }
        assert!(planner.topic.types().is_empty());
    }

    /// SEMANTICS once-per-target: One accepted upload version gives exactly one compilation job per target, however
    /// often it is told and whatever is lost in between.
    /// SEMANTICS same-bytes-once: The same bytes uploaded again under the same key are not compiled again the same
    /// way, unless that job failed, was stopped or was refused.
    #[tokio::test]
    async fn a_version_is_decided_over_once_however_often_it_is_told() {
        let planner = planner(Some(CONFIG));
        let model = archive(&[("m.onnx", &squeezenet())]);
        let event = planner.put("vision/a.tar.gz", "v1", model.clone(), &[]);
        for _ in 0..10 {
            planner.handle(event.clone()).await.unwrap();
        }
        assert_eq!(*planner.objects.opened.lock(), 2, "the configuration and the archive, once each");
        for version in ["v2", "v3", "v4", "v5"] {
            let event = planner.put("vision/a.tar.gz", version, model.clone(), &[]);
            planner.handle(event).await.unwrap();
        }
        let jobs = || planner.requested().into_iter().map(|request| request.job_name).collect::<BTreeSet<_>>();
        assert_eq!(jobs().len(), 2, "the same bytes are not compiled twice");
        let changed = archive(&[("m.onnx", &squeezenet()), ("notes.txt", b"new")]);
        let event = planner.put("vision/a.tar.gz", "v6", changed, &[]);
        planner.handle(event).await.unwrap();
        assert_eq!(jobs().len(), 4);
    }

    #[tokio::test]
    async fn requests_that_may_not_have_been_sent_are_sent_again() {
        let planner = planner(Some(CONFIG));
        let event = planner.put("vision/a.tar.gz", "v1", archive(&[("m.onnx", &squeezenet())]), &[]);
        planner.handle(event.clone()).await.unwrap();
        let first = planner.requested();
        let id = ModelId::new("models", "vision/a.tar.gz", "v1");
        let key = format!("model#{id}");
        let mut row = planner.ledger.model(&id).await.unwrap().unwrap();
        // As if the function had died after writing the row.
        row.state = ModelState::Planned;
        let fresh = TestPlanner { ledger: Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH), ..planner };
        for request in &first {
            fresh.ledger.claim_job(request, Reuse::Running).await.unwrap();
        }
        fresh.ledger.create_model(&id, row).await.unwrap();
        fresh.handle(event).await.unwrap();
        assert_eq!(fresh.requested()[2..], first, "{key}");
    }

    /// SEMANTICS answered-once: An upload that cannot be compiled is answered once, before any job starts, with the
    /// reason and the remedy.
    #[tokio::test]
    async fn a_broken_archive_is_answered_once() {
        let planner = planner(Some(CONFIG));
        let whole = archive(&[("m.onnx", &squeezenet())]);
        let event = planner.put("vision/a.tar.gz", "v1", whole[..whole.len() / 2].to_vec(), &[]);
        for _ in 0..3 {
            planner.handle(event.clone()).await.unwrap();
        }
        assert_eq!(planner.topic.types(), ["compilation.rejected"]);
    }

    #[tokio::test]
    async fn whatever_stands_against_a_compilation_is_told() {
        let model = || archive(&[("m.onnx", &squeezenet())]);
        let cases = [
            ("no-rule/a.tar.gz", model(), vec![], "no rule is for the key"),
            ("vision/a.zip", model(), vec![], "the key `vision/a.zip` does not end in .tar.gz"),
            ("vision/a.tar.gz", b"PK\x03\x04".to_vec(), vec![], "zip"),
            ("vision/a.tar.gz", archive(&[("readme.txt", b"hello")]), vec![], "no model"),
            ("vision/a.tar.gz", archive(&[("a.onnx", &squeezenet()), ("b.onnx", &squeezenet())]), vec![], "b.onnx"),
            ("vision/a.tar.gz", model(), vec![("neo-targets", "toaster")], "unknown target device `toaster`"),
            ("vision/a.tar.gz", model(), vec![("neo-framework", "PYTORCH")], "PYTORCH was asked for"),
            ("vision/a.tar.gz", model(), vec![("neo-inputs", "[[1,3,224,224]]")], "not for ONNX"),
        ];
        for (key, bytes, metadata, said) in cases {
            let problem = planner(Some(CONFIG)).problem(key, bytes, &metadata).await;
            assert!(problem.contains(said), "{key} {metadata:?}: {problem}");
        }
    }

    #[tokio::test]
    async fn without_a_valid_configuration_an_upload_is_answered_with_where_to_put_one() {
        let model = archive(&[("m.onnx", &squeezenet())]);
        let problem = planner(None).problem("vision/a.tar.gz", model.clone(), &[]).await;
        assert_eq!(problem, "Problem: there is no configuration at s3://config/automation.yaml");
        let planner = planner(Some("version: 1\ncompilation: { rules: [ { name: a } ] }"));
        let event = planner.put("vision/a.tar.gz", "v1", model, &[]);
        planner.handle(event).await.unwrap();
        assert_eq!(planner.topic.types(), ["config.rejected", "compilation.rejected"]);
    }

    const ARN: &str = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";

    impl TestPlanner {
        /// Puts a configuration with one rule for a model package into force; its event.
        fn declare(&self, version: &str, rule: &str) -> Event {
            let text = format!(
                "version: 1\ncompilation: {{ rules: [ {{ name: registry, model_package_version: '{ARN}', {rule} }} ] }}"
            );
            let object = StoredObject {
                version_id: Some(version.to_owned()),
                etag: version.to_owned(),
                bytes: text.into_bytes(),
                ..StoredObject::default()
            };
            self.objects.put("config", "automation.yaml", object);
            Event::ObjectsCreated(vec![ObjectCreated {
                bucket: "config".to_owned(),
                key: "automation.yaml".to_owned(),
                version_id: Some(version.to_owned()),
                etag: None,
                size: None,
                sequencer: None,
            }])
        }
    }

    /// SEMANTICS package-once: A model package version that a rule names is compiled once per target, however often the
    /// configuration is written.
    #[tokio::test]
    async fn a_model_package_is_asked_for_once_and_for_a_new_target_when_the_rule_names_one() {
        let planner = planner(None);
        let first = planner.declare("c1", "targets: [ { device: ml_c5 } ]");
        for _ in 0..3 {
            planner.handle(first.clone()).await.unwrap();
        }
        // Written again, with a change that is none of a model package.
        let same = planner
            .declare("c2", "targets: [ { device: ml_c5 } ] }, { name: all, keys: '**', targets: [ { device: ml_m5 } ]");
        planner.handle(same).await.unwrap();
        let requested = planner.requested();
        assert_eq!(requested.len(), 1);
        assert_eq!((requested[0].source.uri().as_str(), requested[0].framework), (ARN, None));
        planner.ledger.accept(&requested[0]).await.unwrap();
        let more = planner.declare("c3", "targets: [ { device: ml_c5 }, { device: ml_m5 } ]");
        planner.handle(more).await.unwrap();
        let targets: Vec<_> = planner.requested().iter().map(|request| request.target.to_string()).collect();
        assert_eq!(targets, ["ml_c5", "ml_m5"]);
        assert!(planner.topic.types().is_empty(), "{:?}", planner.topic.types());
    }

    #[tokio::test]
    async fn a_changed_rule_asks_again_for_what_failed_of_a_model_package() {
        let planner = planner(None);
        let first = planner.declare("c1", "targets: [ { device: ml_c5 } ]");
        planner.handle(first).await.unwrap();
        planner.ledger.refuse(&planner.requested()[0], "the role may not read the archive").await.unwrap();
        let role = "role_arn: 'arn:aws:iam::123456789012:role/other', targets: [ { device: ml_c5 } ]";
        let changed = planner.declare("c2", role);
        planner.handle(changed).await.unwrap();
        let requested = planner.requested();
        assert_eq!(requested.len(), 2);
        assert_ne!(requested[0].job_name, requested[1].job_name);
    }

    #[tokio::test]
    async fn a_model_package_that_cannot_be_compiled_is_answered_once() {
        let planner = planner(None);
        let rule = "output: 's3://models/{job}', targets: [ { device: ml_c5 } ]";
        for version in ["c1", "c2"] {
            let event = planner.declare(version, rule);
            planner.handle(event).await.unwrap();
        }
        assert!(planner.requested().is_empty());
        assert_eq!(planner.topic.types(), ["compilation.rejected"]);
        assert!(planner.topic.published.lock()[0].text.contains(ARN));
    }

    #[tokio::test]
    async fn a_changed_configuration_without_model_packages_does_nothing() {
        for (config, told) in [(None, &[][..]), (Some(CONFIG), &[]), (Some("version: 2"), &["config.rejected"])] {
            let planner = planner(config);
            let Event::ObjectsCreated(mut objects) = planner.put("automation.yaml", "c1", vec![1], &[]) else {
                panic!()
            };
            objects[0].bucket = "config".to_owned();
            planner.handle(Event::ObjectsCreated(objects)).await.unwrap();
            assert!(planner.requested().is_empty());
            assert_eq!(planner.topic.types(), told);
        }
    }

    #[tokio::test]
    async fn an_uploader_s_word_wins_over_the_rule_and_the_archive() {
        let planner = planner(Some(CONFIG));
        let metadata = [("neo-targets", "rasp4b"), ("neo-inputs", r#"{"data_0":[8,3,224,224]}"#)];
        let event = planner.put("vision/a.tar.gz", "v1", archive(&[("m.onnx", &squeezenet())]), &metadata);
        planner.handle(event).await.unwrap();
        let requests = planner.requested();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].target.to_string(), "rasp4b");
        assert_eq!(requests[0].data_input_config.as_deref(), Some(r#"{"data_0":[8,3,224,224]}"#));
    }

    #[tokio::test]
    async fn what_is_no_model_is_skipped() {
        let planner = planner(Some(CONFIG));
        for key in ["vision/", "vision/empty.tar.gz"] {
            let event = planner.put(key, "v1", Vec::new(), &[]);
            planner.handle(event).await.unwrap();
        }
        planner.handle(Event::S3Test).await.unwrap();
        assert!(planner.topic.types().is_empty() && planner.requested().is_empty());
    }

    #[tokio::test]
    async fn an_object_that_is_gone_is_answered_and_one_that_was_overwritten_is_left_to_its_successor() {
        let planner = planner(Some(CONFIG));
        let told = |key: &str, etag: &str| {
            let (bucket, key) = ("models".to_owned(), key.to_owned());
            Event::ObjectsCreated(vec![ObjectCreated {
                bucket,
                key,
                version_id: None,
                etag: Some(etag.to_owned()),
                size: Some(9),
                sequencer: None,
            }])
        };
        planner.put("vision/a.tar.gz", "v2", vec![1], &[]);
        planner.handle(told("vision/a.tar.gz", "older")).await.unwrap();
        assert!(planner.topic.types().is_empty());
        planner.handle(told("vision/gone.tar.gz", "e")).await.unwrap();
        assert_eq!(planner.topic.types(), ["compilation.rejected"]);
    }

    /// SEMANTICS superseded: With `on_new_version: stop`, the events of one key in any order end with the newest version's jobs as
    /// the current ones: older running jobs are stopped, exactly those.
    #[tokio::test]
    async fn a_newer_version_stops_the_running_jobs_of_older_ones_in_any_order() {
        let versions = ["v1", "v2", "v3"];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
            let planner = planner(Some(CONFIG));
            let mut jobs = Vec::new();
            let events: Vec<_> = versions
                .iter()
                .map(|version| {
                    let bytes = archive(&[("m.onnx", &squeezenet()), ("version.txt", version.repeat(99).as_bytes())]);
                    planner.put("latest/a.tar.gz", version, [bytes, version.as_bytes().to_vec()].concat(), &[])
                })
                .collect();
            for position in order {
                planner.handle(events[position].clone()).await.unwrap();
            }
            let (mut requested, mut stopped) = (Vec::new(), Vec::new());
            for body in planner.requests.bodies.lock().iter() {
                match Event::parse(body).unwrap() {
                    Event::Compilation(request) => {
                        jobs.push((request.job_name.to_string(), request.source.version().to_owned()));
                        requested.push(request.source.version().to_owned());
                    }
                    Event::Stop(stop) => {
                        stopped.push(jobs.iter().find(|(name, _)| *name == stop.job_name).unwrap().1.clone());
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(requested.last().unwrap(), "v3", "{order:?}");
            let older: Vec<_> = requested.iter().filter(|version| *version != "v3").collect();
            stopped.dedup();
            stopped.sort();
            stopped.dedup();
            assert_eq!(stopped.iter().collect::<Vec<_>>(), older, "{order:?}");
        }
    }

    /// SEMANTICS no-loop: The system never compiles its own output.
    #[tokio::test]
    async fn artifacts_are_no_uploads_wherever_they_turn_up() {
        let planner = planner(Some(CONFIG));
        let model = || archive(&[("m.onnx", &squeezenet())]);
        let event = planner.put("vision/a.tar.gz", "v1", model(), &[]);
        planner.handle(event).await.unwrap();
        let requested = planner.requested();
        let artifact = |request: &CompilationRequest| {
            let folder = request.output_location.strip_prefix("s3://artifacts/").unwrap();
            format!("{folder}a-{}.tar.gz", request.target)
        };
        // Something copies them into the model bucket, or the rule was widened to the bucket they are in.
        for (number, request) in requested.iter().enumerate() {
            let copied = planner.put(&artifact(request), &format!("c{number}"), model(), &[]);
            let Event::ObjectsCreated(mut objects) = copied.clone() else { panic!("{copied:?}") };
            objects[0].bucket = "artifacts".to_owned();
            for event in [copied, Event::ObjectsCreated(objects)] {
                planner.handle(event).await.unwrap();
            }
        }
        assert_eq!(planner.requested().len(), requested.len(), "none of them was asked for");
        assert_eq!(planner.topic.types(), ["compilation.rejected"; 2], "told once for each bucket");
        for told in planner.topic.published.lock().iter() {
            assert!(told.text.contains("artifact"), "{}", told.text);
        }
        let event = planner.put("vision/of-another-job/a.tar.gz", "v1", model(), &[]);
        planner.handle(event).await.unwrap();
        assert_eq!(planner.requested().len(), 2 * requested.len(), "a folder of any other name is no sign");
    }

    /// SEMANTICS no-loop: The system never compiles its own output.
    #[tokio::test]
    async fn artifacts_may_not_start_compilations() {
        for output in ["s3://models/{key}/{job}", "s3://models/compiled/{job}", "s3://models/{job}"] {
            let config = CONFIG.replacen("defaults: {", &format!("defaults: {{ output: '{output}', "), 1);
            let planner = planner(Some(&config));
            let problem = planner.problem("vision/a.tar.gz", archive(&[("m.onnx", &squeezenet())]), &[]).await;
            assert!(problem.contains("the bucket that starts compilations"), "{output}: {problem}");
        }
    }
}
