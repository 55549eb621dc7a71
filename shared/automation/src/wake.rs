//! A function that is woken by its schedule and by its queue.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;

use crate::{
    Clock,
    batch::{self, Failure},
    event::Event,
    queue::SourceQueue,
};

/// Works off the records of the queue with `handle`; anything else is the schedule's wake-up, which `scheduled` answers. What the
/// schedule sends tells nothing: the time is asked of the clock.
pub async fn run<Q, S, W, H, F>(
    queue: &Q,
    clock: Clock,
    invocation: LambdaEvent<Value>,
    scheduled: S,
    handle: H,
) -> Result<Value, Error>
where
    Q: SourceQueue,
    S: FnOnce() -> W,
    W: Future<Output = Result<Value, Error>>,
    H: Fn(Event) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let LambdaEvent { payload, context } = invocation;
    if payload.get("Records").is_none() {
        return scheduled().await;
    }
    let payload: SqsEvent = serde_json::from_value(payload)?;
    let response = batch::run(queue, clock, LambdaEvent { payload, context }, handle).await?;
    Ok(serde_json::to_value(response)?)
}
