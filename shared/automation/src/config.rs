//! `automation.yaml` from the configuration bucket: the latest valid version is active.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use configuration::ConfigDocument;
use jiff::Timestamp;
use ledger::{LedgerTable, ValidConfigRow};
use maintenance::Change;
use neo::ModelBuckets;
use notifications::{Channel, Notification, notifier::Notifier};
use thiserror::Error;
use tokio::io::AsyncReadExt;
use worker::{CallError, CallErrorKind, Failure, backoff::Backoff};

use crate::{
    event::ObjectCreated,
    objects::{Object, Objects, OpenError},
};

/// Largest document that is read, in bytes: a hundred times what a large organisation writes.
const MAX_DOCUMENT: u64 = 1024 * 1024;

/// Versions that are tried, newest first, before the one is tried that was valid when it was
/// loaded.
const MAX_VERSIONS: usize = 20;

/// How long a record waits that needs a configuration, while there is none that can be used.
const MISSING_RETRY: Duration = Duration::from_mins(5);

/// The active configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub document: Arc<ConfigDocument>,
    /// A later version that was rejected.
    pub rejected: Option<RejectedConfig>,
    version: Option<String>,
    uploaded_at: Option<Timestamp>,
}

impl Config {
    /// The S3 version id of the active document.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// When S3 received the active document.
    pub fn uploaded_at(&self) -> Option<Timestamp> {
        self.uploaded_at
    }
}

/// The active configuration, and what it changed.
#[derive(Debug, Clone)]
pub struct ConfigHistory {
    pub active: Config,
    /// The newest valid version before it, by its S3 version id.
    pub previous_version: Option<String>,
    /// What differs from the previous version; without one, all of its entries.
    pub changes: Vec<Change>,
}

/// A document that is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedConfig {
    /// Its S3 version id.
    pub version: Option<String>,
    /// All errors in it, with their fixes.
    pub error: String,
}

/// Why there is no active configuration.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("there is no configuration at s3://{bucket}/{key}")]
    Missing {
        /// The configuration bucket.
        bucket: String,
        /// The object key of the configuration.
        key: String,
    },
    #[error("the configuration is not valid: {}", .0.error)]
    Invalid(RejectedConfig),
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The configuration as a function finds it.
#[derive(Debug)]
pub enum FoundConfig {
    Active(Config),
    /// There is none, or no version of it is valid.
    Unavailable(LoadError),
}

/// Entity tag and version id of an object.
type ObjectIdentity = (String, Option<String>);

/// Where the configuration is stored.
#[derive(Debug)]
pub struct ConfigSource<O> {
    objects: O,
    bucket: String,
    key: String,
    /// The last result, with the identity of the latest document at that time.
    last: Mutex<Option<(ObjectIdentity, Config)>>,
    /// Documents that were uploaded later, by the clock of S3, are checked for what earlier
    /// releases accepted.
    checks_since: OnceLock<Timestamp>,
    /// The version that this process recorded in the ledger as valid.
    recorded: Mutex<Option<ValidConfigRow>>,
    /// The buckets that rules can name; `None` if they are not checked.
    model_buckets: Option<ModelBuckets>,
}

impl<O: Objects> ConfigSource<O> {
    pub fn new(objects: O, bucket: String, key: String) -> Self {
        Self {
            objects,
            bucket,
            key,
            last: Mutex::default(),
            checks_since: OnceLock::new(),
            recorded: Mutex::default(),
            model_buckets: None,
        }
    }

    /// Rejects rules for buckets that the stack does not know. A configuration is valid or invalid
    /// as a whole, so every function of the stack checks it.
    #[must_use]
    pub fn with_model_buckets(mut self, buckets: ModelBuckets) -> Self {
        self.model_buckets = Some(buckets);
        self
    }

    /// The configuration bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The object key of the configuration.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Loads the active configuration: the latest version if it is valid, otherwise the last valid
    /// one. Unless [`load_and_report`](Self::load_and_report) was called before, every version
    /// counts as in use.
    pub async fn load_active(&self) -> Result<Config, LoadError> {
        self.load_newest_valid(self.open_version(None).await?, async { Ok(None) }).await
    }

    /// Loads the active configuration, and compares it with the newest valid version before it.
    pub async fn load_history(&self) -> Result<ConfigHistory, LoadError> {
        let active = self.load_active().await?;
        let mut versions = self.objects.list_versions(&self.bucket, &self.key).await?;
        versions.truncate(MAX_VERSIONS);
        let earlier = versions.into_iter().skip_while(|version| Some(version.as_str()) != active.version()).skip(1);
        let mut previous = None;
        for version in earlier {
            if let Some(document) = self.find_document(&version).await? {
                previous = Some((version, document));
                break;
            }
        }
        let (previous_version, document) = previous.unzip();
        let changes = active.document.list_changes(document.as_deref());
        Ok(ConfigHistory { active, previous_version, changes })
    }

    /// `latest` is the newest version, `remembered` the one that was valid when it was loaded.
    async fn load_newest_valid(
        &self,
        latest: Object,
        remembered: impl Future<Output = Result<Option<String>, CallError>>,
    ) -> Result<Config, LoadError> {
        let identity = (latest.etag.clone(), latest.version_id.clone());
        let cached = self.last.lock().ok().and_then(|last| last.clone());
        if let Some((_, config)) = cached.filter(|(known, _)| *known == identity) {
            return Ok(config);
        }
        let (version, uploaded_at) = (latest.version_id.clone(), latest.last_modified);
        let config = match self.parse_object(latest).await? {
            ParsedConfig::Valid(document) => Config { document, rejected: None, version, uploaded_at },
            ParsedConfig::Invalid(error) => self.load_last_valid(RejectedConfig { version, error }, remembered).await?,
        };
        if let Ok(mut last) = self.last.lock() {
            *last = Some((identity, config.clone()));
        }
        Ok(config)
    }

    /// Loads the active configuration and reports a rejected version.
    ///
    /// # Errors
    /// [`Failure::Deferred`] if there is none now, but there was one: what needs it waits, and is
    /// not rejected.
    pub async fn load_and_report<T: LedgerTable, N: Channel>(
        &self,
        notifier: &Notifier<T, N>,
        now: Timestamp,
    ) -> Result<FoundConfig, Failure> {
        match self.find_and_report(notifier, now).await? {
            FoundConfig::Unavailable(error) if self.had_valid(notifier).await? => {
                Err(Failure::Deferred { cause: error.to_string(), backoff: Backoff::Exponential(MISSING_RETRY) })
            }
            found => Ok(found),
        }
    }

    /// Whether this stack ever loaded a valid configuration.
    async fn had_valid<T: LedgerTable, N: Channel>(&self, notifier: &Notifier<T, N>) -> Result<bool, CallError> {
        Ok(notifier.ledger().find_valid_config().await?.is_some())
    }

    async fn find_and_report<T: LedgerTable, N: Channel>(
        &self,
        notifier: &Notifier<T, N>,
        now: Timestamp,
    ) -> Result<FoundConfig, Failure> {
        let ledger = notifier.ledger();
        let latest = self.open_version(None).await;
        if let Err(LoadError::Call(error)) = latest {
            return Err(error.into());
        }
        if self.checks_since.get().is_none() {
            let newest = latest.as_ref().ok().and_then(|latest| latest.last_modified);
            let _ = self.checks_since.set(ledger.record_config_checks(newest).await?);
        }
        let remembered = async {
            let valid = ledger.find_valid_config().await?;
            Ok(valid.and_then(|valid| valid.version))
        };
        let loaded = match latest {
            Ok(latest) => self.load_newest_valid(latest, remembered).await,
            Err(error) => Err(error),
        };
        let found = match loaded {
            Ok(config) => FoundConfig::Active(config),
            Err(LoadError::Call(error)) => return Err(error.into()),
            Err(error) => FoundConfig::Unavailable(error),
        };
        if let FoundConfig::Active(config) = &found {
            self.record_valid(config, notifier, now).await?;
        }
        match &found {
            FoundConfig::Active(Config { rejected: Some(rejected), version, .. }) => {
                self.report_rejected(rejected, version.as_deref(), notifier, now).await?;
            }
            FoundConfig::Unavailable(LoadError::Invalid(rejected)) => {
                self.report_rejected(rejected, None, notifier, now).await?;
            }
            FoundConfig::Active(_) | FoundConfig::Unavailable(_) => {}
        }
        Ok(found)
    }

    /// Like [`load_and_report`](Self::load_and_report), for a function that has nothing to do
    /// without a configuration (`None`).
    pub async fn load_or_report<T: LedgerTable, N: Channel>(
        &self,
        notifier: &Notifier<T, N>,
        now: Timestamp,
    ) -> Result<Option<Config>, Failure> {
        match self.find_and_report(notifier, now).await? {
            FoundConfig::Active(config) => Ok(Some(config)),
            FoundConfig::Unavailable(_) => Ok(None),
        }
    }

    /// Notifies once about a rejected version; `active` is the version that remains active.
    async fn report_rejected<T: LedgerTable, N: Channel>(
        &self,
        rejected: &RejectedConfig,
        active: Option<&str>,
        notifier: &Notifier<T, N>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let (bucket, key, version) = (&self.bucket, &self.key, rejected.version.as_deref());
        let notification = Notification::config_rejected(bucket, key, version, &rejected.error, active, now);
        notifier.publish_once(&notification).await
    }

    /// Notifies about a version that is active for the first time, and remembers it. After a crash
    /// in between, the notification is published again under the same id.
    async fn record_valid<T: LedgerTable, N: Channel>(
        &self,
        config: &Config,
        notifier: &Notifier<T, N>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let valid = ValidConfigRow { version: config.version.clone() };
        if self.recorded.lock().is_ok_and(|recorded| recorded.as_ref() == Some(&valid)) {
            return Ok(());
        }
        let ledger = notifier.ledger();
        let earlier = ledger.find_valid_config().await?;
        if earlier.as_ref() != Some(&valid) {
            let earlier = earlier.and_then(|earlier| earlier.version);
            match self.report_accepted(config, earlier.as_deref(), notifier, now).await {
                // Another invocation publishes it, or does not finish: then the next one does.
                Err(Failure::Deferred { .. }) => return Ok(()),
                published => published?,
            }
            ledger.record_valid_config(&valid).await?;
        }
        if let Ok(mut recorded) = self.recorded.lock() {
            *recorded = Some(valid);
        }
        Ok(())
    }

    /// Notifies about a version that is active for the first time, and what differs from the
    /// earlier one.
    async fn report_accepted<T: LedgerTable, N: Channel>(
        &self,
        config: &Config,
        earlier: Option<&str>,
        notifier: &Notifier<T, N>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let document = match earlier {
            Some(version) => self.find_document(version).await?,
            None => None,
        };
        let earlier = earlier.filter(|_| document.is_some());
        let changes = config.document.list_changes(document.as_deref());
        let (bucket, key, version) = (&self.bucket, &self.key, config.version());
        let notification = Notification::config_accepted(bucket, key, version, earlier, changes, now);
        notifier.publish_once(&notification).await
    }

    /// Loads one version; `None` if it was deleted, or is not valid any more.
    async fn find_document(&self, version: &str) -> Result<Option<Arc<ConfigDocument>>, CallError> {
        let object = match self.open_version(Some(version.to_owned())).await {
            Ok(object) => object,
            Err(LoadError::Call(error)) => return Err(error),
            Err(LoadError::Missing { .. } | LoadError::Invalid(_)) => return Ok(None),
        };
        Ok(match self.parse_object(object).await? {
            ParsedConfig::Valid(document) => Some(document),
            ParsedConfig::Invalid(_) => None,
        })
    }

    async fn load_last_valid(
        &self,
        rejected: RejectedConfig,
        remembered: impl Future<Output = Result<Option<String>, CallError>>,
    ) -> Result<Config, LoadError> {
        let mut versions = self.objects.list_versions(&self.bucket, &self.key).await?;
        versions.truncate(MAX_VERSIONS);
        // Last, because two functions may have recorded two versions in either order.
        let remembered = remembered.await?.filter(|version| !versions.contains(version));
        for version in versions.into_iter().chain(remembered) {
            if rejected.version.as_ref() == Some(&version) {
                continue;
            }
            let object = match self.open_version(Some(version.clone())).await {
                Ok(object) => object,
                // It was deleted since it was listed.
                Err(LoadError::Missing { .. }) => continue,
                Err(error) => return Err(error),
            };
            let uploaded_at = object.last_modified;
            if let ParsedConfig::Valid(document) = self.parse_object(object).await? {
                return Ok(Config { document, rejected: Some(rejected), version: Some(version), uploaded_at });
            }
        }
        Err(LoadError::Invalid(rejected))
    }

    async fn parse_object(&self, object: Object) -> Result<ParsedConfig, CallError> {
        let is_new =
            self.checks_since.get().zip(object.last_modified).is_some_and(|(since, modified)| modified > *since);
        let parse = if is_new { ConfigDocument::parse } else { ConfigDocument::parse_active };
        let mut bytes = Vec::new();
        let read = object.body.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).await;
        read.map_err(|error| CallError::new("GetObject", CallErrorKind::Unanswered, error.to_string()))?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            let error = format!("the document has more than {MAX_DOCUMENT} bytes; remove what is not needed");
            return Ok(ParsedConfig::Invalid(error));
        }
        Ok(match document::decode_text(&bytes).and_then(parse) {
            Ok(document) => self.check_buckets(document),
            Err(error) => ParsedConfig::Invalid(error.to_string()),
        })
    }

    fn check_buckets(&self, document: ConfigDocument) -> ParsedConfig {
        let unknown = self.model_buckets.as_ref().map(|buckets| document.compilation.find_unknown_buckets(buckets));
        let errors: Vec<_> = unknown.iter().flatten().map(ToString::to_string).collect();
        if errors.is_empty() {
            ParsedConfig::Valid(Arc::new(document))
        } else {
            ParsedConfig::Invalid(errors.join("\n"))
        }
    }

    async fn open_version(&self, version_id: Option<String>) -> Result<Object, LoadError> {
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        let object = ObjectCreated {
            bucket,
            key,
            version_id,
            etag: None,
            size: None,
            sequencer: None,
            uploaded_at: None,
            replayed_at: None,
        };
        self.objects.open_object(&object).await.map_err(|error| match error {
            OpenError::Gone | OpenError::Overwritten => LoadError::Missing { bucket: object.bucket, key: object.key },
            OpenError::Call(error) => error.into(),
        })
    }
}

/// The result of parsing a document.
enum ParsedConfig {
    Valid(Arc<ConfigDocument>),
    /// All errors in it, with their fixes.
    Invalid(String),
}
