//! Runs a Lambda function: from its queue alone, or from its queue and a schedule.

use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

use crate::{Clock, Failure, Message, batch::process_batch, queue::SourceQueue};

/// Runs a function whose batches come from one queue, until Lambda stops it.
pub async fn serve_batches<Q, M, H, F>(queue: Q, handle: H) -> Result<(), Error>
where
    Q: SourceQueue,
    M: Message,
    H: Fn(M) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let (queue, handle) = (&queue, &handle);
    lambda_runtime::run(service_fn(move |invocation| process_batch(queue, Timestamp::now, invocation, handle))).await
}

/// Runs a function that a queue and a schedule invoke, until Lambda stops it.
pub async fn serve_scheduled_batches<Q, M, S, W, H, F>(queue: Q, scheduled: S, handle: H) -> Result<(), Error>
where
    Q: SourceQueue,
    M: Message,
    S: Fn() -> W,
    W: Future<Output = Result<Value, Failure>>,
    H: Fn(M) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let (queue, scheduled, handle) = (&queue, &scheduled, &handle);
    // On the heap: the future holds the work of several clients at once.
    let invoke =
        move |invocation| Box::pin(run_scheduled_or_batch(queue, Timestamp::now, invocation, scheduled, handle));
    lambda_runtime::run(service_fn(invoke)).await
}

/// Processes the records of the queue with `handle`. Any other payload comes from the schedule and
/// is handled by `scheduled`: it carries no information, and the time comes from the clock.
async fn run_scheduled_or_batch<Q, M, S, W, H, F>(
    queue: &Q,
    clock: Clock,
    invocation: LambdaEvent<Value>,
    scheduled: S,
    handle: H,
) -> Result<Value, Error>
where
    Q: SourceQueue,
    M: Message,
    S: FnOnce() -> W,
    W: Future<Output = Result<Value, Failure>>,
    H: Fn(M) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let LambdaEvent { payload, context } = invocation;
    if payload.get("Records").is_none() {
        return Ok(scheduled().await?);
    }
    let payload: SqsEvent = serde_json::from_value(payload)?;
    let response = process_batch(queue, clock, LambdaEvent { payload, context }, handle).await?;
    Ok(serde_json::to_value(response)?)
}
