//! The position of the sweep, which lists recently modified compilation jobs.

use worker::CallError;

use crate::{Ledger, LedgerTable, SweepRow};

const SWEEP_KEY: &str = "sweep#compilation-jobs";

impl<T: LedgerTable> Ledger<T> {
    /// The position at which the last sweep ended; `None` before the first sweep.
    pub async fn read_sweep_position(&self) -> Result<Option<SweepRow>, CallError> {
        self.read_row(SWEEP_KEY).await
    }

    /// Records the position that a sweep has reached. The position never moves backwards, unless it
    /// is later than now: a clock that was ahead must not hide what SageMaker shows from then on.
    pub async fn record_sweep_position(&self, reached: SweepRow) -> Result<(), CallError> {
        let now = (self.clock)();
        let advance = |row: Option<SweepRow>| {
            row.is_none_or(|row| row.until <= reached.until || row.until > now).then(|| reached.clone())
        };
        self.update_row(SWEEP_KEY, advance).await.map(drop)
    }
}
