//! Notifications about a model as a whole: artifacts reused from earlier jobs, and the summary.
//! Each is published once, whichever function gets to it first.

use jiff::Timestamp;
use ledger::{Execution, JobRow, Ledger, LedgerTable, ModelRow, ModelState};
use neo::{JobStatus, ModelId};
use notifications::{Channel, Notification, notifier::Notifier};
use worker::{Failure, metrics};

use crate::objects::Objects;

/// The file name of a summary's object.
const SUMMARY: &str = "summary.json";

/// Metric of the seconds from an upload to its summary, once per model.
const UPLOAD_TO_ANSWER: &str = "UploadToAnswerSeconds";

/// Publishes notifications about models.
#[derive(Debug, Clone)]
pub struct ModelNotifier<T, N, O> {
    ledger: Ledger<T>,
    notifier: Notifier<T, N>,
    objects: O,
    artifact_bucket: String,
}

impl<T: LedgerTable, N: Channel, O: Objects> ModelNotifier<T, N, O> {
    /// Summaries are also written as objects to `artifact_bucket`.
    pub fn new(ledger: Ledger<T>, notifier: Notifier<T, N>, objects: O, artifact_bucket: String) -> Self {
        Self { ledger, notifier, objects, artifact_bucket }
    }

    /// The bucket that summaries are written to, and artifacts unless a rule sets another one.
    pub fn artifact_bucket(&self) -> &str {
        &self.artifact_bucket
    }

    /// Where summaries are written to, and artifacts are looked up.
    pub fn objects(&self) -> &O {
        &self.objects
    }

    /// Publishes, for every model that uses a finished job, the reused artifact if the model only
    /// shares the job, and the summary if this was its last job.
    pub async fn publish_job_results(&self, job: &JobRow, now: Timestamp) -> Result<(), Failure> {
        let mut published = Vec::with_capacity(job.models.len());
        for id in &job.models {
            published.push(self.publish_model_results(id, job, now).await);
        }
        Failure::merge_results(published)
    }

    async fn publish_model_results(&self, id: &ModelId, job: &JobRow, now: Timestamp) -> Result<(), Failure> {
        // If the model's row is not written yet, plan-compilation publishes the results of finished
        // jobs when it writes the row.
        let Some(model) = self.ledger.find_model(id).await? else { return Ok(()) };
        // A plan that was replaced before it was stored may have shared the job.
        if !model.jobs.contains(&job.name) {
            return Ok(());
        }
        if model.state != ModelState::Superseded {
            self.publish_reused(id, &model, job, now).await?;
        }
        self.publish_summary(id, now).await
    }

    /// Publishes the results of jobs that finished before a new model started to share them: no job
    /// event will follow.
    pub async fn publish_earlier_results(
        &self,
        id: &ModelId,
        model: &ModelRow,
        jobs: &[JobRow],
        now: Timestamp,
    ) -> Result<(), Failure> {
        for job in jobs {
            self.publish_reused(id, model, job, now).await?;
        }
        if jobs.iter().any(|job| job.status.is_terminal()) {
            self.publish_summary(id, now).await?;
        }
        Ok(())
    }

    async fn publish_reused(
        &self,
        id: &ModelId,
        model: &ModelRow,
        job: &JobRow,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if job.status == JobStatus::Completed
            && !job.was_requested_by(id)
            && let Some(notification) = Notification::reused_artifact(id, model, job, now)
        {
            self.notifier.publish_once(&notification).await?;
        }
        Ok(())
    }

    /// Publishes the summary if no job of the model will run again.
    ///
    /// The model is read first and its jobs after it. A job that has ended is never replaced by
    /// another attempt, so if each job that the model names has ended, the model names them for
    /// good. The function that records the last end reads this too, so one of the readers finds
    /// that all have ended.
    async fn publish_summary(&self, id: &ModelId, now: Timestamp) -> Result<(), Failure> {
        let Some(model) = self.ledger.find_model(id).await? else { return Ok(()) };
        let jobs = self.ledger.find_jobs(&model.jobs).await?;
        if !model.has_ended(&jobs) {
            return Ok(());
        }
        // Beside the artifacts, unless the rule sets another output.
        let key = format!("{}/{}/{SUMMARY}", model.source.model_folder(), model.source.version());
        let uri = format!("s3://{}/{key}", self.artifact_bucket);
        let summary = Notification::model_summary(&model, id, &jobs, &uri, now);
        let document = serde_json::to_vec_pretty(&summary).map_err(Failure::terminal)?;
        // The object is written first, so that it exists when the notification names it.
        let write = self.objects.write_object(&self.artifact_bucket, &key, "application/json", document);
        let written = self.ledger.run_once(&format!("{}#object", summary.id), write).await?;
        if written == Execution::Ran {
            metrics::write_counts(&[(UPLOAD_TO_ANSWER, model.seconds_to_answer(now))], now);
        }
        self.notifier.publish_once(&summary).await
    }
}
