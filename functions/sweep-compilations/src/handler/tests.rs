use std::sync::atomic::{AtomicI64, Ordering};

use neo::JobDescription;
use support::{MemoryJobs, MemoryQueue, MemoryTable};

use super::*;

type TestSweeper = Sweeper<MemoryJobs, MemoryTable, MemoryQueue>;

const NOW: Clock = || Timestamp::UNIX_EPOCH + SignedDuration::from_hours(100);

fn create_job(name: &str, status: JobStatus) -> JobDescription {
    JobDescription {
        name: name.to_owned(),
        arn: String::new(),
        status,
        source: String::new(),
        framework: String::new(),
        data_input_config: None,
        target: String::new(),
        options: neo::JobOptions::default(),
        output_location: String::new(),
        artifact: None,
        failure_reason: None,
        created_at: None,
        started_at: None,
        ended_at: None,
    }
}

fn create_sweeper(clock: Clock) -> TestSweeper {
    let ledger = Ledger::new(MemoryTable::default(), clock);
    let (jobs, job_states, requests) = (MemoryJobs::default(), MemoryQueue::default(), MemoryQueue::default());
    Sweeper { jobs, ledger, job_states, requests, foreign: ForeignJobs::default(), clock }
}

/// SEMANTICS sweep-finds: The sweep finds every job status change for which no event arrived.
#[tokio::test]
async fn only_statuses_missing_in_the_ledger_are_sent() {
    let sweeper = create_sweeper(NOW);
    let statuses = [
        ("new", JobStatus::InProgress),
        ("done", JobStatus::Completed),
        ("moved", JobStatus::Completed),
        ("same", JobStatus::Starting),
    ];
    for (name, status) in statuses {
        sweeper.jobs.jobs.lock().insert(name.to_owned(), create_job(name, status));
    }
    for (name, status) in
        [("done", JobStatus::Completed), ("moved", JobStatus::InProgress), ("same", JobStatus::InProgress)]
    {
        sweeper.ledger.record_observation(&create_job(name, status)).await.unwrap();
    }
    sweeper.run_sweep().await.unwrap();
    let sent = sweeper.job_states.bodies.lock().join(" ");
    assert_eq!(sent, [observation_body("moved"), observation_body("new")].join(" "));
    assert_eq!(sweeper.jobs.listed_from.lock().len(), 2, "expected every page to be read");
}

#[tokio::test]
async fn foreign_jobs_are_reported_if_the_prefix_matches() {
    for (prefix, expected) in [("", 2), ("team-", 1), ("-", 0)] {
        let sweeper = Sweeper { foreign: ForeignJobs::new(prefix.to_owned()), ..create_sweeper(NOW) };
        for name in ["team-a", "other"] {
            sweeper.jobs.jobs.lock().insert(name.to_owned(), create_job(name, JobStatus::Completed));
        }
        assert_eq!(sweeper.run_sweep().await.unwrap().sent, expected, "{prefix}");
    }
}

/// SEMANTICS sweep-asks: A job that is running according to the ledger, but that SageMaker does not
/// list, is looked up with `DescribeCompilationJob`.
#[tokio::test]
async fn running_job_that_is_not_listed_is_described() {
    static TIME: AtomicI64 = AtomicI64::new(0);
    let clock: Clock = || Timestamp::from_second(TIME.load(Ordering::Relaxed)).unwrap();
    let sweeper = Sweeper { foreign: ForeignJobs::new("-".to_owned()), ..create_sweeper(clock) };
    for number in 0..50 {
        TIME.store(100 + number, Ordering::Relaxed);
        sweeper.ledger.record_observation(&create_job(&format!("job-{number}"), JobStatus::InProgress)).await.unwrap();
    }
    *sweeper.jobs.unlisted.lock() = true;
    for number in (0..50).filter(|number| *number != 3) {
        let name = format!("job-{number}");
        sweeper.jobs.jobs.lock().insert(name.clone(), create_job(&name, JobStatus::Completed));
    }
    TIME.store(100_000, Ordering::Relaxed);
    let mut counts = Vec::new();
    for _ in 0..3 {
        let report = sweeper.run_sweep().await.unwrap();
        counts.push((report.described, report.sent));
    }
    assert_eq!(
        counts,
        [(20, 20), (20, 20), (10, 10)],
        "expected each sweep to continue where the last one ended, and one job to be missing"
    );
    assert_eq!(sweeper.job_states.bodies.lock().len(), 50);
    let missing = sweeper.ledger.find_job(&JobName::from("job-3".to_owned())).await.unwrap().unwrap();
    assert_eq!(missing.status, JobStatus::Failed, "expected a deleted job to have failed");
    assert_eq!(sweeper.run_sweep().await.unwrap().described, 20, "expected running jobs to be described again");
}

/// SEMANTICS no-backfill: The first sweep of an account does not report jobs that ended more than
/// 15 minutes before it.
#[tokio::test]
async fn ten_thousand_old_jobs_are_not_reported() {
    let sweeper = create_sweeper(NOW);
    for number in 0..10_000 {
        let name = format!("old-{number}");
        let modified = NOW() - SignedDuration::from_mins(16 + number % 5_000);
        sweeper.jobs.modified_at.lock().insert(name.clone(), modified);
        sweeper.jobs.jobs.lock().insert(name.clone(), create_job(&name, JobStatus::Completed));
    }
    sweeper.jobs.jobs.lock().insert("new".to_owned(), create_job("new", JobStatus::Completed));
    sweeper.jobs.modified_at.lock().insert("new".to_owned(), NOW());
    let report = sweeper.run_sweep().await.unwrap();
    assert_eq!((report.calls, report.seen, report.sent), (1, 1, 1));
    assert_eq!(*sweeper.job_states.bodies.lock(), [observation_body("new")]);
}

#[tokio::test]
async fn sweep_after_a_long_pause_records_each_window() {
    let sweeper = create_sweeper(NOW);
    let position = SweepRow { until: NOW() - SignedDuration::from_hours(48), described_until: None };
    sweeper.ledger.record_sweep_position(position).await.unwrap();
    let report = sweeper.run_sweep().await.unwrap();
    assert_eq!(report.calls, 49, "expected one call for each hour, and one for the overlap");
    assert_eq!(sweeper.ledger.read_sweep_position().await.unwrap().unwrap().until, NOW());
}

#[tokio::test]
async fn each_sweep_overlaps_the_last_one() {
    let sweeper = create_sweeper(NOW);
    let before = NOW() - SignedDuration::from_mins(40);
    sweeper.ledger.record_sweep_position(SweepRow { until: before, described_until: None }).await.unwrap();
    sweeper.run_sweep().await.unwrap();
    sweeper.run_sweep().await.unwrap();
    assert_eq!(*sweeper.jobs.listed_from.lock(), [before - OVERLAP, NOW() - OVERLAP]);
    assert_eq!(sweeper.ledger.read_sweep_position().await.unwrap().map(|row| row.until), Some(NOW()));
}
