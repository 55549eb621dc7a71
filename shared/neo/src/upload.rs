//! One version of one object in the model bucket.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One version of a model archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    pub bucket: String,
    /// The object key, URL-decoded.
    pub key: String,
    /// `None` in a bucket without versioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Without quotes.
    pub etag: String,
    /// In bytes.
    pub size: u64,
    /// When it was replayed, after it was rejected or failed: it then counts as another version of
    /// the same bytes, with an answer of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_at: Option<Timestamp>,
}

impl Upload {
    /// Distinguishes this upload from others with the same key: the version id, or the entity tag
    /// if there is none.
    pub fn version(&self) -> &str {
        self.version_id.as_deref().unwrap_or(&self.etag)
    }

    /// `s3://bucket/key`
    pub fn s3_uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// The last part of the key without the archive suffix: the model's name in messages.
    pub fn file_stem(&self) -> &str {
        let name = self.key.rsplit('/').next().unwrap_or(&self.key);
        name.strip_suffix(".tar.gz").unwrap_or(name)
    }
}
