//! The outcomes of the records of a batch.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use support::MemorySource;
use thiserror::Error;
use worker::{
    CallError, CallErrorKind, Failure, Message,
    batch::{RESPONSE_TIME, SETTLE_TIME, process_batch},
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
        _ => Ok(()),
    }
}

async fn run_batch(bodies: &[(&str, &str, &str)], time: Duration) -> (Vec<String>, MemorySource) {
    let source = MemorySource::default();
    let response =
        process_batch(&source, || Timestamp::UNIX_EPOCH, invocation(bodies, time), perform_task).await.unwrap();
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
    let dead: Vec<_> = source.dead_letters.lock().clone();
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().any(|(id, cause)| id == "bad-body" && cause == "`{` is not a valid task"), "{dead:?}");
}

/// SEMANTICS throttle-waits: A throttled request is delayed, and the delay does not count as a
/// receive.
#[tokio::test]
async fn each_kind_of_failure_is_settled_differently() {
    let (throttled, unanswered, panics) = (task("throttled"), task("unanswered"), task("panics"));
    let bodies = [
        ("a", throttled.as_str(), "3"),
        ("b", unanswered.as_str(), "1"),
        ("c", unanswered.as_str(), "3"),
        ("d", panics.as_str(), "1"),
        ("e", panics.as_str(), "3"),
    ];
    let (reported, source) = run_batch(&bodies, Duration::from_secs(30)).await;
    assert_eq!(*source.delayed.lock(), ["a"]);
    assert_eq!(reported, ["b", "c", "d", "e"]);
    let mut dead = source.dead_letters.lock().clone();
    dead.sort();
    assert_eq!(
        dead,
        [("c".to_owned(), "List: connection reset".to_owned()), ("e".to_owned(), "panicked: a bug".to_owned())]
    );
}

/// SEMANTICS deadline: A record that cannot be finished before the invocation's deadline is
/// returned to its queue.
#[tokio::test]
async fn records_that_exceed_the_deadline_are_redelivered() {
    let (hangs, fine) = (task("hangs"), task("fine"));
    let bodies = [("slow", hangs.as_str(), "1"), ("fast", fine.as_str(), "1")];
    let (reported, source) = run_batch(&bodies, SETTLE_TIME + Duration::from_millis(200)).await;
    assert_eq!(reported, ["slow"]);
    assert!(source.dead_letters.lock().is_empty());
    let (reported, source) = run_batch(&bodies, RESPONSE_TIME + Duration::from_millis(200)).await;
    assert!(reported.is_empty());
    let mut delayed = source.delayed.lock().clone();
    delayed.sort();
    assert_eq!(delayed, ["fast", "slow"], "a record that was not started loses no delivery");
}
