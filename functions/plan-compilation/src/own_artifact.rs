//! Recognizes artifacts of this stack that come back as uploads, so that the stack never compiles
//! its own output.
//!
//! The template keeps the buckets apart, and planning rejects an output that leads back. This check
//! is for an EventBridge rule that was widened, and for tools that copy artifacts into the model
//! bucket.

use automation::event::ObjectCreated;
use ledger::{Ledger, LedgerTable};
use model_archive::Problem;
use neo::JobName;
use worker::Failure;

/// Why the object is an artifact of this stack; `None` if it is not. SageMaker does not mark its
/// artifacts, so only the location shows it: the artifact bucket, or a key that contains the name
/// of one of our jobs, as the default output does.
pub(crate) async fn find_own_artifact<T: LedgerTable>(
    ledger: &Ledger<T>,
    artifact_bucket: &str,
    object: &ObjectCreated,
) -> Result<Option<Problem>, Failure> {
    let uri = format!("s3://{}/{}", object.bucket, object.key);
    if object.bucket.eq_ignore_ascii_case(artifact_bucket) {
        let fix = "remove the artifact bucket from the sources of the Uploads queue: the EventBridge rule, or a notification of the bucket";
        return Ok(Some(Problem::new("own-output", format!("{uri} is in the artifact bucket"), fix)));
    }
    let folders = object.key.rsplit_once('/').map(|(folders, _)| folders).unwrap_or_default();
    let names: Vec<_> =
        folders.split('/').filter(|name| !name.is_empty()).map(|name| JobName::from(name.to_owned())).collect();
    // Jobs not started by this stack have no request, whatever their names are.
    let ours = ledger.find_jobs(&names).await?.into_iter().find(|row| row.request.is_some());
    Ok(ours.map(|job| {
        let problem = format!("{uri} is an artifact of the compilation job {}", job.name);
        Problem::new("own-output", problem, "stop copying artifacts into the model bucket")
    }))
}
