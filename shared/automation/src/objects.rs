//! S3 objects: opening, listing and writing them.

use std::{
    collections::HashMap,
    io::{self, Read},
    pin::Pin,
    sync::{Arc, Weak},
};

use aws_sdk_s3::{Client, error::SdkError, primitives::DateTime, types::EncodingType};
use jiff::Timestamp;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    runtime::Handle,
};
use worker::{CallError, CallErrorKind};

use crate::{
    event::{ObjectCreated, decode_key},
    resumable_body::{ReadObject, ResumableBody, early_end},
};

/// An open object.
pub struct Object {
    /// `None` in a bucket without versioning.
    pub version_id: Option<String>,
    /// Entity tag, without quotes.
    pub etag: String,
    /// Size in bytes; `None` if neither the response nor the event announces it.
    pub size: Option<u64>,
    pub last_modified: Option<Timestamp>,
    /// User metadata, without its `x-amz-meta-` prefix.
    pub metadata: HashMap<String, String>,
    pub body: Pin<Box<dyn AsyncRead + Send>>,
}

/// What S3 shows of an object without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// `None` in a bucket without versioning.
    pub version_id: Option<String>,
    /// Entity tag, without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    pub last_modified: Option<Timestamp>,
    /// ARN of the KMS key that encrypts it; `None` if that is S3's own key.
    pub kms_key: Option<String>,
}

/// An object in the list of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    pub key: String,
    /// Entity tag, without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was uploaded, in whole seconds. S3 dates an upload in parts to its start (user
    /// guide, "Working with object metadata").
    pub last_modified: Timestamp,
}

/// A part of the list of a bucket, ordered by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectPage {
    pub objects: Vec<ListedObject>,
    /// Whether more objects follow.
    pub has_more: bool,
}

/// The bucket and the key of an `s3://…` URI; `None` if it names no object.
pub fn split_s3_uri(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("s3://")?.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
}

/// Why an object could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("the object was deleted")]
    Gone,
    /// Another upload replaced it, in a bucket without versioning.
    #[error("the object was overwritten")]
    Overwritten,
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The S3 operations that the functions use.
pub trait Objects: Sync {
    /// Opens exactly the object that an event names.
    fn open_object(&self, object: &ObjectCreated) -> impl Future<Output = Result<Object, OpenError>> + Send;

    /// Looks up an object without opening it; `None` if it does not exist.
    fn find_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> impl Future<Output = Result<Option<ObjectHead>, CallError>> + Send;

    /// The objects under a prefix whose keys follow `after`: 1,000 of them if there are so many.
    fn list_objects(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Future<Output = Result<ObjectPage, CallError>> + Send;

    /// The version ids under a key, newest first.
    fn list_versions(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Vec<String>, CallError>> + Send;

    fn write_object(
        &self,
        bucket: &str,
        key: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// Objects in Amazon S3.
#[derive(Debug, Clone)]
pub struct S3Objects {
    client: Client,
}

impl S3Objects {
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Objects for S3Objects {
    async fn open_object(&self, object: &ObjectCreated) -> Result<Object, OpenError> {
        // A version never changes. Without versioning, only the entity tag shows that an object was
        // overwritten.
        let etag = object.etag.as_ref().filter(|_| object.version_id.is_none());
        let response = self
            .client
            .get_object()
            .bucket(&object.bucket)
            .key(&object.key)
            .set_version_id(object.version_id.clone())
            .set_if_match(etag.map(|etag| format!("\"{etag}\"")))
            .send()
            .await;
        let output = response.map_err(|error| {
            let status = match &error {
                SdkError::ServiceError(error) => error.raw().status().as_u16(),
                _ => 0,
            };
            match status {
                // 405: the version is a delete marker.
                404 | 405 => OpenError::Gone,
                412 => OpenError::Overwritten,
                _ => OpenError::Call(CallError::from_sdk("GetObject", error)),
            }
        })?;
        let read = ReadObject {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            version_id: output.version_id.filter(|version| version != "null"),
            etag: unquote_etag(output.e_tag),
            size: output.content_length.and_then(|size| size.try_into().ok()).or(object.size),
        };
        let body = Box::pin(output.body.into_async_read());
        Ok(Object {
            version_id: read.version_id.clone(),
            etag: read.etag.clone(),
            size: read.size,
            last_modified: output.last_modified.and_then(to_timestamp),
            metadata: output.metadata.unwrap_or_default(),
            body: Box::pin(ResumableBody::new(self.client.clone(), read, body)),
        })
    }

    async fn find_object(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, CallError> {
        let response = self.client.head_object().bucket(bucket).key(key).send().await;
        match response.map_err(|error| CallError::from_sdk("HeadObject", error)) {
            Ok(found) => Ok(Some(ObjectHead {
                version_id: found.version_id.filter(|version| version != "null"),
                etag: unquote_etag(found.e_tag),
                size: found.content_length.and_then(|size| size.try_into().ok()).unwrap_or(0),
                last_modified: found.last_modified.and_then(to_timestamp),
                kms_key: found.ssekms_key_id,
            })),
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list_objects(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<ObjectPage, CallError> {
        // XML cannot contain every character that a key can contain.
        let list = self.client.list_objects_v2().bucket(bucket).prefix(prefix).encoding_type(EncodingType::Url);
        let response = list.set_start_after(after.map(str::to_owned)).send().await;
        let response = response.map_err(|error| CallError::from_sdk("ListObjectsV2", error))?;
        let is_encoded = response.encoding_type == Some(EncodingType::Url);
        let objects = response.contents.unwrap_or_default().into_iter().filter_map(|object| {
            let key = object.key?;
            Some(ListedObject {
                key: if is_encoded { decode_key(&key).ok()? } else { key },
                etag: unquote_etag(object.e_tag),
                size: object.size.and_then(|size| size.try_into().ok()).unwrap_or(0),
                last_modified: object.last_modified.and_then(to_timestamp)?,
            })
        });
        Ok(ObjectPage { objects: objects.collect(), has_more: response.is_truncated.unwrap_or(false) })
    }

    async fn list_versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, CallError> {
        let response = self.client.list_object_versions().bucket(bucket).prefix(key).send().await;
        let response = response.map_err(|error| CallError::from_sdk("ListObjectVersions", error))?;
        let versions = response.versions.unwrap_or_default().into_iter();
        Ok(versions.filter(|version| version.key() == Some(key)).filter_map(|version| version.version_id).collect())
    }

    async fn write_object(&self, bucket: &str, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        let put = self.client.put_object().bucket(bucket).key(key).content_type(content_type).body(bytes.into());
        put.send().await.map(drop).map_err(|error| CallError::from_sdk("PutObject", error))
    }
}

fn unquote_etag(etag: Option<String>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

fn to_timestamp(time: DateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.secs()).ok()
}

/// Reads a stream from a blocking thread. When the future that waits for that thread is dropped,
/// `alive` is dropped with it, and the next read fails: no read continues after its invocation has
/// ended.
///
/// An object that ends before its announced end is an error of the transfer.
pub struct BlockingReader {
    body: Pin<Box<dyn AsyncRead + Send>>,
    size: Option<u64>,
    position: u64,
    runtime: Handle,
    alive: Weak<()>,
}

impl BlockingReader {
    /// Reads an object as long as `alive` is held.
    pub fn new(object: Object, alive: &Arc<()>) -> Self {
        let Object { body, size, .. } = object;
        Self { body, size, position: 0, runtime: Handle::current(), alive: Arc::downgrade(alive) }
    }
}

impl Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.alive.strong_count() == 0 {
            return Err(io::Error::other("the invocation that read this object has ended"));
        }
        let read = self.runtime.block_on(self.body.read(buffer))?;
        self.position += read as u64;
        match self.size.filter(|size| read == 0 && !buffer.is_empty() && *size > self.position) {
            Some(size) => Err(early_end(self.position, size)),
            None => Ok(read),
        }
    }
}
