//! Applies a configuration, whether its event arrived or not.

use automation::{event::ObjectCreated, objects::Objects};
use jiff::SignedDuration;
use ledger::LedgerTable;
use notifications::Channel;
use sagemaker::model_packages::ModelPackages;
use tracing::info;
use worker::{Failure, queue::Sender};

use crate::{Planner, package_groups::PackageSearch};

/// Age from which the event of a configuration counts as lost.
const EVENT_DELAY: SignedDuration = SignedDuration::from_mins(1);

impl<O: Objects, T: LedgerTable, N: Channel, Q: Sender, P: ModelPackages> Planner<O, T, N, Q, P> {
    /// Applies the configuration after its event: plans the model packages that it names. The other
    /// functions got the event too. The registry does not keep back the configuration: what is approved
    /// is searched again by each run.
    pub(crate) async fn apply_config(&self, object: &ObjectCreated) -> Result<(), Failure> {
        let named = self.plan_model_packages().await;
        let approved = self.plan_approved_packages(&mut PackageSearch::default()).await;
        if named.is_ok()
            && let Some(version) = object.version_id.as_ref().or(object.etag.as_ref())
        {
            self.ledger.record_applied_config(version).await?;
        }
        Failure::merge_results([named, approved])
    }

    /// Applies the configuration if its version is not the one that was applied last, and sends it
    /// to the other functions that apply it. The version is recorded at the end: after a crash, all
    /// of this is repeated, which changes nothing.
    pub(crate) async fn apply_missed_config(&self) -> Result<(), Failure> {
        let (bucket, key) = (self.config.bucket(), self.config.key());
        let Some(head) = self.archives.find_object(bucket, key).await? else { return Ok(()) };
        let modified = head.last_modified.unwrap_or_default();
        let version = head.version_id.as_ref().unwrap_or(&head.etag);
        let is_applied = self.ledger.find_applied_config().await?.as_ref() == Some(version);
        if is_applied || (self.clock)().duration_since(modified) < EVENT_DELAY {
            return Ok(());
        }
        info!(version, "Configuration found that was not applied");
        let object = ObjectCreated::from_head(bucket, key, head);
        let body = object.to_body(modified, "Reconciliation");
        for queue in &self.config_queues {
            queue.send_bodies(vec![body.clone()]).await?;
        }
        self.apply_config(&object).await
    }
}
