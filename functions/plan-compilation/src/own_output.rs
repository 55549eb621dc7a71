//! The loop rule at run time: what this system wrote itself is no upload, wherever it turns up.
//!
//! The template keeps the buckets apart and the pre-flight refuses an output that leads back. This is for a rule of `EventBridge` that
//! somebody widened, and for whatever copies artifacts into the model bucket.

use automation::{
    batch::Failure,
    event::ObjectCreated,
    ledger::{Ledger, Table},
};
use model_archive::Problem;
use neo::JobName;

/// Why the object is one of this system's artifacts; none if it is not. SageMaker marks its artifacts in no way, so that only the place
/// tells: the artifact bucket, or a key with the name of one of our jobs in it, as the default output gives each artifact.
pub(crate) async fn of<T: Table>(
    ledger: &Ledger<T>,
    artifact_bucket: &str,
    object: &ObjectCreated,
) -> Result<Option<Problem>, Failure> {
    let uri = format!("s3://{}/{}", object.bucket, object.key);
    if object.bucket.eq_ignore_ascii_case(artifact_bucket) {
        let remedy = "take the artifact bucket out of what feeds the Uploads queue: the rule of EventBridge, or a notification of the bucket";
        return Ok(Some(Problem::new("own-output", format!("{uri} lies in the artifact bucket"), remedy)));
    }
    let folders = object.key.rsplit_once('/').map(|(folders, _)| folders).unwrap_or_default();
    let names: Vec<_> =
        folders.split('/').filter(|name| !name.is_empty()).map(|name| JobName::from(name.to_owned())).collect();
    // Jobs that something else started may be called anything; the names of ours end with a hash.
    let ours = ledger.jobs(&names).await?.into_iter().find(|row| row.request.is_some());
    Ok(ours.map(|job| {
        let problem = format!("{uri} is an artifact of the compilation job {}", job.name);
        Problem::new("own-output", problem, "stop what copies artifacts into the bucket that starts compilations")
    }))
}
