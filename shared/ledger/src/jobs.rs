//! Rows of compilation jobs: claimed before they start, and updated with each observed status.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use neo::{CompilationRequest, JobDescription, JobName, JobStatus, ModelId};
use worker::CallError;

use crate::{
    ArtifactCheck, ContentRow, JobRow, Ledger, LedgerTable, List, ListRange, ModelRow, ModelState, Versioned,
    WRITE_TRIES, contended_error, content_key, job_key, model_key,
};

/// Who started a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOwner {
    Stack,
    Others,
}

/// Models that can share a job; the next one gets its own. Keeps the row below DynamoDB's limit of
/// 400 KB, and the end of the job within one invocation.
const MAX_MODELS: usize = 100;

/// How long after a request SageMaker may not show the job that it has created, at most.
const VISIBLE_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// Pages of a list that are read to find running jobs among those that an earlier release listed.
const MAX_PAGES: usize = 10;

/// Which earlier jobs of the same bytes and settings can be reused for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    Never,
    /// Jobs that have completed.
    Completed,
    /// Jobs that have completed, or that are running.
    Running,
}

impl Reuse {
    fn allows_status(self, status: JobStatus) -> bool {
        match self {
            Self::Never => false,
            Self::Completed => status == JobStatus::Completed,
            Self::Running => status == JobStatus::Completed || !status.is_terminal() && status != JobStatus::Stopping,
        }
    }

    /// Whether a request can reuse the job of this row. A job whose attempts need an approval, and
    /// one whose attempts do not, can only be reused by the other kind of request after it has
    /// completed: until then, the approval would decide about both, or about none.
    fn allows_job(self, job: &JobRow, request: &CompilationRequest) -> bool {
        let is_same_kind = job.request.as_ref().is_none_or(|own| own.approved_only == request.approved_only);
        self.allows_status(job.status) && (is_same_kind || job.status == JobStatus::Completed)
    }
}

impl<T: LedgerTable> Ledger<T> {
    pub async fn find_job(&self, name: &JobName) -> Result<Option<JobRow>, CallError> {
        self.read_row(&job_key(name)).await
    }

    /// The rows of these jobs; jobs without a row are skipped.
    pub async fn find_jobs(&self, names: &[JobName]) -> Result<Vec<JobRow>, CallError> {
        // DynamoDB rejects a request that contains a key twice.
        let keys: BTreeSet<_> = names.iter().map(job_key).collect();
        self.table.get_rows(&keys.into_iter().collect::<Vec<_>>()).await
    }

    /// Finds the job for a request: an earlier one that compiled the same bytes with the same
    /// settings, if `reuse` allows it; otherwise the request's own job, whose row is written.
    pub async fn claim_job(&self, request: &CompilationRequest, reuse: Reuse) -> Result<JobName, CallError> {
        let key = content_key(&request.content);
        let own = &request.job_name;
        for _ in 0..WRITE_TRIES {
            let current: Option<Versioned<ContentRow>> = self.table.get_row(&key).await?;
            if let Some(Versioned { row: ContentRow { job }, .. }) = &current
                && job != own
                && self.join_job(job, request, reuse).await?
            {
                return Ok(job.clone());
            }
            let new_job = JobRow::new_requested(request, (self.clock)());
            self.update_row(&job_key(own), |current| current.is_none().then(|| new_job.clone())).await?;
            if self.write_row(&key, current.map(|row| row.revision), &ContentRow { job: own.clone() }).await? {
                return Ok(own.clone());
            }
        }
        Err(contended_error(&key))
    }

    /// The job that `claim_job` would share with a request, if its status allows it.
    pub async fn find_shareable_job(&self, request: &CompilationRequest) -> Result<Option<JobRow>, CallError> {
        match self.read_row(&content_key(&request.content)).await? {
            Some(ContentRow { job }) if job != request.job_name => self.find_job(&job).await,
            _ => Ok(None),
        }
    }

    /// Withdraws a claimed job that the plan of its model does not name: another delivery stored a
    /// plan with another job, or another model claimed the content first. A job that was sent, or
    /// that another model shares, is unchanged.
    pub async fn withdraw_job(&self, name: &JobName, model: &ModelId) -> Result<(), CallError> {
        let now = (self.clock)();
        let withdraw = |row: Option<JobRow>| {
            let is_unused = |row: &JobRow| row.models.iter().all(|shared_by| shared_by == model);
            let row = row.filter(|row| row.status == JobStatus::Requested && is_unused(row))?;
            Some(row.with_withdrawal(now))
        };
        self.update_row(&job_key(name), withdraw).await.map(drop)
    }

    /// Lets the model of a request share an earlier job if the job allows it at the time of the
    /// write, and if not too many models share it. The model is not added to a job that has
    /// completed: no event of that job follows.
    async fn join_job(&self, job: &JobName, request: &CompilationRequest, reuse: Reuse) -> Result<bool, CallError> {
        let model = &request.model;
        let add_model = |row: Option<JobRow>| {
            let mut row = row.filter(|row| reuse.allows_job(row, request))?;
            let has_room = !row.status.is_terminal() && row.models.len() < MAX_MODELS;
            (has_room && row.models.insert(model.clone())).then_some(row)
        };
        let row = self.update_row(&job_key(job), add_model).await?.row;
        let is_joined =
            |row: &JobRow| reuse.allows_job(row, request) && (row.status.is_terminal() || row.models.contains(model));
        let Some(row) = row.filter(is_joined) else { return Ok(false) };
        if let Some(wait) = row.quota_wait {
            self.record_shared_wait(model, wait.reason.as_deref()).await?;
        }
        Ok(true)
    }

    /// Records what was observed of a job, unless that would move its status backwards. Returns
    /// the current row.
    pub async fn record_observation(&self, description: &JobDescription) -> Result<JobRow, CallError> {
        self.record_checked_observation(description, None).await
    }

    /// Records what was observed of a job and of its artifact. A job not started by this stack can
    /// be deleted and created again under its name: a later job gets a new row in its place.
    pub async fn record_checked_observation(
        &self,
        description: &JobDescription,
        artifact_check: Option<ArtifactCheck>,
    ) -> Result<JobRow, CallError> {
        let name = JobName::from(description.name.clone());
        let now = (self.clock)();
        let row = self
            .update_row(&job_key(&name), |current: Option<JobRow>| match current {
                Some(row) if row.is_job_before(description.created_at) => {
                    let earlier_jobs = row.earlier_jobs.saturating_add(1);
                    let later = JobRow { earlier_jobs, ..JobRow::new_foreign(name.clone(), now) };
                    Some(JobRow { artifact_check, ..later.with_description(description, now) })
                }
                Some(row) if row.is_job_after(description.created_at) || !row.status.can_become(description.status) => {
                    None
                }
                current => {
                    let row = current.unwrap_or_else(|| JobRow::new_foreign(name.clone(), now));
                    Some(JobRow { artifact_check, ..row.with_description(description, now) })
                }
            })
            .await?
            .row;
        row.ok_or_else(|| contended_error(&job_key(&name)))
    }

    /// Withdraws a job that SageMaker was not asked to create. A job whose create call was recorded
    /// is unchanged: the version that supersedes its model finds it, and sends a `StopRequest`.
    pub async fn cancel_job_before_calls(&self, name: &JobName) -> Result<(), CallError> {
        let now = (self.clock)();
        let cancel = |row: Option<JobRow>| {
            let waiting = row.filter(|row| row.status == JobStatus::Requested && row.unseen == 0)?;
            Some(waiting.with_withdrawal(now))
        };
        self.update_row(&job_key(name), cancel).await.map(drop)
    }

    /// Replaces a failed job by its next attempt, in every model that shares it. Returns false if
    /// no model needs the job any more because all of them were superseded. A model without a row
    /// may be about to get one that names the failed job: plan-compilation then repeats this.
    pub async fn replace_failed_job(&self, failed: &JobRow, next: &CompilationRequest) -> Result<bool, CallError> {
        let now = (self.clock)();
        // The row of the next attempt is written first: a newer version that supersedes a model
        // from now on finds the attempt in it, and stops it.
        let waiting = JobRow { models: failed.models.clone(), ..JobRow::new_requested(next, now) };
        self.update_row(&job_key(&next.job_name), |row| row.is_none().then(|| waiting.clone())).await?;
        let mut is_needed = false;
        for model in &failed.models {
            let replace = |row: Option<ModelRow>| {
                let mut row = row.filter(|row| row.state != ModelState::Superseded)?;
                let job = row.jobs.iter_mut().find(|job| **job == failed.name)?;
                *job = next.job_name.clone();
                Some(row)
            };
            let row = self.update_row(&model_key(model), replace).await?.row;
            is_needed |= row.is_none_or(|row| row.state != ModelState::Superseded && row.jobs.contains(&next.job_name));
        }
        if !is_needed {
            self.cancel_job_before_calls(&next.job_name).await?;
            return Ok(false);
        }
        // A later upload of the same bytes joins the new attempt.
        let redirect = |row: Option<ContentRow>| {
            row.filter(|row| row.job == failed.name).map(|_| ContentRow { job: next.job_name.clone() })
        };
        self.update_row(&content_key(&next.content), redirect).await?;
        Ok(true)
    }

    /// Records that SageMaker does not show a job that it has accepted, which it may show soon.
    /// Returns how often that was so; 0 if it has no row or has ended.
    pub async fn record_unseen_job(&self, name: &JobName) -> Result<u32, CallError> {
        let count = |row: Option<JobRow>| {
            let row = row.filter(|row| !row.status.is_terminal())?;
            Some(JobRow { unseen: row.unseen.saturating_add(1), ..row })
        };
        Ok(self.update_row(&job_key(name), count).await?.row.map_or(0, |row| row.unseen))
    }

    /// Whether SageMaker may have a job that it does not show: this row changed a moment ago, and
    /// SageMaker never showed the job.
    pub fn may_be_unseen(&self, job: &JobRow) -> bool {
        job.arn.is_none() && (self.clock)().duration_since(job.updated_at) <= VISIBLE_AFTER
    }

    /// Whether a model shares a job that neither is one of these nor was superseded. A model
    /// without a row is about to get one.
    pub async fn is_needed_by_others(&self, job: &JobRow, models: &[ModelId]) -> Result<bool, CallError> {
        for model in job.models.iter().filter(|model| !models.contains(model)) {
            if self.find_model(model).await?.is_none_or(|row| row.state != ModelState::Superseded) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Records as failed a running job that no longer exists in SageMaker.
    pub async fn mark_job_lost(&self, name: &JobName) -> Result<(), CallError> {
        let now = (self.clock)();
        let fail = |row: Option<JobRow>| {
            let running = row.filter(|row| !row.status.is_terminal())?;
            let reason = "The job no longer exists in SageMaker: it was deleted before its final status was observed";
            Some(JobRow {
                failure_reason: Some(reason.to_owned()),
                ended_at: Some(now),
                ..running.with_status(JobStatus::Failed, now)
            })
        };
        self.update_row(&job_key(name), fail).await.map(drop)
    }

    /// At most `count` running jobs, in turn: the least recently updated ones that were updated
    /// after a time, then those updated before.
    pub async fn next_running_jobs(
        &self,
        owner: JobOwner,
        after: Option<Timestamp>,
        count: usize,
    ) -> Result<Vec<JobRow>, CallError> {
        let list = match owner {
            JobOwner::Stack => List::RunningJobs,
            JobOwner::Others => List::ForeignRunningJobs,
        };
        let mut jobs: Vec<JobRow> = Vec::new();
        for start in [after, None] {
            let mut reached = start.unwrap_or(Timestamp::UNIX_EPOCH);
            for _ in 0..MAX_PAGES {
                let page = self.table.list_rows::<JobRow>(list, ListRange::After(reached), count).await?;
                let is_last = page.len() < count;
                reached = page.last().map_or(reached, |job| job.updated_at);
                for job in page {
                    if job.status == JobStatus::Requested {
                        self.move_to_its_list(&job.name).await?;
                    } else if !job.status.is_terminal() && !jobs.iter().any(|listed| listed.name == job.name) {
                        jobs.push(job);
                    }
                }
                if is_last || jobs.len() >= count {
                    break;
                }
            }
            if jobs.len() >= count {
                break;
            }
        }
        jobs.truncate(count);
        Ok(jobs)
    }

    /// Writes the row of a requested job again. Earlier releases listed such jobs among the running
    /// ones, which they kept from being described.
    async fn move_to_its_list(&self, name: &JobName) -> Result<(), CallError> {
        let rewrite = |row: Option<JobRow>| row.filter(|row| row.status == JobStatus::Requested);
        self.update_row(&job_key(name), rewrite).await.map(drop)
    }

    /// At most `count` jobs that have not finished, the least recently updated first.
    pub async fn list_unfinished_jobs(&self, count: usize) -> Result<Vec<JobRow>, CallError> {
        let mut jobs = Vec::new();
        for list in [List::RequestedJobs, List::ParkedRequests, List::RunningJobs, List::ForeignRunningJobs] {
            jobs.extend(self.table.list_rows(list, ListRange::After(Timestamp::UNIX_EPOCH), count).await?);
        }
        jobs.sort_by_key(|job: &JobRow| job.updated_at);
        jobs.truncate(count);
        Ok(jobs)
    }

    /// The jobs that finished last, newest first.
    pub async fn list_ended_jobs(&self, count: usize) -> Result<Vec<JobRow>, CallError> {
        self.table.list_rows(List::EndedJobs, ListRange::Newest, count).await
    }
}
