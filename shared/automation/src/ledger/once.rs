//! Doing something once: claim, do, record. Twice only if the process dies between doing and recording.

use jiff::{SignedDuration, Timestamp};

use super::{Ledger, NoticeRow, Table, Versioned};
use crate::{batch::Failure, call::CallError};

/// How long a claim holds: longer than a publication takes with all its retries, so that no two hold one at once.
const CLAIM: SignedDuration = SignedDuration::from_secs(60);

/// What became of something to be done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// It was done now.
    Now,
    /// It was done before.
    Before,
}

impl<T: Table> Ledger<T> {
    /// Does what `id` names unless it was done before. Somebody else being at it right now is a reason to wait.
    pub async fn once<F>(&self, id: &str, work: F) -> Result<Once, Failure>
    where
        F: Future<Output = Result<(), CallError>>,
    {
        let key = format!("notice#{id}");
        let now = (self.clock)();
        let standing: Option<Versioned<NoticeRow>> = self.table.get(&key).await?;
        match standing {
            Some(Versioned { row: NoticeRow::Published { .. }, .. }) => return Ok(Once::Before),
            Some(Versioned { row: NoticeRow::Claimed { until }, .. }) if until > now => return Err(busy(id)),
            _ => {}
        }
        let revision = standing.map(|versioned| versioned.revision);
        let claim = NoticeRow::Claimed { until: now.saturating_add(CLAIM).unwrap_or(Timestamp::MAX) };
        if !self.put(&key, revision, &claim).await? {
            return Err(busy(id));
        }
        let claimed = Some(revision.map_or(1, |revision| revision + 1));
        if let Err(error) = work.await {
            // If this fails too, the claim runs out by itself.
            let _ = self.put(&key, claimed, &NoticeRow::Claimed { until: now }).await;
            return Err(error.into());
        }
        self.put(&key, claimed, &NoticeRow::Published { at: (self.clock)() }).await?;
        Ok(Once::Now)
    }
}

fn busy(id: &str) -> Failure {
    Failure::busy(format!("{id} is being published by another invocation"))
}
