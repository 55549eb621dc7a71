//! S3 access of a compilation job: checks that the input object exists and writes the artifact.

use aws_sdk_s3::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata},
    operation::head_object::HeadObjectError,
    primitives::ByteStream,
};

use crate::compilation::{CompilationTask, CompiledArtifact};

#[derive(Debug, Clone)]
pub(crate) struct ArtifactStore {
    client: Client,
}

impl ArtifactStore {
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        // S3 emulators expect path-style URLs.
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
        Self { client: Client::from_conf(config) }
    }

    /// Checks the input and writes the artifact. The error is the job's `FailureReason`.
    pub async fn run_compilation(&self, task: &CompilationTask) -> Result<CompiledArtifact, String> {
        if let Some(input) = &task.input {
            self.check_input(&input.s3_uri, task).await?;
        }
        let artifact = task.build_artifact().map_err(|error| task.internal_error_reason(&error))?;
        let (bucket, key) = split_s3_uri(&artifact.uri)
            .ok_or_else(|| format!("ClientError: OutputConfiguration: {} is not an s3:// URI.", artifact.uri))?;
        let body = ByteStream::from(artifact.bytes.clone());
        let put = self.client.put_object().bucket(bucket).key(key).content_type("application/gzip").body(body);
        match put.send().await {
            Ok(_) => Ok(artifact),
            Err(error) if error.code() == Some("NoSuchBucket") => {
                Err(format!("ClientError: OutputConfiguration: The bucket {bucket} does not exist."))
            }
            Err(error) => Err(task.internal_error_reason(&DisplayErrorContext(error))),
        }
    }

    async fn check_input(&self, uri: &str, task: &CompilationTask) -> Result<(), String> {
        let missing = || format!("ClientError: InputConfiguration: S3 object does not exist. Please check {uri}.");
        let (bucket, key) = split_s3_uri(uri).ok_or_else(missing)?;
        match self.client.head_object().bucket(bucket).key(key).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Err(missing()),
            Err(error) => Err(task.internal_error_reason(&DisplayErrorContext(error))),
        }
    }
}

/// Returns the bucket and the key; `None` if the URI has no object key.
fn split_s3_uri(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("s3://")?.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::split_s3_uri;

    #[test]
    fn splits_only_uris_with_an_object_key() {
        for (uri, expected) in [
            ("s3://bucket/a/b.tar.gz", Some(("bucket", "a/b.tar.gz"))),
            ("s3://bucket/", None),
            ("s3://bucket", None),
            ("s3:///key", None),
            ("https://bucket/key", None),
        ] {
            assert_eq!(split_s3_uri(uri), expected, "{uri}");
        }
    }
}
