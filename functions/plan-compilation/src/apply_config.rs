//! Applies a configuration, whether its event arrived or not.

use automation::{config::Config, event::ObjectCreated, objects::Objects};
use jiff::{SignedDuration, Timestamp};
use ledger::LedgerTable;
use notifications::Channel;
use sagemaker::model_packages::ModelPackages;
use tracing::{info, warn};
use worker::{CallError, Failure, queue::Sender};

use crate::{Planner, package_groups::PackageSearch};

/// Age from which the event of a configuration counts as lost.
const EVENT_DELAY: SignedDuration = SignedDuration::from_mins(1);

impl<O: Objects, T: LedgerTable, N: Channel, Q: Sender, P: ModelPackages> Planner<O, T, N, Q, P> {
    /// Applies the configuration after its event: plans the model packages that it names. The other
    /// functions got the event too. The registry does not keep back the configuration: what is
    /// approved is searched again by each run.
    pub(crate) async fn apply_config(&self, object: &ObjectCreated) -> Result<(), Failure> {
        let config = self.load_config().await?;
        let named = self.record_applied(config.as_ref(), object).await;
        let approved = match &config {
            Some(config) => self.plan_approved_packages(config, &mut PackageSearch::default()).await,
            None => Ok(()),
        };
        Failure::merge_results([named, approved])
    }

    /// Applies the configuration if its version is not the one that was applied last, and plans
    /// what is approved in the groups that it names.
    pub(crate) async fn reconcile_config(&self) -> Result<(), Failure> {
        // First, so that no version is recorded as applied that is newer than the loaded one.
        let missed = self.find_missed_config().await;
        let config = self.load_config().await?;
        let applied = match missed {
            Ok(Some((object, modified))) => self.apply_missed_config(config.as_ref(), &object, modified).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        let packages = match &config {
            Some(config) => self.find_approved_packages(config).await,
            None => Ok(()),
        };
        Failure::merge_results([applied, packages])
    }

    async fn load_config(&self) -> Result<Option<Config>, Failure> {
        self.config.load_or_report(&self.notifier, (self.clock)()).await
    }

    /// The configuration and when it was uploaded, if its version is not the one that was applied
    /// last.
    async fn find_missed_config(&self) -> Result<Option<(ObjectCreated, Timestamp)>, CallError> {
        let (bucket, key) = (self.config.bucket(), self.config.key());
        let Some(head) = self.archives.find_object(bucket, key).await? else { return Ok(None) };
        let modified = head.last_modified.unwrap_or_default();
        let version = head.version_id.as_ref().unwrap_or(&head.etag);
        let is_applied = self.ledger.find_applied_config().await?.as_ref() == Some(version);
        let is_missed = !is_applied && (self.clock)().duration_since(modified) >= EVENT_DELAY;
        Ok(is_missed.then(|| (ObjectCreated::from_head(bucket, key, head), modified)))
    }

    /// Applies a configuration whose event did not arrive, and sends it to the other functions that
    /// apply it. The version is recorded at the end: after a crash, all of this is repeated, which
    /// changes nothing.
    async fn apply_missed_config(
        &self,
        config: Option<&Config>,
        object: &ObjectCreated,
        modified: Timestamp,
    ) -> Result<(), Failure> {
        info!(version = object.version_id, "Configuration found that was not applied");
        let body = object.to_body(modified, "Reconciliation");
        for queue in &self.config_queues {
            queue.send_bodies(vec![body.clone()]).await?;
        }
        match self.record_applied(config, object).await {
            Err(Failure::Deferred { cause, .. }) => {
                warn!(cause, "Missed configuration not applied yet; the next run tries again");
                Ok(())
            }
            applied => applied,
        }
    }

    /// Plans the model packages that a configuration names, and records it as applied.
    async fn record_applied(&self, config: Option<&Config>, object: &ObjectCreated) -> Result<(), Failure> {
        if let Some(config) = config {
            self.plan_model_packages(config).await?;
        } else {
            info!("Model packages not planned: there is no valid configuration");
        }
        if let Some(version) = object.version_id.as_ref().or(object.etag.as_ref()) {
            self.ledger.record_applied_config(version).await?;
        }
        Ok(())
    }
}
