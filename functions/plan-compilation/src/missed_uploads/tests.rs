use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicI64, Ordering},
};

use automation::{
    event::Event,
    objects::{Object, ObjectHead, ObjectPage, OpenError},
};
use neo::ModelId;
use support::{
    MemoryObjects, MemoryPackages, MemoryQueue, MemoryTable, MemoryTopic, Shared, Stepwise, StoredObject, TestStack,
    crash_after,
};
use worker::{CallErrorKind, Message};

use super::*;
use crate::tests::{self, TestPlanner};

const CONFIG: &str = "
version: 1
compilation:
  rules:
    - name: registry
      model_package_version: arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3
      targets: [ { device: ml_c5 } ]
    - { name: vision, keys: 'vision/**', targets: [ { device: ml_c5 } ] }
";

/// When the tests start, in seconds.
const START: i64 = 1_790_000_000;

/// The simulated clock, in seconds since the start.
static TIME: AtomicI64 = AtomicI64::new(0);
/// The tests in this file share the simulated clock.
static CLOCK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

fn now() -> Timestamp {
    at(TIME.load(Ordering::Relaxed))
}

fn minutes(count: i64) -> i64 {
    count * 60
}

fn create_planner<O: Objects + Clone, T: LedgerTable + Clone, Q: Sender + Default>(
    objects: &O,
    table: T,
) -> Planner<O, T, MemoryTopic, Q, MemoryPackages> {
    let stack = TestStack::from_edges(objects.clone(), table, MemoryTopic::default(), now);
    Planner { config_queues: vec![Q::default()], ..tests::create_planner(stack) }
}

fn create_memory_planner() -> TestPlanner {
    create_planner(&MemoryObjects::default(), MemoryTable::default())
}

fn put_object(objects: &MemoryObjects, bucket: &str, key: &str, modified: Timestamp, object: StoredObject) {
    let version_id = Some(format!("version of {modified}"));
    objects.put_version(bucket, key, StoredObject { version_id, last_modified: Some(modified), ..object });
}

fn put_archive(objects: &MemoryObjects, key: &str, modified: i64) {
    let object = StoredObject { etag: "e".to_owned(), bytes: vec![1], ..StoredObject::default() };
    put_object(objects, "models", key, at(modified), object);
}

fn put_config(objects: &MemoryObjects, modified: i64) {
    let object = StoredObject { etag: "c".to_owned(), bytes: CONFIG.into(), ..StoredObject::default() };
    put_object(objects, "config", "automation.yaml", at(modified), object);
}

fn read_key(body: &str) -> String {
    match Event::parse(body).unwrap() {
        Event::ObjectsCreated(objects) => objects[0].key.clone(),
        other => panic!("{other:?}"),
    }
}

impl TestPlanner {
    /// Runs the search at a time and returns the keys that were sent to the Uploads queue.
    async fn search_at(&self, seconds: i64) -> Vec<String> {
        TIME.store(seconds, Ordering::Relaxed);
        self.handle_schedule().await.unwrap();
        self.uploads.bodies.take().iter().map(|body| read_key(body)).collect()
    }
}

/// SEMANTICS found-later: An upload, a configuration or an approved model package whose event never
/// arrived is found within an hour and processed as if it had; an upload only if it was modified
/// after the stack first saw the bucket, and less than 7 days ago.
#[tokio::test]
async fn lost_events_are_made_up_for_once() {
    let _clock = CLOCK.lock().await;
    let planner = create_memory_planner();
    assert!(planner.search_at(0).await.is_empty());
    put_config(&planner.archives, minutes(2));
    put_archive(&planner.archives, "vision/a.tar.gz", minutes(2));
    put_archive(&planner.archives, "other/b.txt", minutes(2));
    TIME.store(minutes(4), Ordering::Relaxed);
    planner.handle_schedule().await.unwrap();
    let bodies = planner.uploads.bodies.take();
    for body in &bodies {
        let Event::ObjectsCreated(objects) = Event::parse(body).unwrap() else { panic!("{body}") };
        let version = format!("version of {}", at(minutes(2)));
        let expected = ModelId::new("models", &objects[0].key, &version);
        assert_eq!(objects[0].model_id(), Some(expected), "the id is that of the event");
        planner.handle_event(Event::ObjectsCreated(objects)).await.unwrap();
    }
    assert_eq!(bodies.len(), 2);
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"; 2], "of a broken archive and without a rule");
    // The configuration names a model package, and others apply its other sections.
    assert_eq!(planner.requests.bodies.read().len(), 1);
    let sent: Vec<_> = planner.config_queues[0].bodies.read().iter().map(|body| read_key(body)).collect();
    assert_eq!(sent, ["automation.yaml"]);
    for minute in 7..24 * 60 {
        if minute % 3 == 0 {
            assert!(planner.search_at(minutes(minute)).await.is_empty(), "found again after {minute} minutes");
        }
    }
    assert_eq!(planner.config_queues[0].bodies.read().len(), 1);
    assert_eq!((planner.requests.bodies.read().len(), planner.notifier.topic().types().len()), (1, 2));
}

#[tokio::test]
async fn only_recent_uploads_are_considered() {
    let _clock = CLOCK.lock().await;
    let planner = create_memory_planner();
    // The first run, an hour after the oldest object that can be meant for the stack.
    for (key, modified) in [("before", -minutes(61)), ("deployment", -minutes(59)), ("young", -30)] {
        put_archive(&planner.archives, key, modified);
    }
    put_archive(&planner.archives, "folder/", -minutes(5));
    let empty = StoredObject { etag: "e".to_owned(), ..StoredObject::default() };
    put_object(&planner.archives, "models", "empty", at(-minutes(5)), empty);
    assert_eq!(planner.search_at(0).await, ["deployment"]);
    assert_eq!(planner.search_at(minutes(3)).await, ["young"]);
    // The stack does not run for more than a week.
    put_archive(&planner.archives, "missed", minutes(4));
    put_archive(&planner.archives, "too-old", minutes(2));
    assert_eq!(planner.search_at(7 * 24 * 3600 + minutes(3)).await, ["missed"]);
}

/// S3 dates an upload in parts to its start.
#[tokio::test]
async fn upload_in_parts_is_found_after_its_end() {
    let _clock = CLOCK.lock().await;
    let planner = create_memory_planner();
    planner.search_at(0).await;
    let (started, ended, mut found) = (minutes(1), minutes(20), Vec::new());
    for minute in (3..=45).step_by(3) {
        if minutes(minute) > ended && planner.archives.objects.read().is_empty() {
            let object = StoredObject { etag: "e-2".to_owned(), bytes: vec![1], ..StoredObject::default() };
            put_object(&planner.archives, "models", "large", at(started), object);
        }
        let keys = planner.search_at(minutes(minute)).await;
        found.extend(keys.into_iter().map(|key| (key, minute)));
    }
    assert_eq!(found, [("large".to_owned(), 33)]);
}

#[tokio::test]
async fn refused_bucket_is_a_failure_and_throttling_is_not() {
    let _clock = CLOCK.lock().await;
    for (kind, fails) in
        [(CallErrorKind::Denied, true), (CallErrorKind::Throttled, false), (CallErrorKind::Unanswered, false)]
    {
        let planner = create_memory_planner();
        planner.search_at(0).await;
        put_archive(&planner.archives, "a", minutes(1));
        planner.archives.list_failure.set(Some(kind));
        TIME.store(minutes(3), Ordering::Relaxed);
        assert_eq!(planner.handle_schedule().await.is_err(), fails, "{kind:?}");
        planner.archives.list_failure.set(None);
        assert_eq!(planner.search_at(minutes(6)).await, ["a"], "{kind:?}: the next run continues");
    }
}

/// An object that S3 does not show keeps no other upload from being found, and is found itself once
/// S3 shows it.
#[tokio::test]
async fn object_that_cannot_be_read_keeps_back_no_other() {
    let _clock = CLOCK.lock().await;
    // A run that S3 throttles makes no further calls; the next one continues.
    for (kind, runs) in
        [(CallErrorKind::Unanswered, [&["a", "c"][..], &["a", "c"]]), (CallErrorKind::Throttled, [&["a"][..], &["c"]])]
    {
        let planner = create_memory_planner();
        planner.search_at(0).await;
        for key in ["a", "b", "c"] {
            put_archive(&planner.archives, key, minutes(1));
        }
        planner.archives.failing_keys.set(BTreeMap::from([("b".to_owned(), kind)]));
        assert_eq!(planner.search_at(minutes(3)).await, runs[0], "{kind:?}");
        assert_eq!(planner.search_at(minutes(6)).await, runs[1], "{kind:?}");
        planner.archives.failing_keys.take();
        assert_eq!(planner.search_at(minutes(9)).await, ["a", "b", "c"], "the ledger has no decision yet");
        assert!(planner.search_at(minutes(12)).await.is_empty());
    }
}

/// The search crashes before each of its calls in turn: every upload is sent nevertheless.
#[tokio::test]
async fn missed_uploads_survive_a_crash() {
    let _clock = CLOCK.lock().await;
    for calls in 0.. {
        TIME.store(0, Ordering::Relaxed);
        let objects = MemoryObjects::default();
        put_config(&objects, 0);
        let planner: Planner<_, _, _, Stepwise<MemoryQueue>, _> =
            create_planner(&Stepwise::new(objects.clone()), Stepwise::new(MemoryTable::default()));
        planner.handle_schedule().await.unwrap();
        let keys: Vec<_> = (0..60).map(|number| format!("{number:02}")).collect();
        for key in &keys {
            put_archive(&objects, key, minutes(1));
        }
        TIME.store(minutes(3), Ordering::Relaxed);
        let finished = crash_after(calls, planner.handle_schedule()).is_some();
        for minute in [6, 9] {
            TIME.store(minutes(minute), Ordering::Relaxed);
            planner.handle_schedule().await.unwrap();
        }
        let sent = |queue: &Stepwise<MemoryQueue>| queue.edge.bodies.read().iter().cloned().collect::<BTreeSet<_>>();
        let found: Vec<_> = sent(&planner.uploads).iter().map(|body| read_key(body)).collect();
        assert_eq!(found, keys, "crash before call {calls}");
        assert_eq!((sent(&planner.requests).len(), sent(&planner.config_queues[0]).len()), (1, 1), "call {calls}");
        if finished {
            assert!(calls > 50, "expected the search to make more than {calls} calls");
            return;
        }
    }
}

/// A bucket with many objects, all of which but a few are a year old.
#[derive(Debug, Clone, Default)]
struct LargeBucket {
    size: usize,
    /// The recent objects, by number.
    recent: Shared<Vec<(usize, Timestamp)>>,
    calls: Shared<usize>,
}

impl LargeBucket {
    fn list_object(&self, number: usize) -> ListedObject {
        let recent = self.recent.read().iter().find(|(recent, _)| *recent == number).map(|(_, modified)| *modified);
        let last_modified = recent.unwrap_or(at(-365 * 24 * 3600));
        ListedObject { key: format!("{number:07}"), etag: "e".to_owned(), size: 1, last_modified }
    }
}

impl Objects for LargeBucket {
    async fn open_object(&self, _: &ObjectCreated) -> Result<Object, OpenError> {
        Err(OpenError::Gone)
    }

    async fn find_object(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, CallError> {
        if bucket == "config" {
            return Ok(None);
        }
        self.calls.update(|calls| *calls += 1);
        let listed = self.list_object(key.parse().unwrap());
        let version_id = Some("v".to_owned());
        Ok(Some(ObjectHead {
            version_id,
            etag: listed.etag,
            size: 1,
            last_modified: Some(listed.last_modified),
            kms_key: None,
        }))
    }

    async fn list_objects(&self, _: &str, _: &str, after: Option<&str>) -> Result<ObjectPage, CallError> {
        self.calls.update(|calls| *calls += 1);
        let first = after.map_or(0, |after| after.parse::<usize>().unwrap() + 1);
        let end = self.size.min(first + 1000);
        let objects = (first..end).map(|number| self.list_object(number)).collect();
        Ok(ObjectPage { objects, has_more: end < self.size })
    }

    async fn list_versions(&self, _: &str, _: &str) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }

    async fn write_object(&self, _: &str, _: &str, _: &str, _: Vec<u8>) -> Result<(), CallError> {
        Ok(())
    }
}

/// Runs the search every three minutes for the given number of runs, and returns the numbers of the
/// objects that were sent, with the minute. Checks the calls of each run.
async fn search_large_bucket(bucket: &LargeBucket, runs: i64, upload: impl Fn(i64)) -> Vec<(usize, i64)> {
    let planner: Planner<_, _, _, MemoryQueue, _> = create_planner(bucket, MemoryTable::default());
    let mut sent = Vec::new();
    for run in 0..runs {
        TIME.store(minutes(3 * run), Ordering::Relaxed);
        upload(run);
        let before = *bucket.calls.read();
        planner.handle_schedule().await.unwrap();
        let calls = *bucket.calls.read() - before;
        assert!(calls <= 50, "{calls} calls in run {run}");
        let bodies = planner.uploads.bodies.take();
        sent.extend(bodies.iter().map(|body| (read_key(body).parse().unwrap(), 3 * run)));
    }
    sent
}

#[tokio::test]
async fn pass_over_a_million_objects_takes_an_hour() {
    let _clock = CLOCK.lock().await;
    let bucket = LargeBucket { size: 1_000_000, ..LargeBucket::default() };
    // Uploaded before the first pass, before it reached them, and after it did.
    let uploads = [(999_999, -1), (500_000, 1), (0, 1)];
    let sent = search_large_bucket(&bucket, 43, |run| {
        let due = uploads.iter().filter(|(_, before_run)| before_run + 1 == run);
        bucket.recent.update(|recent| recent.extend(due.map(|(number, run)| (*number, at(minutes(3 * run + 1))))));
    })
    .await;
    assert_eq!(sent, [(999_999, 60), (0, 63), (500_000, 93)], "expected the first pass to end within the hour");
    // Two passes, one call for each upload, a page that is read again because no call was left for
    // its upload, and the beginning of the third pass.
    assert_eq!(*bucket.calls.read(), 2 * 1000 + 3 + 1 + 50);
}

#[tokio::test]
async fn many_missed_uploads_are_found_in_turn() {
    let _clock = CLOCK.lock().await;
    let bucket = LargeBucket { size: 5000, ..LargeBucket::default() };
    bucket.recent.update(|recent| recent.extend((1000..1500).map(|number| (number, at(-minutes(2))))));
    let sent = search_large_bucket(&bucket, 12, |_| {}).await;
    let numbers: Vec<_> = sent.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1000..1500).collect::<Vec<_>>());
    assert!(sent.last().unwrap().1 <= 33, "{:?}", sent.last());
}
