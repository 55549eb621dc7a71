//! Requests that SageMaker's quota has no room for wait here, and move on when a job ends.

use std::sync::atomic::{AtomicBool, Ordering};

use neo::{CompilationRequest, JobName};

use super::{JobRow, Ledger, ParkedRow, Table, job_key};
use crate::{call::CallError, job::JobStatus};

const KEY: &str = "parked#compilation-requests";

/// Most requests that are parked, so that the row stays below DynamoDB's 400 KiB: a name has at most 63 characters.
const MAX_PARKED: usize = 3000;

impl<T: Table> Ledger<T> {
    /// Parks a request until there is room for it; false if no more can be parked, or if it is parked already: whoever parked it may
    /// be releasing it right now, so this delivery must not count on it.
    pub async fn park(&self, request: &CompilationRequest) -> Result<bool, CallError> {
        let now = (self.clock)();
        let job = &request.job_name;
        // The request is read from the job's row when it is released.
        let planned = |row: Option<JobRow>| row.is_none().then(|| JobRow::requested(request, now));
        self.update(&job_key(job), planned).await?;
        let parked = AtomicBool::new(false);
        self.update(KEY, |row: Option<ParkedRow>| {
            let mut row = row.unwrap_or_default();
            let room = !row.holds(job) && row.len() < MAX_PARKED;
            parked.store(room, Ordering::Relaxed);
            if room {
                row.add(&request.model, job);
            }
            room.then_some(row)
        })
        .await?;
        Ok(parked.into_inner())
    }

    /// The requests to be released next, at most `count`, one of each model in turn. They stay parked until
    /// [`unpark`](Self::unpark): whoever dies between the two releases them again, and names make that harmless.
    pub async fn next_parked(&self, count: usize) -> Result<(Vec<JobName>, Vec<CompilationRequest>), CallError> {
        let row: ParkedRow = self.get(KEY).await?.unwrap_or_default();
        let names = row.next(count);
        let rows = self.jobs(&names).await?;
        // One that was stopped while it waited is not asked for any more.
        let waiting = rows.into_iter().filter(|row| row.status == JobStatus::Requested);
        Ok((names, waiting.filter_map(|row| row.request).collect()))
    }

    /// Takes released requests out.
    pub async fn unpark(&self, jobs: &[JobName]) -> Result<(), CallError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let without = |row: Option<ParkedRow>| {
            let mut row = row?;
            let before = row.clone();
            row.remove(jobs);
            (row != before).then_some(row)
        };
        self.update(KEY, without).await.map(drop)
    }
}
