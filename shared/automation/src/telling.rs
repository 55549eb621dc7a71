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
        for id in &job.models {
            // Whoever writes the row afterwards tells of what has ended before.
            let Some(model) = self.ledger.model(id).await? else { continue };
            if model.state != ModelState::Superseded {
                self.reused(id, &model, job).await?;
            }
            self.summarise(id, &model).await?;
        }
        Ok(())
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
        let key = summary_key(model, &jobs, self.artifact_bucket);
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

/// The key of a model's summary in the artifact bucket: `summary.json` in a folder of the version's own, next to the folders of its jobs'
/// artifacts. Where those have no folder in common there, the folder is named after the model.
fn summary_key(model: &ModelRow, jobs: &[JobRow], artifact_bucket: &str) -> String {
    let beside = jobs.iter().filter_map(|job| {
        let request = job.request.as_ref()?;
        let folder = request.output_location.strip_prefix("s3://")?.strip_prefix(artifact_bucket)?;
        // The folder that is named after the job is where its artifact is.
        let is_own = |name: &&str| name.contains(request.job_name.as_str());
        let folders: Vec<&str> = folder.strip_prefix('/')?.split('/').filter(|name| !name.is_empty()).collect();
        let end = folders.iter().position(is_own).unwrap_or(folders.len());
        Some(folders[..end].to_vec())
    });
    let common = beside.reduce(|a, b| a.into_iter().zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a).collect());
    let folder = match common {
        Some(folders) if !folders.is_empty() => folders.join("/"),
        _ => model.source.folder().to_owned(),
    };
    format!("{folder}/{}/{SUMMARY}", model.source.version())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_lies_next_to_the_artifacts() {
        let model: ModelRow = serde_json::from_value(serde_json::json!({
            "upload": { "bucket": "models", "key": "vision/a.tar.gz", "version_id": "v1", "etag": "e", "size": 1 },
            "rule": "all", "state": "requested", "jobs": [], "problems": [], "planned_at": "2026-11-22T00:00:00Z",
            "sequencer": null, "stops_older": false,
        }))
        .unwrap();
        let job = |name: &str, location: &str| -> JobRow {
            serde_json::from_value(serde_json::json!({
                "name": name, "status": "COMPLETED", "models": [], "target": "ml_c5", "arn": null, "artifact": null,
                "failure_reason": null, "started_at": null, "ended_at": null, "updated_at": "2026-11-22T00:00:00Z",
                "request": {
                    "version": 1, "job_name": name, "model": "m", "content": "c", "source": model.source, "rule": "all",
                    "target": { "device": "ml_c5" }, "framework": "ONNX", "framework_version": null,
                    "data_input_config": null, "compiler_options": null, "output_location": location,
                    "max_runtime_seconds": 900, "tags": {}, "attempt": 1,
                },
            }))
            .unwrap()
        };
        for (locations, key) in [
            (&["s3://artifacts/vision/a/j0/"][..], "vision/a/v1/summary.json"),
            (&["s3://artifacts/vision/a/j0/", "s3://artifacts/vision/a/j1/"], "vision/a/v1/summary.json"),
            (&["s3://artifacts/all/ml_c5/a/", "s3://artifacts/all/ml_m5/a/"], "all/v1/summary.json"),
            (&["s3://artifacts/x/j0/", "s3://artifacts/y/j1/"], "vision/a/v1/summary.json"),
            (&["s3://artifacts-of-others/x/j0/"], "vision/a/v1/summary.json"),
            (&[], "vision/a/v1/summary.json"),
        ] {
            let jobs: Vec<_> =
                locations.iter().enumerate().map(|(number, at)| job(&format!("j{number}"), at)).collect();
            assert_eq!(summary_key(&model, &jobs, "artifacts"), key, "{locations:?}");
        }
    }
}
