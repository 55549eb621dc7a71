//! Recognizes artifacts of this stack that come back as uploads, so that the stack never compiles
//! its own output.
//!
//! The template keeps the buckets apart, and planning rejects an output that leads back. This check
//! is for an EventBridge rule that was widened, and for tools that copy artifacts into the model
//! bucket.

use automation::{event::ObjectCreated, objects::Objects};
use ledger::LedgerTable;
use model_archive::Problem;
use neo::JobName;
use notifications::Channel;
use sagemaker::model_packages::ModelPackages;
use worker::{Failure, queue::Sender};

use crate::Planner;

impl<O: Objects, T: LedgerTable, N: Channel, Q: Sender, P: ModelPackages> Planner<O, T, N, Q, P> {
    /// Why the object is an artifact of this stack; `None` if it is not. SageMaker does not mark
    /// its artifacts, so only the location shows it: a bucket for artifacts, or a key that contains
    /// the name of one of our jobs, as the default output does.
    pub(crate) async fn find_own_artifact(&self, object: &ObjectCreated) -> Result<Option<Problem>, Failure> {
        if let Some(problem) = self.find_artifact_bucket(object) {
            return Ok(Some(problem));
        }
        let folders = object.key.rsplit_once('/').map(|(folders, _)| folders).unwrap_or_default();
        let names: Vec<_> =
            folders.split('/').filter(|name| !name.is_empty()).map(|name| JobName::from(name.to_owned())).collect();
        // Jobs not started by this stack have no request, whatever their names are.
        let ours = self.ledger.find_jobs(&names).await?.into_iter().find(|row| row.request.is_some());
        Ok(ours.map(|job| {
            let uri = format!("s3://{}/{}", object.bucket, object.key);
            let problem = format!("{uri} is an artifact of the compilation job {}", job.name);
            Problem::new("own-output", problem, "stop copying artifacts into the model bucket")
        }))
    }

    /// Why no object of the bucket is compiled: artifacts are written to it.
    fn find_artifact_bucket(&self, object: &ObjectCreated) -> Option<Problem> {
        let uri = format!("s3://{}/{}", object.bucket, object.key);
        if object.bucket.eq_ignore_ascii_case(self.models.artifact_bucket()) {
            let fix = "remove the artifact bucket from the sources of the Uploads queue: the EventBridge rule, or a notification of the bucket";
            return Some(Problem::new("own-output", format!("{uri} is in the artifact bucket"), fix));
        }
        let for_artifacts = self.artifact_buckets.iter().any(|bucket| object.bucket.eq_ignore_ascii_case(bucket));
        for_artifacts.then(|| {
            let problem = format!(
                "{uri} is in a bucket for artifacts: `{}` is listed in both template parameters, ModelBuckets and ArtifactBuckets",
                object.bucket
            );
            Problem::new("own-output", problem, "remove the bucket from one of the two parameters and update the stack")
        })
    }
}
