//! Counts the compilation jobs that are planned in a UTC day, for the limit in the configuration.

use std::collections::VecDeque;

use neo::ModelId;
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerRow, LedgerTable, contended_error};

/// Models that a day remembers: a plan that is repeated after a crash is not counted again. Their
/// ids need less than a tenth of the size of a row.
const MAX_REMEMBERED: usize = 1000;

/// The jobs of a day.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct DailyJobsRow {
    jobs: u32,
    /// The models that were counted last.
    counted: VecDeque<CountedModel>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct CountedModel {
    model: ModelId,
    jobs: u32,
}

impl LedgerRow for DailyJobsRow {}

impl DailyJobsRow {
    fn find_counted(&self, model: &ModelId) -> Option<u32> {
        self.counted.iter().find(|counted| counted.model == *model).map(|counted| counted.jobs)
    }
}

impl<T: LedgerTable> Ledger<T> {
    /// Counts jobs of a model for today, at most as many as `limit` leaves. Returns how many were
    /// counted, now or by an earlier attempt to plan the model.
    pub async fn count_daily_jobs(&self, model: &ModelId, jobs: u32, limit: u32) -> Result<u32, CallError> {
        let key = format!("daily-jobs#{}", (self.clock)().strftime("%F"));
        let count = |row: Option<DailyJobsRow>| {
            let mut row = row.unwrap_or_default();
            if row.find_counted(model).is_some() {
                return None;
            }
            let jobs = jobs.min(limit.saturating_sub(row.jobs));
            row.jobs += jobs;
            row.counted.push_back(CountedModel { model: model.clone(), jobs });
            let excess = row.counted.len().saturating_sub(MAX_REMEMBERED);
            row.counted.drain(..excess);
            Some(row)
        };
        let row = self.update_row(&key, count).await?.row;
        row.and_then(|row| row.find_counted(model)).ok_or_else(|| contended_error(&key))
    }
}
