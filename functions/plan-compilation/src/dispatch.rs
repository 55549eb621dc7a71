//! Carries out a stored decision: sends the requests, stops the jobs of older versions, and
//! publishes the problems. This is idempotent.

use std::{collections::BTreeSet, slice};

use automation::{
    event::StopRequest,
    objects::{Objects, split_s3_uri},
};
use jiff::Timestamp;
use ledger::{JobRow, LedgerTable, ModelRow, ModelState, Reuse, Sequencer, VersionOrder};
use model_archive::Problem;
use neo::{CompilationRequest, JobName, JobStatus, ModelId, ModelSource};
use notifications::{Channel, Notification};
use sagemaker::model_packages::ModelPackages;
use tracing::{info, warn};
use worker::{Failure, queue::Sender};

use crate::{
    Planner,
    decide::{Decision, NO_RULE},
};

impl<O: Objects, T: LedgerTable, N: Channel, Q: Sender, P: ModelPackages> Planner<O, T, N, Q, P> {
    /// Stores a decision in the ledger, then carries it out.
    pub(crate) async fn record_and_dispatch(
        &self,
        decision: Decision,
        sequencer: Option<Sequencer>,
        uploaded_at: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let Decision { source, rule, stops_older, requests, mut problems, warnings, max_jobs_per_day } = decision;
        let id = source.model_id();
        let planned_at = (self.clock)();
        let mut jobs = Vec::with_capacity(requests.len());
        for request in &requests {
            let reuse = self.choose_reuse(request, stops_older).await?;
            jobs.push(self.ledger.claim_job(request, reuse).await?);
        }
        if let Some(limit) = max_jobs_per_day {
            problems.extend(self.apply_daily_limit(limit, &id, &requests, &mut jobs).await?);
        }
        let state = if jobs.is_empty() { ModelState::Rejected } else { ModelState::Planned };
        // An earlier delivery may have claimed a job of its own where this one shares another one.
        let own = requests.into_iter().map(|request| request.job_name);
        let model = ModelRow {
            source,
            rule,
            state,
            unused_jobs: own.filter(|job| !jobs.contains(job)).collect(),
            jobs,
            problems,
            warnings,
            planned_at,
            uploaded_at,
            sequencer,
            stops_older,
            last_replay: None,
        };
        let model = self.ledger.create_model(&id, model).await?;
        self.dispatch_model(&id, &model).await
    }

    /// Removes the jobs of a model that the limit of the configuration does not allow today, and
    /// returns the problem. A job that an earlier model started is not counted.
    async fn apply_daily_limit(
        &self,
        limit: u32,
        id: &ModelId,
        requests: &[CompilationRequest],
        jobs: &mut Vec<JobName>,
    ) -> Result<Option<Problem>, Failure> {
        let own: Vec<_> = requests.iter().filter(|request| jobs.contains(&request.job_name)).collect();
        let Some(first) = own.first() else { return Ok(None) };
        let wanted = u32::try_from(own.len()).unwrap_or(u32::MAX);
        let allowed = self.ledger.count_daily_jobs(id, wanted, limit).await?;
        let refused = &own[own.len().min(allowed as usize)..];
        if refused.is_empty() {
            return Ok(None);
        }
        jobs.retain(|job| refused.iter().all(|request| request.job_name != *job));
        let targets: Vec<_> = refused.iter().map(|request| request.target.to_string()).collect();
        let fix = match &first.source {
            ModelSource::Upload(upload) => {
                format!("wait until 00:00 UTC, or raise max_jobs_per_day; then {}", upload.suggest_retry())
            }
            ModelSource::Package(_) => {
                format!(
                    "change rule `{}` (for example, edit a tag) after 00:00 UTC, or raise max_jobs_per_day",
                    first.rule
                )
            }
        };
        let problem = format!("the limit of {limit} jobs per day is reached; not compiled for {}", targets.join(", "));
        Ok(Some(Problem::new("daily-limit", problem, fix)))
    }

    /// Which earlier jobs a request can share. A job whose artifact was deleted cannot be shared.
    async fn choose_reuse(&self, request: &CompilationRequest, stops_older: bool) -> Result<Reuse, Failure> {
        // A replay compiles only what was not compiled.
        let is_replay = request.source.as_upload().is_some_and(|upload| upload.replayed_at.is_some());
        if !request.reuse && !is_replay {
            return Ok(Reuse::Never);
        }
        let earlier = self.ledger.find_shareable_job(request).await?;
        let completed = earlier.filter(|job| job.status == JobStatus::Completed);
        if let Some((bucket, key)) = completed.as_ref().and_then(|job| split_s3_uri(job.artifact.as_deref()?)) {
            match self.archives.find_object(bucket, key).await {
                Ok(Some(_)) => {}
                Ok(None) => {
                    info!(bucket, key, job = %request.job_name, "Artifact was deleted: the model is compiled again");
                    return Ok(Reuse::Never);
                }
                // Most likely it exists, and compiling again costs money.
                Err(error) if error.kind.is_refusal() => {
                    warn!(bucket, key, %error, "Artifact not checked before it is reused: it cannot be read");
                }
                Err(error) => return Err(error.into()),
            }
        }
        // A job that is still running may be about to be stopped.
        Ok(if stops_older { Reuse::Completed } else { Reuse::Running })
    }

    /// Carries out the decision in a model's row.
    pub(crate) async fn dispatch_model(&self, id: &ModelId, model: &ModelRow) -> Result<(), Failure> {
        for job in &model.unused_jobs {
            self.ledger.withdraw_job(job, id).await?;
        }
        match model.state {
            ModelState::Requested | ModelState::Reused | ModelState::Superseded => {
                info!(key = log_key(model), model = id.as_str(), state = ?model.state, "Model was planned before");
            }
            ModelState::Planned => {
                // Problems of some targets that cannot be published do not keep back the others.
                let published = self.publish_problems(id, model).await;
                self.request_jobs(id, model, published).await?;
            }
            ModelState::Rejected => self.publish_problems(id, model).await?,
        }
        Ok(())
    }

    /// Publishes the problems of a model, once.
    async fn publish_problems(&self, id: &ModelId, model: &ModelRow) -> Result<(), Failure> {
        let Some(first) = model.problems.first() else { return Ok(()) };
        let now = (self.clock)();
        let of_folder = Notification::unmatched_file(model, now).filter(|_| first.code == NO_RULE);
        let notification = of_folder.unwrap_or_else(|| Notification::upload_rejected(id, model, now));
        self.notifier.publish_once(&notification).await?;
        let (key, jobs) = (log_key(model), model.jobs.len());
        warn!(key, model = id.as_str(), problem = first.problem, jobs, "Model rejected, for all or for some targets");
        Ok(())
    }

    /// Sends the requests of a planned model, and stops the jobs of the versions it replaces. The
    /// model stays planned, so that a redelivery repeats all of it, unless its problems were
    /// published.
    async fn request_jobs(&self, id: &ModelId, model: &ModelRow, problems: Result<(), Failure>) -> Result<(), Failure> {
        let key = log_key(model);
        let (model, jobs) = &self.replace_failed_jobs(id, model.clone()).await?;
        let (own, reused): (Vec<_>, Vec<_>) = jobs.iter().cloned().partition(|job| job.was_requested_by(id));
        let stops = match self.supersede_older(id, model).await? {
            Superseding::Older(stops) => stops,
            Superseding::ByNewer => return self.cancel_superseded(id, model, &own).await,
        };
        let stop_count = stops.len();
        // A reused job whose request may never have been sent is requested too: its name makes that
        // harmless.
        let state = if own.is_empty() { ModelState::Reused } else { ModelState::Requested };
        let unsent = own.into_iter().chain(reused).filter(|job| job.status == JobStatus::Requested);
        let mut bodies = stops;
        for request in unsent.filter_map(|job| job.request) {
            bodies.push(serde_json::to_string(&request).map_err(Failure::terminal)?);
        }
        let job_count = bodies.len() - stop_count;
        self.requests.send_bodies(bodies).await?;
        self.models.publish_earlier_results(id, model, jobs, (self.clock)()).await?;
        problems?;
        self.ledger.mark_planned_as(id, state).await?;
        let (model_id, reused) = (id.as_str(), state == ModelState::Reused);
        info!(
            key,
            model = model_id,
            jobs = job_count,
            stops = stop_count,
            reused,
            rule = model.rule,
            "Compilation jobs requested"
        );
        Ok(())
    }

    /// Replaces shared jobs that failed by their next attempts. When such a job failed, the model
    /// may not have had a row yet in which relay-compilation could replace it. Returns the model
    /// and its jobs.
    async fn replace_failed_jobs(&self, id: &ModelId, mut model: ModelRow) -> Result<(ModelRow, Vec<JobRow>), Failure> {
        loop {
            let jobs = self.ledger.find_jobs(&model.jobs).await?;
            let failed: Vec<_> = jobs.iter().filter_map(|job| Some((job, job.next_attempt()?))).collect();
            for (job, next) in &failed {
                self.ledger.replace_failed_job(job, next).await?;
            }
            let replaced = if failed.is_empty() { None } else { self.ledger.find_model(id).await? };
            match replaced.filter(|replaced| replaced.jobs != model.jobs) {
                Some(replaced) => model = replaced,
                None => return Ok((model, jobs)),
            }
        }
    }

    /// Compares a model with the other versions of its key, if its rule stops older ones.
    async fn supersede_older(&self, id: &ModelId, model: &ModelRow) -> Result<Superseding, Failure> {
        let (true, Some(sequencer), ModelSource::Upload(upload)) = (model.stops_older, &model.sequencer, &model.source)
        else {
            return Ok(Superseding::Older(Vec::new()));
        };
        match self.ledger.record_arrival(upload, id, sequencer).await? {
            VersionOrder::Superseded => Ok(Superseding::ByNewer),
            VersionOrder::Newest(older) => {
                // First, so that none of their jobs is retried after its status was read below.
                for older_id in &older {
                    self.ledger.mark_model_superseded(older_id).await?;
                }
                Ok(Superseding::Older(self.build_stop_requests(&older, model).await?))
            }
        }
    }

    async fn cancel_superseded(&self, id: &ModelId, model: &ModelRow, own: &[JobRow]) -> Result<(), Failure> {
        for job in own {
            if !self.ledger.is_needed_by_others(job, slice::from_ref(id)).await? {
                self.ledger.cancel_job_before_calls(&job.name).await?;
            }
        }
        self.ledger.mark_planned_as(id, ModelState::Superseded).await?;
        info!(key = log_key(model), model = id.as_str(), "Model superseded by a newer version that arrived before");
        Ok(())
    }

    /// Requests to stop the jobs of older versions, except those that the newest version shares, or
    /// another one that is not superseded.
    async fn build_stop_requests(&self, older: &[ModelId], newest: &ModelRow) -> Result<Vec<String>, Failure> {
        let mut names = BTreeSet::new();
        for id in older {
            names.extend(self.ledger.find_model(id).await?.map(|row| row.jobs).unwrap_or_default());
        }
        let names: Vec<_> = names.into_iter().filter(|name| !newest.jobs.contains(name)).collect();
        let mut stops = Vec::new();
        for job in self.ledger.find_jobs(&names).await? {
            if !job.status.is_terminal() && !self.ledger.is_needed_by_others(&job, older).await? {
                stops.push(StopRequest { job_name: job.name.to_string() }.to_body());
            }
        }
        Ok(stops)
    }
}

/// Whether a version of a key replaces others or is replaced.
enum Superseding {
    /// This version replaces older ones, if there are any. Holds the bodies of the requests that
    /// stop their jobs.
    Older(Vec<String>),
    /// A newer version replaces this one.
    ByNewer,
}

/// The name of a model in logs.
fn log_key(model: &ModelRow) -> &str {
    model.source.as_upload().map_or_else(|| model.source.display_name(), |upload| &upload.key)
}
