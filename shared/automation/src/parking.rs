//! Lets parked requests move on.

use tracing::info;

use crate::{
    call::{CallError, Kind},
    ledger::{Ledger, Table},
    queue::Sender,
};

/// Sends the next parked requests to the Requests queue again, at most `count`; tells how many.
pub async fn release<T: Table>(ledger: &Ledger<T>, requests: &impl Sender, count: usize) -> Result<usize, CallError> {
    let (names, waiting) = ledger.next_parked(count).await?;
    let bodies: Result<Vec<_>, _> = waiting.iter().map(serde_json::to_string).collect();
    let bodies = bodies.map_err(|error| CallError::other("SendMessageBatch", Kind::Invalid, error.to_string()))?;
    let released = bodies.len();
    requests.send(bodies).await?;
    ledger.unpark(&names).await?;
    if released > 0 {
        info!(released, "parked requests move on");
    }
    Ok(released)
}
