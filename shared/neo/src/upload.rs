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

    /// The command that has the upload planned again, as a shell reads it.
    pub fn replay_command(&self) -> String {
        let uri = self.s3_uri();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-+=@%,".contains(c);
        if uri.chars().all(is_plain) {
            format!("automation replay {uri}")
        } else {
            format!("automation replay '{}'", uri.replace('\'', "'\\''"))
        }
    }

    /// What to do after the cause of a rejection or a failure was corrected.
    pub fn suggest_retry(&self) -> String {
        format!("upload the archive again, or run `{}`", self.replay_command())
    }

    /// The last part of the key without the archive suffix: the model's name in messages.
    pub fn file_stem(&self) -> &str {
        let name = self.key.rsplit('/').next().unwrap_or(&self.key);
        name.strip_suffix(".tar.gz").unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_commands_are_safe_to_paste() {
        let upload = |key: &str| Upload {
            bucket: "models".to_owned(),
            key: key.to_owned(),
            version_id: None,
            etag: String::new(),
            size: 1,
            replayed_at: None,
        };
        for (key, command) in [
            ("vision/a_b-1.tar.gz", "automation replay s3://models/vision/a_b-1.tar.gz"),
            ("a b.tar.gz", "automation replay 's3://models/a b.tar.gz'"),
            ("$(reboot);'a'.tar.gz", "automation replay 's3://models/$(reboot);'\\''a'\\''.tar.gz'"),
        ] {
            assert_eq!(upload(key).replay_command(), command);
        }
    }
}
