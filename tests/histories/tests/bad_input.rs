//! Inputs and faults that a function must handle, and the outcome of each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Duration;

use automation::{ModelBuckets, event::Event};
use common::TestQueue;
use jiff::{Timestamp, ToSpan};
use ledger::{Execution, Ledger};
use plan_compilation::Planner;
use serde_json::json;
use start_compilation::Starter;
use support::{
    MODEL_BUCKET, MemoryJobs, MemoryObjects, MemoryPackages, MemoryQueue, MemoryTable, MemoryTopic, TestStack,
};
use worker::{CallError, Failure, Message};

const CONFIG: &str = "
version: 1
compilation:
  rules: [ { name: all, keys: '**', framework: XGBOOST, targets: [ { device: ml_c5 } ] } ]
";
const TIME_LEFT: Duration = Duration::from_secs(30);
/// Size of the largest message that S3, EventBridge and SNS send to a queue.
const MAX_BODY_BYTES: usize = 256 * 1024;

type TestPlanner = Planner<MemoryObjects, MemoryTable, MemoryTopic, MemoryQueue, MemoryPackages>;

fn create_planner() -> TestPlanner {
    let stack = TestStack::new(Timestamp::now);
    stack.objects.put_config("c1", CONFIG);
    Planner {
        config: stack.config_source(),
        models: stack.model_notifier(),
        archives: stack.objects,
        ledger: stack.ledger,
        notifier: stack.notifier,
        packages: MemoryPackages::default(),
        requests: MemoryQueue::default(),
        uploads: MemoryQueue::default(),
        config_queues: Vec::new(),
        model_buckets: ModelBuckets::new(MODEL_BUCKET, Vec::new()),
        artifact_buckets: Vec::new(),
        region: None,
        clock: Timestamp::now,
    }
}

fn create_starter() -> Starter<MemoryJobs, MemoryTable, MemoryQueue, MemoryPackages> {
    Starter {
        jobs: MemoryJobs::default(),
        packages: MemoryPackages::default(),
        ledger: Ledger::new(MemoryTable::default(), Timestamp::now),
        job_states: MemoryQueue::default(),
        role_arn: "role".to_owned(),
    }
}

fn upload_event(key: &str) -> String {
    json!({ "source": "aws.s3", "detail-type": "Object Created",
            "detail": { "bucket": { "name": "models" },
                        "object": { "key": key, "size": 9, "etag": "v1", "version-id": "v1" } } })
    .to_string()
}

/// SEMANTICS poison: A record that no delivery can process successfully is moved to the dead-letter
/// queue with its cause.
#[tokio::test]
async fn unprocessable_messages_are_dead_lettered_at_once() {
    let padding = " ".repeat(MAX_BODY_BYTES);
    let cases = [
        ("not JSON", "{".to_owned(), "the body is not JSON"),
        ("not JSON, of the maximum size", "x".repeat(MAX_BODY_BYTES), "the body is not JSON"),
        ("not an event, of the maximum size", format!(r#"{{"a":"{padding}"}}"#), "unrecognized event"),
        ("a future version", r#"{"version":99,"job_name":"a"}"#.to_owned(), "its version is 99"),
        ("a message for another function", upload_event("a.tar.gz"), "not a compilation request"),
        ("a request with missing members", r#"{"version":1,"model":"m","source":{}}"#.to_owned(), ""),
    ];
    for (case, body, expected) in cases {
        let starter = create_starter();
        let mut queue = TestQueue::from_bodies([body]);
        queue.deliver_batch(10, TIME_LEFT, |event| starter.handle_event(event)).await;
        assert!(queue.messages.is_empty(), "{case}: it is redelivered");
        let [(_, cause)] = queue.dead_letters.as_slice() else { panic!("{case}: {queue:?}") };
        assert!(cause.contains(expected) && cause.len() < 1000, "{case}: {cause}");
        assert!(starter.jobs.jobs.read().is_empty(), "{case}");
    }
}

#[tokio::test]
async fn deleted_upload_is_rejected_once() {
    let planner = create_planner();
    let mut queue = TestQueue::from_bodies([upload_event("gone.tar.gz"), upload_event("gone.tar.gz")]);
    queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
    while !queue.messages.is_empty() {
        queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
    }
    assert_eq!((planner.notifier.topic().types(), queue.dead_letters), (vec!["compilation.rejected"], vec![]));
    assert!(planner.notifier.topic().published()[0].text.contains("was deleted before it could be read"));
}

/// SEMANTICS last-good-config: An invalid configuration is rejected, and the last valid version
/// remains active.
#[tokio::test]
async fn invalid_configuration_between_two_deliveries_is_not_used() {
    let planner = create_planner();
    planner.archives.put_text(MODEL_BUCKET, "a.tar.gz", "v1", "not gzip");
    // The first delivery fails before it has published a notification.
    planner.notifier.topic().failures.set(1);
    let mut queue = TestQueue::from_bodies([upload_event("a.tar.gz")]);
    queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
    assert_eq!((queue.messages.len(), planner.notifier.topic().types()), (1, vec![]));
    planner.archives.put_config("c2", "version: 1\ncompilation: { rules: [ { name: all } ] }");
    queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
    assert_eq!(
        planner.notifier.topic().types(),
        ["compilation.rejected"],
        "the upload was planned with the version that was active at its first delivery"
    );
    planner.archives.put_text(MODEL_BUCKET, "b.tar.gz", "v1", "not gzip");
    let mut queue = TestQueue::from_bodies([upload_event("b.tar.gz")]);
    queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
    let expected = ["compilation.rejected", "config.rejected", "compilation.rejected"];
    assert_eq!(planner.notifier.topic().types(), expected, "the error is reported, and the last valid version is used");
    assert!(planner.notifier.topic().published()[2].text.contains("gzip"), "planned with the last valid rule");
}

/// SEMANTICS throttle-waits: A throttled request is delayed, and the delay does not count as a
/// receive.
#[tokio::test]
async fn throttled_ledger_delays_messages_and_loses_none() {
    let planner = create_planner();
    planner.archives.put_text(MODEL_BUCKET, "a.tar.gz", "v1", "not gzip");
    let mut queue = TestQueue::from_bodies([upload_event("a.tar.gz")]);
    for _ in 0..20 {
        planner.ledger.table().throttled_writes.set(1);
        queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
        assert_eq!(
            (queue.messages[0].deliveries, planner.notifier.topic().types()),
            (0, vec![]),
            "the message is delayed"
        );
    }
    planner.ledger.table().throttled_writes.set(0);
    queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
    assert_eq!((queue.messages.len(), planner.notifier.topic().types()), (0, vec!["compilation.rejected"]));
}

#[tokio::test]
async fn message_is_dead_lettered_with_its_cause_after_retries() {
    let planner = create_planner();
    planner.archives.put_text(MODEL_BUCKET, "a.tar.gz", "v1", "not gzip");
    planner.notifier.topic().failures.set(5);
    let mut queue = TestQueue::from_bodies([upload_event("a.tar.gz")]);
    for delivery in 1..=4 {
        queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
        assert_eq!(queue.messages[0].deliveries, delivery);
    }
    queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
    assert_eq!(queue.dead_letters, [("m0".to_owned(), "Publish: the topic did not respond".to_owned())]);
    // After a redrive, when the topic works again, the notification is published.
    let mut queue = TestQueue::from_bodies([upload_event("a.tar.gz")]);
    queue.deliver_batch(10, TIME_LEFT, |event| planner.handle_event(event)).await;
    assert_eq!((queue.messages.len(), planner.notifier.topic().types()), (0, vec!["compilation.rejected"]));
}

/// The clock of one function instance is one hour ahead, and it crashes while it publishes. The
/// other instance waits, and then publishes.
#[tokio::test]
async fn clock_that_is_ahead_delays_a_publication_but_loses_none() {
    let table = MemoryTable::default();
    let ahead = Ledger::new(table.clone(), || Timestamp::now().saturating_add(1.hour()).unwrap());
    let claimed = async {
        let never = std::future::pending::<Result<(), CallError>>();
        tokio::time::timeout(Duration::from_millis(10), ahead.run_once("notice", never)).await.unwrap_err();
    };
    claimed.await;
    let correct = Ledger::new(table.clone(), Timestamp::now);
    let result = correct.run_once("notice", async { Ok(()) }).await;
    assert!(matches!(result, Err(Failure::Deferred { .. })), "expected it to be deferred: {result:?}");
    let later = Ledger::new(table, || Timestamp::now().saturating_add(2.hours()).unwrap());
    assert_eq!(later.run_once("notice", async { Ok(()) }).await.unwrap(), Execution::Ran);
}

/// All functions parse messages in the same way.
#[test]
fn error_quotes_only_a_part_of_the_largest_body() {
    let error = Event::parse(&"x".repeat(MAX_BODY_BYTES)).unwrap_err().to_string();
    assert!(error.len() < 1000, "{}", error.len());
}
