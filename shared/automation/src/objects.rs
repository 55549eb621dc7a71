//! Objects in S3, read as streams.

use std::{
    collections::HashMap,
    io::{self, Read},
    pin::Pin,
    sync::{Arc, Weak},
};

use aws_sdk_s3::{Client, error::SdkError};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    runtime::Handle,
};

use crate::{call::CallError, event::ObjectCreated};

/// An object that is being read.
pub struct Object {
    /// Version id; none in a bucket without versioning.
    pub version_id: Option<String>,
    /// Entity tag, without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    /// User metadata, without its `x-amz-meta-` prefix.
    pub metadata: HashMap<String, String>,
    /// The bytes.
    pub body: Pin<Box<dyn AsyncRead + Send>>,
}

/// Why an object could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It was deleted.
    #[error("the object is gone")]
    Gone,
    /// Another one took its place.
    #[error("the object was overwritten")]
    Overwritten,
    /// S3 could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Buckets.
pub trait Objects: Sync {
    /// Opens exactly the object that an event tells of.
    fn open(&self, object: &ObjectCreated) -> impl Future<Output = Result<Object, OpenError>> + Send;

    /// The version ids under a key, newest first.
    fn versions(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Vec<String>, CallError>> + Send;

    /// Writes an object.
    fn write(
        &self,
        bucket: &str,
        key: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// S3.
#[derive(Debug, Clone)]
pub struct S3 {
    client: Client,
}

impl S3 {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Objects for S3 {
    async fn open(&self, object: &ObjectCreated) -> Result<Object, OpenError> {
        // A version never changes; without versions, only the entity tag tells an overwritten object.
        let etag = object.etag.as_ref().filter(|_| object.version_id.is_none());
        let answer = self
            .client
            .get_object()
            .bucket(&object.bucket)
            .key(&object.key)
            .set_version_id(object.version_id.clone())
            .set_if_match(etag.map(|etag| format!("\"{etag}\"")))
            .send()
            .await;
        let output = answer.map_err(|error| {
            let status = match &error {
                SdkError::ServiceError(error) => error.raw().status().as_u16(),
                _ => 0,
            };
            match status {
                // 405: the version is a delete marker.
                404 | 405 => OpenError::Gone,
                412 => OpenError::Overwritten,
                _ => OpenError::Call(CallError::new("GetObject", error)),
            }
        })?;
        Ok(Object {
            version_id: output.version_id.filter(|version| version != "null"),
            etag: output.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
            size: output.content_length.and_then(|size| size.try_into().ok()).unwrap_or(0),
            metadata: output.metadata.unwrap_or_default(),
            body: Box::pin(output.body.into_async_read()),
        })
    }

    async fn versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, CallError> {
        let answer = self.client.list_object_versions().bucket(bucket).prefix(key).send().await;
        let answer = answer.map_err(|error| CallError::new("ListObjectVersions", error))?;
        let versions = answer.versions.unwrap_or_default().into_iter();
        Ok(versions.filter(|version| version.key() == Some(key)).filter_map(|version| version.version_id).collect())
    }

    async fn write(&self, bucket: &str, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        let put = self.client.put_object().bucket(bucket).key(key).content_type(content_type).body(bytes.into());
        put.send().await.map(drop).map_err(|error| CallError::new("PutObject", error))
    }
}

/// Reads a stream from a blocking thread. When the future that waits for that thread is dropped, `alive` is too, and the
/// next read fails: nothing reads on after its invocation ended.
pub struct BlockingReader {
    body: Pin<Box<dyn AsyncRead + Send>>,
    runtime: Handle,
    alive: Weak<()>,
}

impl BlockingReader {
    /// Reads `body` as long as `alive` is held.
    pub fn new(body: Pin<Box<dyn AsyncRead + Send>>, alive: &Arc<()>) -> Self {
        Self { body, runtime: Handle::current(), alive: Arc::downgrade(alive) }
    }
}

impl Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.alive.strong_count() == 0 {
            return Err(io::Error::other("the invocation that wanted this object has ended"));
        }
        self.runtime.block_on(self.body.read(buffer))
    }
}
