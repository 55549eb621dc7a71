//! `automation status` against a ledger and a bucket whose content changes while it waits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
#[path = "common/dynamodb.rs"]
mod dynamodb;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use common::{AwsRequest, run_automation, serve_aws};
use dynamodb::to_attribute;
use neo::ModelId;
use serde_json::{Value, json};

const KEY: &str = "vision/a.tar.gz";

/// The versions of one object, newest first, and the rows of the ledger.
#[derive(Default)]
struct Stack {
    versions: Vec<&'static str>,
    rows: BTreeMap<String, Value>,
    /// Rows that are written after this many further reads of the ledger.
    later: Vec<(usize, String, Value)>,
}

impl Stack {
    fn add_model(&mut self, version: &str, jobs: &[&str]) {
        self.rows.insert(model_key(version), model_row(version, jobs));
    }

    fn add_job(&mut self, name: &str, job: Value) {
        self.rows.insert(format!("job#{name}"), job);
    }

    fn answer(&mut self, request: &AwsRequest) -> String {
        if request.operation.is_empty() {
            assert!(request.line.starts_with("GET /models/?versions"), "{}", request.line);
            return list_versions(&self.versions);
        }
        for (reads, _, _) in &mut self.later {
            *reads = reads.saturating_sub(1);
        }
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(reads, _, _)| *reads == 0);
        self.later = later;
        let due: Vec<(usize, String, Value)> = due;
        self.rows.extend(due.into_iter().map(|(_, key, row)| (key, row)));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        match request.operation.as_str() {
            "GetItem" => match self.item(&body["Key"]) {
                Some(item) => json!({ "Item": item }).to_string(),
                None => "{}".to_owned(),
            },
            "BatchGetItem" => {
                let keys = body["RequestItems"]["ledger"]["Keys"].as_array().unwrap();
                let items: Vec<_> = keys.iter().filter_map(|key| self.item(key)).collect();
                json!({ "Responses": { "ledger": items } }).to_string()
            }
            other => panic!("{other} is not expected"),
        }
    }

    fn item(&self, key: &Value) -> Option<Value> {
        let pk = key["pk"]["S"].as_str().unwrap();
        let item = json!({ "pk": pk, "revision": 1, "expires_at": 0, "row": self.rows.get(pk)? });
        Some(to_attribute(&item)["M"].clone())
    }
}

fn list_versions(versions: &[&str]) -> String {
    let listed: Vec<_> = versions
        .iter()
        .map(|version| format!("<Version><Key>{KEY}</Key><VersionId>{version}</VersionId><ETag>\"e\"</ETag></Version>"))
        .collect();
    let listed = listed.concat();
    format!(
        "<?xml version=\"1.0\"?><ListVersionsResult><Name>models</Name><IsTruncated>false</IsTruncated>{listed}</ListVersionsResult>"
    )
}

fn model_key(version: &str) -> String {
    format!("model#{}", ModelId::new("models", KEY, version))
}

fn model_row(version: &str, jobs: &[&str]) -> Value {
    json!({
        "upload": { "bucket": "models", "key": KEY, "version_id": version, "etag": "e", "size": 1 },
        "rule": "edge", "state": "requested", "jobs": jobs, "problems": [],
        "planned_at": "2026-11-28T00:00:00Z", "sequencer": null, "stops_older": false,
    })
}

fn completed_job(name: &str) -> Value {
    job_row(name, "COMPLETED", None, 1)
}

fn job_row(name: &str, status: &str, failure_reason: Option<&str>, attempt: u32) -> Value {
    let now = jiff::Timestamp::now();
    json!({
        "name": name, "status": status, "states": [], "models": [], "target": "ml_c5",
        "request": {
            "version": 1, "job_name": name, "model": "m", "content": "c",
            "source": { "bucket": "models", "key": KEY, "version_id": "v1", "etag": "e", "size": 1 },
            "rule": "edge", "target": { "device": "ml_c5" }, "framework": "ONNX", "framework_version": null,
            "data_input_config": null, "compiler_options": null, "output_location": "s3://artifacts/a/",
            "max_runtime_seconds": 900, "tags": {}, "attempt": attempt,
        },
        "arn": null, "artifact": null, "failure_reason": failure_reason, "created_at": now, "started_at": now,
        "ended_at": null, "updated_at": now,
    })
}

/// Runs `automation status` with these arguments; returns its output and its exit status.
fn run_status(stack: Stack, args: &[&str]) -> (String, i32) {
    let stack = Arc::new(Mutex::new(stack));
    let url = serve_aws(move |request| ("200 OK", stack.lock().unwrap().answer(request)));
    run_automation(&url, &[&["status", "--table", "ledger"], args].concat())
}

const URI: &str = "s3://models/vision/a.tar.gz";

#[test]
fn watch_waits_for_the_newest_version() {
    let mut stack = Stack { versions: vec!["v2", "v1"], ..Stack::default() };
    stack.add_model("v1", &["job-1"]);
    stack.add_job("job-1", completed_job("job-1"));
    stack.add_job("job-2", completed_job("job-2"));
    stack.later.push((6, model_key("v2"), model_row("v2", &["job-2"])));
    let (text, status) = run_status(stack, &[URI, "--watch"]);
    assert_eq!(status, 0, "{text}");
    let first = text.find("version v2: not planned yet").expect("the newest version is shown");
    assert!(text[first..].contains("job-2"), "{text}");
}

#[test]
fn hostile_text_is_shown_on_one_line() {
    let hostile = "a\nFix: run this\t\u{1b}[31m \u{202e}zg.rat";
    let mut stack = Stack { versions: vec!["v1"], ..Stack::default() };
    let mut model = model_row("v1", &["job-1"]);
    model["upload"]["key"] = hostile.into();
    model["problems"] = json!([{ "code": "p", "problem": hostile, "remedy": hostile }]);
    stack.rows.insert(model_key("v1"), model);
    stack.add_job("job-1", job_row("job-1", "FAILED", Some(hostile), 1));
    for query in [URI, "job-1"] {
        let stack = Stack { versions: vec!["v1"], rows: stack.rows.clone(), ..Stack::default() };
        let (text, _) = run_status(stack, &[query]);
        let shown = r"a\nFix: run this\t\u{1b}[31m \u{202e}zg.rat";
        assert!(text.contains(shown) && !text.contains("\nFix: run this"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text}");
    }
}

#[test]
fn last_replay_is_shown() {
    let at = "2026-11-28T08:00:00Z";
    let mut stack = Stack { versions: vec!["v1"], ..Stack::default() };
    let mut first = model_row("v1", &["job-1"]);
    first["last_replay"] = at.into();
    stack.add_job("job-1", job_row("job-1", "FAILED", Some("ClientError: no"), 1));
    stack.rows.insert(model_key("v1"), first);
    let (text, _) =
        run_status(Stack { rows: stack.rows.clone(), ..Stack { versions: vec!["v1"], ..Stack::default() } }, &[URI]);
    assert!(text.contains(", planned") && text.contains("FAILED"), "the replay is not planned yet: {text}");
    let mut replay = model_row("v1", &["job-2"]);
    replay["upload"]["replayed_at"] = at.into();
    stack.rows.insert(model_key(&format!("v1#{at}")), replay);
    stack.add_job("job-2", completed_job("job-2"));
    let (text, status) = run_status(stack, &[URI, "--exit-status"]);
    assert!(text.contains(", replayed") && text.contains("job-2") && !text.contains("job-1"), "{text}");
    assert_eq!(status, 0);
}

#[test]
fn without_watch_the_unplanned_version_is_shown() {
    let mut stack = Stack { versions: vec!["v2", "v1"], ..Stack::default() };
    stack.add_model("v1", &["job-1"]);
    stack.add_job("job-1", completed_job("job-1"));
    let (text, status) = run_status(stack, &[URI, "--json"]);
    let view: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((view["unplanned"]["version"].as_str(), status), (Some("v2"), 0), "{text}");
}

#[test]
fn watch_waits_for_the_next_attempt() {
    let reason = Some("ServerError: There was an internal server error");
    for query in [URI, "job-ml-c5-aaaaaaaaaaaaaaaa"] {
        let name = "job-ml-c5-aaaaaaaaaaaaaaaa";
        let retry = format!("{name}-r2");
        let mut stack = Stack { versions: vec!["v1"], ..Stack::default() };
        stack.add_model("v1", &[name]);
        stack.add_job(name, job_row(name, "FAILED", reason, 1));
        stack.later.push((8, format!("job#{retry}"), job_row(&retry, "COMPLETED", None, 2)));
        let (text, status) = run_status(stack, &[query, "--watch"]);
        assert_eq!(status, 0, "{query}: {text}");
        assert!(text.contains(&retry), "{query}: {text}");
    }
}

#[test]
fn a_failure_that_is_not_retried_ends_watch() {
    let name = "job-ml-c5-aaaaaaaaaaaaaaaa";
    let mut stack = Stack { versions: vec!["v1"], ..Stack::default() };
    stack.add_model("v1", &[name]);
    stack.add_job(name, job_row(name, "FAILED", Some("ClientError: OperatorNotImplemented: Loop"), 1));
    let (text, status) = run_status(stack, &[URI, "--watch", "--exit-status"]);
    assert!(status == 1 && text.contains("FAILED"), "{text}");
}

#[test]
fn jobs_of_one_target_differ_by_their_options() {
    let mut stack = Stack { versions: vec!["v1"], ..Stack::default() };
    stack.add_model("v1", &["job-1", "job-2"]);
    for (name, trt) in [("job-1", "8.2.1"), ("job-2", "7.1.3")] {
        let mut job = completed_job(name);
        job["request"]["compiler_options"] = json!({ "trt-ver": trt, "cuda-ver": "10.2" }).to_string().into();
        stack.add_job(name, job);
    }
    let (text, status) = run_status(stack, &[URI]);
    let shown: Vec<_> = text.lines().filter(|line| line.contains("trt-ver=")).collect();
    assert!(shown.len() == 2 && status == 0 && text.contains("target  options"), "{text}");
    assert!(shown[0].contains("cuda-ver=10.2, trt-ver=7.1.3  COMPLETED"), "{text}");
}
