//! Histories of partner apps and images: which updates were requested, and for how long each
//! version has been running.

use std::{collections::BTreeMap, fmt::Debug};

use jiff::Timestamp;
use maintenance::{
    image::{ImageHistory, ImageUpdate, PendingImageUpdate},
    partner_app::{AppHistory, PendingAppUpdate},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use worker::{CallError, CallErrorKind};

use crate::{Ledger, LedgerRow, LedgerTable};

const IDLE_UNTIL_KEY: &str = "app#rest";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct HistoryRow<H> {
    /// The ARN of an app or the name of an image.
    #[serde(rename = "of")]
    resource: String,
    history: H,
}

/// The history of one kind of resource.
trait History: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + PartialEq + Default {}

impl History for AppHistory {}
impl History for ImageHistory {}

impl<H: History> LedgerRow for HistoryRow<H> {}
impl LedgerRow for IdleUntil {}

/// The time until which scheduled runs have nothing to do, as long as the configuration does not
/// change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleUntil {
    /// The S3 version id of the configuration for which this was determined.
    pub config: Option<String>,
    pub until: Timestamp,
}

impl<T: LedgerTable> Ledger<T> {
    /// The recorded histories of these apps, by ARN.
    pub async fn read_app_histories(&self, arns: &[&str]) -> Result<BTreeMap<String, AppHistory>, CallError> {
        self.read_histories(arns.iter().map(|arn| app_key(arn)).collect()).await
    }

    /// Records the history of an app: `now` replaces `read`.
    ///
    /// # Errors
    /// Of kind `Contended` if another run has recorded another history since `read` was read.
    pub async fn record_app_history(&self, arn: &str, read: &AppHistory, now: &AppHistory) -> Result<(), CallError> {
        self.record_history(&app_key(arn), arn, read, now).await
    }

    /// Requests an update of an app with `call`, and returns the recorded update.
    ///
    /// The update is recorded before the call: if the function crashes in between, the next run
    /// repeats the request with the same client token. If SageMaker rejects the call, the record is
    /// removed again. If the call gets no response, the record is kept, and the next run observes
    /// whether the update was made.
    pub async fn request_app_update(
        &self,
        arn: &str,
        read: &AppHistory,
        pending: PendingAppUpdate,
        call: impl Future<Output = Result<(), CallError>>,
    ) -> Result<PendingAppUpdate, CallError> {
        let repeated = read.pending.clone().filter(|earlier| earlier.update_id() == pending.update_id());
        let pending = repeated.unwrap_or(pending);
        let requested = AppHistory { pending: Some(pending.clone()), ..read.clone() };
        self.record_app_history(arn, read, &requested).await?;
        match call.await {
            Err(error) if error.kind != CallErrorKind::Unanswered => {
                self.record_app_history(arn, &requested, read).await?;
                Err(error)
            }
            response => response.map(|()| pending),
        }
    }

    /// The recorded histories of these images, by name.
    pub async fn read_image_histories(&self, names: &[&str]) -> Result<BTreeMap<String, ImageHistory>, CallError> {
        self.read_histories(names.iter().map(|name| image_key(name)).collect()).await
    }

    /// Records the history of an image: `now` replaces `read`.
    ///
    /// # Errors
    /// Of kind `Contended` if another run has recorded another history since `read` was read.
    pub async fn record_image_history(
        &self,
        name: &str,
        read: &ImageHistory,
        now: &ImageHistory,
    ) -> Result<(), CallError> {
        self.record_history(&image_key(name), name, read, now).await
    }

    /// Requests an update of an image with `call`.
    ///
    /// The update is recorded before the call, so that its result is observed even if the function
    /// crashes in between. If SageMaker rejects the call, the record is removed again.
    pub async fn request_image_update(
        &self,
        update: &ImageUpdate,
        read: &ImageHistory,
        now: Timestamp,
        call: impl Future<Output = Result<(), CallError>>,
    ) -> Result<(), CallError> {
        let pending =
            PendingImageUpdate { digest: update.digest.clone(), changes: update.changes.clone(), requested_at: now };
        let requested = ImageHistory { pending: Some(pending), ..read.clone() };
        self.record_image_history(&update.name, read, &requested).await?;
        match call.await {
            Err(error) if error.kind != CallErrorKind::Unanswered => {
                self.record_image_history(&update.name, &requested, read).await?;
                Err(error)
            }
            response => response,
        }
    }

    /// The time until which maintain-partner-apps has nothing to do; `None` if none was recorded.
    pub async fn read_idle_until(&self) -> Result<Option<IdleUntil>, CallError> {
        self.read_row(IDLE_UNTIL_KEY).await
    }

    pub async fn record_idle_until(&self, idle: &IdleUntil) -> Result<(), CallError> {
        let replace = |row: Option<IdleUntil>| (row.as_ref() != Some(idle)).then(|| idle.clone());
        self.update_row(IDLE_UNTIL_KEY, replace).await.map(drop)
    }

    async fn read_histories<H: History>(&self, keys: Vec<String>) -> Result<BTreeMap<String, H>, CallError> {
        // DynamoDB rejects a request without keys.
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows: Vec<HistoryRow<H>> = self.table.get_rows(&keys).await?;
        Ok(rows.into_iter().map(|row| (row.resource, row.history)).collect())
    }

    async fn record_history<H: History>(&self, key: &str, resource: &str, read: &H, now: &H) -> Result<(), CallError> {
        if read == now {
            return Ok(());
        }
        let updated = self
            .update_row(key, |row: Option<HistoryRow<H>>| {
                let current = row.map(|row| row.history).unwrap_or_default();
                (current == *read).then(|| HistoryRow { resource: resource.to_owned(), history: now.clone() })
            })
            .await?;
        if updated.written {
            return Ok(());
        }
        let message = format!("another run changed the history of {resource} at the same time");
        Err(CallError::new("PutItem", CallErrorKind::Contended, message))
    }
}

fn app_key(arn: &str) -> String {
    format!("app#{arn}")
}

fn image_key(name: &str) -> String {
    format!("image#{name}")
}
