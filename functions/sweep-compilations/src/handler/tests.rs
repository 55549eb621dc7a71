use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use neo::{JobDescription, JobName, JobStatus};
use support::{
    MemoryJobs, MemoryQueue, MemoryTable, MemoryTopic, Stepwise, TestStack, accept_request, compilation_request,
    crash_after, job_description,
};
use worker::CallErrorKind;

use super::*;

mod history;
mod waits;

type TestSweeper = Sweeper<MemoryJobs, MemoryTable, MemoryQueue, MemoryTopic>;

const NOW: Clock = || Timestamp::UNIX_EPOCH + SignedDuration::from_hours(100);

const MINUTE: Duration = Duration::from_mins(1);

type StepwiseSweeper =
    Sweeper<Stepwise<MemoryJobs>, Stepwise<MemoryTable>, Stepwise<MemoryQueue>, Stepwise<MemoryTopic>>;

fn create_sweeper(clock: Clock) -> TestSweeper {
    let TestStack { ledger, notifier, .. } = TestStack::new(clock);
    let (jobs, job_states, requests) = (MemoryJobs::default(), MemoryQueue::default(), MemoryQueue::default());
    let foreign = ForeignJobs::default();
    Sweeper { jobs, ledger, notifier, job_states, requests, foreign, call_pause: Duration::ZERO, clock }
}

impl TestSweeper {
    /// Adds a job to SageMaker.
    fn add_job(&self, job: JobDescription) {
        self.jobs.put_job(job);
    }

    /// The same sweeper, which a test can stop between any two calls.
    fn make_stepwise(&self) -> StepwiseSweeper {
        let ledger = Ledger::new(Stepwise::new(self.ledger.table().clone()), self.clock);
        Sweeper {
            jobs: Stepwise::new(self.jobs.clone()),
            notifier: Notifier::new(ledger.clone(), Stepwise::new(self.notifier.topic().clone())),
            ledger,
            job_states: Stepwise::new(self.job_states.clone()),
            requests: Stepwise::new(self.requests.clone()),
            foreign: ForeignJobs::default(),
            call_pause: Duration::ZERO,
            clock: self.clock,
        }
    }

    /// The jobs that were sent to the JobStates queue since the last call.
    fn take_sent(&self) -> Vec<String> {
        self.job_states.bodies.take()
    }
}

fn observations<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(observation_body).collect()
}

/// SEMANTICS sweep-finds: The sweep finds the status of every job created in the last 24 hours,
/// even if no event arrived.
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
        sweeper.add_job(job_description(name, status));
    }
    for (name, status) in
        [("done", JobStatus::Completed), ("moved", JobStatus::InProgress), ("same", JobStatus::InProgress)]
    {
        sweeper.ledger.record_observation(&job_description(name, status)).await.unwrap();
    }
    sweeper.run_sweep(MINUTE).await.unwrap();
    let sent: BTreeSet<_> = sweeper.take_sent().into_iter().collect();
    assert_eq!(sent, BTreeSet::from([observation_body("moved"), observation_body("new")]));
}

#[tokio::test]
async fn foreign_jobs_are_reported_if_the_prefix_matches() {
    for (prefix, expected) in [("", 2), ("team-", 1), ("-", 0)] {
        let sweeper = Sweeper { foreign: ForeignJobs::new(prefix.to_owned()), ..create_sweeper(NOW) };
        for name in ["team-a", "other"] {
            sweeper.add_job(job_description(name, JobStatus::Completed));
        }
        assert_eq!(sweeper.run_sweep(MINUTE).await.unwrap().sent, expected, "{prefix}");
    }
}

/// SEMANTICS sweep-asks: Every job that is running according to the ledger is looked up with
/// `DescribeCompilationJob`, 20 jobs per sweep in turn, those of this stack first.
#[tokio::test]
async fn running_jobs_are_described_in_turn() {
    static TIME: AtomicI64 = AtomicI64::new(0);
    let clock: Clock = || Timestamp::from_second(TIME.load(Ordering::Relaxed)).unwrap();
    let sweeper = Sweeper { foreign: ForeignJobs::new("-".to_owned()), ..create_sweeper(clock) };
    sweeper.jobs.unlisted.set(true);
    for number in 0..50 {
        TIME.store(100 + number, Ordering::Relaxed);
        let name = format!("job-{number}");
        if number >= 45 {
            accept_request(&sweeper.ledger, &compilation_request(&name)).await;
        }
        sweeper.ledger.record_observation(&job_description(&name, JobStatus::InProgress)).await.unwrap();
        if number != 3 {
            sweeper.add_job(job_description(&name, JobStatus::InProgress));
        }
    }
    TIME.store(100_000, Ordering::Relaxed);
    for sweep in 0..5 {
        let report = sweeper.run_sweep(MINUTE).await.unwrap();
        // Job 45 is the first one of this stack.
        assert_eq!((report.described, report.oldest_unfinished_seconds), (20, 100_000 - 145));
        // Job 3 is deleted: the first sweep records that it failed.
        let expected = if sweep == 0 { observations(["job-3"]) } else { Vec::new() };
        assert_eq!(sweeper.take_sent(), expected);
    }
    let reads = sweeper.jobs.reads.get();
    let sweeps: Vec<_> = reads.split(|read| read.starts_with("page")).collect();
    for sweep in &sweeps[..5] {
        assert_eq!(sweep[..5], ["job-45", "job-46", "job-47", "job-48", "job-49"], "expected the stack's jobs first");
    }
    let described: BTreeSet<_> = sweeps[..3].concat().into_iter().collect();
    assert_eq!(described.len(), 50, "expected three sweeps for all jobs");
    let missing = sweeper.ledger.find_job(&JobName::from("job-3".to_owned())).await.unwrap().unwrap();
    assert_eq!(missing.status, JobStatus::Failed, "expected a deleted job to have failed");
}

#[tokio::test]
async fn job_accepted_a_moment_ago_is_not_lost() {
    let sweeper = create_sweeper(NOW);
    sweeper.ledger.record_observation(&job_description("young", JobStatus::Starting)).await.unwrap();
    sweeper.run_sweep(MINUTE).await.unwrap();
    let row = sweeper.ledger.find_job(&JobName::from("young".to_owned())).await.unwrap().unwrap();
    assert_eq!((row.status, sweeper.take_sent()), (JobStatus::Starting, Vec::new()));
}

/// The clock of the function that recorded the job is two hours behind.
#[tokio::test]
async fn job_that_was_never_shown_is_lost_after_15_sweeps() {
    let behind: Clock = || NOW() - SignedDuration::from_hours(2);
    let sweeper = create_sweeper(NOW);
    let request = compilation_request("own");
    accept_request(&Ledger::new(sweeper.ledger.table().clone(), behind), &request).await;
    for sweep in 1..=15 {
        let row = sweeper.ledger.find_job(&request.job_name).await.unwrap().unwrap();
        assert_eq!(row.status, JobStatus::Starting, "before sweep {sweep}");
        sweeper.run_sweep(MINUTE).await.unwrap();
    }
    let row = sweeper.ledger.find_job(&request.job_name).await.unwrap().unwrap();
    assert_eq!((row.status, sweeper.take_sent()), (JobStatus::Failed, observations(["own"])));
}

/// The sweep crashes before each of its calls in turn: the end of a deleted job is sent
/// nevertheless.
#[tokio::test]
async fn end_of_a_deleted_job_survives_a_crash() {
    let before: Clock = || NOW() - SignedDuration::from_hours(1);
    for calls in 0.. {
        let memory = create_sweeper(NOW);
        let ledger = Ledger::new(memory.ledger.table().clone(), before);
        ledger.record_observation(&job_description("gone", JobStatus::Starting)).await.unwrap();
        let sweeper = memory.make_stepwise();
        let finished = crash_after(calls, sweeper.run_sweep(MINUTE)).is_some();
        sweeper.run_sweep(MINUTE).await.unwrap();
        let row = sweeper.ledger.find_job(&JobName::from("gone".to_owned())).await.unwrap().unwrap();
        assert_eq!(row.status, JobStatus::Failed, "crash before call {calls}");
        assert!(memory.job_states.bodies.read().contains(&observation_body("gone")), "crash before call {calls}");
        if finished {
            assert!(calls > 8, "expected the sweep to make more than {calls} calls");
            return;
        }
    }
}

/// A sweep that SageMaker throttles, or that has no time left for a call, releases parked requests
/// and is not a failure.
#[tokio::test]
async fn throttled_sweep_is_not_a_failure() {
    let sweeper = create_sweeper(NOW);
    for number in 0..3 {
        let job = job_description(&format!("job-{number}"), JobStatus::Starting);
        sweeper.ledger.record_observation(&job).await.unwrap();
        sweeper.add_job(JobDescription { status: JobStatus::Completed, ..job });
    }
    sweeper.jobs.failures.update(|failures| failures.extend([CallErrorKind::Throttled; 11]));
    let report = sweeper.run_sweep(MINUTE).await.unwrap();
    assert_eq!((report.calls, report.throttled, report.sent), (11, 11, 0));
    let report = sweeper.run_sweep(Duration::from_secs(10)).await.unwrap();
    assert_eq!((report.calls, report.sent), (0, 0), "expected no call that cannot end in time");
    assert_eq!(sweeper.run_sweep(MINUTE).await.unwrap().sent, 6, "expected each job to be described and listed");
}

/// A describe call that is refused for one job, and a list call that fails, do not keep the other
/// steps from their work.
#[tokio::test]
async fn failed_call_does_not_prevent_the_next_step() {
    let sweeper = create_sweeper(NOW);
    let job = job_description("running", JobStatus::Starting);
    sweeper.ledger.record_observation(&job).await.unwrap();
    sweeper.add_job(JobDescription { status: JobStatus::Completed, ..job });
    sweeper.jobs.failures.push(CallErrorKind::Denied);
    let report = sweeper.run_sweep(MINUTE).await.unwrap();
    assert_eq!((report.unanswered, report.sent), (1, 1), "expected the list to be read");
    let sweeper = create_sweeper(NOW);
    sweeper.ledger.record_observation(&job_description("running", JobStatus::Starting)).await.unwrap();
    sweeper.jobs.failures.update(|failures| failures.extend([CallErrorKind::Denied; 2]));
    assert!(sweeper.run_sweep(MINUTE).await.is_err(), "expected a list that is refused to be a failure");
    assert!(sweeper.ledger.read_sweep_position().await.unwrap().is_some(), "expected the position to be recorded");
}
