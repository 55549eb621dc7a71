//! `automation replay` against a bucket and a queue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};

use automation::event::Event;
use common::{run_automation, serve_aws};
use worker::Message;

const QUEUE: &str = "http://127.0.0.1/1/uploads";

/// Starts a server with a bucket of three objects; returns its URL and the bodies that are sent.
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
        if request.line.starts_with("HEAD /models/vision/") {
            return ("200 OK\r\nETag: \"e\"\r\nx-amz-version-id: v1", String::new());
        }
        assert!(request.line.starts_with("GET /models/?list-type=2"), "{}", request.line);
        let object = |key: &str, day: u32, size: u32| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-{day}T12:00:00.000Z</LastModified>\
                 <ETag>&quot;e&quot;</ETag><Size>{size}</Size></Contents>"
            )
        };
        let objects = [object("vision/", 1, 0), object("vision/a.tar.gz", 2, 7), object("vision/b.tar.gz", 20, 7)];
        let list =
            objects.map(|object| object.replace("2026-11-1T", "2026-11-01T").replace("2026-11-2T", "2026-11-02T"));
        ("200 OK", format!("<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>", list.concat()))
    });
    (url, sent)
}

#[test]
fn dry_run_counts_uploads_and_sends_none() {
    let (url, sent) = serve_bucket();
    let (output, status) = run_automation(&url, &["replay", "s3://models/vision/", "--dry-run"]);
    assert!(output.contains("vision/a.tar.gz") && output.ends_with("2 uploads would be sent\n"), "{output}");
    assert_eq!((status, sent.lock().unwrap().len()), (0, 0));
}

#[test]
fn nothing_is_sent_without_a_confirmation() {
    let (url, sent) = serve_bucket();
    let (output, status) = run_automation(&url, &["replay", "s3://models/vision/", "--queue", QUEUE]);
    assert!(output.contains("Fix: pass --yes"), "{output}");
    assert_eq!((status, sent.lock().unwrap().len()), (2, 0));
}

#[test]
fn uploads_are_sent_as_events_of_their_versions() {
    let (url, sent) = serve_bucket();
    let args = ["replay", "s3://models/vision/", "--queue", QUEUE, "--yes", "--since", "2026-11-10T00:00Z"];
    let (output, status) = run_automation(&url, &args);
    assert!(output.ends_with("1 upload sent\n"), "{output}");
    assert_eq!(status, 0);
    let bodies = sent.lock().unwrap().clone();
    let Event::ObjectsCreated(objects) = Event::parse(&bodies[0]).unwrap() else { panic!("{bodies:?}") };
    assert_eq!((bodies.len(), objects[0].key.as_str()), (1, "vision/b.tar.gz"));
    assert_eq!(objects[0].version_id.as_deref(), Some("v1"));
}

#[test]
fn unknown_queue_is_an_error_with_a_fix() {
    let (url, sent) = serve_bucket();
    let (output, status) = run_automation(&url, &["replay", "s3://models/vision/", "--yes"]);
    assert!(output.contains("UploadsQueueUrl"), "{output}");
    assert_eq!((status, sent.lock().unwrap().len()), (2, 0));
}
