//! Upgrade and rollback: the first release and this one read each other's rows. The types below are
//! those of the first release, as far as they are stored.
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "tests; the members are read by serde")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use ledger::{IdleUntil, JobRow, Ledger, ModelRow, ModelState, Reuse, Sequencer, SweepRow, UpdatedKind};
use maintenance::{PendingUpdate, UpdateCalls, UpdateHistory, workteam::TeamMessage};
use model_archive::{Problem, Warning};
use neo::{CompilationRequest, JobDescription, JobName, JobStatus, ModelSource};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use support::{MemoryTable, park_refused_request, reject_request};

/// Rows of this release that the first one never reads, by the beginning of their keys.
const NEW_ROWS: [&str; 2] = ["parked#turn", "waiting#"];

mod first_release {
    use super::*;

    #[derive(Serialize, Deserialize)]
    pub struct ModelRow {
        pub upload: Source,
        pub rule: Option<String>,
        pub state: ModelState,
        pub jobs: Vec<String>,
        pub problems: Vec<Problem>,
        pub planned_at: Timestamp,
        pub sequencer: Option<String>,
        pub stops_older: bool,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    pub enum Source {
        Upload { bucket: String, key: String, version_id: Option<String>, etag: String, size: u64 },
        Package { model_package_version_arn: String, version: String },
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum ModelState {
        Planned,
        Requested,
        Rejected,
        Reused,
        Superseded,
    }

    #[derive(Serialize, Deserialize)]
    pub struct Problem {
        pub code: String,
        #[serde(rename = "problem")]
        pub text: String,
        pub remedy: String,
    }

    #[derive(Serialize, Deserialize)]
    pub struct ArrivalsRow {
        pub arrivals: Vec<Arrival>,
    }

    #[derive(Serialize, Deserialize)]
    pub struct Arrival {
        pub sequencer: String,
        pub model: String,
    }

    #[derive(Serialize, Deserialize)]
    pub struct ContentRow {
        pub job: String,
    }

    #[derive(Serialize, Deserialize)]
    pub struct JobRow {
        pub name: String,
        pub status: JobStatus,
        #[serde(default)]
        pub states: Vec<StateSeen>,
        pub models: BTreeSet<String>,
        pub target: String,
        pub request: Option<CompilationRequest>,
        pub arn: Option<String>,
        pub artifact: Option<String>,
        pub failure_reason: Option<String>,
        #[serde(default)]
        pub created_at: Option<Timestamp>,
        pub started_at: Option<Timestamp>,
        pub ended_at: Option<Timestamp>,
        pub updated_at: Timestamp,
    }

    #[derive(Serialize, Deserialize)]
    pub struct StateSeen {
        pub status: JobStatus,
        pub at: Timestamp,
    }

    /// Without the status for names that are not known: this release stores none.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum JobStatus {
        Requested,
        Rejected,
        Starting,
        #[serde(rename = "INPROGRESS")]
        InProgress,
        Stopping,
        Completed,
        Failed,
        Stopped,
    }

    #[derive(Serialize, Deserialize)]
    pub struct CompilationRequest {
        pub version: u32,
        pub job_name: String,
        pub model: String,
        pub content: String,
        pub source: Source,
        pub rule: String,
        pub target: Value,
        #[serde(default)]
        pub framework: Option<String>,
        pub framework_version: Option<String>,
        pub data_input_config: Option<String>,
        pub compiler_options: Option<String>,
        pub output_location: String,
        pub max_runtime_seconds: u32,
        pub tags: BTreeMap<String, String>,
        pub attempt: u32,
        #[serde(default)]
        pub kms_key_id: Option<String>,
        #[serde(default)]
        pub vpc: Option<Vpc>,
        #[serde(default)]
        pub role_arn: Option<String>,
    }

    #[derive(Serialize, Deserialize)]
    pub struct Vpc {
        pub security_group_ids: Vec<String>,
        pub subnets: Vec<String>,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case", tag = "state")]
    pub enum NoticeRow {
        Claimed { until: Timestamp },
        Published { at: Timestamp },
    }

    #[derive(Serialize, Deserialize)]
    pub struct SweepRow {
        pub until: Timestamp,
        #[serde(default)]
        pub asked_until: Option<Timestamp>,
    }

    #[derive(Serialize, Deserialize)]
    pub struct BurstRow {
        pub closes_at: Timestamp,
        pub frozen: bool,
        pub messages: Vec<TeamMessage>,
    }

    #[derive(Serialize, Deserialize)]
    pub struct TeamMessage {
        pub id: String,
        pub topic_arn: String,
        pub subject: Option<String>,
        pub message: String,
        pub published_at: Timestamp,
    }

    #[derive(Serialize, Deserialize)]
    pub struct Rest {
        pub config: Option<String>,
        pub until: Timestamp,
    }

    #[derive(Serialize, Deserialize)]
    pub struct ImageRow {
        pub of: String,
        pub history: ImageHistory,
    }

    #[derive(Serialize, Deserialize)]
    pub struct ImageHistory {
        pub pending: Option<PendingUpdate>,
        pub failed: Option<FailedUpdate>,
    }

    #[derive(Serialize, Deserialize)]
    pub struct PendingUpdate {
        pub digest: String,
        pub changes: Vec<Value>,
        pub asked_at: Timestamp,
    }

    #[derive(Serialize, Deserialize)]
    pub struct FailedUpdate {
        pub digest: String,
        pub reason: String,
    }
}

fn new_ledger() -> Ledger<MemoryTable> {
    Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH)
}

fn upload_source() -> Value {
    json!({ "bucket": "models", "key": "resnet.tar.gz", "version_id": "v1", "etag": "e", "size": 1 })
}

fn package_source() -> Value {
    let arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";
    json!({ "model_package_version_arn": arn, "version": "3-abc" })
}

/// A request with every member that the first release had.
fn request_document(job: &str, source: &Value) -> Value {
    json!({
        "version": 1, "job_name": job, "model": "m", "content": job, "source": source, "rule": "all",
        "target": { "device": "ml_c5" }, "framework": "ONNX", "framework_version": "1.7",
        "data_input_config": "{}", "compiler_options": "{}", "output_location": "s3://artifacts/resnet/",
        "max_runtime_seconds": 900, "tags": { "owner": "ml" }, "attempt": 1, "kms_key_id": "alias/models",
        "vpc": { "security_group_ids": ["sg-1"], "subnets": ["subnet-1"] },
        "role_arn": "arn:aws:iam::123456789012:role/neo", "reuse": false, "retries": 5,
        "max_runtime_seconds_after_timeout": 1800,
    })
}

fn described_job(job: &JobName, status: JobStatus) -> JobDescription {
    let at = Some(Timestamp::UNIX_EPOCH);
    JobDescription {
        name: job.to_string(),
        arn: format!("arn:{job}"),
        status,
        source: "s3://models/resnet.tar.gz".to_owned(),
        framework: "ONNX".to_owned(),
        data_input_config: None,
        target: "ml_c5".to_owned(),
        options: neo::JobOptions::new(Some(r#"{"a":1}"#), Some("1.7")),
        output_location: "s3://artifacts/resnet/".to_owned(),
        artifact: Some("s3://artifacts/resnet/model.tar.gz".to_owned()),
        failure_reason: Some("no capacity".to_owned()),
        created_at: at,
        started_at: at,
        ended_at: at,
    }
}

/// A row that uses every member of this release.
fn model_row(source: Value, jobs: Vec<JobName>, state: ModelState) -> ModelRow {
    let source: ModelSource = serde_json::from_value(source).unwrap();
    ModelRow {
        source,
        rule: Some("all".to_owned()),
        state,
        unused_jobs: BTreeSet::from([JobName::from("unused".to_owned())]),
        jobs,
        problems: vec![Problem::new("p", "a problem", "a fix")],
        warnings: vec![Warning::new("w", "a warning")],
        planned_at: Timestamp::UNIX_EPOCH,
        uploaded_at: Some(Timestamp::UNIX_EPOCH),
        sequencer: Some(Sequencer::from("0A".to_owned())),
        stops_older: true,
        last_replay: Some(Timestamp::UNIX_EPOCH),
    }
}

/// Reads a row as the first release did, and compares what it read with what is stored.
fn read_as_first_release<R: Serialize + DeserializeOwned>(key: &str, row: &Value) {
    let read: R = serde_json::from_value(row.clone()).unwrap_or_else(|error| panic!("{key}: {error}: {row:#}"));
    let read = serde_json::to_value(read).unwrap();
    for (member, value) in read.as_object().unwrap() {
        let stored = row.get(member).unwrap_or(&Value::Null);
        // A member that the first release does not have is not lost in what it does not write.
        assert!(contains_members(stored, value), "{key}: {member} is {stored}, read as {value}");
    }
}

/// Whether a stored value has all that was read of it.
fn contains_members(stored: &Value, read: &Value) -> bool {
    match (stored, read) {
        (Value::Object(stored), Value::Object(read)) => {
            read.iter().all(|(name, value)| contains_members(stored.get(name).unwrap_or(&Value::Null), value))
        }
        (Value::Array(stored), Value::Array(read)) => {
            stored.len() == read.len() && stored.iter().zip(read).all(|(stored, read)| contains_members(stored, read))
        }
        (stored, read) => stored == read,
    }
}

/// Reads every row as the first release did.
fn read_rows_as_first_release(table: &MemoryTable) -> BTreeSet<String> {
    use first_release as first;
    let mut kinds = BTreeSet::new();
    for (key, (_, row)) in table.rows.read().iter().filter(|(key, _)| !NEW_ROWS.iter().any(|new| key.starts_with(new)))
    {
        let kind = key.split('#').next().unwrap();
        match kind {
            "model" => read_as_first_release::<first::ModelRow>(key, row),
            "job" => read_as_first_release::<first::JobRow>(key, row),
            "content" => read_as_first_release::<first::ContentRow>(key, row),
            "arrivals" => read_as_first_release::<first::ArrivalsRow>(key, row),
            "notice" => read_as_first_release::<first::NoticeRow>(key, row),
            "sweep" => read_as_first_release::<first::SweepRow>(key, row),
            "burst" => read_as_first_release::<first::BurstRow>(key, row),
            "app" => read_as_first_release::<first::Rest>(key, row),
            "image" => read_as_first_release::<first::ImageRow>(key, row),
            _ => panic!("{key}: not a row of the first release; if it never reads the key, add it to NEW_ROWS"),
        }
        kinds.insert(kind.to_owned());
    }
    kinds
}

#[tokio::test]
async fn first_release_reads_the_rows_of_this_one() {
    let ledger = new_ledger();
    let statuses = [
        JobStatus::Requested,
        JobStatus::Rejected,
        JobStatus::Starting,
        JobStatus::InProgress,
        JobStatus::Stopping,
        JobStatus::Completed,
        JobStatus::Failed,
        JobStatus::Stopped,
    ];
    for (source, approved_only) in [(upload_source(), false), (package_source(), true)] {
        let kind = if approved_only { "package" } else { "upload" };
        for status in statuses {
            let mut document = request_document(&format!("{kind}-{status}"), &source);
            document["approved_only"] = approved_only.into();
            let request: CompilationRequest = serde_json::from_value(document).unwrap();
            ledger.claim_job(&request, Reuse::Running).await.unwrap();
            match status {
                JobStatus::Requested => park_refused_request(&ledger, &request, "quota").await,
                JobStatus::Rejected => drop(reject_request(&ledger, &request, "no").await),
                _ => drop(ledger.record_observation(&described_job(&request.job_name, status)).await.unwrap()),
            }
        }
        let states = [
            ModelState::Planned,
            ModelState::Requested,
            ModelState::Rejected,
            ModelState::Reused,
            ModelState::Superseded,
        ];
        for (number, state) in states.into_iter().enumerate() {
            let job = JobName::from(format!("{kind}-COMPLETED"));
            let row = model_row(source.clone(), vec![job], state);
            let id = neo::ModelId::new("models", kind, &number.to_string());
            ledger.create_model(&id, row.clone()).await.unwrap();
            if let ModelSource::Upload(upload) = &row.source {
                ledger.record_arrival(upload, &id, row.sequencer.as_ref().unwrap()).await.unwrap();
            }
        }
    }
    let foreign = JobName::from("foreign".to_owned());
    for number in 0..2 {
        let created_at = Some(Timestamp::from_second(number).unwrap());
        let described = JobDescription { created_at, ..described_job(&foreign, JobStatus::Completed) };
        ledger.record_observation(&described).await.unwrap();
    }
    ledger.run_once("done", async { Ok(()) }).await.unwrap();
    let position = SweepRow { described_until: Some(Timestamp::UNIX_EPOCH), ..SweepRow::new(Timestamp::UNIX_EPOCH) };
    ledger.record_sweep_position(position).await.unwrap();
    let message = TeamMessage {
        id: "m".to_owned(),
        topic_arn: "arn:aws:sns:eu-west-1:123456789012:workteam".to_owned(),
        subject: None,
        message: "text".to_owned(),
        published_at: Timestamp::UNIX_EPOCH,
    };
    ledger.join_burst(&message, Duration::from_mins(1)).await.unwrap();
    let idle = IdleUntil { config: Some("c1".to_owned()), until: Timestamp::UNIX_EPOCH };
    ledger.record_idle_until(&idle).await.unwrap();
    let calls = UpdateCalls::default();
    let pending =
        PendingUpdate { digest: "d".to_owned(), changes: Vec::new(), requested_at: Timestamp::UNIX_EPOCH, calls };
    let requested = UpdateHistory { pending: Some(pending), ..UpdateHistory::default() };
    let (failed, _) = requested.record_failure("no", None, Timestamp::UNIX_EPOCH);
    for (name, history) in [("requested", requested), ("failed", failed)] {
        let unknown = UpdateHistory::default();
        ledger.record_update_history(UpdatedKind::Image, name, &unknown, &history).await.unwrap();
    }
    let kinds = read_rows_as_first_release(ledger.table());
    let expected = ["app", "arrivals", "burst", "content", "image", "job", "model", "notice", "sweep"];
    assert_eq!(kinds, expected.map(str::to_owned).into());
}

/// Rows as the first release wrote them.
fn golden_rows() -> [(&'static str, Value); 6] {
    let at = "2026-11-27T12:00:00Z";
    let job = json!({
        "name": "resnet-ml-c5-abc", "status": "INPROGRESS",
        "states": [{ "status": "REQUESTED", "at": at }, { "status": "INPROGRESS", "at": at }],
        "models": ["m"], "target": "ml_c5", "request": request_document("resnet-ml-c5-abc", &upload_source()),
        "arn": "arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/resnet-ml-c5-abc", "artifact": null,
        "failure_reason": null, "created_at": at, "started_at": at, "ended_at": null, "updated_at": at,
    });
    let model = json!({
        "upload": upload_source(), "rule": "all", "state": "requested", "jobs": ["resnet-ml-c5-abc"],
        "problems": [{ "code": "p", "problem": "a problem", "remedy": "a fix" }], "planned_at": at,
        "sequencer": "0A", "stops_older": true,
    });
    [
        ("job#resnet-ml-c5-abc", job),
        ("model#m", model),
        ("content#resnet-ml-c5-abc", json!({ "job": "resnet-ml-c5-abc" })),
        ("notice#done", json!({ "state": "published", "at": at })),
        ("sweep#compilation-jobs", json!({ "until": at, "asked_until": null })),
        ("app#rest", json!({ "config": null, "until": at })),
    ]
}

/// After the upgrade, the job ends; after the rollback, the first release reads the same rows.
#[tokio::test]
async fn rows_of_the_first_release_survive_upgrade_and_rollback() {
    let ledger = new_ledger();
    for (key, row) in golden_rows() {
        ledger.table().rows.update(|rows| rows.insert(key.to_owned(), (1, row)));
    }
    read_rows_as_first_release(ledger.table());
    let name = JobName::from("resnet-ml-c5-abc".to_owned());
    let job = ledger.find_job(&name).await.unwrap().unwrap();
    let request: CompilationRequest =
        serde_json::from_value(request_document("resnet-ml-c5-abc", &upload_source())).unwrap();
    assert_eq!((job.status, job.statuses.len(), job.request.as_ref()), (JobStatus::InProgress, 2, Some(&request)));
    let again = CompilationRequest { job_name: JobName::from("again".to_owned()), ..request };
    assert_eq!(ledger.claim_job(&again, Reuse::Running).await.unwrap(), name, "the running job is found");
    let id = serde_json::from_value(json!("m")).unwrap();
    let model = ledger.find_model(&id).await.unwrap().unwrap();
    assert_eq!((model.state, &model.jobs[..], model.problems.len()), (ModelState::Requested, &[name.clone()][..], 1));
    assert!(ledger.read_sweep_position().await.unwrap().is_some() && ledger.read_idle_until().await.unwrap().is_some());
    let done = ledger.run_once("done", async { panic!("it was done before the upgrade") }).await.unwrap();
    assert_eq!(done, ledger::Execution::AlreadyDone);

    let ended: JobRow = ledger.record_observation(&described_job(&name, JobStatus::Completed)).await.unwrap();
    assert_eq!(ended.statuses.len(), 3);
    ledger.mark_model_superseded(&id).await.unwrap();
    read_rows_as_first_release(ledger.table());
}
