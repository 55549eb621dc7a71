//! S3, as a compilation uses it: the input is looked for, the artifact is written.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::ByteStream;

use crate::compilation::{Compiled, Work};

#[derive(Debug, Clone)]
pub(crate) struct Store {
    client: Client,
}

impl Store {
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        // S3 emulators serve buckets by path, not by host name.
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
        Self { client: Client::from_conf(config) }
    }

    /// Does the work; the error is the job's failure reason.
    pub async fn compile(&self, work: &Work) -> Result<Compiled, String> {
        if let Some(input) = &work.input {
            self.find(&input.s3_uri, work).await?;
        }
        let compiled = work.compiled().map_err(|error| work.internal_error(&error))?;
        let (bucket, key) = split(&compiled.uri)
            .ok_or_else(|| format!("ClientError: OutputConfiguration: {} is not an s3:// URI.", compiled.uri))?;
        let body = ByteStream::from(compiled.bytes.clone());
        let put = self.client.put_object().bucket(bucket).key(key).content_type("application/gzip").body(body);
        match put.send().await {
            Ok(_) => Ok(compiled),
            Err(error) if error.code() == Some("NoSuchBucket") => {
                Err(format!("ClientError: OutputConfiguration: The bucket {bucket} does not exist."))
            }
            Err(error) => Err(work.internal_error(&DisplayErrorContext(error))),
        }
    }

    async fn find(&self, uri: &str, work: &Work) -> Result<(), String> {
        let missing = || format!("ClientError: InputConfiguration: S3 object does not exist. Please check {uri}.");
        let (bucket, key) = split(uri).ok_or_else(missing)?;
        match self.client.head_object().bucket(bucket).key(key).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Err(missing()),
            Err(error) => Err(work.internal_error(&DisplayErrorContext(error))),
        }
    }
}

/// Bucket and key of an `s3://` URI that names an object.
fn split(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("s3://")?.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn only_uris_of_objects_are_split() {
        for (uri, expected) in [
            ("s3://bucket/a/b.tar.gz", Some(("bucket", "a/b.tar.gz"))),
            ("s3://bucket/", None),
            ("s3://bucket", None),
            ("s3:///key", None),
            ("https://bucket/key", None),
        ] {
            assert_eq!(split(uri), expected, "{uri}");
        }
    }
}
