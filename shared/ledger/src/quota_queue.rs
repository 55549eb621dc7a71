//! The quota queue: requests that exceed SageMaker's quota are parked here and released when a job
//! finishes.
//!
//! SageMaker rejects `CreateCompilationJob` while the maximum number of concurrent jobs is running,
//! which can take hours. A message that waited in SQS for that long would use up its deliveries,
//! and retrying every waiting request would throttle the API. A rejected request is therefore
//! parked in one row, in which the models take turns: a model with many targets does not delay the
//! others. Each finished job releases one request; the sweep releases a few more, in case the end
//! of a job was missed. Only names are parked: the request itself is read from the job's row when
//! it is released, so a job that was cancelled in the meantime is never started.

use neo::{CompilationRequest, JobName, JobStatus, ModelId};
use serde::{Deserialize, Serialize};
use tracing::info;
use worker::{CallError, CallErrorKind, queue::Sender};

use crate::{JobRow, Ledger, LedgerRow, LedgerTable, job_key};

const PARKED_KEY: &str = "parked#compilation-requests";

/// Maximum number of parked requests: the row stays below DynamoDB's limit of 400 KiB, because a
/// name has at most 63 characters.
const MAX_PARKED: usize = 3000;

/// Requests that wait for SageMaker's quota, by model. The first model is the next to be served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedRow {
    pub models: Vec<ParkedModel>,
}

/// The parked requests of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedModel {
    pub model: ModelId,
    /// The jobs, in the order in which they were parked.
    pub jobs: Vec<JobName>,
}

impl LedgerRow for ParkedRow {}

impl ParkedRow {
    /// Number of parked requests.
    pub fn len(&self) -> usize {
        self.models.iter().map(|parked| parked.jobs.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    fn contains_job(&self, job: &JobName) -> bool {
        self.models.iter().any(|parked| parked.jobs.contains(job))
    }

    fn add_job(&mut self, model: &ModelId, job: &JobName) {
        match self.models.iter_mut().find(|parked| parked.model == *model) {
            Some(parked) => parked.jobs.push(job.clone()),
            None => self.models.push(ParkedModel { model: model.clone(), jobs: vec![job.clone()] }),
        }
    }

    /// The jobs to be released next: one of each model in turn.
    fn next_jobs(&self, count: usize) -> Vec<JobName> {
        let mut row = self.clone();
        (0..count).map_while(|_| row.take_job()).collect()
    }

    /// Removes the first job of the first model, which moves to the end.
    fn take_job(&mut self) -> Option<JobName> {
        if self.models.is_empty() {
            return None;
        }
        let mut first = self.models.remove(0);
        if first.jobs.is_empty() {
            return self.take_job();
        }
        let job = first.jobs.remove(0);
        if !first.jobs.is_empty() {
            self.models.push(first);
        }
        Some(job)
    }

    /// Removes these jobs; their models move to the end.
    fn remove_jobs(&mut self, jobs: &[JobName]) {
        let (served, waiting): (Vec<_>, Vec<_>) =
            self.models.drain(..).partition(|parked| parked.jobs.iter().any(|job| jobs.contains(job)));
        self.models = waiting.into_iter().chain(served).collect();
        for parked in &mut self.models {
            parked.jobs.retain(|job| !jobs.contains(job));
        }
        self.models.retain(|parked| !parked.jobs.is_empty());
    }
}

impl<T: LedgerTable> Ledger<T> {
    /// Parks a request until the quota allows it. Returns false if no more can be parked, and also
    /// if the request is parked already: another invocation may be releasing it right now, so this
    /// delivery must not rely on it.
    pub async fn park_request(&self, request: &CompilationRequest) -> Result<bool, CallError> {
        let now = (self.clock)();
        let job = &request.job_name;
        // The request is read from the job's row when it is released.
        let create = |row: Option<JobRow>| row.is_none().then(|| JobRow::new_requested(request, now));
        self.update_row(&job_key(job), create).await?;
        let park = |row: Option<ParkedRow>| {
            let mut row = row.unwrap_or_default();
            let has_room = !row.contains_job(job) && row.len() < MAX_PARKED;
            if has_room {
                row.add_job(&request.model, job);
            }
            has_room.then_some(row)
        };
        Ok(self.update_row(PARKED_KEY, park).await?.written)
    }

    /// Sends at most `count` parked requests to the Requests queue again, one of each model in
    /// turn; returns how many.
    ///
    /// They are removed only after they were sent. If the function crashes in between, they are
    /// sent again, which is harmless: the job name is the idempotency key.
    pub async fn release_parked_requests(&self, requests: &impl Sender, count: usize) -> Result<usize, CallError> {
        let (names, waiting) = self.peek_parked_requests(count).await?;
        let bodies: Result<Vec<_>, _> = waiting.iter().map(serde_json::to_string).collect();
        let bodies = bodies.map_err(|error| CallError::local(CallErrorKind::Invalid, error.to_string()))?;
        let released = bodies.len();
        requests.send_bodies(bodies).await?;
        self.remove_parked_requests(&names).await?;
        if released > 0 {
            info!(released, "Parked requests released");
        }
        Ok(released)
    }

    /// The next parked jobs, and the requests of those that were not cancelled.
    pub async fn peek_parked_requests(
        &self,
        count: usize,
    ) -> Result<(Vec<JobName>, Vec<CompilationRequest>), CallError> {
        let row: ParkedRow = self.read_row(PARKED_KEY).await?.unwrap_or_default();
        let names = row.next_jobs(count);
        let rows = self.find_jobs(&names).await?;
        // A job that was cancelled while it was parked must not be started.
        let waiting = rows.into_iter().filter(|row| row.status == JobStatus::Requested);
        Ok((names, waiting.filter_map(|row| row.request).collect()))
    }

    /// Removes jobs from the quota queue.
    pub async fn remove_parked_requests(&self, jobs: &[JobName]) -> Result<(), CallError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let remove = |row: Option<ParkedRow>| {
            let mut row = row?;
            let before = row.clone();
            row.remove_jobs(jobs);
            (row != before).then_some(row)
        };
        self.update_row(PARKED_KEY, remove).await.map(drop)
    }
}
