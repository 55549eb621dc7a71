//! Rows of model versions: what was planned for each of them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use neo::ModelId;
use worker::CallError;

use crate::{Ledger, LedgerTable, List, ListRange, ModelRow, ModelState, model_key};

impl<T: LedgerTable> Ledger<T> {
    pub async fn find_model(&self, id: &ModelId) -> Result<Option<ModelRow>, CallError> {
        self.read_row(&model_key(id)).await
    }

    /// The rows of these model versions; versions without a row are skipped.
    pub async fn find_models(&self, ids: &[ModelId]) -> Result<Vec<ModelRow>, CallError> {
        // DynamoDB rejects a request that contains a key twice.
        let keys: BTreeSet<_> = ids.iter().map(model_key).collect();
        self.table.get_rows(&keys.into_iter().collect::<Vec<_>>()).await
    }

    /// Writes the row of a model version. If it has one, its plan stays, and only notes which jobs
    /// were claimed for the new one. Returns the current row.
    pub async fn create_model(&self, id: &ModelId, row: ModelRow) -> Result<ModelRow, CallError> {
        let create = |current: Option<ModelRow>| match current {
            Some(planned) => planned.with_claims(&row),
            None => Some(row.clone()),
        };
        self.update_row(&model_key(id), create).await.map(|updated| updated.row.unwrap_or(row))
    }

    /// The rows of the last replays of these uploads, or of the upload itself if it was not
    /// replayed; uploads without a row are skipped.
    pub async fn find_last_plans(&self, uploads: &[ModelId]) -> Result<Vec<ModelRow>, CallError> {
        let mut plans = self.find_models(uploads).await?;
        let last_replay = |plan: &ModelRow| Some(plan.source.to_replay(plan.last_replay?)?.model_id());
        let replays = self.find_models(&plans.iter().filter_map(last_replay).collect::<Vec<_>>()).await?;
        for plan in &mut plans {
            let last = last_replay(plan);
            if let Some(replay) = replays.iter().find(|replay| Some(replay.source.model_id()) == last) {
                *plan = replay.clone();
            }
        }
        Ok(plans)
    }

    /// Records when an upload was replayed last.
    pub async fn record_replay(&self, upload: &ModelId, at: Timestamp) -> Result<(), CallError> {
        let link = |row: Option<ModelRow>| {
            row.filter(|row| row.last_replay != Some(at)).map(|row| ModelRow { last_replay: Some(at), ..row })
        };
        self.update_row(&model_key(upload), link).await.map(drop)
    }

    /// Moves a planned model to another state; a model in any other state is unchanged.
    pub async fn mark_planned_as(&self, id: &ModelId, state: ModelState) -> Result<(), CallError> {
        let conclude = |row: Option<ModelRow>| {
            row.filter(|row| row.state == ModelState::Planned).map(|row| ModelRow { state, ..row })
        };
        self.update_row(&model_key(id), conclude).await.map(drop)
    }

    /// Records that a newer version replaced a model. Its plan may be dispatched right now: what is
    /// still sent is stopped with the jobs that were sent before, and is not retried.
    pub async fn mark_model_superseded(&self, id: &ModelId) -> Result<(), CallError> {
        let supersede = |row: Option<ModelRow>| {
            let planned = row.filter(|row| !matches!(row.state, ModelState::Rejected | ModelState::Superseded))?;
            Some(ModelRow { state: ModelState::Superseded, ..planned })
        };
        self.update_row(&model_key(id), supersede).await.map(drop)
    }

    /// The model versions that were planned last, newest first.
    pub async fn list_recent_models(&self, count: usize) -> Result<Vec<ModelRow>, CallError> {
        self.table.list_rows(List::Models, ListRange::Newest, count).await
    }
}
