//! Reads several resources at the same time, within a time limit.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use tokio::time::sleep;
use worker::{CallError, CallErrorKind};

/// Resources that are read at the same time: few, because SageMaker throttles the calls of an
/// account.
const CONCURRENCY: usize = 4;

/// How long a run may read resources: less than half of the shortest timeout of the functions that
/// do (template.yaml), so that time is left to act on what was read.
pub const READ_LIMIT: Duration = Duration::from_secs(25);

/// Runs these reads and returns their results in the same order. A read that has not ended after
/// `time_limit` is cut off, or not begun: a slow one does not keep the others from being read, nor
/// the run from acting on them.
pub(crate) async fn read_within<T>(
    reads: Vec<impl Future<Output = Result<T, CallError>>>,
    time_limit: Duration,
) -> Vec<Result<T, CallError>> {
    let count = reads.len();
    let numbered: Vec<_> =
        reads.into_iter().enumerate().map(|(number, read)| async move { (number, read.await) }).collect();
    let ended = stream::iter(numbered).buffer_unordered(CONCURRENCY).take_until(sleep(time_limit));
    let mut ended: BTreeMap<usize, Result<T, CallError>> = ended.collect().await;
    (0..count).map(|number| ended.remove(&number).unwrap_or_else(|| Err(cut_off_error()))).collect()
}

fn cut_off_error() -> CallError {
    CallError::local(CallErrorKind::Unanswered, "SageMaker did not respond in time")
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Instant};

    use super::*;

    /// Reads the number, or never ends.
    async fn read(number: usize, hangs: bool) -> Result<usize, CallError> {
        if hangs {
            pending::<()>().await;
        }
        sleep(Duration::from_millis(1)).await;
        Ok(number)
    }

    #[tokio::test]
    async fn hanging_read_does_not_starve_the_others() {
        let reads = (0..20).map(|number| read(number, number % 7 == 0)).collect();
        let results = read_within(reads, Duration::from_millis(500)).await;
        for (number, result) in results.iter().enumerate() {
            match result {
                Ok(read) => assert_eq!(*read, number),
                Err(error) => assert_eq!((number % 7, error.kind), (0, CallErrorKind::Unanswered)),
            }
        }
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 17);
    }

    #[tokio::test]
    async fn reads_end_at_the_limit() {
        let started = Instant::now();
        let results = read_within((0..20).map(|number| read(number, true)).collect(), Duration::from_millis(20)).await;
        assert!(results.len() == 20 && results.iter().all(Result::is_err), "{results:?}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
