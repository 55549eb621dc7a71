//! Events are for speed, the sweep is for truth: it finds every state that no event told.

use std::collections::HashMap;

use automation::{
    Clock,
    call::CallError,
    compilation_jobs::{CompilationJobs, JobSummary},
    event::JobState,
    job::JobStatus,
    ledger::{Ledger, Table},
    parking,
    queue::Sender,
};
use jiff::SignedDuration;
use neo::JobName;
use serde::Serialize;
use tracing::info;

/// How far each sweep looks back over what the last one has seen: more than clocks differ and lists lag.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// Parked requests that each sweep lets try again, should the end of the jobs before them have gone unnoticed.
const PROBES: usize = 5;

/// Finds jobs whose state the ledger does not have.
pub struct Sweeper<J, T, Q> {
    /// SageMaker's compilation jobs.
    pub jobs: J,
    /// The ledger.
    pub ledger: Ledger<T>,
    /// The JobStates queue.
    pub job_states: Q,
    /// The Requests queue.
    pub requests: Q,
    /// The time.
    pub clock: Clock,
}

/// What a sweep came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Jobs that SageMaker listed.
    pub seen: usize,
    /// Jobs among them whose state was sent on.
    pub sent: usize,
    /// Parked requests that were released.
    pub released: usize,
}

impl<J: CompilationJobs, T: Table, Q: Sender> Sweeper<J, T, Q> {
    /// One sweep. The first one ever looks back over the overlap only: the past is not news.
    pub async fn sweep(&self) -> Result<Swept, CallError> {
        let now = (self.clock)();
        let since = self.ledger.swept_until().await?.unwrap_or(now) - OVERLAP;
        let (mut pages, mut seen, mut sent) = (0, 0, 0);
        let mut next = None;
        loop {
            let page = self.jobs.modified_after(since, next).await?;
            pages += 1;
            seen += page.jobs.len();
            let unknown = self.unknown(page.jobs).await?;
            sent += unknown.len();
            self.job_states.send(unknown).await?;
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        self.ledger.sweep_reached(now).await?;
        let released = parking::release(&self.ledger, &self.requests, PROBES).await?;
        info!(%since, pages, seen, sent, released, "swept");
        Ok(Swept { seen, sent, released })
    }

    /// Messages for those jobs whose state the ledger does not have.
    async fn unknown(&self, jobs: Vec<JobSummary>) -> Result<Vec<String>, CallError> {
        let names: Vec<_> = jobs.iter().map(|job| JobName::from(job.name.clone())).collect();
        let rows = self.ledger.jobs(&names).await?;
        let known: HashMap<&str, JobStatus> = rows.iter().map(|row| (row.name.as_str(), row.status)).collect();
        let is_news = |job: &JobSummary| known.get(job.name.as_str()).is_none_or(|known| known.leads_to(job.status));
        Ok(jobs.into_iter().filter(is_news).map(|job| JobState { job_name: job.name }.to_body()).collect())
    }
}

#[cfg(test)]
mod tests {
    use automation::{
        job::JobDescription,
        memory::{MemoryJobs, MemoryQueue, MemoryTable},
    };
    use jiff::Timestamp;

    use super::*;

    const NOW: fn() -> Timestamp = || Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);

    fn job(name: &str, status: JobStatus) -> JobDescription {
        JobDescription {
            name: name.to_owned(),
            arn: String::new(),
            status,
            source: String::new(),
            framework: String::new(),
            data_input_config: None,
            target: String::new(),
            output_location: String::new(),
            artifact: None,
            failure_reason: None,
            started_at: None,
            ended_at: None,
        }
    }

    fn sweeper() -> Sweeper<MemoryJobs, MemoryTable, MemoryQueue> {
        let ledger = Ledger::new(MemoryTable::default(), NOW);
        let (jobs, job_states, requests) = (MemoryJobs::default(), MemoryQueue::default(), MemoryQueue::default());
        Sweeper { jobs, ledger, job_states, requests, clock: NOW }
    }

    /// SEMANTICS sweep-finds: A job state that no event told is found by the sweep.
    #[tokio::test]
    async fn only_what_the_ledger_does_not_have_is_sent() {
        let sweeper = sweeper();
        let states = [
            ("new", JobStatus::InProgress),
            ("done", JobStatus::Completed),
            ("moved", JobStatus::Completed),
            ("same", JobStatus::Starting),
        ];
        for (name, status) in states {
            sweeper.jobs.jobs.lock().insert(name.to_owned(), job(name, status));
        }
        for (name, status) in
            [("done", JobStatus::Completed), ("moved", JobStatus::InProgress), ("same", JobStatus::InProgress)]
        {
            sweeper.ledger.observe(&job(name, status)).await.unwrap();
        }
        sweeper.sweep().await.unwrap();
        let sent = sweeper.job_states.bodies.lock().join(" ");
        assert_eq!(sent, r#"{"version":1,"job_name":"moved"} {"version":1,"job_name":"new"}"#);
        assert_eq!(sweeper.jobs.listed_from.lock().len(), 2, "every page is read");
    }

    #[tokio::test]
    async fn each_sweep_overlaps_the_last_one() {
        let sweeper = sweeper();
        let before = NOW() - SignedDuration::from_mins(40);
        sweeper.ledger.sweep_reached(before).await.unwrap();
        sweeper.sweep().await.unwrap();
        sweeper.sweep().await.unwrap();
        assert_eq!(*sweeper.jobs.listed_from.lock(), [before - OVERLAP, NOW() - OVERLAP]);
        assert_eq!(sweeper.ledger.swept_until().await.unwrap(), Some(NOW()));
    }
}
