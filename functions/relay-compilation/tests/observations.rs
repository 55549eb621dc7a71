//! Delivers observations of jobs in any order, with duplicates, delays and losses. At the end, the
//! ledger has the actual status of each job, and each status was published once.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use automation::{
    ForeignJobs,
    event::{Event, JobObservation, Observer},
};
use jiff::Timestamp;
use neo::{JobName, JobStatus};
use proptest::prelude::*;
use relay_compilation::JobRelay;
use support::{MemoryJobs, MemoryQueue, TestStack, job_description};
use tokio::runtime::Builder;

/// Number of jobs in a history.
const JOB_COUNT: u8 = 4;

/// One step of a history.
#[derive(Debug, Clone)]
enum ObservationStep {
    /// A job gets its next status in SageMaker, whose event is delivered several times, or never.
    ProgressJob { job: u8, end: JobStatus, deliveries: u8 },
    /// One of the pending observations is delivered.
    Deliver { index: u8 },
}

fn observation_step() -> impl Strategy<Value = ObservationStep> {
    let end = prop::sample::select(vec![JobStatus::Completed, JobStatus::Failed, JobStatus::Stopped]);
    prop_oneof![
        (0..JOB_COUNT, end, 0_u8..4).prop_map(|(job, end, deliveries)| ObservationStep::ProgressJob {
            job,
            end,
            deliveries
        }),
        any::<u8>().prop_map(|index| ObservationStep::Deliver { index }),
    ]
}

/// The status that follows another; `None` after a terminal one.
fn next_status(status: Option<JobStatus>, end: JobStatus) -> Option<JobStatus> {
    match status {
        None => Some(JobStatus::Starting),
        Some(JobStatus::Starting) => Some(JobStatus::InProgress),
        Some(JobStatus::InProgress) => Some(end),
        _ => None,
    }
}

async fn run_history(history: &[ObservationStep]) {
    let jobs = MemoryJobs::default();
    let stack = TestStack::new(|| Timestamp::UNIX_EPOCH);
    let ledger = stack.ledger.clone();
    let relay = JobRelay {
        jobs: jobs.clone(),
        models: stack.model_notifier(),
        ledger: stack.ledger,
        notifier: stack.notifier,
        requests: MemoryQueue::default(),
        foreign: ForeignJobs::default(),
        clock: stack.clock,
    };
    let observation = |name: String| Event::Job(JobObservation::without_status(name, Observer::StateChange));
    let mut pending: Vec<String> = Vec::new();
    for step in history {
        match step {
            ObservationStep::ProgressJob { job, end, deliveries } => {
                let name = format!("job-{job}");
                let current = jobs.jobs.read().get(&name).map(|job| job.status);
                if let Some(status) = next_status(current, *end) {
                    jobs.put_job(job_description(&name, status));
                    pending.extend(std::iter::repeat_n(name, usize::from(*deliveries)));
                }
            }
            ObservationStep::Deliver { index } if !pending.is_empty() => {
                let name = pending.swap_remove(usize::from(*index) % pending.len());
                relay.handle_event(observation(name)).await.unwrap();
            }
            ObservationStep::Deliver { .. } => {}
        }
    }
    // The sweep finds the status changes whose events were lost.
    let actual: BTreeMap<String, JobStatus> =
        jobs.jobs.read().iter().map(|(name, job)| (name.clone(), job.status)).collect();
    for name in pending.into_iter().chain(actual.keys().cloned()) {
        relay.handle_event(observation(name)).await.unwrap();
    }

    let mut published: BTreeMap<String, usize> = BTreeMap::new();
    for notification in relay.notifier.topic().published().iter() {
        *published.entry(notification.id.clone()).or_default() += 1;
    }
    assert!(published.values().all(|times| *times == 1), "expected each notification once: {published:#?}");
    for (name, status) in actual {
        let row = ledger.find_job(&JobName::from(name.clone())).await.unwrap().unwrap();
        assert_eq!(row.status, status, "{name}");
        assert!(row.statuses.is_sorted_by(|a, b| a.status.can_become(b.status)), "{:?}", row.statuses);
        let event = match status {
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Stopped => "stopped",
            _ => "started",
        };
        let id = format!("job-{event}-{name}");
        assert!(published.contains_key(&id), "missing notification {id} of a job that is {status}: {published:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// SEMANTICS order-free: Observations can be duplicated, late and in any order: the ledger ends
    /// with the status that SageMaker reports, and each status of a job is published once.
    #[test]
    fn observations_are_accepted_in_any_order(history in prop::collection::vec(observation_step(), 1..60)) {
        Builder::new_current_thread().enable_time().build()?.block_on(run_history(&history));
    }
}
