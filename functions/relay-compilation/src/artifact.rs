//! Looks up the artifact of a completed job: the status of a job says that SageMaker is done, not
//! that there is a compiled model.

use automation::objects::{ObjectHead, Objects, split_s3_uri};
use ledger::ArtifactCheck;
use neo::{CompilationRequest, JobDescription, JobStatus};
use tracing::warn;
use worker::CallError;

/// Checks the artifact of a job that completed. A job whose artifact does not exist is described as
/// failed. `request` is that of a job of this stack.
///
/// # Errors
/// If S3 did not answer.
pub(crate) async fn check_artifact(
    objects: &impl Objects,
    description: JobDescription,
    request: Option<&CompilationRequest>,
) -> Result<(JobDescription, Option<ArtifactCheck>), CallError> {
    let artifact = description.artifact.as_deref().filter(|_| description.status == JobStatus::Completed);
    let Some((bucket, key)) = artifact.and_then(split_s3_uri) else { return Ok((description, None)) };
    match objects.find_object(bucket, key).await {
        Ok(Some(found)) => {
            let check = is_input(&found, request).then_some(ArtifactCheck::NotCompiled);
            Ok((description, check))
        }
        Ok(None) => {
            let reason = format!("The job completed, but its artifact s3://{bucket}/{key} is not in S3");
            warn!(job = description.name, reason, "Compilation job counts as failed");
            let status = JobStatus::Failed;
            Ok((JobDescription { status, artifact: None, failure_reason: Some(reason), ..description }, None))
        }
        Err(error) if error.kind.is_refusal() => {
            warn!(job = description.name, bucket, key, %error, "Artifact not checked: it cannot be read");
            Ok((description, Some(ArtifactCheck::NotReadable)))
        }
        Err(error) => Err(error),
    }
}

/// Whether an artifact is the archive that was to be compiled.
fn is_input(artifact: &ObjectHead, request: Option<&CompilationRequest>) -> bool {
    let input = request.and_then(|request| request.source.as_upload());
    input.is_some_and(|input| input.size == artifact.size && input.etag == artifact.etag)
}
