use std::sync::atomic::{AtomicI64, Ordering};

use automation::{
    labeling::{LabelingJob, LabelingJobDescription},
    memory::{MemoryTable, MemoryTopic, MemoryWorkteams, standing_team},
};
use jiff::Timestamp;

use super::*;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:stack-WorkteamTopic";

type TestRelay = Relay<MemoryWorkteams, MemoryTable, MemoryTopic>;

fn relay(clock: Clock, burst: u64) -> TestRelay {
    let workteams = MemoryWorkteams::default();
    workteams.teams.lock().push(standing_team("radiology", Some(TOPIC)));
    let arn = workteams.teams.lock()[0].arn.clone();
    workteams.jobs.lock().insert(arn, vec![job("chest")]);
    Relay {
        directory: Directory::new(workteams, clock),
        ledger: Ledger::new(MemoryTable::default(), clock),
        topic: MemoryTopic::default(),
        burst: Duration::from_secs(burst),
        patience: PATIENCE,
        clock,
    }
}

fn job(name: &str) -> LabelingJob {
    LabelingJob {
        name: name.to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        labeled: 1_260,
        pending: 740,
        total: 2_000,
        workers_per_object: Some(3),
    }
}

fn at_once() -> TestRelay {
    relay(|| Timestamp::UNIX_EPOCH, 0)
}

fn message(id: &str, text: &str) -> Event {
    Event::TeamMessage(TeamMessage {
        id: id.to_owned(),
        topic_arn: TOPIC.to_owned(),
        subject: None,
        message: text.to_owned(),
        published_at: Timestamp::UNIX_EPOCH,
    })
}

fn texts(relay: &TestRelay) -> Vec<String> {
    relay.topic.published.lock().iter().map(|told| told.text.clone()).collect()
}

fn state(status: &str) -> Event {
    let arn = "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/chest".to_owned();
    Event::LabelingJobState(LabelingJobState { arn, status: status.to_owned() })
}

#[tokio::test]
async fn the_message_is_told_once_with_the_team_its_jobs_and_where_to_begin() {
    let relay = at_once();
    for _ in 0..10 {
        relay.handle(message("m-1", "items are available")).await.unwrap();
    }
    let told = relay.topic.published.lock().clone();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].subject, "radiology: 740 objects wait in 1 labeling job");
    for part in
        ["████░░ 63 %  1,260 / 2,000", "3 workers per object", "https://abcdefghij.labeling", "items are available"]
    {
        assert!(told[0].text.contains(part), "{part}: {}", told[0].text);
    }
}

/// Its name, what is noted, and what makes it so.
type Case = (&'static str, &'static str, fn(&TestRelay));

/// SEMANTICS message-first: What SageMaker tells a work team is relayed, with a note, whatever cannot be found out about it.
#[tokio::test]
async fn whatever_cannot_be_found_out_is_a_note_and_the_message_goes_on() {
    let cases: [Case; 5] = [
        ("throttled", "the team could not be asked for: ListWorkteams", |relay| {
            relay.directory.workteams.failures.lock().push(Kind::Throttled);
        }),
        ("jobs unknown", "the labeling jobs of radiology could not be asked for", |relay| {
            relay.directory.workteams.failures.lock().push(Kind::Unanswered);
        }),
        ("unknown topic", "no work team uses this topic", |relay| {
            relay.directory.workteams.teams.lock()[0].topic = None;
        }),
        ("deleted between", "was deleted meanwhile", |relay| {
            relay.directory.workteams.teams.lock().clear();
        }),
        ("no open jobs", "no objects wait", |relay| relay.directory.workteams.jobs.lock().clear()),
    ];
    for (case, said, arrange) in cases {
        let relay = at_once();
        if case == "deleted between" || case == "jobs unknown" {
            // The teams are remembered from before.
            relay.handle(message("m-0", "before")).await.unwrap();
        }
        arrange(&relay);
        relay.handle(message("m-1", "items are available")).await.unwrap();
        let text = texts(&relay).pop().unwrap();
        assert!(text.contains(said) && text.contains("items are available"), "{case}: {text}");
    }
}

#[tokio::test]
async fn a_message_does_not_wait_for_an_answer_that_does_not_come() {
    let relay = Relay { patience: Duration::from_millis(20), ..at_once() };
    *relay.directory.workteams.hangs.lock() = true;
    relay.handle(message("m-1", "items are available")).await.unwrap();
    let text = texts(&relay).pop().unwrap();
    assert!(text.contains("did not answer in time"), "{text}");
}

#[tokio::test]
async fn several_teams_may_share_a_topic() {
    let relay = at_once();
    relay.directory.workteams.teams.lock().push(standing_team("audit", Some(TOPIC)));
    relay.handle(message("m-1", "x")).await.unwrap();
    let told = relay.topic.published.lock()[0].clone();
    assert_eq!(told.subject, "radiology and 1 other team: 740 objects wait");
    assert!(told.text.contains("audit: no objects wait"), "{}", told.text);
}

#[tokio::test]
async fn each_state_of_a_labeling_job_is_told_once() {
    let relay = at_once();
    let team_arn = standing_team("radiology", None).arn;
    let described = LabelingJobDescription { job: job("Chest"), team_arn, failure_reason: None };
    relay.directory.workteams.described.lock().insert("chest".to_owned(), described);
    for status in ["InProgress", "InProgress", "Completed"] {
        relay.handle(state(status)).await.unwrap();
    }
    let subjects: Vec<_> = relay.topic.published.lock().iter().map(|told| told.subject.clone()).collect();
    assert_eq!(subjects, ["Labeling job Chest is in progress", "Labeling job Chest is completed"]);
    assert!(texts(&relay)[0].contains("radiology"));
}

#[tokio::test]
async fn a_labeling_job_that_cannot_be_asked_for_is_told_with_a_note() {
    let relay = at_once();
    relay.directory.workteams.failures.lock().push(Kind::Throttled);
    relay.handle(state("Failed")).await.unwrap();
    let text = texts(&relay).pop().unwrap();
    assert!(text.contains("The labeling job chest failed.") && text.contains("could not be asked for"), "{text}");
}

/// The seconds of the burst tests; each test has its own.
macro_rules! clock {
    () => {{
        static NOW: AtomicI64 = AtomicI64::new(0);
        (&NOW, || Timestamp::from_second(NOW.load(Ordering::Relaxed)).unwrap())
    }};
}

async fn later(relay: &TestRelay, event: &Event) -> Duration {
    match relay.handle(event.clone()).await {
        Err(Failure::Later { first, .. }) => first,
        other => panic!("{other:?}"),
    }
}

/// SEMANTICS folded: Messages that come to one topic within the burst time are told in one notification that counts them, and none is
/// lost if the process dies at any point.
#[tokio::test]
async fn a_burst_is_told_in_one_that_counts_it() {
    let (now, clock) = clock!();
    let relay = relay(clock, 60);
    let all = ["m-1", "m-2", "m-3"].map(|id| message(id, "items are available"));
    for event in &all {
        // As early as the queue may bring it back, its minute is over.
        assert!(later(&relay, event).await.mul_f64(0.9) > Duration::from_mins(1));
        later(&relay, event).await;
    }
    now.store(61, Ordering::Relaxed);
    for event in &all {
        relay.handle(event.clone()).await.unwrap();
    }
    assert_eq!(texts(&relay).len(), 1);
    assert!(
        texts(&relay)[0].contains("SageMaker said (3 notifications):\n3 × items are available"),
        "{}",
        texts(&relay)[0]
    );
    later(&relay, &message("m-4", "more")).await;
    relay.handle(all[1].clone()).await.unwrap();
    now.store(200, Ordering::Relaxed);
    relay.handle(message("m-4", "more")).await.unwrap();
    assert_eq!(texts(&relay).len(), 2);
}

#[tokio::test]
async fn nothing_of_a_burst_is_lost_or_told_twice_when_the_process_dies() {
    let (now, clock) = clock!();
    let relay = relay(clock, 60);
    let (first, second, third) = (message("m-1", "a"), message("m-2", "b"), message("m-3", "c"));
    later(&relay, &first).await;
    later(&relay, &second).await;
    now.store(61, Ordering::Relaxed);
    // It dies before it publishes: a message that comes meanwhile waits.
    relay.ledger.freeze_burst(TOPIC).await.unwrap();
    *relay.topic.failures.lock() = 1;
    assert!(matches!(relay.handle(second.clone()).await, Err(Failure::Transient(_))));
    // It dies after it published, before anything is noted of its messages.
    *relay.topic.failures.lock() = 0;
    let burst = relay.ledger.freeze_burst(TOPIC).await.unwrap();
    relay.tell(TOPIC, burst.messages).await.unwrap();
    assert_eq!(later(&relay, &third).await, Duration::from_secs(1), "the burst is told to its end first");
    relay.handle(second.clone()).await.unwrap();
    relay.handle(first.clone()).await.unwrap();
    later(&relay, &third).await;
    now.store(200, Ordering::Relaxed);
    relay.handle(third).await.unwrap();
    let texts = texts(&relay);
    assert_eq!(texts.len(), 2);
    assert!(texts[0].contains("(2 notifications)"), "{}", texts[0]);
}

#[tokio::test]
async fn a_full_burst_is_told_before_its_time_and_a_long_message_by_itself() {
    let relay = relay(|| Timestamp::UNIX_EPOCH, 60);
    for number in 0..49 {
        later(&relay, &message(&format!("m-{number}"), "a")).await;
    }
    relay.handle(message("m-49", "a")).await.unwrap();
    assert!(texts(&relay)[0].contains("(50 notifications)"));
    later(&relay, &message("m-50", "a")).await;
    relay.handle(message("long", &"🩻".repeat(51_200))).await.unwrap();
    assert_eq!(texts(&relay).len(), 2);
}

#[tokio::test]
async fn what_is_no_message_is_a_dead_letter() {
    let error = at_once().handle(Event::S3Test).await.unwrap_err();
    assert!(matches!(error, Failure::Terminal(_)), "{error:?}");
}
