//! Where the summary of a model is kept as an object.

use automation::ledger::{JobRow, ModelRow};

/// The name of the object.
const NAME: &str = "summary.json";

/// Bucket and key: `summary.json` in a folder of the model version's own, next to the folders of its jobs' artifacts. Where those have
/// no folder in common in the artifact bucket, the folder is named after the upload.
pub fn place(model: &ModelRow, jobs: &[JobRow], artifact_bucket: &str) -> (String, String) {
    let own = jobs.iter().filter_map(|job| {
        let request = job.request.as_ref()?;
        let folder = request.output_location.strip_prefix("s3://")?.strip_prefix(artifact_bucket)?.trim_matches('/');
        let folders: Vec<&str> = folder.split('/').collect();
        // The folder of the job itself is where its artifact is.
        let beside = folders.iter().position(|name| name.contains(request.job_name.as_str())).unwrap_or(folders.len());
        Some(folders[..beside].to_vec())
    });
    let common = own.reduce(|a, b| a.into_iter().zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a).collect());
    let upload = &model.upload;
    let folder = match common {
        Some(folders) if !folders.concat().is_empty() => folders.join("/"),
        _ => upload.key.strip_suffix(".tar.gz").unwrap_or(&upload.key).to_owned(),
    };
    (artifact_bucket.to_owned(), format!("{folder}/{}/{NAME}", upload.version()))
}
