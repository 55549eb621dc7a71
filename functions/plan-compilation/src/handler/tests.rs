use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use ledger::{Ledger, MAX_PERMISSION_WAIT, MIN_REFUSALS, ModelState, Reuse};
use neo::{CompilationRequest, JobName, ModelId};
use support::{
    MemoryObjects, MemoryPackages, MemoryQueue, MemoryTable, MemoryTopic, Stepwise, StoredObject, TestStack,
    accept_request, build_archive, build_dynamic_onnx, config_event, crash_after, job_description, read_squeezenet,
    reject_request,
};
use worker::{CallErrorKind, Message};

use super::*;
use crate::tests::{self, TestPlanner};

const CONFIG: &str = r#"
version: 1
compilation:
  defaults: { batch_size: 1 }
  rules:
    - name: edge
      keys: "vision/**"
      targets: [ { device: jetson_nano }, { device: ml_c5 } ]
    - { name: latest, keys: "latest/**", on_new_version: stop, targets: [ { device: ml_c5 } ] }
"#;

fn create_planner(config: Option<&str>) -> TestPlanner {
    let planner: TestPlanner = tests::create_planner(TestStack::new(|| Timestamp::UNIX_EPOCH));
    if let Some(config) = config {
        planner.archives.put_config("c1", config);
    }
    planner
}

type StepwisePlanner = Planner<
    Stepwise<MemoryObjects>,
    Stepwise<MemoryTable>,
    Stepwise<MemoryTopic>,
    Stepwise<MemoryQueue>,
    MemoryPackages,
>;

impl TestPlanner {
    /// The same planner, which a test can stop between any two calls.
    fn make_stepwise(&self) -> StepwisePlanner {
        let (table, topic) = (self.ledger.table().clone(), self.notifier.topic().clone());
        let objects = Stepwise::new(self.archives.clone());
        Planner {
            packages: self.packages.clone(),
            requests: Stepwise::new(self.requests.clone()),
            uploads: Stepwise::new(self.uploads.clone()),
            model_buckets: self.model_buckets.clone(),
            ..tests::create_planner(TestStack::from_edges(
                objects,
                Stepwise::new(table),
                Stepwise::new(topic),
                self.clock,
            ))
        }
    }
}

/// Builds an archive that can be compiled.
fn build_model_archive() -> Vec<u8> {
    build_archive(&[("m.onnx", &read_squeezenet())])
}

impl TestPlanner {
    /// Uploads a version of an object and returns its event. The same bytes have the same entity
    /// tag.
    fn upload_object(&self, key: &str, version: &str, bytes: Vec<u8>, metadata: &[(&str, &str)]) -> Event {
        let etag = format!("etag-{}", bytes.len());
        let metadata: HashMap<_, _> =
            metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let size = Some(bytes.len() as u64);
        let version_id = Some(version.to_owned());
        let object = StoredObject { version_id, etag: etag.clone(), metadata, bytes, ..StoredObject::default() };
        self.archives.put_version("models", key, object);
        Event::ObjectsCreated(vec![ObjectCreated {
            bucket: "models".to_owned(),
            key: key.to_owned(),
            version_id: Some(version.to_owned()),
            etag: Some(etag),
            size,
            sequencer: Some(version.to_owned()),
            uploaded_at: None,
            replayed_at: None,
        }])
    }

    fn sent_requests(&self) -> Vec<CompilationRequest> {
        self.requests.bodies.read().iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    /// Lets a requested job complete.
    async fn complete_job(&self, request: &CompilationRequest) {
        let key = format!("{}.tar.gz", request.job_name);
        self.archives.put_version("artifacts", &key, StoredObject::default());
        let description = neo::JobDescription {
            source: request.source.to_uri(),
            target: request.target.to_string(),
            artifact: Some(format!("s3://artifacts/{key}")),
            ..job_description(request.job_name.as_str(), neo::JobStatus::Completed)
        };
        self.ledger.record_observation(&description).await.unwrap();
    }

    /// Uploads an archive that must be rejected, and returns the first problem that is reported.
    async fn upload_rejected_object(&self, key: &str, bytes: Vec<u8>, metadata: &[(&str, &str)]) -> String {
        let event = self.upload_object(key, "v1", bytes, metadata);
        self.handle_event(event).await.unwrap();
        assert_eq!(self.notifier.topic().types(), ["compilation.rejected"], "{key}");
        assert!(self.sent_requests().is_empty(), "{key}");
        self.notifier.topic().published()[0].text.lines().nth(2).unwrap().to_owned()
    }
}

#[tokio::test]
async fn model_without_metadata_is_requested_for_every_target() {
    let planner = create_planner(Some(CONFIG));
    let event = planner.upload_object("vision/a b+c ü.tar.gz", "v1", build_model_archive(), &[]);
    planner.handle_event(event).await.unwrap();
    let requests = planner.sent_requests();
    let targets: Vec<_> = requests.iter().map(|request| request.target.to_string()).collect();
    assert_eq!(targets, ["jetson_nano", "ml_c5"]);
    for request in &requests {
        assert_eq!(request.data_input_config.as_deref(), Some(r#"{"data_0":[1,3,224,224]}"#));
        assert_eq!(request.source.to_uri(), "s3://models/vision/a b+c ü.tar.gz");
        assert!(request.output_location.starts_with("s3://artifacts/vision/a b+c ü/"), "{}", request.output_location);
    }
    assert!(planner.notifier.topic().types().is_empty());
}

/// The metric `UploadToAnswerSeconds` counts from it.
#[tokio::test]
async fn time_of_the_upload_is_recorded() {
    let planner = create_planner(Some(CONFIG));
    let uploaded_at = Timestamp::from_second(1_000).unwrap();
    for (key, jobs) in [("vision/a.tar.gz", 2), ("other/a.tar.gz", 0)] {
        let event = planner.upload_object(key, "v1", build_model_archive(), &[]);
        let Event::ObjectsCreated(mut objects) = event else { panic!("{event:?}") };
        objects[0].uploaded_at = Some(uploaded_at);
        let id = objects[0].model_id().unwrap();
        planner.handle_event(Event::ObjectsCreated(objects)).await.unwrap();
        let model = planner.ledger.find_model(&id).await.unwrap().unwrap();
        assert_eq!((model.jobs.len(), model.uploaded_at), (jobs, Some(uploaded_at)), "{key}");
    }
}

fn requested_jobs(planner: &TestPlanner) -> BTreeSet<JobName> {
    planner.sent_requests().into_iter().map(|request| request.job_name).collect()
}

/// SEMANTICS once-per-target: Each accepted upload version results in exactly one compilation job
/// per target, no matter how often its event is delivered and what is lost in between.
#[tokio::test]
async fn each_version_is_planned_once() {
    let planner = create_planner(Some(CONFIG));
    let model = build_model_archive();
    let event = planner.upload_object("vision/a.tar.gz", "v1", model, &[]);
    for _ in 0..10 {
        planner.handle_event(event.clone()).await.unwrap();
    }
    assert_eq!(*planner.archives.opened.read(), 2, "expected one read of the configuration and one of the archive");
    assert_eq!(requested_jobs(&planner).len(), 2);
}

/// SEMANTICS same-bytes-once: When the same bytes are uploaded again under the same key, they are
/// not compiled again with the same settings, unless the earlier job failed, was stopped or was
/// rejected.
#[tokio::test]
async fn same_bytes_are_compiled_once() {
    let planner = create_planner(Some(CONFIG));
    let model = build_model_archive();
    for version in ["v1", "v2", "v3", "v4", "v5"] {
        let event = planner.upload_object("vision/a.tar.gz", version, model.clone(), &[]);
        planner.handle_event(event).await.unwrap();
    }
    assert_eq!(requested_jobs(&planner).len(), 2);
    let changed = build_archive(&[("m.onnx", &read_squeezenet()), ("notes.txt", b"new")]);
    let event = planner.upload_object("vision/a.tar.gz", "v6", changed, &[]);
    planner.handle_event(event).await.unwrap();
    assert_eq!(requested_jobs(&planner).len(), 4, "expected other bytes to be compiled");
}

#[tokio::test]
async fn requests_that_may_be_unsent_are_sent_again() {
    let planner = create_planner(Some(CONFIG));
    let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
    planner.handle_event(event.clone()).await.unwrap();
    let first = planner.sent_requests();
    let id = ModelId::new("models", "vision/a.tar.gz", "v1");
    let key = format!("model#{id}");
    let mut row = planner.ledger.find_model(&id).await.unwrap().unwrap();
    // As if the function had crashed after it wrote the row.
    row.state = ModelState::Planned;
    let fresh = TestPlanner { ledger: Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH), ..planner };
    for request in &first {
        fresh.ledger.claim_job(request, Reuse::Running).await.unwrap();
    }
    fresh.ledger.create_model(&id, row).await.unwrap();
    fresh.handle_event(event).await.unwrap();
    assert_eq!(fresh.sent_requests()[2..], first, "{key}");
}

#[tokio::test]
async fn warnings_are_stored_for_the_notifications() {
    let planner = create_planner(Some(CONFIG));
    let archive = build_archive(&[("m.onnx", &read_squeezenet()), ("._m.onnx", b"\0\x05\x16\x07")]);
    let event = planner.upload_object("vision/a.tar.gz", "v1", archive, &[]);
    planner.handle_event(event).await.unwrap();
    let requests = planner.sent_requests();
    assert!(!requests.is_empty());
    for request in &requests {
        assert_eq!(request.warnings[0].code, "macos-metadata", "{}", request.target);
    }
    let model = planner.ledger.find_model(&requests[0].model).await.unwrap().unwrap();
    assert_eq!(model.warnings[0].code, "macos-metadata");
}

/// SEMANTICS answered-once: An upload that cannot be compiled is rejected once, before any job
/// starts, with the reason and how to fix it.
#[tokio::test]
async fn broken_archive_is_rejected_once() {
    let planner = create_planner(Some(CONFIG));
    let whole = build_model_archive();
    let event = planner.upload_object("vision/a.tar.gz", "v1", whole[..whole.len() / 2].to_vec(), &[]);
    for _ in 0..3 {
        planner.handle_event(event.clone()).await.unwrap();
    }
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"]);
}

/// SEMANTICS answered-once: An upload that cannot be compiled is rejected once, before any job
/// starts, with the reason and how to fix it.
#[tokio::test]
async fn answer_larger_than_a_row_is_given_once() {
    let many: Vec<_> = (0..1000).map(|number| format!("serving_default_input_of_the_tower_{number}")).collect();
    let long = ["a", "b"].map(|name| name.repeat(60 * 1024));
    for (inputs, total) in [(&many[..], 2000), (&long[..], 4)] {
        let planner = create_planner(Some(&CONFIG.replace("{ batch_size: 1 }", "{}")));
        let model = build_dynamic_onnx(inputs.iter().map(String::as_str), 2);
        let event = planner.upload_object("vision/a.tar.gz", "v1", build_archive(&[("m.onnx", &model)]), &[]);
        for _ in 0..3 {
            planner.handle_event(event.clone()).await.unwrap();
        }
        assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"], "{total}");
        let text = planner.notifier.topic().published()[0].text.clone();
        assert!(
            text.contains("`N` (dimension 1 of `") && text.contains("set symbolic_dims: { \"N\": <size> }"),
            "{text}"
        );
        assert!(text.len() < 20_000 && (total == 4 || text.contains("995 more inputs")), "{text}");
    }
}

#[tokio::test]
async fn problems_that_block_compilation_are_reported() {
    let cases = [
        ("no-rule/a.tar.gz", build_model_archive(), vec![], "no rule matches the key"),
        ("vision/a.zip", build_model_archive(), vec![], "the key `vision/a.zip` does not end in .tar.gz"),
        ("vision/a.tar.gz", b"PK\x03\x04".to_vec(), vec![], "zip"),
        ("vision/a.tar.gz", build_archive(&[("readme.txt", b"hello")]), vec![], "no model"),
        (
            "vision/a.tar.gz",
            build_archive(&[("a.onnx", &read_squeezenet()), ("b.onnx", &read_squeezenet())]),
            vec![],
            "b.onnx",
        ),
        (
            "vision/a.tar.gz",
            build_model_archive(),
            vec![("neo-targets", "toaster")],
            "expected a target device, found `toaster`",
        ),
        ("vision/a.tar.gz", build_model_archive(), vec![("neo-framework", "PYTORCH")], "framework is set to PYTORCH"),
        ("vision/a.tar.gz", build_model_archive(), vec![("neo-inputs", "[[1,3,224,224]]")], "not for ONNX"),
    ];
    for (key, bytes, metadata, expected) in cases {
        let problem = create_planner(Some(CONFIG)).upload_rejected_object(key, bytes, &metadata).await;
        assert!(problem.contains(expected), "{key} {metadata:?}: {problem}");
    }
}

#[tokio::test]
async fn named_framework_chooses_among_several_models() {
    let graph = b"node { name: \"x\" op: \"Placeholder\" }";
    let archive = build_archive(&[("m.onnx", &read_squeezenet()), ("frozen.pbtxt", graph)]);
    let planner = create_planner(Some(CONFIG));
    let problem = planner.upload_rejected_object("vision/a.tar.gz", archive.clone(), &[]).await;
    assert!(problem.contains("models of several frameworks"), "{problem}");

    let planner = create_planner(Some(CONFIG));
    let event = planner.upload_object("vision/a.tar.gz", "v1", archive, &[("neo-framework", "ONNX")]);
    planner.handle_event(event).await.unwrap();
    assert_eq!(requested_jobs(&planner).len(), 2);
}

#[tokio::test]
async fn upload_without_a_configuration_is_rejected() {
    let model = build_model_archive();
    let problem = create_planner(None).upload_rejected_object("vision/a.tar.gz", model, &[]).await;
    assert_eq!(problem, "Problem: there is no configuration at s3://config/automation.yaml");
}

#[tokio::test]
async fn upload_with_an_invalid_configuration_is_rejected() {
    let planner = create_planner(Some("version: 1\ncompilation: { rules: [ { name: a } ] }"));
    let model = build_model_archive();
    let event = planner.upload_object("vision/a.tar.gz", "v1", model, &[]);
    planner.handle_event(event).await.unwrap();
    assert_eq!(planner.notifier.topic().types(), ["config.rejected", "compilation.rejected"]);
}

const ARN: &str = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";

impl TestPlanner {
    /// Activates a configuration with one rule for a model package, and returns its event.
    fn put_package_config(&self, version: &str, rule: &str) -> Event {
        let text = format!(
            "version: 1\ncompilation: {{ rules: [ {{ name: registry, model_package_version: '{ARN}', {rule} }} ] }}"
        );
        self.archives.put_config(version, &text);
        config_event(Some(version))
    }
}

/// SEMANTICS package-once: A model package version named by a rule is compiled once per target, no
/// matter how often the configuration is written.
#[tokio::test]
async fn model_package_is_requested_once() {
    let planner = create_planner(None);
    let first = planner.put_package_config("c1", "targets: [ { device: ml_c5 } ]");
    for _ in 0..3 {
        planner.handle_event(first.clone()).await.unwrap();
    }
    // Written again, with a change that does not concern the model package.
    let same = planner.put_package_config(
        "c2",
        "targets: [ { device: ml_c5 } ] }, { name: all, keys: '**', targets: [ { device: ml_m5 } ]",
    );
    planner.handle_event(same).await.unwrap();
    let requests = planner.sent_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].source.to_uri().as_str(), requests[0].framework), (ARN, None));
    assert!(planner.notifier.topic().types().is_empty(), "{:?}", planner.notifier.topic().types());
}

#[tokio::test]
async fn new_target_of_a_model_package_is_requested() {
    let planner = create_planner(None);
    let first = planner.put_package_config("c1", "targets: [ { device: ml_c5 } ]");
    planner.handle_event(first).await.unwrap();
    accept_request(&planner.ledger, &planner.sent_requests()[0]).await;
    let more = planner.put_package_config("c3", "targets: [ { device: ml_c5 }, { device: ml_m5 } ]");
    planner.handle_event(more).await.unwrap();
    let targets: Vec<_> = planner.sent_requests().iter().map(|request| request.target.to_string()).collect();
    assert_eq!(targets, ["ml_c5", "ml_m5"]);
    assert!(planner.notifier.topic().types().is_empty(), "{:?}", planner.notifier.topic().types());
}

#[tokio::test]
async fn changed_rule_requests_failed_jobs_of_a_package_again() {
    let planner = create_planner(None);
    let first = planner.put_package_config("c1", "targets: [ { device: ml_c5 } ]");
    planner.handle_event(first).await.unwrap();
    reject_request(&planner.ledger, &planner.sent_requests()[0], "the role may not read the archive").await;
    let role = "role_arn: 'arn:aws:iam::123456789012:role/other', targets: [ { device: ml_c5 } ]";
    let changed = planner.put_package_config("c2", role);
    planner.handle_event(changed).await.unwrap();
    let requests = planner.sent_requests();
    assert_eq!(requests.len(), 2);
    assert_ne!(requests[0].job_name, requests[1].job_name);
}

#[tokio::test]
async fn rejected_model_package_is_reported_once() {
    let planner = create_planner(None);
    let rule = "output: 's3://models/{job}', targets: [ { device: ml_c5 } ]";
    for version in ["c1", "c2"] {
        let event = planner.put_package_config(version, rule);
        planner.handle_event(event).await.unwrap();
    }
    assert!(planner.sent_requests().is_empty());
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"]);
    assert!(planner.notifier.topic().published()[0].text.contains(ARN));
}

#[tokio::test]
async fn configuration_without_model_packages_requests_nothing() {
    for (config, expected) in [(None, &[][..]), (Some(CONFIG), &[]), (Some("version: 2"), &["config.rejected"])] {
        let planner = create_planner(config);
        let Event::ObjectsCreated(mut objects) = planner.upload_object("automation.yaml", "c1", vec![1], &[]) else {
            panic!()
        };
        objects[0].bucket = "config".to_owned();
        planner.handle_event(Event::ObjectsCreated(objects)).await.unwrap();
        assert!(planner.sent_requests().is_empty());
        assert_eq!(planner.notifier.topic().types(), expected);
    }
}

/// The event that `automation replay` sends for an upload.
fn replay_event(event: &Event, hour: i64) -> Event {
    let Event::ObjectsCreated(mut objects) = event.clone() else { panic!("{event:?}") };
    objects[0].replayed_at = Some(Timestamp::from_second(hour * 3600).unwrap());
    objects[0].sequencer = None;
    Event::ObjectsCreated(objects)
}

impl TestPlanner {
    /// Delivers an event twice; returns the number of requests and the ids of the notifications
    /// since then.
    async fn deliver_twice(&self, event: Event) -> (usize, Vec<String>) {
        let (requests, published) = (self.sent_requests().len(), self.notifier.topic().published().len());
        for _ in 0..2 {
            self.handle_event(event.clone()).await.unwrap();
        }
        let ids = self.notifier.topic().published()[published..].iter().map(|sent| sent.id.clone()).collect();
        (self.sent_requests().len() - requests, ids)
    }
}

/// SEMANTICS replayed-once: A replay of an upload that was rejected or failed is answered once,
/// under a new `id`, no matter how often its message is delivered; what was compiled is reused, and
/// any other upload is unchanged.
#[tokio::test]
async fn rejected_or_failed_upload_is_replayed_once() {
    let planner = create_planner(Some(CONFIG));
    let event = planner.upload_object("other/a.tar.gz", "v1", build_model_archive(), &[]);
    let mut answers = BTreeSet::new();
    for hour in 0..3 {
        let event = if hour == 0 { event.clone() } else { replay_event(&event, hour) };
        let (requests, ids) = planner.deliver_twice(event).await;
        assert_eq!((requests, ids.len()), (0, 1), "one rejection each: {ids:?}");
        answers.extend(ids);
    }
    assert_eq!(answers.len(), 3);
    planner.archives.put_config("c2", &CONFIG.replace("vision/**", "**"));
    let unchanged = (0, Vec::new());
    assert_eq!(planner.deliver_twice(replay_event(&event, 2)).await, unchanged, "an earlier replay");
    assert_eq!(planner.deliver_twice(replay_event(&event, 3)).await, (2, Vec::new()), "accepted now");
    for unanswered in [event.clone(), replay_event(&event, 4)] {
        assert_eq!(planner.deliver_twice(unanswered).await, unchanged, "its jobs may still be running");
    }
    let [compiled, failed] = &planner.sent_requests()[..] else { panic!("{:?}", planner.sent_requests()) };
    planner.complete_job(compiled).await;
    assert_eq!(planner.deliver_twice(replay_event(&event, 5)).await, unchanged, "one job is still running");
    reject_request(&planner.ledger, failed, "the role may not read the archive").await;

    let (requests, ids) = planner.deliver_twice(replay_event(&event, 6)).await;
    assert_eq!(requests, 1);
    let replay = planner.sent_requests().pop().unwrap();
    assert_eq!(replay.target, failed.target);
    assert_ne!(replay.job_name, failed.job_name);
    let reused = format!("job-completed-{}-{}", compiled.job_name, replay.model);
    assert_eq!(ids, [format!("summary-{}", failed.model), reused], "first the last answer, then the new one");
    planner.complete_job(&replay).await;
    assert_eq!(planner.deliver_twice(replay_event(&event, 7)).await, unchanged, "compiled");
}

#[tokio::test]
async fn replay_reuses_artifacts_whatever_the_rule_says() {
    let config = CONFIG.replace("keys: \"vision/**\"", "keys: \"vision/**\"\n      reuse: false");
    let planner = create_planner(Some(&config));
    let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
    planner.handle_event(event.clone()).await.unwrap();
    let requests = planner.sent_requests();
    assert!(!requests[0].reuse);
    planner.complete_job(&requests[0]).await;
    reject_request(&planner.ledger, &requests[1], "refused").await;
    planner.handle_event(replay_event(&event, 1)).await.unwrap();
    let targets: Vec<_> = planner.sent_requests()[2..].iter().map(|request| request.target.clone()).collect();
    assert_eq!(targets, [requests[1].target.clone()]);
}

/// The replay takes the place of its upload among the versions of the key.
#[tokio::test]
async fn replay_is_superseded_by_a_newer_version() {
    for is_newer_first in [false, true] {
        let planner = create_planner(Some(CONFIG));
        let old = planner.upload_object("latest/a.tar.gz", "1", build_model_archive(), &[]);
        planner.handle_event(old.clone()).await.unwrap();
        reject_request(&planner.ledger, &planner.sent_requests()[0], "refused").await;
        let changed = build_archive(&[("m.onnx", &read_squeezenet()), ("notes.txt", b"new")]);
        let new = planner.upload_object("latest/a.tar.gz", "2", changed, &[]);
        let events = [replay_event(&old, 1), new];
        let order = if is_newer_first { [1, 0] } else { [0, 1] };
        for index in order {
            planner.handle_event(events[index].clone()).await.unwrap();
        }
        let bodies = planner.requests.bodies.get();
        let stops = bodies.iter().filter(|body| matches!(Event::parse(body), Ok(Event::Stop(_)))).count();
        let requests = bodies.len() - stops;
        let expected = if is_newer_first { (2, 0) } else { (3, 1) };
        assert_eq!((requests, stops), expected, "newer first: {is_newer_first}");
    }
}

#[tokio::test]
async fn metadata_overrides_the_rule_and_the_archive() {
    let planner = create_planner(Some(CONFIG));
    let metadata = [("neo-targets", "rasp4b"), ("neo-inputs", r#"{"data_0":[8,3,224,224]}"#)];
    let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &metadata);
    planner.handle_event(event).await.unwrap();
    let requests = planner.sent_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].target.to_string(), "rasp4b");
    assert_eq!(requests[0].data_input_config.as_deref(), Some(r#"{"data_0":[8,3,224,224]}"#));
}

/// The event of an upload, as if it were to another bucket.
fn move_to_bucket(event: Event, bucket: &str) -> Event {
    let Event::ObjectsCreated(mut objects) = event else { panic!("{event:?}") };
    objects[0].bucket = bucket.to_owned();
    Event::ObjectsCreated(objects)
}

#[tokio::test]
async fn upload_to_an_existing_bucket_is_compiled_by_its_rule() {
    let config = CONFIG.replacen("- name: edge", "- name: edge\n      bucket: 'partner-*'", 1);
    let mut planner = create_planner(Some(&config));
    planner.model_buckets = ModelBuckets::new("models", vec!["partner-models".to_owned()]);
    planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
    let stored = planner.archives.objects.read()[&("models".to_owned(), "vision/a.tar.gz".to_owned())][0].clone();
    for (bucket, key) in [("partner-models", "vision/a.tar.gz"), ("partner-models", "training/output.tar.gz")] {
        planner.archives.put_version(bucket, key, stored.clone());
    }
    let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
    planner.handle_event(move_to_bucket(event.clone(), "partner-models")).await.unwrap();
    let requests = planner.sent_requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].source.to_uri(), "s3://partner-models/vision/a.tar.gz");
    assert!(requests[0].output_location.starts_with("s3://artifacts/"), "{}", requests[0].output_location);
    // The rule does not apply to the stack's own bucket, and other objects of the existing one are
    // none of the stack's business.
    planner.handle_event(event).await.unwrap();
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"]);
    let event = planner.upload_object("training/output.tar.gz", "v1", build_model_archive(), &[]);
    planner.handle_event(move_to_bucket(event, "partner-models")).await.unwrap();
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"]);
    assert_eq!(planner.sent_requests().len(), 2);
}

/// SEMANTICS no-loop: The stack never compiles its own output.
#[tokio::test]
async fn existing_buckets_cannot_be_for_models_and_artifacts() {
    let config = CONFIG.replacen("- name: edge", "- name: edge\n      bucket: shared", 1);
    let mut planner = create_planner(Some(&config));
    planner.model_buckets = ModelBuckets::new("models", vec!["shared".to_owned()]);
    planner.artifact_buckets = vec!["shared".to_owned()];
    let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
    planner.handle_event(move_to_bucket(event, "shared")).await.unwrap();
    let text = planner.notifier.topic().published()[0].text.clone();
    assert!(text.contains("ModelBuckets and ArtifactBuckets"), "{text}");
    assert!(planner.sent_requests().is_empty());
    // Nor can a rule write to a model bucket.
    let config = CONFIG.replacen("defaults: {", "defaults: { output: 's3://shared/{job}', ", 1);
    let mut planner = create_planner(Some(&config));
    planner.model_buckets = ModelBuckets::new("models", vec!["shared".to_owned()]);
    let problem = planner.upload_rejected_object("vision/a.tar.gz", build_model_archive(), &[]).await;
    assert!(problem.contains("`shared`, a model bucket"), "{problem}");
}

#[tokio::test]
async fn folders_empty_objects_and_test_events_are_skipped() {
    let planner = create_planner(Some(CONFIG));
    for key in ["vision/", "vision/empty.tar.gz"] {
        let event = planner.upload_object(key, "v1", Vec::new(), &[]);
        planner.handle_event(event).await.unwrap();
    }
    planner.handle_event(Event::S3Test).await.unwrap();
    assert!(planner.notifier.topic().types().is_empty() && planner.sent_requests().is_empty());
}

#[tokio::test]
async fn overwritten_object_is_left_to_its_newer_event() {
    let planner = create_planner(Some(CONFIG));
    planner.upload_object("vision/a.tar.gz", "v2", vec![1], &[]);
    planner.handle_event(unversioned_event("vision/a.tar.gz", "older")).await.unwrap();
    assert!(planner.notifier.topic().types().is_empty());
}

#[tokio::test]
async fn deleted_object_is_rejected() {
    let planner = create_planner(Some(CONFIG));
    planner.handle_event(unversioned_event("vision/gone.tar.gz", "e")).await.unwrap();
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"]);
}

#[tokio::test]
async fn unreadable_object_is_rejected_after_ten_minutes() {
    for (message, fix) in [
        ("Access Denied", "s3:GetObject"),
        (
            "is not authorized to perform: kms:Decrypt on the resource",
            "arn:aws:kms:eu-west-1:123456789012:key/1234abcd",
        ),
        ("is not authorized to perform: kms:Decrypt on the resource", "KmsKeyArns"),
        ("arn:aws:kms:eu-west-1:123456789012:key/1234abcd is disabled.", "check that the key is enabled"),
        ("The operation is not valid for the object's storage class", "--storage-class STANDARD"),
    ] {
        let planner = create_planner(Some(CONFIG));
        let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
        let key = || Some("arn:aws:kms:eu-west-1:123456789012:key/1234abcd".to_owned());
        planner.archives.change_versions(|stored| stored.kms_key = key());
        planner.archives.open_failure.set(Some((CallErrorKind::Denied, message)));
        for _ in 1..MIN_REFUSALS {
            let failure = planner.handle_event(event.clone()).await.unwrap_err();
            assert!(matches!(failure, Failure::Deferred { .. }), "a permission may be on its way: {failure:?}");
        }
        assert!(planner.notifier.topic().types().is_empty());
        let later = || Timestamp::UNIX_EPOCH + MAX_PERMISSION_WAIT;
        let planner = TestPlanner { ledger: Ledger::new(planner.ledger.table().clone(), later), ..planner };
        planner.handle_event(event).await.unwrap();
        let published = planner.notifier.topic().published().clone();
        assert_eq!(published.len(), 1);
        assert!(published[0].text.contains(message) && published[0].text.contains(fix), "{}", published[0].text);
    }
}

#[tokio::test]
async fn object_without_an_announced_size_is_read() {
    let planner = create_planner(Some(CONFIG));
    let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
    planner.archives.change_versions(|stored| stored.announced_size = Some(None));
    planner.handle_event(event).await.unwrap();
    assert_eq!(planner.sent_requests().len(), 2);
}

#[tokio::test]
async fn archive_that_ends_early_is_read_again() {
    let planner = create_planner(Some(CONFIG));
    let whole = build_model_archive();
    let event = planner.upload_object("vision/a.tar.gz", "v1", whole[..whole.len() / 2].to_vec(), &[]);
    planner.archives.change_versions(|stored| {
        if stored.etag.starts_with("etag") {
            stored.announced_size = Some(Some(whole.len() as u64));
        }
    });
    let failure = planner.handle_event(event).await.unwrap_err();
    assert!(matches!(failure, Failure::Transient(_)), "{failure:?}");
    assert!(planner.notifier.topic().types().is_empty(), "expected nothing to be said about the archive");
}

#[tokio::test]
async fn slow_archive_is_rejected_after_ten_minutes() {
    let planner = create_planner(Some(CONFIG));
    let Event::ObjectsCreated(objects) = planner.upload_object("vision/a.tar.gz", "v1", vec![1], &[]) else { panic!() };
    let config = planner.config.load_active().await.unwrap();
    let rule = &config.document.compilation.rules[0];
    for _ in 1..MIN_REFUSALS {
        let failure = planner.decide_too_slow(&objects[0], rule).await.err().unwrap();
        assert!(matches!(failure, Failure::Deferred { .. }), "{failure:?}");
    }
    let later = || Timestamp::UNIX_EPOCH + MAX_PERMISSION_WAIT;
    let planner = TestPlanner { ledger: Ledger::new(planner.ledger.table().clone(), later), ..planner };
    let decision = planner.decide_too_slow(&objects[0], rule).await.unwrap().unwrap();
    assert_eq!(decision.problems[0].code, "archive-too-slow");
}

#[tokio::test]
async fn certain_rejection_does_not_read_the_archive() {
    let output = CONFIG.replacen("defaults: {", "defaults: { output: 's3://models/{job}', ", 1);
    for (config, key) in [(CONFIG, "vision/a.zip"), (&output, "vision/a.tar.gz")] {
        let planner = create_planner(Some(config));
        let event = planner.upload_object(key, "v1", b"not an archive".to_vec(), &[]);
        planner.handle_event(event).await.unwrap();
        let text = planner.notifier.topic().published()[0].text.clone();
        assert!(!text.contains("the archive is not"), "{text}");
    }
}

#[tokio::test]
async fn jobs_above_the_daily_limit_are_rejected() {
    let config = CONFIG.replacen("compilation:", "compilation:\n  max_jobs_per_day: 3", 1);
    let planner = create_planner(Some(&config));
    let upload = |name: &str| {
        let archive = build_archive(&[("m.onnx", &read_squeezenet()), ("name.txt", name.as_bytes())]);
        planner.upload_object(&format!("vision/{name}.tar.gz"), "v1", [archive, name.into()].concat(), &[])
    };
    let events = ["a", "bb", "ccc"].map(upload);
    for event in events.iter().flat_map(|event| [event, event]) {
        planner.handle_event(event.clone()).await.unwrap();
    }
    let targets: Vec<_> = planner.sent_requests().iter().map(|request| request.target.to_string()).collect();
    assert_eq!(targets, ["jetson_nano", "ml_c5", "jetson_nano"], "expected two jobs of the first model and one more");
    let texts: Vec<_> = planner.notifier.topic().published().iter().map(|one| one.text.clone()).collect();
    assert_eq!(texts.len(), 2);
    for (text, targets) in texts.iter().zip(["ml_c5", "jetson_nano, ml_c5"]) {
        let problem = format!("the limit of 3 jobs per day is reached; not compiled for {targets}\n");
        assert!(text.contains(&problem), "{text}");
    }
    let tomorrow: Clock = || Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24);
    let planner = TestPlanner { ledger: Ledger::new(planner.ledger.table().clone(), tomorrow), ..planner };
    let archive = build_archive(&[("m.onnx", &read_squeezenet()), ("name.txt", b"next day")]);
    let event = planner.upload_object("vision/next.tar.gz", "v1", archive, &[]);
    planner.handle_event(event).await.unwrap();
    assert_eq!(planner.sent_requests().len(), 5);
}

#[tokio::test]
async fn plan_repeated_after_a_crash_is_counted_once() {
    let config = CONFIG.replacen("compilation:", "compilation:\n  max_jobs_per_day: 2", 1);
    let planner = create_planner(Some(&config));
    let Event::ObjectsCreated(objects) = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[])
    else {
        panic!()
    };
    for _ in 0..2 {
        let decision = planner.decide_upload(&objects[0]).await.unwrap().unwrap();
        planner.record_and_dispatch(decision, None, None).await.unwrap();
        // As if the function had crashed before it stored the decision.
        planner.ledger.table().rows.update(|rows| rows.retain(|key, _| !key.starts_with("model#")));
    }
    assert_eq!(requested_jobs(&planner).len(), 2);
    assert!(planner.notifier.topic().types().is_empty(), "expected the limit not to be reached");
}

#[tokio::test]
async fn files_without_a_rule_are_reported_once_per_folder_and_day() {
    let planner = create_planner(Some(CONFIG));
    for key in
        ["logs/a.txt", "logs/b.txt", "logs/2026/a.txt", "top.csv", "other.csv", "logs/model.zip", "logs/m.tar.gz"]
    {
        let event = planner.upload_object(key, "v1", vec![1], &[]);
        planner.handle_event(event.clone()).await.unwrap();
        planner.handle_event(event).await.unwrap();
    }
    let keys: Vec<_> = planner.notifier.topic().published().iter().map(|one| one.subject.clone()).collect();
    assert_eq!(
        keys,
        [
            "Skipped: no rule for a.txt",
            "Skipped: no rule for a.txt",
            "Skipped: no rule for top.csv",
            "Compilation rejected: model.zip",
            "Compilation rejected: m",
        ]
    );
}

#[tokio::test]
async fn too_large_archive_is_rejected_before_it_is_read() {
    let planner = create_planner(Some(CONFIG));
    let event = planner.upload_object("vision/a.tar.gz", "v1", b"not an archive".to_vec(), &[]);
    planner.archives.change_versions(|stored| stored.announced_size = Some(Some(20 << 30)));
    planner.handle_event(event).await.unwrap();
    let text = planner.notifier.topic().published()[0].text.clone();
    assert!(text.contains("the archive has 21474836480 bytes"), "{text}");
}

/// The event of an upload to a bucket without versions.
fn unversioned_event(key: &str, etag: &str) -> Event {
    Event::ObjectsCreated(vec![ObjectCreated {
        bucket: "models".to_owned(),
        key: key.to_owned(),
        version_id: None,
        etag: Some(etag.to_owned()),
        size: Some(9),
        sequencer: None,
        uploaded_at: None,
        replayed_at: None,
    }])
}

/// SEMANTICS superseded: With `on_new_version: stop`, the events of one key can arrive in any order
/// and the jobs of the newest version end up as the current ones: running jobs of older versions
/// are stopped, and no other jobs are stopped.
#[tokio::test]
async fn newest_version_stops_jobs_of_older_ones_in_any_order() {
    let versions = ["v1", "v2", "v3"];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let planner = create_planner(Some(CONFIG));
        let mut jobs = Vec::new();
        let events: Vec<_> = versions
            .iter()
            .map(|version| {
                let bytes =
                    build_archive(&[("m.onnx", &read_squeezenet()), ("version.txt", version.repeat(99).as_bytes())]);
                planner.upload_object("latest/a.tar.gz", version, [bytes, version.as_bytes().to_vec()].concat(), &[])
            })
            .collect();
        for position in order {
            planner.handle_event(events[position].clone()).await.unwrap();
        }
        let (mut requested, mut stopped) = (Vec::new(), Vec::new());
        for body in planner.requests.bodies.read().iter() {
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

/// SEMANTICS no-loop: The stack never compiles its own output.
#[tokio::test]
async fn own_artifacts_are_never_compiled() {
    let planner = create_planner(Some(CONFIG));
    let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
    planner.handle_event(event).await.unwrap();
    let requests = planner.sent_requests();
    let artifact_key = |request: &CompilationRequest| {
        let folder = request.output_location.strip_prefix("s3://artifacts/").unwrap();
        format!("{folder}a-{}.tar.gz", request.target)
    };
    // A tool copies the artifacts into the model bucket, or the rule includes the artifact bucket.
    for (number, request) in requests.iter().enumerate() {
        let copied = planner.upload_object(&artifact_key(request), &format!("c{number}"), build_model_archive(), &[]);
        let Event::ObjectsCreated(mut objects) = copied.clone() else { panic!("{copied:?}") };
        objects[0].bucket = "artifacts".to_owned();
        for event in [copied, Event::ObjectsCreated(objects)] {
            planner.handle_event(event).await.unwrap();
        }
    }
    assert_eq!(planner.sent_requests().len(), requests.len(), "expected no request for an artifact");
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"; 2], "expected one notification per bucket");
    for notification in planner.notifier.topic().published().iter() {
        assert!(notification.text.contains("artifact"), "{}", notification.text);
    }
    let event = planner.upload_object("vision/of-another-job/a.tar.gz", "v1", build_model_archive(), &[]);
    planner.handle_event(event).await.unwrap();
    assert_eq!(planner.sent_requests().len(), 2 * requests.len(), "expected a folder of any other name to be accepted");
}

/// SEMANTICS no-loop: The stack never compiles its own output.
#[tokio::test]
async fn output_that_would_start_compilations_is_rejected() {
    for output in ["s3://models/{key}/{job}", "s3://models/compiled/{job}", "s3://models/{job}"] {
        let config = CONFIG.replacen("defaults: {", &format!("defaults: {{ output: '{output}', "), 1);
        let planner = create_planner(Some(&config));
        let problem = planner.upload_rejected_object("vision/a.tar.gz", build_model_archive(), &[]).await;
        assert!(problem.contains("a model bucket"), "{output}: {problem}");
    }
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn refused_package_does_not_keep_back_the_others() {
    let planner = create_planner(None);
    let rules =
        [("bad", 1, "output: 's3://models/{job}'"), ("good", 2, "retries: 1")].map(|(name, version, setting)| {
            let package = format!("arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/{version}");
            format!(
                "{{ name: {name}, model_package_version: '{package}', {setting}, targets: [ {{ device: ml_c5 }} ] }}"
            )
        });
    let event = planner.put_package_config("c1", "targets: [ { device: ml_c5 } ]");
    planner.archives.put_config("c2", &format!("version: 1\ncompilation: {{ rules: [ {} ] }}", rules.join(", ")));
    planner.notifier.topic().refuses.set(true);
    assert!(matches!(planner.handle_event(event).await, Err(Failure::Terminal(_))));
    let requested: Vec<_> = planner.sent_requests().into_iter().map(|request| request.rule).collect();
    assert_eq!(requested, ["good"]);
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn unpublished_problem_of_a_target_does_not_delay_others() {
    let planner = create_planner(Some(CONFIG));
    let Event::ObjectsCreated(objects) = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[])
    else {
        panic!()
    };
    let mut decision = planner.decide_upload(&objects[0]).await.unwrap().unwrap();
    decision.problems.push(Problem::new("p", "one target cannot be compiled", "remove it"));
    planner.notifier.topic().failures.set(1);
    assert!(matches!(planner.record_and_dispatch(decision, None, None).await, Err(Failure::Transient(_))));
    assert_eq!(requested_jobs(&planner).len(), 2);
    // The redelivered event publishes the problem.
    planner.handle_event(Event::ObjectsCreated(objects)).await.unwrap();
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"]);
}

#[tokio::test]
async fn deleted_artifact_is_compiled_again() {
    let planner = create_planner(Some(CONFIG));
    let model = build_model_archive();
    let mut versions = 0;
    let mut upload = || {
        versions += 1;
        planner.upload_object("vision/a.tar.gz", &format!("v{versions}"), model.clone(), &[])
    };
    planner.handle_event(upload()).await.unwrap();
    for request in planner.sent_requests() {
        planner.complete_job(&request).await;
    }
    planner.handle_event(upload()).await.unwrap();
    planner.archives.head_failure.set(Some(CallErrorKind::Denied));
    planner.handle_event(upload()).await.unwrap();
    assert_eq!(requested_jobs(&planner).len(), 2, "expected artifacts that exist, or cannot be read, to be reused");
    planner.archives.head_failure.set(None);
    planner.archives.objects.update(|objects| objects.retain(|(bucket, _), _| bucket != "artifacts"));
    planner.handle_event(upload()).await.unwrap();
    assert_eq!(requested_jobs(&planner).len(), 4);
}

/// A duplicate that read the ledger before the plan was stored, and continues after another upload
/// of the same bytes.
#[tokio::test]
async fn slow_duplicate_does_not_withdraw_jobs_of_the_plan() {
    let planner = create_planner(Some(CONFIG));
    let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
    let Event::ObjectsCreated(objects) = &event else { panic!() };
    let stale = planner.decide_upload(&objects[0]).await.unwrap().unwrap();
    planner.handle_event(event.clone()).await.unwrap();
    let requests = planner.sent_requests();
    for request in &requests {
        let other = format!("other-{}", request.job_name);
        let other = CompilationRequest {
            job_name: other.into(),
            model: ModelId::new("models", "other", "v1"),
            ..request.clone()
        };
        planner.ledger.claim_job(&other, Reuse::Never).await.unwrap();
    }
    planner.record_and_dispatch(stale, None, None).await.unwrap();
    for request in requests {
        let row = planner.ledger.find_job(&request.job_name).await.unwrap().unwrap();
        assert_eq!(row.status, neo::JobStatus::Requested, "{}", row.name);
    }
}

/// The first delivery claims jobs and crashes. Another upload of the same bytes gets jobs of its
/// own. The second delivery shares these, and crashes at any call.
#[tokio::test]
async fn jobs_of_a_plan_that_was_given_up_are_withdrawn() {
    for calls in 0.. {
        let planner = create_planner(Some(CONFIG));
        let event = planner.upload_object("vision/a.tar.gz", "v1", build_model_archive(), &[]);
        let Event::ObjectsCreated(objects) = &event else { panic!() };
        let decision = planner.decide_upload(&objects[0]).await.unwrap().unwrap();
        for request in &decision.requests {
            planner.ledger.claim_job(request, Reuse::Running).await.unwrap();
            let job_name = format!("other-{}", request.job_name).into();
            let other = CompilationRequest { job_name, model: ModelId::new("models", "b", "v1"), ..request.clone() };
            planner.ledger.claim_job(&other, Reuse::Never).await.unwrap();
        }
        let ended = crash_after(calls, planner.make_stepwise().record_and_dispatch(decision, None, None)).is_some();
        planner.handle_event(event).await.unwrap();
        let rows = planner.ledger.table().rows.get();
        let requested = rows.iter().filter(|(_, (_, row))| row["status"] == "REQUESTED").map(|(key, _)| key);
        let (others, own): (Vec<_>, Vec<_>) = requested.partition(|key| key.starts_with("job#other-"));
        assert_eq!((others.len(), own), (2, Vec::new()), "crash after {calls} calls");
        if ended {
            assert!(calls > 10, "expected more calls");
            return;
        }
    }
}

/// A model under another rule shares a job of a version that is superseded.
#[tokio::test]
async fn job_that_another_model_needs_is_not_stopped() {
    let planner = create_planner(Some(CONFIG));
    let upload = |version: &str| {
        let bytes = build_archive(&[("m.onnx", &read_squeezenet()), ("version.txt", version.repeat(99).as_bytes())]);
        planner.upload_object("latest/a.tar.gz", version, bytes, &[])
    };
    planner.handle_event(upload("v1")).await.unwrap();
    let shared = planner.sent_requests().remove(0);
    let other = CompilationRequest {
        job_name: "other".to_owned().into(),
        model: ModelId::new("models", "other", "v1"),
        ..shared.clone()
    };
    assert_eq!(planner.ledger.claim_job(&other, Reuse::Running).await.unwrap(), shared.job_name);
    let is_stopped = || {
        let bodies = planner.requests.bodies.read();
        bodies.iter().any(|body| {
            matches!(Event::parse(body).unwrap(), Event::Stop(stop) if stop.job_name == shared.job_name.as_str())
        })
    };
    planner.handle_event(upload("v2")).await.unwrap();
    assert!(!is_stopped(), "the other model needs it");
    let model = planner.ledger.find_model(&shared.model).await.unwrap().unwrap();
    planner.ledger.create_model(&other.model, model).await.unwrap();
    planner.handle_event(upload("v3")).await.unwrap();
    assert!(is_stopped(), "the other model was superseded too");
}
