use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;
use maintenance::workteam::{LabelingJob, LabelingJobDescription};
use support::{MemoryObjects, MemoryTable, MemoryTopic, MemoryWorkteams, StoredObject, TestStack, observed_team};

use super::*;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:stack-WorkteamTopic";

type TestRelay = TeamRelay<MemoryObjects, MemoryWorkteams, MemoryTable, MemoryTopic>;

fn create_relay(clock: Clock, burst_seconds: u64) -> TestRelay {
    let workteams = MemoryWorkteams::default();
    workteams.teams.push(observed_team("radiology", Some(TOPIC)));
    let arn = workteams.teams.read()[0].arn.clone();
    workteams.jobs.update(|jobs| jobs.insert(arn, vec![labeling_job("chest")]));
    let stack = TestStack::new(clock);
    TeamRelay {
        config: stack.config_source(),
        directory: WorkteamDirectory::new(workteams, clock),
        notifier: stack.notifier,
        ledger: stack.ledger,
        burst_window: Duration::from_secs(burst_seconds),
        query_timeout: QUERY_TIMEOUT,
        clock,
    }
}

fn labeling_job(name: &str) -> LabelingJob {
    LabelingJob {
        name: name.to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        labeled: 1_260,
        pending: 740,
        total: 2_000,
        workers_per_object: Some(3),
    }
}

/// A relay that publishes each message at once.
fn create_immediate_relay() -> TestRelay {
    create_relay(|| Timestamp::UNIX_EPOCH, 0)
}

fn team_message(id: &str, text: &str) -> Event {
    Event::TeamMessage(TeamMessage {
        id: id.to_owned(),
        topic_arn: TOPIC.to_owned(),
        subject: None,
        message: text.to_owned(),
        published_at: Timestamp::UNIX_EPOCH,
    })
}

fn published_texts(relay: &TestRelay) -> Vec<String> {
    relay.notifier.topic().published().iter().map(|notification| notification.text.clone()).collect()
}

fn labeling_job_event(status: &str) -> Event {
    let arn = "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/chest".to_owned();
    Event::LabelingJobState(LabelingJobState { arn, status: status.to_owned() })
}

#[tokio::test]
async fn message_is_forwarded_once_with_its_team_jobs_and_portal() {
    let relay = create_immediate_relay();
    for _ in 0..10 {
        relay.handle_event(team_message("m-1", "items are available")).await.unwrap();
    }
    let published = relay.notifier.topic().published().clone();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].subject, "radiology: 740 objects left in 1 labeling job");
    for part in
        ["████░░ 63 %  1,260 / 2,000", "3 workers per object", "https://abcdefghij.labeling", "items are available"]
    {
        assert!(published[0].text.contains(part), "{part}: {}", published[0].text);
    }
}

/// A relay whose team has an open job, and then 1,500 older ones without objects left.
fn create_relay_with_history() -> TestRelay {
    let relay = TestRelay { query_timeout: Duration::from_millis(50), ..create_immediate_relay() };
    let workteams = &relay.directory.workteams;
    workteams.page_size.set(100);
    let old = LabelingJob { pending: 0, ..labeling_job("old") };
    workteams.jobs.update(|jobs| jobs.values_mut().for_each(|jobs| jobs.extend(vec![old.clone(); 1_500])));
    relay
}

#[tokio::test]
async fn newest_labeling_jobs_are_reported_of_many() {
    let relay = create_relay_with_history();
    relay.handle_event(team_message("m-1", "items are available")).await.unwrap();
    let text = published_texts(&relay).remove(0);
    assert!(text.contains("1,260 / 2,000"), "{text}");
    assert!(text.contains("radiology has many labeling jobs: only the newest ones were queried"), "{text}");
    assert_eq!(*relay.directory.workteams.listed_pages.read(), MAX_JOB_PAGES);
}

#[tokio::test]
async fn pages_before_the_time_limit_are_used() {
    let relay = create_relay_with_history();
    relay.directory.workteams.answered_pages.set(Some(1));
    relay.handle_event(team_message("m-1", "items are available")).await.unwrap();
    let text = published_texts(&relay).remove(0);
    assert!(text.contains("1,260 / 2,000"), "{text}");
    assert!(text.contains("older labeling jobs of radiology could not be queried"), "{text}");
}

/// The name of a case, the expected note, and the setup.
type NoteCase = (&'static str, &'static str, fn(&TestRelay));

/// SEMANTICS message-first: A message that SageMaker sends to a work team is always relayed; a note
/// lists the details that could not be retrieved.
#[tokio::test]
async fn failed_query_becomes_a_note_of_the_forwarded_message() {
    let cases: [NoteCase; 5] = [
        ("throttled", "the team could not be queried: ListWorkteams", |relay| {
            relay.directory.workteams.failures.push(CallErrorKind::Throttled);
        }),
        ("jobs unknown", "the labeling jobs of radiology could not be queried", |relay| {
            relay.directory.workteams.failures.push(CallErrorKind::Unanswered);
        }),
        ("unknown topic", "no work team uses this topic", |relay| {
            relay.directory.workteams.teams.update(|teams| teams[0].topic = None);
        }),
        ("deleted between", "was deleted meanwhile", |relay| {
            relay.directory.workteams.teams.take();
        }),
        ("no open jobs", "no objects left to label", |relay| relay.directory.workteams.jobs.set(BTreeMap::default())),
    ];
    for (case, note, arrange) in cases {
        let relay = create_immediate_relay();
        if case == "deleted between" || case == "jobs unknown" {
            // The teams are cached.
            relay.handle_event(team_message("m-0", "before")).await.unwrap();
        }
        arrange(&relay);
        relay.handle_event(team_message("m-1", "items are available")).await.unwrap();
        let text = published_texts(&relay).pop().unwrap();
        assert!(text.contains(note) && text.contains("items are available"), "{case}: {text}");
    }
}

#[tokio::test]
async fn message_is_forwarded_when_the_queries_time_out() {
    let relay = TeamRelay { query_timeout: Duration::from_millis(20), ..create_immediate_relay() };
    relay.directory.workteams.hangs.set(true);
    relay.handle_event(team_message("m-1", "items are available")).await.unwrap();
    let text = published_texts(&relay).pop().unwrap();
    assert!(text.contains("did not respond in time"), "{text}");
}

#[tokio::test]
async fn teams_that_share_a_topic_are_in_one_notification() {
    let relay = create_immediate_relay();
    relay.directory.workteams.teams.push(observed_team("audit", Some(TOPIC)));
    relay.handle_event(team_message("m-1", "x")).await.unwrap();
    let notification = relay.notifier.topic().published()[0].clone();
    assert_eq!(notification.subject, "radiology and 1 other team: 740 objects left to label");
    assert!(notification.text.contains("audit: no objects left to label"), "{}", notification.text);
}

#[tokio::test]
async fn each_labeling_job_status_is_published_once() {
    let relay = create_immediate_relay();
    let team_arn = observed_team("radiology", None).arn;
    let described = LabelingJobDescription { job: labeling_job("Chest"), team_arn, failure_reason: None };
    relay.directory.workteams.described.update(|jobs| jobs.insert("chest".to_owned(), described));
    for status in ["InProgress", "InProgress", "Completed"] {
        relay.handle_event(labeling_job_event(status)).await.unwrap();
    }
    let published = relay.notifier.topic().published().clone();
    let subjects: Vec<_> = published.iter().map(|notification| notification.subject.as_str()).collect();
    let expected =
        ["Labeling job Chest is in progress", "Labeling job Chest completed: 1,260 of 2,000 objects labeled"];
    assert_eq!(subjects, expected);
    assert!(published_texts(&relay)[0].contains("radiology"));
}

#[tokio::test]
async fn failed_query_of_a_labeling_job_becomes_a_note() {
    let relay = create_immediate_relay();
    relay.directory.workteams.failures.push(CallErrorKind::Throttled);
    relay.handle_event(labeling_job_event("Failed")).await.unwrap();
    let text = published_texts(&relay).pop().unwrap();
    assert!(text.contains("The labeling job chest failed.") && text.contains("could not be queried"), "{text}");
}

#[tokio::test]
async fn missing_labeling_job_becomes_a_note() {
    let relay = create_immediate_relay();
    relay.handle_event(labeling_job_event("Completed")).await.unwrap();
    let text = published_texts(&relay).pop().unwrap();
    assert!(text.contains("has no labeling job of this name"), "{text}");
}

#[tokio::test]
async fn missing_team_of_a_labeling_job_becomes_a_note() {
    let relay = create_immediate_relay();
    let described =
        LabelingJobDescription { job: labeling_job("chest"), team_arn: "of-others".to_owned(), failure_reason: None };
    relay.directory.workteams.described.update(|jobs| jobs.insert("chest".to_owned(), described));
    relay.handle_event(labeling_job_event("STOPPED")).await.unwrap();
    let text = published_texts(&relay).pop().unwrap();
    assert!(text.contains("was stopped") && text.contains("the work team of-others is not"), "{text}");
}

#[tokio::test]
async fn objects_are_not_counted_if_a_team_cannot_be_queried() {
    let relay = create_immediate_relay();
    relay.directory.workteams.teams.push(observed_team("audit", Some(TOPIC)));
    relay.handle_event(team_message("m-0", "x")).await.unwrap();
    relay.directory.workteams.failures.push(CallErrorKind::Unanswered);
    relay.handle_event(team_message("m-1", "x")).await.unwrap();
    assert_eq!(
        relay.notifier.topic().published()[1].subject,
        "radiology and 1 other team: SageMaker sent a notification"
    );
}

/// Creates a clock, and the seconds that it shows. Each test has its own.
macro_rules! create_clock {
    () => {{
        static NOW: AtomicI64 = AtomicI64::new(0);
        (&NOW, || Timestamp::from_second(NOW.load(Ordering::Relaxed)).unwrap())
    }};
}

/// Delivers an event that must be deferred, and returns for how long.
async fn defer_event(relay: &TestRelay, event: &Event) -> Duration {
    match relay.handle_event(event.clone()).await {
        Err(Failure::Deferred { backoff: Backoff::Fixed(delay) | Backoff::Exponential(delay), .. }) => delay,
        other => panic!("expected it to be deferred: {other:?}"),
    }
}

/// SEMANTICS folded: Messages that arrive at one topic within the burst time are combined into one
/// notification that counts them, and none is lost if the function crashes at any point.
#[tokio::test]
async fn burst_is_combined_into_one_notification() {
    let (now, clock) = create_clock!();
    let relay = create_relay(clock, 60);
    let messages = ["m-1", "m-2", "m-3"].map(|id| team_message(id, "items are available"));
    for event in &messages {
        // It is deferred exactly until its minute is over, however often it is delivered meanwhile.
        for _ in 0..2 {
            assert_eq!(defer_event(&relay, event).await, Duration::from_secs(61));
        }
    }
    now.store(61, Ordering::Relaxed);
    for event in &messages {
        relay.handle_event(event.clone()).await.unwrap();
    }
    assert_eq!(published_texts(&relay).len(), 1);
    assert!(
        published_texts(&relay)[0].contains("Messages from SageMaker (3):\n3 × items are available"),
        "{}",
        published_texts(&relay)[0]
    );
    defer_event(&relay, &team_message("m-4", "more")).await;
    relay.handle_event(messages[1].clone()).await.unwrap();
    now.store(200, Ordering::Relaxed);
    relay.handle_event(team_message("m-4", "more")).await.unwrap();
    assert_eq!(published_texts(&relay).len(), 2);
}

#[tokio::test]
async fn crash_neither_loses_nor_repeats_messages_of_a_burst() {
    let (now, clock) = create_clock!();
    let relay = create_relay(clock, 60);
    let (first, second, third) = (team_message("m-1", "a"), team_message("m-2", "b"), team_message("m-3", "c"));
    defer_event(&relay, &first).await;
    defer_event(&relay, &second).await;
    now.store(61, Ordering::Relaxed);
    // The function crashes before it publishes.
    relay.ledger.freeze_burst(TOPIC).await.unwrap();
    relay.notifier.topic().failures.set(1);
    assert!(matches!(relay.handle_event(second.clone()).await, Err(Failure::Transient(_))));
    // The function crashes after it published, before it marks any message as published. A message
    // that arrives meanwhile is deferred.
    relay.notifier.topic().failures.set(0);
    let burst = relay.ledger.freeze_burst(TOPIC).await.unwrap();
    relay.publish_unpublished(TOPIC, &burst).await.unwrap();
    assert_eq!(defer_event(&relay, &third).await, Duration::from_secs(1), "expected the burst to be completed first");
    relay.handle_event(second.clone()).await.unwrap();
    relay.handle_event(first.clone()).await.unwrap();
    defer_event(&relay, &third).await;
    now.store(200, Ordering::Relaxed);
    relay.handle_event(third).await.unwrap();
    let texts = published_texts(&relay);
    assert_eq!(texts.len(), 2);
    assert!(texts[0].contains("Messages from SageMaker (2):"), "{}", texts[0]);
}

#[tokio::test]
async fn message_published_on_its_own_is_omitted_from_its_burst() {
    let (now, clock) = create_clock!();
    let relay = create_relay(clock, 60);
    let (first, second) = (team_message("m-1", "a"), team_message("m-2", "b"));
    defer_event(&relay, &first).await;
    defer_event(&relay, &second).await;
    relay.ledger.run_once("workteam-m-1", async { Ok(()) }).await.unwrap();
    now.store(61, Ordering::Relaxed);
    relay.handle_event(first).await.unwrap();
    assert!(published_texts(&relay).is_empty());
    relay.handle_event(second).await.unwrap();
    let [text] = &published_texts(&relay)[..] else { panic!("expected one notification") };
    assert!(text.contains("Message from SageMaker:\nb"), "{text}");
    // No message of the next burst was published, so its burst window starts again.
    defer_event(&relay, &team_message("m-3", "c")).await;
}

#[tokio::test]
async fn times_are_in_the_time_zone_of_the_team() {
    let objects = MemoryObjects::default();
    let config = "version: 1
workteams:
  - { name: radiology, description: d, members: { oidc: { groups: [a] } }, time_zone: Asia/Kolkata }
";
    let object = StoredObject { etag: "e".to_owned(), bytes: config.into(), ..StoredObject::default() };
    objects.put_version("config", "automation.yaml", object);
    let mut relay = create_immediate_relay();
    relay.config = ConfigSource::new(objects, "config".to_owned(), "automation.yaml".to_owned());
    relay.handle_event(team_message("m-1", "a")).await.unwrap();
    let [text] = &published_texts(&relay)[..] else { panic!("expected one notification") };
    assert!(text.contains("created 1970-01-01 05:30 IST (0 minutes ago)"), "{text}");
}

/// Messages of a burst, and a message on its own, are published later on a bus that failed at
/// first, and not again on the topic.
#[tokio::test]
async fn failed_bus_gets_the_message_later() {
    let (now, clock) = create_clock!();
    for seconds in [0, 60] {
        now.store(0, Ordering::Relaxed);
        let bus = MemoryTopic::default();
        let mut relay = create_relay(clock, seconds);
        relay.notifier = relay.notifier.clone().with_bus(bus.clone());
        let message = team_message("m-1", "a");
        if seconds > 0 {
            defer_event(&relay, &message).await;
        }
        now.store(61, Ordering::Relaxed);
        bus.failures.set(1);
        assert!(matches!(relay.handle_event(message.clone()).await, Err(Failure::Transient(_))));
        for _ in 0..2 {
            relay.handle_event(message.clone()).await.unwrap();
        }
        assert_eq!(published_texts(&relay).len(), 1, "window of {seconds} s");
        assert_eq!(bus.types(), ["workteam.notification"], "window of {seconds} s");
    }
}

#[tokio::test]
async fn burst_that_is_not_due_is_not_published() {
    let relay = create_relay(|| Timestamp::UNIX_EPOCH, 60);
    let first = team_message("m-1", "a");
    defer_event(&relay, &first).await;
    relay.publish_burst(TOPIC).await.unwrap();
    assert!(published_texts(&relay).is_empty());
    assert_eq!(defer_event(&relay, &first).await, Duration::from_secs(61));
}

#[tokio::test]
async fn permanently_refused_burst_does_not_block_its_topic() {
    let (now, clock) = create_clock!();
    let relay = create_relay(clock, 60);
    let (first, second) = (team_message("m-1", "a"), team_message("m-2", "b"));
    defer_event(&relay, &first).await;
    defer_event(&relay, &second).await;
    now.store(61, Ordering::Relaxed);
    relay.notifier.topic().refuses.set(true);
    assert!(matches!(relay.handle_event(first).await, Err(Failure::Terminal(_))));
    relay.notifier.topic().refuses.set(false);
    defer_event(&relay, &second).await;
    now.store(200, Ordering::Relaxed);
    relay.handle_event(second).await.unwrap();
    assert!(published_texts(&relay)[0].contains("Message from SageMaker:\nb"), "{:?}", published_texts(&relay));
}

#[tokio::test]
async fn full_burst_is_published_early() {
    let relay = create_relay(|| Timestamp::UNIX_EPOCH, 60);
    for number in 0..49 {
        defer_event(&relay, &team_message(&format!("m-{number}"), "a")).await;
    }
    relay.handle_event(team_message("m-49", "a")).await.unwrap();
    assert!(published_texts(&relay)[0].contains("Messages from SageMaker (50):"));
    // The next message begins a new burst.
    defer_event(&relay, &team_message("m-50", "a")).await;
}

#[tokio::test]
async fn long_message_is_published_on_its_own() {
    let relay = create_relay(|| Timestamp::UNIX_EPOCH, 60);
    defer_event(&relay, &team_message("m-1", "a")).await;
    relay.handle_event(team_message("long", &"🩻".repeat(51_200))).await.unwrap();
    assert_eq!(published_texts(&relay).len(), 1);
}

#[tokio::test]
async fn other_events_are_terminal_failures() {
    let error = create_immediate_relay().handle_event(Event::S3Test).await.unwrap_err();
    assert!(matches!(error, Failure::Terminal(_)), "{error:?}");
}
