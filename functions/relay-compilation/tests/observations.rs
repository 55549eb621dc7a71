//! Observations of jobs in any order, doubled, late and lost: the ledger ends where the jobs are, and each state is told once.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use automation::{
    event::{Event, JobObservation, Observer},
    job::{JobDescription, JobStatus},
    ledger::Ledger,
    memory::{MemoryJobs, MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic},
    scope::ForeignJobs,
};
use jiff::Timestamp;
use neo::JobName;
use proptest::prelude::*;
use relay_compilation::handler::Relay;
use tokio::runtime::Builder;

/// Jobs of one history.
const JOBS: u8 = 4;

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// SageMaker moves a job on; its event may come many times, or never.
    Move { job: u8, ends: JobStatus, heard: u8 },
    /// One of the observations that are on their way arrives.
    Arrive { which: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let ends = prop::sample::select(vec![JobStatus::Completed, JobStatus::Failed, JobStatus::Stopped]);
    prop_oneof![
        (0..JOBS, ends, 0_u8..4).prop_map(|(job, ends, heard)| Step::Move { job, ends, heard }),
        any::<u8>().prop_map(|which| Step::Arrive { which }),
    ]
}

/// What follows a state.
fn next(status: Option<JobStatus>, ends: JobStatus) -> Option<JobStatus> {
    match status {
        None => Some(JobStatus::Starting),
        Some(JobStatus::Starting) => Some(JobStatus::InProgress),
        Some(JobStatus::InProgress) => Some(ends),
        _ => None,
    }
}

fn described(name: &str, status: JobStatus) -> JobDescription {
    JobDescription {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/{name}"),
        status,
        source: "s3://models/a.tar.gz".to_owned(),
        framework: "ONNX".to_owned(),
        data_input_config: None,
        target: "ml_c5".to_owned(),
        output_location: "s3://artifacts/a/".to_owned(),
        artifact: None,
        failure_reason: (status == JobStatus::Failed).then(|| "ClientError: no".to_owned()),
        created_at: None,
        started_at: None,
        ended_at: None,
    }
}

async fn play(history: &[Step]) {
    let jobs = MemoryJobs::default();
    let ledger = Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH);
    let relay = Relay {
        jobs: jobs.clone(),
        ledger: ledger.clone(),
        topic: MemoryTopic::default(),
        requests: MemoryQueue::default(),
        objects: MemoryObjects::default(),
        artifact_bucket: "artifacts".to_owned(),
        foreign: ForeignJobs::default(),
        clock: || Timestamp::UNIX_EPOCH,
    };
    let observed = |name: String| Event::Job(JobObservation::hint(name, Observer::StateChange));
    let mut on_their_way: Vec<String> = Vec::new();
    for step in history {
        match step {
            Step::Move { job, ends, heard } => {
                let name = format!("job-{job}");
                let standing = jobs.jobs.lock().get(&name).map(|job| job.status);
                if let Some(status) = next(standing, *ends) {
                    jobs.jobs.lock().insert(name.clone(), described(&name, status));
                    on_their_way.extend(std::iter::repeat_n(name, usize::from(*heard)));
                }
            }
            Step::Arrive { which } if !on_their_way.is_empty() => {
                let name = on_their_way.swap_remove(usize::from(*which) % on_their_way.len());
                relay.handle(observed(name)).await.unwrap();
            }
            Step::Arrive { .. } => {}
        }
    }
    // The sweep sees what nobody heard of.
    let reference: BTreeMap<String, JobStatus> =
        jobs.jobs.lock().iter().map(|(name, job)| (name.clone(), job.status)).collect();
    for name in on_their_way.into_iter().chain(reference.keys().cloned()) {
        relay.handle(observed(name)).await.unwrap();
    }

    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for notification in relay.topic.published.lock().iter() {
        *told.entry(notification.id.clone()).or_default() += 1;
    }
    assert!(told.values().all(|times| *times == 1), "told twice: {told:#?}");
    for (name, status) in reference {
        let row = ledger.job(&JobName::from(name.clone())).await.unwrap().unwrap();
        assert_eq!(row.status, status, "{name}");
        assert!(row.states.is_sorted_by(|a, b| a.status.leads_to(b.status)), "{:?}", row.states);
        let what = match status {
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Stopped => "stopped",
            _ => "started",
        };
        assert!(told.contains_key(&format!("job-{what}-{name}")), "{name} is {status}: {told:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// SEMANTICS order-free: Observations may come doubled, late and in any order: the ledger ends with the state that SageMaker tells,
    /// and each state of a job is told once.
    #[test]
    fn observations_come_in_any_order(history in prop::collection::vec(step(), 1..60)) {
        Builder::new_current_thread().enable_time().build()?.block_on(play(&history));
    }
}
