//! `automation replay` against a bucket and a queue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
#[path = "common/dynamodb.rs"]
mod dynamodb;

use std::sync::{Arc, Mutex};

use automation::event::Event;
use common::{run_automation, serve_aws};
use dynamodb::to_attribute;
use neo::ModelId;
use serde_json::{Value, json};
use worker::Message;

const QUEUE: &str = "http://127.0.0.1/1/uploads";

/// The row of an upload in the ledger, with one job or rejected.
fn model_row(key: &str, job: Option<&str>) -> Value {
    let problem = json!({ "code": "no-rule", "problem": "no rule matches", "remedy": "add one" });
    json!({
        "upload": { "bucket": "models", "key": key, "version_id": "v1", "etag": "e", "size": 7 },
        "rule": null, "state": if job.is_some() { "requested" } else { "rejected" },
        "jobs": job.into_iter().collect::<Vec<_>>(), "problems": job.map_or(json!([problem]), |_| json!([])),
        "planned_at": "2026-11-28T00:00:00Z", "sequencer": null, "stops_older": false,
    })
}

fn job_row(name: &str, status: &str) -> Value {
    json!({
        "name": name, "status": status, "models": [], "target": "ml_c5", "request": null, "arn": null, "artifact": null,
        "failure_reason": null, "created_at": null, "started_at": null, "ended_at": null,
        "updated_at": "2026-11-28T00:00:00Z",
    })
}

/// What the ledger has of the uploads: one each that was rejected, failed, was compiled, and is
/// being compiled, one whose replay was compiled, and one that was never answered.
fn find_row(pk: &str) -> Option<Value> {
    let key = |name: &str| format!("vision/{name}.tar.gz");
    let model = |name: &str| format!("model#{}", ModelId::new("models", &key(name), "v1"));
    let at = "2026-11-28T08:00:00Z";
    let replay = format!("model#{}", ModelId::new("models", &key("replayed"), &format!("v1#{at}")));
    let with = |mut row: Value, pointer: &str, member: &str| {
        row.pointer_mut(pointer).unwrap()[member] = at.into();
        row
    };
    let rows = [
        (model("rejected"), model_row(&key("rejected"), None)),
        (model("failed"), model_row(&key("failed"), Some("job-failed"))),
        (model("compiled"), model_row(&key("compiled"), Some("job-compiled"))),
        (model("running"), model_row(&key("running"), Some("job-running"))),
        (model("replayed"), with(model_row(&key("replayed"), None), "", "last_replay")),
        (replay, with(model_row(&key("replayed"), Some("job-compiled")), "/upload", "replayed_at")),
        ("job#job-failed".to_owned(), job_row("job-failed", "FAILED")),
        ("job#job-compiled".to_owned(), job_row("job-compiled", "COMPLETED")),
        ("job#job-running".to_owned(), job_row("job-running", "INPROGRESS")),
    ];
    rows.into_iter().find(|(name, _)| name == pk).map(|(_, row)| row)
}

/// Starts a server with a bucket of six uploads; returns its URL and the bodies that are sent.
fn serve_bucket() -> (String, Arc<Mutex<Vec<String>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let bodies = Arc::clone(&sent);
    let url = serve_aws(move |request| {
        if request.operation == "SendMessageBatch" {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            let entries = body["Entries"].as_array().unwrap();
            bodies
                .lock()
                .unwrap()
                .extend(entries.iter().map(|entry| entry["MessageBody"].as_str().unwrap().to_owned()));
            return ("200 OK", r#"{ "Successful": [] }"#.to_owned());
        }
        if request.operation == "BatchGetItem" {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let keys = body["RequestItems"]["ledger"]["Keys"].as_array().unwrap();
            let items = keys.iter().filter_map(|key| {
                let pk = key["pk"]["S"].as_str().unwrap();
                let item = json!({ "pk": pk, "revision": 1, "expires_at": 0, "row": find_row(pk)? });
                Some(to_attribute(&item)["M"].clone())
            });
            return ("200 OK", json!({ "Responses": { "ledger": items.collect::<Vec<_>>() } }).to_string());
        }
        if request.line.starts_with("HEAD /models/vision/") {
            return ("200 OK\r\nETag: \"e\"\r\nx-amz-version-id: v1", String::new());
        }
        assert!(request.line.starts_with("GET /models/?list-type=2"), "{}", request.line);
        let object = |key: &str, day: u32, size: u32| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-{day:02}T12:00:00.000Z</LastModified>\
                 <ETag>&quot;e&quot;</ETag><Size>{size}</Size></Contents>"
            )
        };
        let names = ["rejected", "failed", "compiled", "running", "replayed"];
        let mut objects: Vec<_> = names.map(|name| object(&format!("vision/{name}.tar.gz"), 2, 7)).into();
        objects.extend([object("vision/", 1, 0), object("vision/new.tar.gz", 20, 7)]);
        ("200 OK", format!("<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>", objects.concat()))
    });
    (url, sent)
}

fn run_replay(url: &str, args: &[&str]) -> (String, i32) {
    run_automation(url, &[&["replay", "s3://models/vision/", "--table", "ledger"], args].concat())
}

#[test]
fn dry_run_counts_uploads_and_sends_none() {
    let (url, sent) = serve_bucket();
    let (output, status) = run_replay(&url, &["--dry-run"]);
    insta::assert_snapshot!(output, @"
    uploaded                 bytes  answer          key
    2026-11-02 12:00:00 UTC  0      rejected        vision/rejected.tar.gz
    2026-11-02 12:00:00 UTC  0      failed          vision/failed.tar.gz
    2026-11-20 12:00:00 UTC  0      never answered  vision/new.tar.gz

    Not sent: 3 other uploads, compiled or being compiled
    3 uploads (1 never answered, 1 rejected, 1 failed) would be sent
    ");
    assert_eq!((status, sent.lock().unwrap().len()), (0, 0));
}

#[test]
fn nothing_is_sent_without_a_confirmation() {
    let (url, sent) = serve_bucket();
    let (output, status) = run_replay(&url, &["--queue", QUEUE]);
    assert!(output.contains("Fix: pass --yes"), "{output}");
    assert_eq!((status, sent.lock().unwrap().len()), (2, 0));
}

#[test]
fn uploads_are_sent_as_events_of_their_versions() {
    let (url, sent) = serve_bucket();
    let (output, status) = run_replay(&url, &["--queue", QUEUE, "--yes"]);
    assert!(output.ends_with("3 uploads (1 never answered, 1 rejected, 1 failed) sent\n"), "{output}");
    assert_eq!(status, 0);
    let bodies = sent.lock().unwrap().clone();
    let objects = bodies.iter().flat_map(|body| match Event::parse(body).unwrap() {
        Event::ObjectsCreated(objects) => objects,
        event => panic!("{event:?}"),
    });
    let sent: Vec<_> = objects.map(|object| (object.key, object.version_id, object.replayed_at.is_some())).collect();
    let expected = [("rejected", true), ("failed", true), ("new", false)];
    let expected = expected.map(|(name, replayed)| (format!("vision/{name}.tar.gz"), Some("v1".to_owned()), replayed));
    assert_eq!(sent, expected);
}

#[test]
fn only_uploads_since_a_time_are_sent() {
    let (url, sent) = serve_bucket();
    let (output, status) = run_replay(&url, &["--queue", QUEUE, "--yes", "--since", "2026-11-10T00:00Z", "--json"]);
    insta::assert_snapshot!(output, @r#"
    {
      "bucket": "models",
      "prefix": "vision/",
      "uploads": 1,
      "never_answered": 1,
      "rejected": 0,
      "failed": 0,
      "unchanged": 0,
      "sent": 1
    }
    "#);
    assert_eq!((status, sent.lock().unwrap().len()), (0, 1));
}

#[test]
fn unknown_resource_is_an_error_with_a_fix() {
    for (args, output_name) in
        [(["--table", "ledger", "--yes"], "UploadsQueueUrl"), (["--queue", QUEUE, "--yes"], "LedgerTableName")]
    {
        let (url, sent) = serve_bucket();
        let (output, status) = run_automation(&url, &[&["replay", "s3://models/vision/"][..], &args].concat());
        assert!(output.contains(output_name), "{output}");
        assert_eq!((status, sent.lock().unwrap().len()), (2, 0));
    }
}
