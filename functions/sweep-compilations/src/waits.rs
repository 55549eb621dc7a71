//! Publishes which models wait for SageMaker's quota, and counts their requests.

use jiff::{SignedDuration, Timestamp};
use ledger::{LedgerTable, ModelWait, WaitingModel};
use neo::read_quota_value;
use notifications::{Channel, Notification};
use tracing::{error, warn};
use worker::{CallError, CallErrorKind, Failure};

use crate::handler::{SweepReport, Sweeper};

/// Time after which a wait is published. A quota of 0 never frees: it is published at once.
const PUBLISHED_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Waiting models that each sweep reads.
const MAX_WAITS: usize = 20;

fn is_due(wait: &ModelWait, now: Timestamp) -> bool {
    let has_no_quota = wait.reason.as_deref().and_then(read_quota_value) == Some(0);
    has_no_quota || now.duration_since(wait.since) >= PUBLISHED_AFTER
}

impl<J: Sync, T: LedgerTable, Q: Sync, N: Channel> Sweeper<J, T, Q, N> {
    /// Publishes the waits that are due, those that last longest first, once per model.
    pub(crate) async fn publish_waits(&self, now: Timestamp) -> Result<(), CallError> {
        let mut published = Ok(());
        for waiting in self.ledger.list_unpublished_waits(MAX_WAITS).await? {
            if is_due(&waiting.wait, now) {
                // A failure for one model does not block the others.
                published = published.and(self.publish_wait(&waiting, now).await);
            }
        }
        published
    }

    /// Counts what is parked, and measures the longest wait.
    pub(crate) async fn count_parked(&self, now: Timestamp, report: &mut SweepReport) -> Result<(), CallError> {
        self.ledger.clear_finished_waits(MAX_WAITS).await?;
        let parked = self.ledger.summarize_parked().await?;
        report.parked = parked.count;
        let age = parked.oldest.map_or(0, |oldest| now.duration_since(oldest).as_secs());
        report.oldest_parked_seconds = usize::try_from(age).unwrap_or(0);
        report.oldest_unfinished_seconds = report.oldest_parked_seconds;
        Ok(())
    }

    async fn publish_wait(&self, waiting: &WaitingModel, now: Timestamp) -> Result<(), CallError> {
        let (id, wait) = (&waiting.row.model, &waiting.wait);
        let notification = Notification::compilation_waiting(id, &waiting.model, wait, &waiting.jobs, now);
        // Recorded after it was published: a crash in between repeats it, with the same id.
        let result = match self.notifier.publish_once(&notification).await {
            Ok(()) => Ok(()),
            Err(Failure::Deferred { cause, .. }) => {
                warn!(model = %id, cause, "Notification about a wait is published by another invocation");
                return Ok(());
            }
            Err(Failure::Transient(error)) => {
                return Err(CallError::local(CallErrorKind::Unanswered, error.to_string()));
            }
            Err(Failure::Terminal(error)) => {
                error!(model = %id, %error, text = notification.text, "Notification about a wait cannot be published");
                Err(CallError::local(CallErrorKind::Invalid, error.to_string()))
            }
        };
        self.ledger.mark_wait_published(waiting).await?;
        result
    }
}
