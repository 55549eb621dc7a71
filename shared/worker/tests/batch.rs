//! The outcomes of the records of a batch.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use support::MemorySource;
use thiserror::Error;
use worker::{
    CallError, CallErrorKind, Failure, Message,
    backoff::RETRY_WAITS,
    batch::{MAX_INTERRUPTIONS, RESPONSE_TIME, SETTLE_TIME, process_batch},
    delivery_history::DeliveryHistory,
    queue::SourceQueue,
};

/// A message that is the name of what happens to it.
struct Task(String);

#[derive(Debug, Error)]
#[error("`{0}` is not a valid task")]
struct NotATask(String);

impl Message for Task {
    type Error = NotATask;

    fn parse(body: &str) -> Result<Self, NotATask> {
        match body.strip_prefix("task ") {
            Some(name) => Ok(Self(name.to_owned())),
            None => Err(NotATask(body.to_owned())),
        }
    }

    fn correlation_id(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

fn invocation(bodies: &[(&str, &str, &str)], time: Duration) -> LambdaEvent<SqsEvent> {
    let records: Vec<_> = bodies
        .iter()
        .map(|(id, body, received)| {
            json!({ "messageId": id, "body": body, "attributes": { "ApproximateReceiveCount": received } })
        })
        .collect();
    let payload = serde_json::from_value(json!({ "Records": records })).unwrap();
    let mut context = Context::default();
    let deadline = SystemTime::now() + time;
    context.deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap();
    LambdaEvent { payload, context }
}

fn task(name: &str) -> String {
    format!("task {name}")
}

async fn perform_task(task: Task) -> Result<(), Failure> {
    match task.0.as_str() {
        "not mine" => Err(Failure::terminal("this function performs no such task")),
        "throttled" => Err(CallError::new("List", CallErrorKind::Throttled, "slow down").into()),
        "unanswered" => Err(CallError::new("List", CallErrorKind::Unanswered, "connection reset").into()),
        "panics" => panic!("a bug"),
        "hangs" => std::future::pending().await,
        "takes a while" => {
            tokio::time::sleep(Duration::from_millis(120)).await;
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn run_batch(bodies: &[(&str, &str, &str)], time: Duration) -> (Vec<String>, MemorySource) {
    process_invocation(invocation(bodies, time)).await
}

fn delayed_ids(source: &MemorySource) -> Vec<String> {
    let mut ids: Vec<_> = source.delayed.read().iter().map(|(id, _)| id.clone()).collect();
    ids.sort();
    ids
}

/// Returns the ids of the records that are reported as failed, and what happened in the queue.
async fn process_invocation(invocation: LambdaEvent<SqsEvent>) -> (Vec<String>, MemorySource) {
    let source = MemorySource::default();
    let response = process_batch(&source, || Timestamp::UNIX_EPOCH, invocation, perform_task).await.unwrap();
    let mut reported: Vec<_> =
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    reported.sort();
    (reported, source)
}

/// SEMANTICS alone: A record that fails never causes another record of its batch to fail.
/// SEMANTICS poison: A record that no delivery can process successfully is moved to the dead-letter
/// queue with its cause.
#[tokio::test]
async fn a_failing_record_does_not_affect_others() {
    let good: Vec<_> = (0..8).map(|n| (format!("good-{n}"), task("fine"))).collect();
    let mut bodies: Vec<_> = good.iter().map(|(id, body)| (id.as_str(), body.as_str(), "1")).collect();
    let foreign = task("not mine");
    bodies.insert(3, ("bad-body", "{", "1"));
    bodies.insert(7, ("bad-task", foreign.as_str(), "1"));
    let (reported, source) = run_batch(&bodies, Duration::from_secs(30)).await;
    assert_eq!(reported, ["bad-body", "bad-task"]);
    let dead: Vec<_> = source.dead_letters.get();
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().any(|(id, cause)| id == "bad-body" && cause == "`{` is not a valid task"), "{dead:?}");
}

/// SEMANTICS throttle-waits: A throttled request is delayed, and the delay does not count as a
/// receive.
#[tokio::test]
async fn each_kind_of_failure_is_settled_differently() {
    let (throttled, unanswered, panics) = (task("throttled"), task("unanswered"), task("panics"));
    let bodies = [
        ("a", throttled.as_str(), "5"),
        ("b", unanswered.as_str(), "1"),
        ("c", unanswered.as_str(), "5"),
        ("d", panics.as_str(), "4"),
        ("e", panics.as_str(), "5"),
    ];
    let (reported, source) = run_batch(&bodies, Duration::from_secs(30)).await;
    assert_eq!(delayed_ids(&source), ["a"]);
    assert_eq!(source.delayed.read()[0].1.failures, 4, "the copy carries the failed deliveries");
    assert_eq!(reported, ["b", "c", "d", "e"]);
    let retried = source.retried.get();
    let waits = [("b", RETRY_WAITS[0]), ("d", RETRY_WAITS[3])];
    for ((id, wait), (expected, longest)) in retried.iter().zip(waits) {
        assert!(id == expected && (longest * 9 / 10..=longest).contains(wait), "{retried:?}");
    }
    let mut dead = source.dead_letters.get();
    dead.sort();
    assert_eq!(
        dead,
        [("c".to_owned(), "List: connection reset".to_owned()), ("e".to_owned(), "panicked: a bug".to_owned())]
    );
}

/// SEMANTICS deadline: A record that cannot be finished before the invocation's deadline is
/// returned to its queue; if it shared the invocation with other records, this does not count as a
/// receive, up to five times.
#[tokio::test]
async fn records_that_exceed_the_deadline_are_redelivered() {
    let (hangs, fine) = (task("hangs"), task("fine"));
    let time = SETTLE_TIME + Duration::from_millis(100);
    let (reported, source) = run_batch(&[("slow", &hangs, "1")], time).await;
    assert_eq!((reported, delayed_ids(&source)), (vec!["slow".to_owned()], vec![]), "it was alone");

    let bodies = [("slow", hangs.as_str(), "2"), ("fast", fine.as_str(), "1")];
    let (reported, source) = run_batch(&bodies, time).await;
    assert!(reported.is_empty() && source.dead_letters.read().is_empty());
    let [(id, history)] = source.delayed.get().try_into().unwrap();
    assert_eq!((id.as_str(), history.failures, history.interruptions), ("slow", 1, 1));

    let mut invocation = invocation(&bodies, time);
    let interrupted = json!({ "stringValue": MAX_INTERRUPTIONS.to_string(), "dataType": "Number" });
    let attributes = serde_json::from_value(json!({ "interruptions": interrupted })).unwrap();
    invocation.payload.records[0].message_attributes = attributes;
    let (reported, source) = process_invocation(invocation).await;
    assert_eq!((reported, delayed_ids(&source)), (vec!["slow".to_owned()], vec![]), "it may never end");

    let (reported, source) = run_batch(&bodies, RESPONSE_TIME + Duration::from_millis(200)).await;
    assert!(reported.is_empty());
    assert_eq!(delayed_ids(&source), ["fast", "slow"], "a record that was not started loses no delivery");
}

/// Ten uploads of which an invocation can process eight: four at once, twice.
#[tokio::test]
async fn record_slowed_down_by_others_loses_no_delivery() {
    let slow = task("takes a while");
    let ids: Vec<_> = (0..10).map(|n| format!("upload-{n}")).collect();
    let bodies: Vec<_> = ids.iter().map(|id| (id.as_str(), slow.as_str(), "1")).collect();
    let (reported, source) = run_batch(&bodies, SETTLE_TIME + Duration::from_millis(300)).await;
    assert!(reported.is_empty() && source.retried.read().is_empty(), "{reported:?}");
    assert_eq!(delayed_ids(&source), ["upload-8", "upload-9"]);
}

/// `cargo lambda watch` sends 600,000 ms where AWS sends the time of the deadline.
#[tokio::test]
async fn deadline_in_the_past_is_unknown() {
    let (fine, unanswered) = (task("fine"), task("unanswered"));
    let mut invocation = invocation(&[("a", &fine, "1"), ("b", &unanswered, "5")], Duration::ZERO);
    invocation.context.deadline = 600_000;
    let (reported, source) = process_invocation(invocation).await;
    assert_eq!(reported, ["b"]);
    assert!(source.delayed.read().is_empty());
    assert_eq!(*source.dead_letters.read(), [("b".to_owned(), "List: connection reset".to_owned())]);
}

/// A queue that does not respond to any call.
struct SilentQueue;

impl SourceQueue for SilentQueue {
    async fn delay_record(&self, _: &SqsMessage, _: &DeliveryHistory, _: Duration) -> Result<(), CallError> {
        std::future::pending().await
    }

    async fn retry_record(&self, _: &SqsMessage, _: Duration) -> Result<(), CallError> {
        std::future::pending().await
    }

    async fn dead_letter_record(&self, _: &SqsMessage, _: &DeliveryHistory, _: &str, _: &str) -> Result<(), CallError> {
        std::future::pending().await
    }

    async fn max_receive_count(&self, _: &SqsMessage) -> Result<u32, CallError> {
        std::future::pending().await
    }
}

/// Lines that were logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn record_that_is_not_settled_in_time_is_logged() {
    let log = Log::default();
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || lines.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (throttled, foreign) = (task("throttled"), task("not mine"));
    let bodies = [("a", throttled.as_str(), "1"), ("b", foreign.as_str(), "1")];
    let invocation = invocation(&bodies, RESPONSE_TIME + Duration::from_millis(100));
    let response = process_batch(&SilentQueue, || Timestamp::UNIX_EPOCH, invocation, perform_task).await.unwrap();
    assert_eq!(response.batch_item_failures.len(), 2);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for (id, body) in [("a", throttled), ("b", foreign)] {
        let is_logged = |line: &str| {
            line.contains("Record not settled")
                && line.contains(&format!("message_id=\"{id}\""))
                && line.contains(&body)
        };
        assert!(text.lines().any(is_logged), "{text}");
    }
}

/// Every source queue allows as many deliveries as the code has waits for, and the documents say
/// so.
#[test]
fn template_and_documents_agree_with_the_retry_waits() {
    let template = include_str!("../../../template.yaml");
    let counts: Vec<_> = template.lines().filter_map(|line| line.trim().strip_prefix("maxReceiveCount: ")).collect();
    let deliveries = (RETRY_WAITS.len() + 1).to_string();
    assert!(!counts.is_empty() && counts.iter().all(|count| *count == deliveries), "{counts:?}");

    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let semantics = words(include_str!("../../../docs/SEMANTICS.md"));
    assert!(semantics.contains(&format!("{deliveries} deliveries")));
    let [first, rest @ ..] = RETRY_WAITS;
    let minutes: Vec<_> = rest.iter().map(|wait| (wait.as_secs() / 60).to_string()).collect();
    let [second, third, fourth] = minutes.as_slice() else { panic!("{minutes:?}") };
    let waits = format!("{} seconds, {second} minute, {third} minutes and {fourth} minutes", first.as_secs());
    for text in [semantics, words(include_str!("../../../docs/OPERATIONS.md"))] {
        assert!(text.contains(&waits), "expected `{waits}`");
    }
}
