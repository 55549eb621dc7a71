//! Partner apps and images over runs: what was asked of them, and what they have run how long.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;
use maintenance::{
    image::{ImageHistory, ImageUpdate, PendingUpdate},
    partner_app::{AppHistory, Pending},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Ledger, Row, Table};
use crate::call::{CallError, Kind};

const REST_KEY: &str = "app#rest";

/// What is known of a resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct HistoryRow<H> {
    /// An app's ARN or an image's name.
    of: String,
    history: H,
}

/// What is known of one kind of resource.
trait History: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + PartialEq + Default {}

impl History for AppHistory {}
impl History for ImageHistory {}

impl<H: History> Row for HistoryRow<H> {}
impl Row for Rest {}

/// Until when nothing has to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// The version of the configuration that was looked at.
    pub config: Option<String>,
    /// When the next look is worth it.
    pub until: Timestamp,
}

impl<T: Table> Ledger<T> {
    /// What is known of those apps, by ARN, that anything is known of.
    pub async fn app_histories(&self, arns: &[&str]) -> Result<BTreeMap<String, AppHistory>, CallError> {
        self.histories(arns.iter().map(|arn| app_key(arn)).collect()).await
    }

    /// Notes what is known of an app; refused as contended if another run has noted something else than `read` meanwhile.
    pub async fn note_app(&self, arn: &str, read: &AppHistory, now: &AppHistory) -> Result<(), CallError> {
        self.note(&app_key(arn), arn, read, now).await
    }

    /// Asks something of an app with `call`, and returns what is noted of it: before the call, so that whoever dies in between asks
    /// again, with the same token. A refused call is as if it had not been made; of one without an answer the next look sees.
    pub async fn ask_app(
        &self,
        arn: &str,
        read: &AppHistory,
        pending: Pending,
        call: impl Future<Output = Result<(), CallError>>,
    ) -> Result<Pending, CallError> {
        let repeated = read.pending.clone().filter(|earlier| earlier.subject() == pending.subject());
        let pending = repeated.unwrap_or(pending);
        let asked = AppHistory { pending: Some(pending.clone()), ..read.clone() };
        self.note_app(arn, read, &asked).await?;
        match call.await {
            Err(error) if error.kind != Kind::Unanswered => {
                self.note_app(arn, &asked, read).await?;
                Err(error)
            }
            answer => answer.map(|()| pending),
        }
    }

    /// What is known of those images, by name, that anything is known of.
    pub async fn image_histories(&self, names: &[&str]) -> Result<BTreeMap<String, ImageHistory>, CallError> {
        self.histories(names.iter().map(|name| image_key(name)).collect()).await
    }

    /// Notes what is known of an image; refused as contended if another run has noted something else than `read` meanwhile.
    pub async fn note_image(&self, name: &str, read: &ImageHistory, now: &ImageHistory) -> Result<(), CallError> {
        self.note(&image_key(name), name, read, now).await
    }

    /// Asks for an image's update with `call`. It is noted before, so that what became of it is seen whoever dies in between; a refused
    /// call is as if it had not been made.
    pub async fn ask_image(
        &self,
        update: &ImageUpdate,
        read: &ImageHistory,
        now: Timestamp,
        call: impl Future<Output = Result<(), CallError>>,
    ) -> Result<(), CallError> {
        let pending = PendingUpdate { digest: update.digest.clone(), changes: update.changes.clone(), asked_at: now };
        let asked = ImageHistory { pending: Some(pending), ..read.clone() };
        self.note_image(&update.name, read, &asked).await?;
        match call.await {
            Err(error) if error.kind != Kind::Unanswered => {
                self.note_image(&update.name, &asked, read).await?;
                Err(error)
            }
            answer => answer,
        }
    }

    /// Until when nothing has to be looked at.
    pub async fn rest(&self) -> Result<Option<Rest>, CallError> {
        self.get(REST_KEY).await
    }

    /// Notes until when nothing has to be looked at.
    pub async fn note_rest(&self, rest: &Rest) -> Result<(), CallError> {
        let changed = |row: Option<Rest>| (row.as_ref() != Some(rest)).then(|| rest.clone());
        self.update(REST_KEY, changed).await.map(drop)
    }

    async fn histories<H: History>(&self, keys: Vec<String>) -> Result<BTreeMap<String, H>, CallError> {
        // DynamoDB refuses a request for no key at all.
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows: Vec<HistoryRow<H>> = self.table.get_all(&keys).await?;
        Ok(rows.into_iter().map(|row| (row.of, row.history)).collect())
    }

    async fn note<H: History>(&self, key: &str, of: &str, read: &H, now: &H) -> Result<(), CallError> {
        if read == now {
            return Ok(());
        }
        let noted = AtomicBool::new(false);
        self.update(key, |row: Option<HistoryRow<H>>| {
            let standing = row.map(|row| row.history).unwrap_or_default();
            let ours = standing == *read;
            noted.store(ours, Ordering::Relaxed);
            (ours && standing != *now).then(|| HistoryRow { of: of.to_owned(), history: now.clone() })
        })
        .await?;
        if noted.into_inner() {
            return Ok(());
        }
        Err(CallError::other("PutItem", Kind::Contended, format!("another run is at {of} right now")))
    }
}

fn app_key(arn: &str) -> String {
    format!("app#{arn}")
}

fn image_key(name: &str) -> String {
    format!("image#{name}")
}

#[cfg(test)]
mod tests {
    use maintenance::partner_app::Ran;

    use super::*;
    use crate::memory::MemoryTable;

    #[tokio::test]
    async fn of_two_runs_that_read_the_same_one_writes() {
        let ledger = Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH);
        let unknown = AppHistory::default();
        let ran = |version: &str| AppHistory {
            ran: vec![Ran { version: version.to_owned(), since: Timestamp::UNIX_EPOCH, until: None }],
            ..AppHistory::default()
        };
        ledger.note_app("a", &unknown, &ran("1.3")).await.unwrap();
        assert_eq!(ledger.note_app("a", &unknown, &ran("1.4")).await.unwrap_err().kind, Kind::Contended);
        assert_eq!(ledger.app_histories(&["a", "b"]).await.unwrap(), BTreeMap::from([("a".to_owned(), ran("1.3"))]));
        assert!(ledger.image_histories(&[]).await.unwrap().is_empty());
    }
}
