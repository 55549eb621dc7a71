//! Waits for SageMaker's quota.

use ledger::{ModelRow, Reuse};
use neo::{CompilationRequest, ModelId};
use support::{model_row, park_refused_request};

use super::*;

/// Minutes of the simulated clock.
static TIME: AtomicI64 = AtomicI64::new(0);
/// The tests in this file share the simulated clock.
static CLOCK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn now() -> Timestamp {
    NOW() + SignedDuration::from_mins(TIME.load(Ordering::Relaxed))
}

fn quota_message(value: u64) -> String {
    format!("The account-level service limit 'concurrent compilation jobs' is {value} Jobs, with current utilization")
}

/// Plans a model with two targets. Returns the requests of its own jobs.
async fn plan_model(sweeper: &TestSweeper, version: &str, reuse: Reuse) -> Vec<CompilationRequest> {
    let source = compilation_request("any").source;
    let model = ModelId::new("models", "resnet.tar.gz", version);
    let (mut jobs, mut own) = (Vec::new(), Vec::new());
    for content in ["target-0", "target-1"] {
        let job_name = JobName::from(content.replace("target", version));
        let request = CompilationRequest { job_name, model: model.clone(), ..compilation_request(content) };
        jobs.push(sweeper.ledger.claim_job(&request, reuse).await.unwrap());
        own.extend(jobs.last().filter(|job| **job == request.job_name).map(|_| request));
    }
    let row = ModelRow { planned_at: now(), ..model_row(source, jobs) };
    sweeper.ledger.create_model(&model, row).await.unwrap();
    own
}

/// Parks the requests of a model with two targets.
async fn park_model(sweeper: &TestSweeper, version: &str, reason: &str) {
    for request in plan_model(sweeper, version, Reuse::Never).await {
        park_refused_request(&sweeper.ledger, &request, reason).await;
    }
}

/// Runs a sweep per minute; start-compilation parks again what is released.
async fn run_minutes(sweeper: &TestSweeper, minutes: i64, reason: &str) -> SweepReport {
    let mut report = SweepReport::default();
    for _ in 0..minutes {
        TIME.fetch_add(1, Ordering::Relaxed);
        report = sweeper.run_sweep(MINUTE).await.unwrap();
        let released = sweeper.requests.bodies.take();
        for body in released {
            let request: CompilationRequest = serde_json::from_str(&body).unwrap();
            park_refused_request(&sweeper.ledger, &request, reason).await;
        }
    }
    report
}

fn waiting_texts(sweeper: &TestSweeper) -> Vec<String> {
    let published = sweeper.notifier.topic().published();
    assert!(published.iter().all(|notification| notification.kind.as_str() == "compilation.waiting"));
    published.iter().map(|notification| notification.text.clone()).collect()
}

/// SEMANTICS waits-published: A model that waits for a quota for an hour, or for a quota of 0, is
/// reported once with `compilation.waiting`, and keeps waiting.
#[tokio::test]
async fn wait_of_an_hour_is_published_once_per_model() {
    let _clock = CLOCK.lock().await;
    let sweeper = create_sweeper(now);
    park_model(&sweeper, "v1", &quota_message(20)).await;
    run_minutes(&sweeper, 59, &quota_message(20)).await;
    assert_eq!(waiting_texts(&sweeper), [""; 0]);
    let report = run_minutes(&sweeper, 5, &quota_message(20)).await;
    let texts = waiting_texts(&sweeper);
    assert_eq!(texts.len(), 1);
    for part in ["2 compilation jobs cannot start yet", "is 20 Jobs", "Service Quotas"] {
        assert!(texts[0].contains(part), "{part}: {}", texts[0]);
    }
    assert_eq!((report.oldest_parked_seconds, report.oldest_unfinished_seconds), (64 * 60, 64 * 60));
    assert_eq!(sweeper.ledger.summarize_parked().await.unwrap().count, 2, "expected both requests to keep waiting");
}

/// SEMANTICS waits-published: A model that waits for a quota for an hour, or for a quota of 0, is
/// reported once with `compilation.waiting`, and keeps waiting.
#[tokio::test]
async fn quota_of_zero_is_published_at_once_and_the_request_waits() {
    let _clock = CLOCK.lock().await;
    let sweeper = create_sweeper(now);
    park_model(&sweeper, "v1", &quota_message(0)).await;
    park_model(&sweeper, "v2", &quota_message(0)).await;
    run_minutes(&sweeper, 200, &quota_message(0)).await;
    let texts = waiting_texts(&sweeper);
    assert_eq!(texts.len(), 2);
    assert!(texts[0].contains("request a quota above 0"), "{}", texts[0]);
    let parked = sweeper.ledger.summarize_parked().await.unwrap();
    assert_eq!(parked.count, 4);
}

/// The age ends with the wait, even if the wait was published.
#[tokio::test]
async fn finished_wait_is_no_longer_reported() {
    let _clock = CLOCK.lock().await;
    let sweeper = create_sweeper(now);
    park_model(&sweeper, "v1", &quota_message(20)).await;
    run_minutes(&sweeper, 61, &quota_message(20)).await;
    park_model(&sweeper, "v2", &quota_message(20)).await;
    for number in 0..2 {
        let job_name = JobName::from(format!("v1-{number}"));
        accept_request(&sweeper.ledger, &CompilationRequest { job_name, ..compilation_request("any") }).await;
    }
    let report = run_minutes(&sweeper, 5, &quota_message(20)).await;
    assert_eq!((report.parked, report.oldest_parked_seconds), (2, 5 * 60), "v2 alone waits");
}

/// SEMANTICS waits-published: A model that waits for a quota for an hour, or for a quota of 0, is
/// reported once with `compilation.waiting`, and keeps waiting.
#[tokio::test]
async fn models_that_share_a_waiting_job_are_published_once_each() {
    let _clock = CLOCK.lock().await;
    let sweeper = create_sweeper(now);
    let requests = plan_model(&sweeper, "v1", Reuse::Never).await;
    assert_eq!(plan_model(&sweeper, "v2", Reuse::Running).await, []);
    for request in requests {
        park_refused_request(&sweeper.ledger, &request, &quota_message(20)).await;
    }
    run_minutes(&sweeper, 50, &quota_message(20)).await;
    assert_eq!(plan_model(&sweeper, "v3", Reuse::Running).await, []);
    for (minutes, versions) in [(9, &[][..]), (2, &["v1", "v2"]), (47, &["v1", "v2"]), (60, &["v1", "v2", "v3"])] {
        run_minutes(&sweeper, minutes, &quota_message(20)).await;
        let id = |version| format!("waiting-{}", ModelId::new("models", "resnet.tar.gz", version));
        let expected: BTreeSet<_> = versions.iter().copied().map(id).collect();
        let published = sweeper.notifier.topic().published();
        assert_eq!(published.len(), expected.len(), "after {minutes} more minutes");
        assert_eq!(published.iter().map(|notification| notification.id.clone()).collect::<BTreeSet<_>>(), expected);
        drop(published);
        let texts = waiting_texts(&sweeper);
        assert!(texts.iter().all(|text| text.contains("2 compilation jobs cannot start yet")), "{texts:?}");
    }
}

/// The sweep crashes before each of its calls in turn: the wait is published nevertheless.
#[tokio::test]
async fn published_wait_survives_a_crash() {
    let _clock = CLOCK.lock().await;
    for calls in 0.. {
        let memory = create_sweeper(now);
        park_model(&memory, "v1", &quota_message(0)).await;
        let sweeper = memory.make_stepwise();
        let finished = crash_after(calls, sweeper.run_sweep(MINUTE)).is_some();
        // Longer than a claim is held.
        TIME.fetch_add(2, Ordering::Relaxed);
        sweeper.run_sweep(MINUTE).await.unwrap();
        let texts = waiting_texts(&memory);
        assert!((1..=2).contains(&texts.len()), "crash before call {calls}: {texts:?}");
        if finished {
            assert_eq!(texts.len(), 1);
            return;
        }
    }
}
