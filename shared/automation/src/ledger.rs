//! The ledger: what was planned, what became of it, and what was told. One table, conditional writes only.
//!
//! | key | row | written by |
//! |---|---|---|
//! | `model#<id>` | [`ModelRow`]: one upload version and its jobs | plan-compilation |
//! | `content#<id>` | [`ContentRow`]: the job that compiled these bytes this way | plan-compilation |
//! | `arrivals#<id>` | [`ArrivalsRow`]: the versions of one key that give way to newer ones | plan-compilation |
//! | `job#<name>` | [`JobRow`]: one compilation job | every function |
//! | `notice#<id>` | [`NoticeRow`]: a notification that goes out once | every function that notifies |
//! | `parked#compilation-requests` | [`ParkedRow`]: requests that wait for room in the quota | start-, relay-, sweep-compilations |
//! | `app#<arn>`, `image#<name>` | what an app or image has run and was asked for | maintain-partner-apps, maintain-images |
//! | `app#rest` | [`Rest`]: until when no app has to be looked at | maintain-partner-apps |
//! | `burst#<topic ARN>` | [`BurstRow`]: messages to a work team's topic that are told as one | relay-workteam |
//! | `sweep#compilation-jobs` | [`SweepRow`]: how far the sweep has looked | sweep-compilations |
//!
//! What is asked of it: a model version, a job, or a notice by its key; the jobs of a model through its row; running jobs, ended jobs and
//! models by time through the index `by-list` ([`List`]).

mod arrivals;
mod bursts;
mod dynamodb;
mod once;
mod parked;
mod rows;
mod table;
mod upgrades;

pub use arrivals::{Place, Sequencer};
pub use bursts::BurstRow;
pub use dynamodb::DynamoTable;
pub use once::Once;
pub use rows::{
    Arrival, ArrivalsRow, ContentRow, JobRow, ModelRow, ModelState, NoticeRow, ParkedModel, ParkedRow, StateSeen,
    SweepRow,
};
pub use table::{Entry, List, Part, Row, Table, Versioned};
pub use upgrades::Rest;

use std::{collections::BTreeSet, time::Duration};

use jiff::{Span, Timestamp, ToSpan};
use neo::{CompilationRequest, ContentId, JobName, ModelId};

use crate::{
    Clock,
    call::{CallError, Kind},
    job::{JobDescription, JobStatus},
};

/// How long a row is kept after its last change.
const RETENTION: fn() -> Span = || (365 * 24).hours();

/// Times a row is read again when another writer was first, before the whole record is tried again.
const WRITE_TRIES: u32 = 8;

/// Pause before a row is read again the first time; it grows with each further one.
const WRITE_PAUSE: Duration = Duration::from_millis(10);

/// Which earlier jobs over the same bytes serve a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// None.
    Never,
    /// Those that left an artifact.
    Completed,
    /// Those, and those that may still.
    Running,
}

impl Reuse {
    fn allows(self, status: JobStatus) -> bool {
        match self {
            Self::Never => false,
            Self::Completed => status == JobStatus::Completed,
            Self::Running => status == JobStatus::Completed || !status.is_terminal() && status != JobStatus::Stopping,
        }
    }
}

/// The ledger over a table.
#[derive(Debug, Clone)]
pub struct Ledger<T> {
    table: T,
    clock: Clock,
}

impl<T: Table> Ledger<T> {
    /// A ledger in this table.
    pub fn new(table: T, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// The table it is in.
    pub fn table(&self) -> &T {
        &self.table
    }

    /// The row of a model version.
    pub async fn model(&self, id: &ModelId) -> Result<Option<ModelRow>, CallError> {
        self.get(&model_key(id)).await
    }

    /// Writes the row of a model version unless there is one; returns the one that stands.
    pub async fn create_model(&self, id: &ModelId, row: ModelRow) -> Result<ModelRow, CallError> {
        self.update(&model_key(id), |standing| standing.is_none().then(|| row.clone()))
            .await
            .map(|standing| standing.unwrap_or(row))
    }

    /// Notes what became of a planned model.
    pub async fn conclude(&self, id: &ModelId, state: ModelState) -> Result<(), CallError> {
        let concluded = |row: Option<ModelRow>| {
            row.filter(|row| row.state == ModelState::Planned).map(|row| ModelRow { state, ..row })
        };
        self.update(&model_key(id), concluded).await.map(drop)
    }

    /// The row of a job.
    pub async fn job(&self, name: &JobName) -> Result<Option<JobRow>, CallError> {
        self.get(&job_key(name)).await
    }

    /// The rows of those jobs that have one.
    pub async fn jobs(&self, names: &[JobName]) -> Result<Vec<JobRow>, CallError> {
        // DynamoDB refuses a key that is asked for twice.
        let keys: BTreeSet<_> = names.iter().map(job_key).collect();
        self.table.get_all(&keys.into_iter().collect::<Vec<_>>()).await
    }

    /// Finds the job for a request: an earlier one that compiled the same bytes the same way, as far as `reuse` allows, else the
    /// request's own, whose row is written.
    pub async fn claim_job(&self, request: &CompilationRequest, reuse: Reuse) -> Result<JobName, CallError> {
        let key = content_key(&request.content);
        let own = &request.job_name;
        for _ in 0..WRITE_TRIES {
            let standing: Option<Versioned<ContentRow>> = self.table.get(&key).await?;
            if let Some(Versioned { row: ContentRow { job }, .. }) = &standing
                && job != own
                && self.join_job(job, &request.model, reuse).await?
            {
                // Written below, by a try that came second.
                self.withdraw(own).await?;
                return Ok(job.clone());
            }
            let fresh = JobRow::requested(request, (self.clock)());
            self.update(&job_key(own), |standing| standing.is_none().then(|| fresh.clone())).await?;
            if self.put(&key, standing.map(|row| row.revision), &ContentRow { job: own.clone() }).await? {
                return Ok(own.clone());
            }
        }
        Err(contended(&key))
    }

    /// Lets a model share an earlier job, if its state allows that at the moment it is noted.
    async fn join_job(&self, job: &JobName, model: &ModelId, reuse: Reuse) -> Result<bool, CallError> {
        let joined = |row: Option<JobRow>| {
            let mut row = row.filter(|row| reuse.allows(row.status))?;
            row.models.insert(model.clone()).then_some(row)
        };
        let row = self.update(&job_key(job), joined).await?;
        Ok(row.is_some_and(|row| reuse.allows(row.status)))
    }

    /// Notes what was observed of a job; a state never goes backwards. Returns the row that stands.
    pub async fn observe(&self, seen: &JobDescription) -> Result<JobRow, CallError> {
        let name = JobName::from(seen.name.clone());
        let now = (self.clock)();
        let row = self
            .update(&job_key(&name), |standing: Option<JobRow>| match standing {
                Some(row) if !row.status.leads_to(seen.status) => None,
                standing => {
                    let known = standing.unwrap_or_else(|| JobRow::unplanned(name.clone(), now));
                    Some(known.with(seen, now))
                }
            })
            .await?;
        row.ok_or_else(|| contended(&job_key(&name)))
    }

    /// Notes that SageMaker took a job's request; returns the status that stands, which is another if the job was stopped meanwhile.
    pub async fn accept(&self, request: &CompilationRequest) -> Result<JobStatus, CallError> {
        self.advance(request, |row, now| row.in_state(JobStatus::Starting, now)).await
    }

    /// Notes that SageMaker refused a job's request.
    pub async fn refuse(&self, request: &CompilationRequest, reason: &str) -> Result<(), CallError> {
        let refused = |row: JobRow, now| JobRow {
            failure_reason: Some(reason.to_owned()),
            ended_at: Some(now),
            ..row.in_state(JobStatus::Rejected, now)
        };
        self.advance(request, refused).await.map(drop)
    }

    /// Notes that a job that was not started yet must not be.
    pub async fn withdraw(&self, name: &JobName) -> Result<(), CallError> {
        let now = (self.clock)();
        let stopped = |row: Option<JobRow>| {
            let waiting = row.filter(|row| row.status == JobStatus::Requested)?;
            Some(JobRow { ended_at: Some(now), ..waiting.in_state(JobStatus::Stopped, now) })
        };
        self.update(&job_key(name), stopped).await.map(drop)
    }

    async fn advance(
        &self,
        request: &CompilationRequest,
        to: impl Fn(JobRow, Timestamp) -> JobRow + Sync,
    ) -> Result<JobStatus, CallError> {
        let now = (self.clock)();
        let change = |standing: Option<JobRow>| {
            let row = standing.unwrap_or_else(|| JobRow::requested(request, now));
            let next = to(row.clone(), now);
            row.status.leads_to(next.status).then_some(next)
        };
        let row = self.update(&job_key(&request.job_name), change).await?;
        row.map(|row| row.status).ok_or_else(|| contended(&job_key(&request.job_name)))
    }

    /// Puts a job's next attempt in its place, in every model it compiles; false if nobody wants it any more, since newer versions took
    /// the models' place.
    pub async fn retry(&self, failed: &JobRow, next: &CompilationRequest) -> Result<bool, CallError> {
        let now = (self.clock)();
        // The row comes first: whoever takes a model's place from now on finds it there, and stops it.
        let waiting = JobRow { models: failed.models.clone(), ..JobRow::requested(next, now) };
        self.update(&job_key(&next.job_name), |row| row.is_none().then(|| waiting.clone())).await?;
        let mut wanted = false;
        for model in &failed.models {
            let replaced = |row: Option<ModelRow>| {
                let mut row = row.filter(|row| row.state != ModelState::Superseded)?;
                let place = row.jobs.iter_mut().find(|job| **job == failed.name)?;
                *place = next.job_name.clone();
                Some(row)
            };
            let row = self.update(&model_key(model), replaced).await?;
            wanted |= row.is_some_and(|row| row.state != ModelState::Superseded && row.jobs.contains(&next.job_name));
        }
        if !wanted {
            self.withdraw(&next.job_name).await?;
            return Ok(false);
        }
        // Whoever uploads the same bytes again joins the attempt that goes on.
        let moved = |row: Option<ContentRow>| {
            row.filter(|row| row.job == failed.name).map(|_| ContentRow { job: next.job_name.clone() })
        };
        self.update(&content_key(&next.content), moved).await?;
        Ok(true)
    }

    /// Notes that a newer version took a model's place after its jobs were asked for.
    pub async fn supersede(&self, id: &ModelId) -> Result<(), CallError> {
        let superseded = |row: Option<ModelRow>| {
            let asked = row.filter(|row| matches!(row.state, ModelState::Requested | ModelState::Reused))?;
            Some(ModelRow { state: ModelState::Superseded, ..asked })
        };
        self.update(&model_key(id), superseded).await.map(drop)
    }

    /// Notes that SageMaker does not know a job any more whose end was not seen.
    pub async fn lose(&self, name: &JobName) -> Result<(), CallError> {
        let now = (self.clock)();
        let lost = |row: Option<JobRow>| {
            let running = row.filter(|row| !row.status.is_terminal())?;
            Some(JobRow {
                failure_reason: Some(
                    "SageMaker does not know this job any more: it was deleted before its end was seen".to_owned(),
                ),
                ended_at: Some(now),
                ..running.in_state(JobStatus::Failed, now)
            })
        };
        self.update(&job_key(name), lost).await.map(drop)
    }

    /// At most `count` jobs that have not ended, the longest unchanged first, of those last changed after a time.
    pub async fn running_jobs(&self, after: Option<Timestamp>, count: usize) -> Result<Vec<JobRow>, CallError> {
        let after = after.unwrap_or(Timestamp::UNIX_EPOCH);
        self.table.list(List::RunningJobs, Part::After(after), count).await
    }

    /// The jobs that ended last, newest first.
    pub async fn ended_jobs(&self, count: usize) -> Result<Vec<JobRow>, CallError> {
        self.table.list(List::EndedJobs, Part::Newest, count).await
    }

    /// The model versions that were decided over last, newest first.
    pub async fn recent_models(&self, count: usize) -> Result<Vec<ModelRow>, CallError> {
        self.table.list(List::Models, Part::Newest, count).await
    }

    /// How far the sweep has looked; none before the first one.
    pub async fn swept(&self) -> Result<Option<SweepRow>, CallError> {
        self.get(SWEEP_KEY).await
    }

    /// Notes how far the sweep has looked; it never goes back.
    pub async fn sweep_reached(&self, reached: SweepRow) -> Result<(), CallError> {
        let later = |row: Option<SweepRow>| row.is_none_or(|row| row.until <= reached.until).then_some(reached);
        self.update(SWEEP_KEY, later).await.map(drop)
    }

    async fn get<R: Row>(&self, key: &str) -> Result<Option<R>, CallError> {
        Ok(self.table.get(key).await?.map(|versioned| versioned.row))
    }

    async fn put<R: Row>(&self, key: &str, revision: Option<u64>, row: &R) -> Result<bool, CallError> {
        let expires_at = (self.clock)().saturating_add(RETENTION()).unwrap_or(Timestamp::MAX);
        self.table.put(key, revision, row, expires_at).await
    }

    /// Changes a row as `change` says, `None` leaving it as it is; read and tried again when another writer was first.
    /// Returns the row that stands afterwards.
    async fn update<R: Row>(
        &self,
        key: &str,
        change: impl Fn(Option<R>) -> Option<R> + Send,
    ) -> Result<Option<R>, CallError> {
        for attempt in 0..WRITE_TRIES {
            if attempt > 0 {
                tokio::time::sleep(WRITE_PAUSE.saturating_mul(attempt)).await;
            }
            let standing = self.table.get::<R>(key).await?;
            let revision = standing.as_ref().map(|versioned| versioned.revision);
            let row = standing.map(|versioned| versioned.row);
            let Some(changed) = change(row.clone()) else {
                return Ok(row);
            };
            if self.put(key, revision, &changed).await? {
                return Ok(Some(changed));
            }
        }
        Err(contended(key))
    }
}

const SWEEP_KEY: &str = "sweep#compilation-jobs";

fn model_key(id: &ModelId) -> String {
    format!("model#{id}")
}

fn job_key(name: &JobName) -> String {
    format!("job#{name}")
}

fn content_key(id: &ContentId) -> String {
    format!("content#{}", id.as_str())
}

fn contended(key: &str) -> CallError {
    let message = format!("{key} was changed by others {WRITE_TRIES} times in a row");
    CallError::other("PutItem", Kind::Contended, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{batch::Failure, memory::MemoryTable};

    fn ledger() -> Ledger<MemoryTable> {
        Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH)
    }

    fn request(version: &str) -> CompilationRequest {
        let job = format!("resnet-ml-c5-{version}");
        serde_json::from_value(serde_json::json!({
            "version": 1, "job_name": job, "model": format!("model-{version}"), "content": "same",
            "source": { "bucket": "models", "key": "resnet.tar.gz", "version_id": version, "etag": "e", "size": 1 },
            "rule": "all", "target": { "device": "ml_c5" }, "framework": "ONNX", "framework_version": null,
            "data_input_config": null, "compiler_options": null, "output_location": "s3://artifacts/resnet/",
            "max_runtime_seconds": 900, "tags": {}, "attempt": 1,
        }))
        .unwrap()
    }

    fn seen(job: &JobName, status: JobStatus) -> JobDescription {
        JobDescription {
            name: job.to_string(),
            arn: format!("arn:{job}"),
            status,
            source: "s3://models/resnet.tar.gz".to_owned(),
            framework: "ONNX".to_owned(),
            data_input_config: None,
            target: "ml_c5".to_owned(),
            output_location: "s3://artifacts/resnet/".to_owned(),
            artifact: None,
            failure_reason: None,
            created_at: None,
            started_at: None,
            ended_at: None,
        }
    }

    /// SEMANTICS same-bytes-once: The same bytes uploaded again under the same key are not compiled again the same
    /// way, unless that job failed, was stopped or was refused.
    #[tokio::test]
    async fn the_same_bytes_are_compiled_again_only_after_a_failure() {
        let ledger = ledger();
        let (first, second, third) = (request("v1"), request("v2"), request("v3"));
        assert_eq!(ledger.claim_job(&first, Reuse::Running).await.unwrap(), first.job_name);
        assert_eq!(ledger.claim_job(&first, Reuse::Running).await.unwrap(), first.job_name, "a repeat finds its own");
        assert_eq!(
            ledger.claim_job(&second, Reuse::Running).await.unwrap(),
            first.job_name,
            "another upload finds the job that runs"
        );
        let row = ledger.job(&first.job_name).await.unwrap().unwrap();
        assert_eq!(row.models.len(), 2, "and waits for it");
        ledger.observe(&seen(&first.job_name, JobStatus::Failed)).await.unwrap();
        assert_eq!(ledger.claim_job(&third, Reuse::Running).await.unwrap(), third.job_name);
    }

    /// SEMANTICS never-backwards: A job's state never goes backwards in the ledger, in whatever order it is
    /// observed.
    #[tokio::test]
    async fn a_late_observation_changes_nothing() {
        let ledger = ledger();
        let job = request("v1").job_name;
        for (status, stands) in [
            (JobStatus::InProgress, JobStatus::InProgress),
            (JobStatus::Starting, JobStatus::InProgress),
            (JobStatus::Completed, JobStatus::Completed),
            (JobStatus::Failed, JobStatus::Completed),
        ] {
            assert_eq!(ledger.observe(&seen(&job, status)).await.unwrap().status, stands);
        }
    }

    #[tokio::test]
    async fn a_request_that_was_refused_stays_refused() {
        let ledger = ledger();
        let request = request("v1");
        ledger.refuse(&request, "no such target").await.unwrap();
        ledger.accept(&request).await.unwrap();
        let row = ledger.job(&request.job_name).await.unwrap().unwrap();
        assert_eq!((row.status, row.failure_reason.as_deref()), (JobStatus::Rejected, Some("no such target")));
        assert_eq!(row.request, Some(request));
    }

    #[test]
    fn a_row_that_others_write_all_the_time_is_no_failure_of_the_record() {
        let failure = Failure::from(contended("parked#compilation-requests"));
        assert!(matches!(failure, Failure::Later { .. }), "it uses up no delivery: {failure:?}");
    }

    #[tokio::test]
    async fn once_is_once_and_a_failure_gives_the_claim_back() {
        let ledger = ledger();
        let fails = async { Err(CallError::other("Publish", Kind::Unanswered, "no")) };
        assert!(matches!(ledger.once("a", fails).await, Err(Failure::Transient(_))));
        assert_eq!(ledger.once("a", async { Ok(()) }).await.unwrap(), Once::Now);
        let never = async { panic!("done twice") };
        assert_eq!(ledger.once("a", never).await.unwrap(), Once::Before);
    }

    #[tokio::test]
    async fn whoever_comes_while_it_is_being_done_waits() {
        let ledger = ledger();
        let inner = async {
            let never = async { panic!("done twice") };
            assert!(matches!(ledger.once("a", never).await, Err(Failure::Later { .. })));
            Ok(())
        };
        assert_eq!(ledger.once("a", inner).await.unwrap(), Once::Now);
    }

    /// SEMANTICS fair: Parked requests move on one of each model in turn.
    #[tokio::test]
    async fn parked_requests_move_on_one_of_each_model_in_turn() {
        let ledger = ledger();
        let of = |model: &str, job: &str| CompilationRequest { job_name: job.to_owned().into(), ..request(model) };
        for target in 0..4 {
            assert!(ledger.park(&of("large", &format!("large-{target}"))).await.unwrap());
        }
        assert!(ledger.park(&of("small", "small-0")).await.unwrap());
        assert!(!ledger.park(&of("small", "small-0")).await.unwrap(), "a repeat is not counted on");
        let mut order = Vec::new();
        loop {
            let (names, requests) = ledger.next_parked(1).await.unwrap();
            assert_eq!(names.len(), requests.len());
            let Some(name) = names.first() else { break };
            order.push(name.to_string());
            ledger.unpark(&names).await.unwrap();
        }
        assert_eq!(order, ["large-0", "small-0", "large-1", "large-2", "large-3"]);
    }

    #[tokio::test]
    async fn the_sweep_never_goes_back() {
        let ledger = ledger();
        assert_eq!(ledger.swept().await.unwrap(), None);
        let later = SweepRow { until: Timestamp::from_second(100).unwrap(), asked_until: None };
        ledger.sweep_reached(later).await.unwrap();
        ledger.sweep_reached(SweepRow { until: Timestamp::UNIX_EPOCH, asked_until: None }).await.unwrap();
        assert_eq!(ledger.swept().await.unwrap(), Some(later));
    }
}
