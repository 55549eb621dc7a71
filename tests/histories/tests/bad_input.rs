//! What a function may be handed, and where each of it ends.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use automation::{
    batch::Failure,
    call::{CallError, Kind},
    config::ConfigSource,
    event::Event,
    ledger::{Ledger, List, Once, Part, Row, Table, Versioned},
    memory::{MemoryJobs, MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic, StoredObject},
};
use common::Queue;
use jiff::{Timestamp, ToSpan};
use plan_compilation::handler::Planner;
use serde_json::json;
use start_compilation::handler::Starter;

const CONFIG: &str = "
version: 1
compilation:
  rules: [ { name: all, keys: '**', framework: XGBOOST, targets: [ { device: ml_c5 } ] } ]
";
const TIME: Duration = Duration::from_secs(30);
/// The largest message that S3, EventBridge and SNS hand to a queue.
const LARGEST: usize = 256 * 1024;

/// A ledger's table that is throttled the next few times.
#[derive(Clone, Default)]
struct Throttled {
    table: MemoryTable,
    times: Arc<AtomicUsize>,
}

impl Throttled {
    fn admit(&self) -> Result<(), CallError> {
        let left = self.times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |times| times.checked_sub(1));
        left.map_or(Ok(()), |_| Err(CallError::other("PutItem", Kind::Throttled, "rate exceeded")))
    }
}

impl Table for Throttled {
    async fn get<R: Row>(&self, key: &str) -> Result<Option<Versioned<R>>, CallError> {
        self.table.get(key).await
    }

    async fn get_all<R: Row>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        self.table.get_all(keys).await
    }

    async fn list<R: Row>(&self, list: List, part: Part, count: usize) -> Result<Vec<R>, CallError> {
        self.table.list(list, part, count).await
    }

    async fn put<R: Row>(&self, key: &str, over: Option<u64>, row: &R, until: Timestamp) -> Result<bool, CallError> {
        self.admit()?;
        self.table.put(key, over, row, until).await
    }
}

type TestPlanner = Planner<MemoryObjects, Throttled, MemoryTopic, MemoryQueue>;

fn planner() -> TestPlanner {
    let objects = MemoryObjects::default();
    put(&objects, "config", "automation.yaml", "c1", CONFIG);
    Planner {
        config: ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
        objects,
        ledger: Ledger::new(Throttled::default(), Timestamp::now),
        topic: MemoryTopic::default(),
        requests: MemoryQueue::default(),
        model_bucket: "models".to_owned(),
        artifact_bucket: "artifacts".to_owned(),
        region: None,
        clock: Timestamp::now,
    }
}

fn starter() -> Starter<MemoryJobs, MemoryTable, MemoryQueue> {
    Starter {
        jobs: MemoryJobs::default(),
        ledger: Ledger::new(MemoryTable::default(), Timestamp::now),
        job_states: MemoryQueue::default(),
        role_arn: "role".to_owned(),
    }
}

fn put(objects: &MemoryObjects, bucket: &str, key: &str, version: &str, text: &str) {
    let (version_id, bytes) = (Some(version.to_owned()), text.as_bytes().to_vec());
    objects.put(bucket, key, StoredObject { version_id, etag: version.to_owned(), bytes, ..StoredObject::default() });
}

fn upload(key: &str) -> String {
    json!({ "source": "aws.s3", "detail-type": "Object Created",
            "detail": { "bucket": { "name": "models" },
                        "object": { "key": key, "size": 9, "etag": "v1", "version-id": "v1" } } })
    .to_string()
}

/// SEMANTICS poison: A record that no delivery can make succeed reaches the dead-letter queue with its cause.
#[tokio::test]
async fn what_no_delivery_can_make_succeed_is_a_dead_letter_at_once() {
    let padding = " ".repeat(LARGEST);
    let cases = [
        ("no JSON", "{".to_owned(), "the body is not JSON"),
        ("no JSON, as large as can be", "x".repeat(LARGEST), "the body is not JSON"),
        ("no event, as large as can be", format!(r#"{{"a":"{padding}"}}"#), "no event this system reads"),
        ("a version from the future", r#"{"version":99,"job_name":"a"}"#.to_owned(), "its version is 99"),
        ("another function's", upload("a.tar.gz"), "this is no compilation request"),
        ("a request of half its members", r#"{"version":1,"model":"m","source":{}}"#.to_owned(), ""),
    ];
    for (what, body, said) in cases {
        let starter = starter();
        let mut queue = Queue::of([body]);
        queue.deliver(10, TIME, |event| starter.handle(event)).await;
        assert!(queue.waiting.is_empty(), "{what}: it comes again");
        let [(_, cause)] = queue.dead.as_slice() else { panic!("{what}: {queue:?}") };
        assert!(cause.contains(said) && cause.len() < 1000, "{what}: {cause}");
        assert!(starter.jobs.jobs.lock().is_empty(), "{what}");
    }
}

#[tokio::test]
async fn an_upload_that_was_deleted_is_answered_once() {
    let planner = planner();
    let mut queue = Queue::of([upload("gone.tar.gz"), upload("gone.tar.gz")]);
    queue.deliver(10, TIME, |event| planner.handle(event)).await;
    while !queue.waiting.is_empty() {
        queue.deliver(10, TIME, |event| planner.handle(event)).await;
    }
    assert_eq!((planner.topic.types(), queue.dead), (vec!["compilation.rejected"], vec![]));
    assert!(planner.topic.published.lock()[0].text.contains("was deleted before it could be read"));
}

/// SEMANTICS last-good-config: An invalid configuration is refused, and the last good version stays in force.
#[tokio::test]
async fn a_configuration_that_becomes_invalid_between_two_deliveries_is_not_used() {
    let planner = planner();
    put(&planner.objects, "models", "a.tar.gz", "v1", "not gzip");
    // The first delivery ends before it has told anybody.
    *planner.topic.failures.lock() = 1;
    let mut queue = Queue::of([upload("a.tar.gz")]);
    queue.deliver(10, TIME, |event| planner.handle(event)).await;
    assert_eq!((queue.waiting.len(), planner.topic.types()), (1, vec![]));
    put(&planner.objects, "config", "automation.yaml", "c2", "version: 1\ncompilation: { rules: [ { name: all } ] }");
    queue.deliver(10, TIME, |event| planner.handle(event)).await;
    assert_eq!(planner.topic.types(), ["compilation.rejected"], "it was decided by the version of then");
    put(&planner.objects, "models", "b.tar.gz", "v1", "not gzip");
    let mut queue = Queue::of([upload("b.tar.gz")]);
    queue.deliver(10, TIME, |event| planner.handle(event)).await;
    let told = ["compilation.rejected", "config.rejected", "compilation.rejected"];
    assert_eq!(planner.topic.types(), told, "the mistake is told, and the last good version decides");
    assert!(planner.topic.published.lock()[2].text.contains("gzip"), "by the rule that was good");
}

/// SEMANTICS throttle-waits: A throttled request is delayed, and its deliveries are not used up.
#[tokio::test]
async fn a_ledger_that_throttles_delays_and_loses_nothing() {
    let planner = planner();
    put(&planner.objects, "models", "a.tar.gz", "v1", "not gzip");
    let mut queue = Queue::of([upload("a.tar.gz")]);
    for _ in 0..20 {
        planner.ledger.table().times.store(1, Ordering::Relaxed);
        queue.deliver(10, TIME, |event| planner.handle(event)).await;
        assert_eq!((queue.waiting[0].deliveries, planner.topic.types()), (0, vec![]), "it waits");
    }
    planner.ledger.table().times.store(0, Ordering::Relaxed);
    queue.deliver(10, TIME, |event| planner.handle(event)).await;
    assert_eq!((queue.waiting.len(), planner.topic.types()), (0, vec!["compilation.rejected"]));
}

#[tokio::test]
async fn a_topic_that_refuses_is_asked_again_until_the_letter_is_dead_with_its_cause() {
    let planner = planner();
    put(&planner.objects, "models", "a.tar.gz", "v1", "not gzip");
    *planner.topic.failures.lock() = 3;
    let mut queue = Queue::of([upload("a.tar.gz")]);
    for delivery in 1..=2 {
        queue.deliver(10, TIME, |event| planner.handle(event)).await;
        assert_eq!(queue.waiting[0].deliveries, delivery);
    }
    queue.deliver(10, TIME, |event| planner.handle(event)).await;
    assert_eq!(queue.dead, [("m0".to_owned(), "Publish: the topic refuses".to_owned())]);
    // Sent back when the topic works again, it is told after all.
    let mut queue = Queue::of([upload("a.tar.gz")]);
    queue.deliver(10, TIME, |event| planner.handle(event)).await;
    assert_eq!((queue.waiting.len(), planner.topic.types()), (0, vec!["compilation.rejected"]));
}

/// Of two functions, the clock of one is an hour ahead, and it dies over a publication: the other waits, and then does it.
#[tokio::test]
async fn a_clock_that_is_ahead_delays_a_publication_and_does_not_lose_it() {
    let table = MemoryTable::default();
    let ahead = Ledger::new(table.clone(), || Timestamp::now().saturating_add(1.hour()).unwrap());
    let claimed = async {
        let never = std::future::pending::<Result<(), CallError>>();
        tokio::time::timeout(Duration::from_millis(10), ahead.once("notice", never)).await.unwrap_err();
    };
    claimed.await;
    let right = Ledger::new(table.clone(), Timestamp::now);
    let told = right.once("notice", async { Ok(()) }).await;
    assert!(matches!(told, Err(Failure::Later { .. })), "it waits: {told:?}");
    let later = Ledger::new(table, || Timestamp::now().saturating_add(2.hours()).unwrap());
    assert_eq!(later.once("notice", async { Ok(()) }).await.unwrap(), Once::Now);
}

/// What stands in a queue is read by every function alike.
#[test]
fn the_largest_body_is_read_and_quoted_in_part() {
    let error = Event::parse(&"x".repeat(LARGEST)).unwrap_err().to_string();
    assert!(error.len() < 1000, "{}", error.len());
}
