//! Events are for speed, the sweep is for truth: it finds every state that no event told.

use std::collections::{BTreeSet, HashMap};

use automation::{
    Clock,
    call::CallError,
    compilation_jobs::{CompilationJobs, JobSummary},
    event::{JobObservation, Observer},
    job::JobStatus,
    ledger::{Ledger, SweepRow, Table},
    parking,
    queue::Sender,
    scope::ForeignJobs,
};
use jiff::{SignedDuration, Timestamp};
use neo::JobName;
use serde::Serialize;
use tracing::{info, warn};

/// How far each sweep looks back over what the last one has seen: more than clocks differ and lists lag.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// The jobs of so long are listed at once: what was seen is noted after each, so that a sweep after a long pause gets on.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Calls to SageMaker after which a sweep begins no further window; the next one goes on where it ended. With 10 calls a second, which
/// SageMaker takes from everybody, half of the function's time.
const MAX_CALLS: usize = 300;

/// Running jobs that SageMaker did not list and that each sweep asks for one by one.
const ASKED: usize = 20;

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
    /// The jobs that something else started and that are told of too.
    pub foreign: ForeignJobs,
    /// The time.
    pub clock: Clock,
}

/// What a sweep came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Calls to SageMaker.
    pub calls: usize,
    /// Jobs that SageMaker listed.
    pub seen: usize,
    /// Running jobs that it did not list and that were asked for one by one.
    pub asked: usize,
    /// Of these, those that SageMaker gave no answer about.
    pub unanswered: usize,
    /// Jobs whose state was sent on.
    pub sent: usize,
    /// Parked requests that were released.
    pub released: usize,
}

impl<J: CompilationJobs, T: Table, Q: Sender> Sweeper<J, T, Q> {
    /// One sweep. The first one ever looks back over the overlap only: the past is not news.
    pub async fn sweep(&self) -> Result<Swept, CallError> {
        let now = (self.clock)();
        let reached = self.ledger.swept().await?.unwrap_or(SweepRow { until: now, asked_until: None });
        let mut swept = Swept::default();
        let mut listed = BTreeSet::new();
        let looked = self.look(now, reached, &mut swept, &mut listed).await;
        // What waits moves on, whatever came of looking.
        let released = parking::release(&self.ledger, &self.requests, PROBES).await;
        swept.released = *released.as_ref().unwrap_or(&0);
        let failed = looked.as_ref().err().or(released.as_ref().err()).map(ToString::to_string);
        info!(
            since = %reached.until, calls = swept.calls, seen = swept.seen, asked = swept.asked, unanswered = swept.unanswered,
            sent = swept.sent, released = swept.released, failed, "swept"
        );
        looked.and(released).map(|_| swept)
    }

    async fn look(
        &self,
        now: Timestamp,
        reached: SweepRow,
        swept: &mut Swept,
        listed: &mut BTreeSet<JobName>,
    ) -> Result<(), CallError> {
        let mut since = reached.until - OVERLAP;
        while since < now && swept.calls < MAX_CALLS {
            let until = now.min(since + WINDOW);
            self.list(since, until, swept, listed).await?;
            self.ledger.sweep_reached(SweepRow { until, ..reached }).await?;
            since = until;
        }
        let asked_until = self.ask(reached.asked_until, now, swept, listed).await?;
        self.ledger.sweep_reached(SweepRow { until: since, asked_until }).await
    }

    /// Sends on what is new among the jobs modified in a window.
    async fn list(
        &self,
        since: Timestamp,
        until: Timestamp,
        swept: &mut Swept,
        listed: &mut BTreeSet<JobName>,
    ) -> Result<(), CallError> {
        let mut next = None;
        loop {
            let page = self.jobs.modified_between(since, until, next).await?;
            swept.calls += 1;
            swept.seen += page.jobs.len();
            listed.extend(page.jobs.iter().map(|job| JobName::from(job.name.clone())));
            let news = self.news(page.jobs).await?;
            swept.sent += news.len();
            self.job_states.send(news).await?;
            next = page.next;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Messages for those jobs whose state the ledger does not have.
    async fn news(&self, jobs: Vec<JobSummary>) -> Result<Vec<String>, CallError> {
        let names: Vec<_> = jobs.iter().map(|job| JobName::from(job.name.clone())).collect();
        let rows = self.ledger.jobs(&names).await?;
        let known: HashMap<&str, JobStatus> = rows.iter().map(|row| (row.name.as_str(), row.status)).collect();
        let is_news = |job: &JobSummary| match known.get(job.name.as_str()) {
            Some(known) => known.leads_to(job.status),
            None => self.foreign.include(&job.name),
        };
        Ok(jobs.into_iter().filter(is_news).map(|job| observed(&job.name)).collect())
    }

    /// Asks for jobs that run as far as the ledger knows but that SageMaker did not list, the longest unchanged first; each sweep goes on
    /// where the last one ended. Returns where this one did, none if there was no more.
    async fn ask(
        &self,
        after: Option<Timestamp>,
        now: Timestamp,
        swept: &mut Swept,
        listed: &BTreeSet<JobName>,
    ) -> Result<Option<Timestamp>, CallError> {
        let mut reached = after;
        // One that changed a moment ago is listed by a later sweep.
        let running = self.ledger.running_jobs(after, 5 * ASKED).await?;
        let all = running.len() < 5 * ASKED;
        for job in running {
            if job.updated_at > now - OVERLAP {
                return Ok(None);
            }
            if swept.asked == ASKED {
                return Ok(reached);
            }
            reached = Some(job.updated_at);
            if job.status == JobStatus::Requested || listed.contains(&job.name) {
                continue;
            }
            swept.asked += 1;
            swept.calls += 1;
            match self.jobs.describe(job.name.as_str()).await {
                Ok(Some(seen)) if !job.status.leads_to(seen.status) => continue,
                Ok(Some(_)) => {}
                Ok(None) => {
                    warn!(job = job.name.as_str(), status = %job.status, "SageMaker does not know this job any more");
                    self.ledger.lose(&job.name).await?;
                }
                Err(error) => {
                    // One job that cannot be asked for must not hide the others.
                    warn!(job = job.name.as_str(), %error, "SageMaker gave no answer about this job");
                    swept.unanswered += 1;
                    continue;
                }
            }
            self.job_states.send(vec![observed(job.name.as_str())]).await?;
            swept.sent += 1;
        }
        Ok(reached.filter(|_| !all))
    }
}

fn observed(job: &str) -> String {
    JobObservation::hint(job, Observer::Sweep).to_body()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automation::{
        job::JobDescription,
        memory::{MemoryJobs, MemoryQueue, MemoryTable},
    };

    const NOW: fn() -> Timestamp = || Timestamp::UNIX_EPOCH + SignedDuration::from_hours(100);

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
            created_at: None,
            started_at: None,
            ended_at: None,
        }
    }

    fn sweeper() -> Sweeper<MemoryJobs, MemoryTable, MemoryQueue> {
        let ledger = Ledger::new(MemoryTable::default(), NOW);
        let (jobs, job_states, requests) = (MemoryJobs::default(), MemoryQueue::default(), MemoryQueue::default());
        Sweeper { jobs, ledger, job_states, requests, foreign: ForeignJobs::default(), clock: NOW }
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
        assert_eq!(sent, [observed("moved"), observed("new")].join(" "));
        assert_eq!(sweeper.jobs.listed_from.lock().len(), 2, "every page is read");
    }

    #[tokio::test]
    async fn jobs_that_something_else_started_are_told_of_by_their_prefix() {
        for (prefix, told) in [("", 2), ("team-", 1), ("-", 0)] {
            let sweeper = Sweeper { foreign: ForeignJobs::new(prefix.to_owned()), ..sweeper() };
            for name in ["team-a", "other"] {
                sweeper.jobs.jobs.lock().insert(name.to_owned(), job(name, JobStatus::Completed));
            }
            assert_eq!(sweeper.sweep().await.unwrap().sent, told, "{prefix}");
        }
    }

    /// SEMANTICS sweep-asks: A job that runs as far as the ledger knows, and that SageMaker does not list, is asked for by its name.
    #[tokio::test]
    async fn a_running_job_that_is_not_listed_is_asked_for() {
        static TIME: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
        let clock: Clock = || Timestamp::from_second(TIME.load(std::sync::atomic::Ordering::Relaxed)).unwrap();
        let ledger = Ledger::new(MemoryTable::default(), clock);
        let (jobs, job_states, requests) = (MemoryJobs::default(), MemoryQueue::default(), MemoryQueue::default());
        let sweeper = Sweeper { jobs, ledger, job_states, requests, foreign: ForeignJobs::none(), clock };
        for number in 0..50 {
            TIME.store(100 + number, std::sync::atomic::Ordering::Relaxed);
            sweeper.ledger.observe(&job(&format!("job-{number}"), JobStatus::InProgress)).await.unwrap();
        }
        *sweeper.jobs.unlisted.lock() = true;
        for number in (0..50).filter(|number| *number != 3) {
            let name = format!("job-{number}");
            sweeper.jobs.jobs.lock().insert(name.clone(), job(&name, JobStatus::Completed));
        }
        TIME.store(100_000, std::sync::atomic::Ordering::Relaxed);
        let mut asked = Vec::new();
        for _ in 0..3 {
            let swept = sweeper.sweep().await.unwrap();
            asked.push((swept.asked, swept.sent));
        }
        assert_eq!(
            asked,
            [(20, 20), (20, 20), (10, 10)],
            "each sweep goes on where the last one ended; one job is gone"
        );
        assert_eq!(sweeper.job_states.bodies.lock().len(), 50);
        let gone = sweeper.ledger.job(&JobName::from("job-3".to_owned())).await.unwrap().unwrap();
        assert_eq!(gone.status, JobStatus::Failed, "a job that was deleted has ended");
        assert_eq!(sweeper.sweep().await.unwrap().asked, 20, "what is still not ended is asked for again");
    }

    /// SEMANTICS past-is-no-news: The first sweep of an account does not tell of jobs that ended more than
    /// 15 minutes before it.
    #[tokio::test]
    async fn ten_thousand_old_jobs_are_no_news() {
        let sweeper = sweeper();
        for number in 0..10_000 {
            let name = format!("old-{number}");
            let modified = NOW() - SignedDuration::from_mins(16 + number % 5_000);
            sweeper.jobs.modified_at.lock().insert(name.clone(), modified);
            sweeper.jobs.jobs.lock().insert(name.clone(), job(&name, JobStatus::Completed));
        }
        sweeper.jobs.jobs.lock().insert("new".to_owned(), job("new", JobStatus::Completed));
        sweeper.jobs.modified_at.lock().insert("new".to_owned(), NOW());
        let swept = sweeper.sweep().await.unwrap();
        assert_eq!((swept.calls, swept.seen, swept.sent), (1, 1, 1));
        assert_eq!(*sweeper.job_states.bodies.lock(), [observed("new")]);
    }

    #[tokio::test]
    async fn a_sweep_after_a_long_pause_notes_each_window() {
        let sweeper = sweeper();
        let before = SweepRow { until: NOW() - SignedDuration::from_hours(48), asked_until: None };
        sweeper.ledger.sweep_reached(before).await.unwrap();
        let swept = sweeper.sweep().await.unwrap();
        assert_eq!(swept.calls, 49, "one call for each hour and for the overlap");
        assert_eq!(sweeper.ledger.swept().await.unwrap().unwrap().until, NOW());
    }

    #[tokio::test]
    async fn each_sweep_overlaps_the_last_one() {
        let sweeper = sweeper();
        let before = NOW() - SignedDuration::from_mins(40);
        sweeper.ledger.sweep_reached(SweepRow { until: before, asked_until: None }).await.unwrap();
        sweeper.sweep().await.unwrap();
        sweeper.sweep().await.unwrap();
        assert_eq!(*sweeper.jobs.listed_from.lock(), [before - OVERLAP, NOW() - OVERLAP]);
        assert_eq!(sweeper.ledger.swept().await.unwrap().map(|row| row.until), Some(NOW()));
    }
}
