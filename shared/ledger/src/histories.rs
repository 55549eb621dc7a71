//! Histories of partner apps and images: which updates were requested, and for how long each
//! version has been running.

use std::{collections::BTreeMap, fmt::Debug};

use jiff::Timestamp;
use maintenance::{UpdateHistory, partner_app::AppHistory};
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
trait History: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + PartialEq + Default {
    fn with_response(&self, response: Result<(), Option<&str>>) -> Self;
}

impl History for AppHistory {
    fn with_response(&self, response: Result<(), Option<&str>>) -> Self {
        Self::with_response(self, response)
    }
}

impl History for UpdateHistory {
    fn with_response(&self, response: Result<(), Option<&str>>) -> Self {
        Self::with_response(self, response)
    }
}

/// The kinds of resources that can be updated at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdatedKind {
    Image,
    /// A work team without its tags.
    Workteam,
    /// The tags of a work team.
    WorkteamTags,
}

impl UpdatedKind {
    fn key(self, name: &str) -> String {
        match self {
            Self::Image => format!("image#{name}"),
            Self::Workteam => format!("workteam#{name}"),
            Self::WorkteamTags => format!("workteam-tags#{name}"),
        }
    }
}

/// What SageMaker answered to a request.
#[derive(Debug)]
pub enum RequestAnswer<H> {
    /// It accepted the update. The history is recorded.
    Accepted(H),
    /// It refused the update. The request is still recorded: the caller replaces it, after it has
    /// reported the refusal.
    Refused { requested: H, error: CallError },
}

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

    /// Requests an update of an app with `call`; see [`Self::request_resource_update`].
    pub async fn request_app_update(
        &self,
        arn: &str,
        read: &AppHistory,
        requested: AppHistory,
        call: impl Future<Output = Result<(), CallError>>,
    ) -> Result<RequestAnswer<AppHistory>, CallError> {
        self.request_update(&app_key(arn), arn, read, requested, call).await
    }

    /// The recorded histories of these resources, by name.
    pub async fn read_update_histories(
        &self,
        kind: UpdatedKind,
        names: &[&str],
    ) -> Result<BTreeMap<String, UpdateHistory>, CallError> {
        self.read_histories(names.iter().map(|name| kind.key(name)).collect()).await
    }

    /// Records the history of a resource: `now` replaces `read`.
    ///
    /// # Errors
    /// Of kind `Contended` if another run has recorded another history since `read` was read.
    pub async fn record_update_history(
        &self,
        kind: UpdatedKind,
        name: &str,
        read: &UpdateHistory,
        now: &UpdateHistory,
    ) -> Result<(), CallError> {
        self.record_history(&kind.key(name), name, read, now).await
    }

    /// Requests an update of a resource with `call`. `requested` is the history with the request.
    ///
    /// The request is recorded before the call, so that its result is observed even if the function
    /// crashes in between. The response is recorded after the call: without one, the next run
    /// decides by what the resource shows whether it makes the call again.
    ///
    /// # Errors
    /// If there is no answer, or one that a later call may not get: another update is in progress,
    /// or SageMaker cannot assume the role yet. The latter is recorded like a missing answer. For
    /// every other reason, `read` is recorded again.
    pub async fn request_resource_update(
        &self,
        kind: UpdatedKind,
        name: &str,
        read: &UpdateHistory,
        requested: UpdateHistory,
        call: impl Future<Output = Result<(), CallError>>,
    ) -> Result<RequestAnswer<UpdateHistory>, CallError> {
        self.request_update(&kind.key(name), name, read, requested, call).await
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

    async fn request_update<H: History>(
        &self,
        key: &str,
        resource: &str,
        read: &H,
        requested: H,
        call: impl Future<Output = Result<(), CallError>>,
    ) -> Result<RequestAnswer<H>, CallError> {
        self.record_history(key, resource, read, &requested).await?;
        let error = match call.await {
            Ok(()) => {
                let accepted = requested.with_response(Ok(()));
                self.record_history(key, resource, &requested, &accepted).await?;
                return Ok(RequestAnswer::Accepted(accepted));
            }
            Err(error) => error,
        };
        // A role that was created a moment ago can be assumed in a few minutes.
        let may_pass = error.names_unassumable_role();
        if error.kind == CallErrorKind::Unanswered || may_pass {
            let unanswered = requested.with_response(Err(may_pass.then_some(error.message.as_str())));
            self.record_history(key, resource, &requested, &unanswered).await?;
            return Err(error);
        }
        if error.kind.is_refusal() {
            // The reason is recorded first: if the refusal cannot be published now, and the calls
            // that follow are lost, it is published later with this reason.
            let refused = requested.with_response(Err(Some(&error.message)));
            self.record_history(key, resource, &requested, &refused).await?;
            return Ok(RequestAnswer::Refused { requested: refused, error });
        }
        self.record_history(key, resource, &requested, read).await?;
        Err(error)
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
        // A run at the same time that recorded the same counts as this one.
        if updated.written || updated.row.is_some_and(|row| row.history == *now) {
            return Ok(());
        }
        let message = format!("another run changed the history of {resource} at the same time");
        Err(CallError::new("PutItem", CallErrorKind::Contended, message))
    }
}

fn app_key(arn: &str) -> String {
    format!("app#{arn}")
}
