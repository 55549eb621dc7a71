//! What a model is told besides the states of the jobs it asked for; each once, whoever comes to it first.

use jiff::Timestamp;
use neo::ModelId;

use crate::{
    batch::Failure,
    job::JobStatus,
    ledger::{JobRow, Ledger, ModelRow, ModelState, Table},
    notification::Notification,
    objects::Objects,
    topic::Topic,
};

/// The name of a summary's object.
const SUMMARY: &str = "summary.json";

/// What is needed to tell of models.
pub struct Telling<'a, T, N, O> {
    /// The ledger.
    pub ledger: &'a Ledger<T>,
    /// The Notifications topic.
    pub topic: &'a N,
    /// S3.
    pub objects: &'a O,
    /// Bucket that artifacts and summaries go to.
    pub artifact_bucket: &'a str,
    /// The time.
    pub now: Timestamp,
}

impl<T: Table, N: Topic, O: Objects> Telling<'_, T, N, O> {
    /// Tells each model of a job that ended: the artifact to those that share it, and a summary to those whose last one it was.
    pub async fn job_ended(&self, job: &JobRow) -> Result<(), Failure> {
        let mut told = Ok(());
        for id in &job.models {
            // One that cannot be told must not keep the others from being told.
            let model = self.model(id, job).await;
            told = told.and(model);
        }
        told
    }

    async fn model(&self, id: &ModelId, job: &JobRow) -> Result<(), Failure> {
        // Whoever writes the row afterwards tells of what has ended before.
        let Some(model) = self.ledger.model(id).await? else { return Ok(()) };
        if model.state != ModelState::Superseded {
            self.reused(id, &model, job).await?;
        }
        self.summarise(id, &model).await
    }

    /// Tells a model of what it shares with earlier ones and has ended already: nothing else will.
    pub async fn ended_before(&self, id: &ModelId, model: &ModelRow, jobs: &[JobRow]) -> Result<(), Failure> {
        for job in jobs {
            self.reused(id, model, job).await?;
        }
        if jobs.iter().any(|job| job.status.is_terminal()) {
            self.summarise(id, model).await?;
        }
        Ok(())
    }

    /// Tells of the artifact of a job that the model shares.
    async fn reused(&self, id: &ModelId, model: &ModelRow, job: &JobRow) -> Result<(), Failure> {
        if job.status == JobStatus::Completed
            && !job.was_asked_for_by(id)
            && let Some(notification) = Notification::reused(id, model, job, self.now)
        {
            self.ledger.once(&notification.id, self.topic.publish(&notification)).await?;
        }
        Ok(())
    }

    /// Tells of a whole model when the last of its jobs has ended.
    async fn summarise(&self, id: &ModelId, model: &ModelRow) -> Result<(), Failure> {
        let jobs = self.ledger.jobs(&model.jobs).await?;
        if jobs.len() < model.jobs.len() || !jobs.iter().all(|job| job.status.is_terminal()) {
            return Ok(());
        }
        // Where the artifacts are, unless the rule says otherwise.
        let key = format!("{}/{}/{SUMMARY}", model.source.folder(), model.source.version());
        let uri = format!("s3://{}/{key}", self.artifact_bucket);
        let summary = Notification::summary(model, id, &jobs, &uri, self.now);
        let document = serde_json::to_vec_pretty(&summary).map_err(Failure::terminal)?;
        // The object is there when people are told of it.
        let told = async {
            self.objects.write(self.artifact_bucket, &key, "application/json", document).await?;
            self.topic.publish(&summary).await
        };
        self.ledger.once(&summary.id, told).await?;
        Ok(())
    }
}
