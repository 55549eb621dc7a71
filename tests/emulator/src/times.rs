//! Times as awsJson1.1 writes them.

use jiff::Timestamp;

/// Epoch seconds with milliseconds.
#[allow(clippy::cast_precision_loss)] // exact to the millisecond until the year 10000
pub(crate) fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}
