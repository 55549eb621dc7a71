//! `automation.yaml` from the configuration bucket: the newest version that is valid is in force.

use std::sync::{Arc, Mutex};

use document::{ConfigError, Fault};
use jiff::Timestamp;
use maintenance::Declared;
use neo::Compilation;
use thiserror::Error;
use tokio::io::AsyncReadExt;

use crate::{
    batch::Failure,
    call::{CallError, Kind},
    event::ObjectCreated,
    ledger::{Ledger, Table},
    notification::Notification,
    objects::{Object, Objects, OpenError},
    topic::Topic,
};

/// Largest document that is read, in bytes: a hundred times what a large organisation writes.
const MAX_DOCUMENT: u64 = 1024 * 1024;

/// Versions that are tried before the search for a valid one ends.
const MAX_VERSIONS: usize = 20;

/// The whole of `automation.yaml`.
#[derive(Debug, Clone)]
pub struct Document {
    /// What is compiled.
    pub compilation: Compilation,
    /// What is kept as declared.
    pub declared: Declared,
    /// What is valid and yet worth a look.
    pub warnings: Vec<Fault>,
}

impl Document {
    /// Reads a document, or tells every mistake in it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let ((compilation, declared), warnings) = document::read(text, |reader, sections| {
            let (compilation, declared) = (Compilation::read(reader, sections), Declared::read(reader, sections));
            compilation.zip(declared)
        })?;
        Ok(Self { compilation, declared, warnings })
    }
}

/// The configuration in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// The document.
    pub document: Arc<Document>,
    /// A newer version that was refused.
    pub refused: Option<Refused>,
    version: Option<String>,
}

impl Config {
    /// The version id of the document in force.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

/// A document that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its version id.
    pub version: Option<String>,
    /// Why, and how to mend it.
    pub error: String,
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Nobody wrote one.
    #[error("there is no configuration at s3://{bucket}/{key}")]
    Missing {
        /// The configuration bucket.
        bucket: String,
        /// The object key that is looked at.
        key: String,
    },
    /// No version of it is valid.
    #[error("the configuration is not valid: {}", .0.error)]
    Invalid(Refused),
    /// S3 could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

type Identity = (String, Option<String>);

/// Where the configuration is.
#[derive(Debug)]
pub struct ConfigSource<O> {
    objects: O,
    bucket: String,
    key: String,
    /// The last answer, by entity tag and version of the newest document.
    last: Mutex<Option<(Identity, Config)>>,
}

impl<O: Objects> ConfigSource<O> {
    /// The document under this key.
    pub fn new(objects: O, bucket: String, key: String) -> Self {
        Self { objects, bucket, key, last: Mutex::default() }
    }

    /// Bucket of the document.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Object key of the document.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The configuration in force right now.
    pub async fn load(&self) -> Result<Config, LoadError> {
        let newest = self.open(None).await?;
        let identity = (newest.etag.clone(), newest.version_id.clone());
        let cached = self.last.lock().ok().and_then(|last| last.clone());
        if let Some((_, config)) = cached.filter(|(known, _)| *known == identity) {
            return Ok(config);
        }
        let version = newest.version_id.clone();
        let config = match parse(newest).await? {
            Ok(document) => Config { document: Arc::new(document), refused: None, version },
            Err(error) => self.last_good(Refused { version, error }).await?,
        };
        if let Ok(mut last) = self.last.lock() {
            *last = Some((identity, config.clone()));
        }
        Ok(config)
    }

    /// The configuration in force, for those who have nothing to do without one (`None`); a version that was refused is told of.
    pub async fn in_force<T: Table>(
        &self,
        ledger: &Ledger<T>,
        topic: &impl Topic,
        now: Timestamp,
    ) -> Result<Option<Config>, Failure> {
        match self.load().await {
            Ok(config) => {
                if let Some(refused) = &config.refused {
                    self.tell_refused(refused, config.version(), ledger, topic, now).await?;
                }
                Ok(Some(config))
            }
            Err(LoadError::Missing { .. }) => Ok(None),
            Err(LoadError::Invalid(refused)) => {
                self.tell_refused(&refused, None, ledger, topic, now).await?;
                Ok(None)
            }
            Err(LoadError::Call(error)) => Err(error.into()),
        }
    }

    /// Tells of a version that was refused, once; `in_force` is the one that stays in force.
    pub async fn tell_refused<T: Table>(
        &self,
        refused: &Refused,
        in_force: Option<&str>,
        ledger: &Ledger<T>,
        topic: &impl Topic,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let (bucket, key, version) = (&self.bucket, &self.key, refused.version.as_deref());
        let notification = Notification::config_rejected(bucket, key, version, &refused.error, in_force, now);
        ledger.once(&notification.id, topic.publish(&notification)).await?;
        Ok(())
    }

    async fn last_good(&self, refused: Refused) -> Result<Config, LoadError> {
        for version in self.objects.versions(&self.bucket, &self.key).await?.into_iter().take(MAX_VERSIONS) {
            if refused.version.as_ref() == Some(&version) {
                continue;
            }
            if let Ok(document) = parse(self.open(Some(version.clone())).await?).await? {
                return Ok(Config { document: Arc::new(document), refused: Some(refused), version: Some(version) });
            }
        }
        Err(LoadError::Invalid(refused))
    }

    async fn open(&self, version_id: Option<String>) -> Result<Object, LoadError> {
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        let object = ObjectCreated { bucket, key, version_id, etag: None, size: None, sequencer: None };
        self.objects.open(&object).await.map_err(|error| match error {
            OpenError::Gone | OpenError::Overwritten => LoadError::Missing { bucket: object.bucket, key: object.key },
            OpenError::Call(error) => error.into(),
        })
    }
}

/// The outer error: it could not be read. The inner one: it is not valid.
async fn parse(object: Object) -> Result<Result<Document, String>, CallError> {
    if object.size > MAX_DOCUMENT {
        return Ok(Err(format!("the document has {} bytes; at most {MAX_DOCUMENT} are read", object.size)));
    }
    let mut bytes = Vec::new();
    let read = object.body.take(MAX_DOCUMENT).read_to_end(&mut bytes).await;
    read.map_err(|error| CallError::other("GetObject", Kind::Unanswered, error.to_string()))?;
    Ok(match str::from_utf8(&bytes) {
        Ok(text) => Document::parse(text).map_err(|error: ConfigError| error.to_string()),
        Err(error) => Err(format!("the document is not UTF-8: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryObjects, StoredObject};

    const GOOD: &str =
        "version: 1\ncompilation: { rules: [ { name: all, keys: '**', targets: [ { device: ml_c5 } ] } ] }";

    fn put(objects: &MemoryObjects, version: &str, text: &str) {
        let object = StoredObject {
            version_id: Some(version.to_owned()),
            etag: format!("etag-{version}"),
            bytes: text.as_bytes().to_vec(),
            ..StoredObject::default()
        };
        objects.put("config", "automation.yaml", object);
    }

    fn source(objects: &MemoryObjects) -> ConfigSource<MemoryObjects> {
        ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned())
    }

    #[tokio::test]
    async fn a_missing_document_is_named() {
        let error = source(&MemoryObjects::default()).load().await.unwrap_err();
        assert_eq!(error.to_string(), "there is no configuration at s3://config/automation.yaml");
    }

    /// SEMANTICS last-good-config: An invalid configuration is refused, and the last good version stays in force.
    #[tokio::test]
    async fn an_invalid_document_leaves_the_last_good_one_in_force() {
        let objects = MemoryObjects::default();
        put(&objects, "1", GOOD);
        put(&objects, "2", "");
        put(&objects, "3", "version: 1\ncompilatoin: {}");
        let config = source(&objects).load().await.unwrap();
        assert_eq!(config.version(), Some("1"));
        let refused = config.refused.unwrap();
        assert_eq!(refused.version.as_deref(), Some("3"));
        assert!(refused.error.contains("compilatoin"), "{}", refused.error);
    }

    #[tokio::test]
    async fn without_a_good_one_the_newest_mistake_is_told() {
        let objects = MemoryObjects::default();
        put(&objects, "1", "version: 1\ncompilation: [");
        let error = source(&objects).load().await.unwrap_err();
        assert!(matches!(&error, LoadError::Invalid(refused) if refused.version.as_deref() == Some("1")), "{error}");
    }

    #[tokio::test]
    async fn a_change_is_seen_at_once() {
        let objects = MemoryObjects::default();
        let source = source(&objects);
        put(&objects, "1", GOOD);
        assert_eq!(source.load().await.unwrap().version(), Some("1"));
        put(&objects, "2", GOOD);
        assert_eq!(source.load().await.unwrap().version(), Some("2"));
    }
}
