//! Processes SQS batches: every record on its own.
//!
//! Every record has exactly one outcome: done, delayed (a copy waits in the queue), failed (SQS
//! redelivers it), or moved to the dead-letter queue with its cause.
//!
//! If a function fails or times out as a whole, SQS redelivers its whole batch, and the records
//! that succeeded are processed again. Therefore a panic or an error is the failure of one record
//! only, and work stops before the invocation's deadline: there is always time left to settle the
//! records and to return which of them failed. Handlers do not retry: they return a [`Failure`],
//! and the retries belong to the queue. A wait that is not the record's fault, such as throttling,
//! is a delayed copy, because it must not use up one of the deliveries that SQS counts. For the
//! same reason, a record that shared its invocation with others and reached the deadline is
//! delayed, not failed: the others may have slowed it down. This ends after [`MAX_INTERRUPTIONS`]
//! times, because it may also be the record itself that never ends. The last delivery is moved to
//! the dead-letter queue here and not by SQS, because SQS would not record the cause.
//!
//! What breaks if this is changed:
//!
//! - A handler that waits and retries in a loop delays the other records of its batch, until the
//!   deadline interrupts all of them.
//! - A throttled record that fails instead of being delayed is dead-lettered after half an hour,
//!   although nothing is wrong with it.
//! - Work that may go on until less than [`SETTLE_TIME`] before the deadline leaves no time to say
//!   which records succeeded: SQS repeats all of them.
//! - A delayed copy that is sent without the delivery history begins at its first delivery again:
//!   a record that always fails would go around forever.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::Once,
    time::{Duration, SystemTime},
};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures::{FutureExt, StreamExt, stream};
use lambda_runtime::{Context, Error, LambdaEvent};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, error, info_span, warn};

use crate::{
    Clock, Failure, Message,
    backoff::{Backoff, THROTTLE_DELAY},
    delivery_history::DeliveryHistory,
    metrics,
    queue::SourceQueue,
    settlement::{RecordOutcome, settle_record},
};

/// Records of a batch that are processed concurrently.
const CONCURRENCY: usize = 4;

/// Reserved at the end of an invocation to settle its records and respond, before Lambda stops it.
pub const SETTLE_TIME: Duration = Duration::from_secs(3);

/// The part of [`SETTLE_TIME`] that is reserved for the response: delaying, retrying or
/// dead-lettering a record must end before.
pub const RESPONSE_TIME: Duration = Duration::from_millis(300);

/// How often a record that shared its invocation with others may reach the deadline without using
/// up a delivery.
pub const MAX_INTERRUPTIONS: u32 = 5;

/// Timeout that is assumed if the deadline of an invocation is unknown: that of most functions in
/// template.yaml.
const ASSUMED_TIMEOUT: Duration = Duration::from_mins(1);

/// Processes the records of a batch with `handle`, one message per call. Returns the records that
/// SQS has to redeliver.
pub async fn process_batch<Q, M, H, F>(
    queue: &Q,
    clock: Clock,
    invocation: LambdaEvent<SqsEvent>,
    handle: H,
) -> Result<SqsBatchResponse, Error>
where
    Q: SourceQueue,
    M: Message,
    H: Fn(M) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let left = time_left(&invocation.context);
    let now = Instant::now();
    let deadline = now + left.saturating_sub(SETTLE_TIME);
    let settle_deadline = now + left.saturating_sub(RESPONSE_TIME);
    let alone = invocation.payload.records.len() == 1;
    let outcomes: Vec<_> = stream::iter(invocation.payload.records)
        .map(|record| {
            let id = record.message_id.clone().unwrap_or_default();
            let message = M::parse(record.body.as_deref().unwrap_or_default());
            let correlation_id = message.as_ref().ok().and_then(Message::correlation_id);
            // SQS accepts no empty attribute.
            let correlation_id = correlation_id.filter(|id| !id.is_empty()).unwrap_or_else(|| id.clone());
            let span = info_span!("record", message_id = id, correlation_id);
            let handle = &handle;
            async move {
                let mut history = DeliveryHistory::from_record(&record, clock());
                let result = match message {
                    Ok(message) => attempt_message(message, &mut history, alone, deadline, handle).await,
                    Err(error) => Err(Failure::terminal(error)),
                };
                let settled = settle_record(queue, &record, &history, &correlation_id, result);
                let outcome = timeout_at(settle_deadline, settled).await.unwrap_or_else(|_| {
                    let body = record.body.as_deref().unwrap_or_default();
                    error!(body, "Record not settled before the invocation's deadline; it will be redelivered");
                    RecordOutcome::Failed
                });
                (id, outcome)
            }
            .instrument(span)
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;

    let count = |expected| outcomes.iter().filter(|(_, outcome)| *outcome == expected).count();
    let counts = [
        ("RecordsDone", count(RecordOutcome::Done)),
        ("RecordsDelayed", count(RecordOutcome::Delayed)),
        ("RecordsFailed", count(RecordOutcome::Failed)),
        ("RecordsDeadLettered", count(RecordOutcome::DeadLettered)),
    ];
    metrics::write_counts(&counts, clock());

    let mut response = SqsBatchResponse::default();
    for (id, outcome) in outcomes {
        // A dead-lettered record is reported too: it is deleted already, and must be redelivered if
        // that failed.
        if matches!(outcome, RecordOutcome::Failed | RecordOutcome::DeadLettered) {
            response.add_failure(id);
        }
    }
    Ok(response)
}

/// The time until the deadline of the invocation. AWS sends a deadline in the future; one in the
/// past is not a deadline: `cargo lambda watch` sends a duration instead.
pub fn time_left(context: &Context) -> Duration {
    static WARNING: Once = Once::new();
    context.deadline().duration_since(SystemTime::now()).ok().filter(|left| !left.is_zero()).unwrap_or_else(|| {
        WARNING.call_once(|| {
            let assumed_seconds = ASSUMED_TIMEOUT.as_secs();
            warn!(assumed_seconds, "The deadline of the invocation is in the past; a timeout is assumed instead");
        });
        ASSUMED_TIMEOUT
    })
}

/// Handles one message; a panic and a missed deadline are failures of this record alone. Counts an
/// interruption in `history`.
async fn attempt_message<M, H, F>(
    message: M,
    history: &mut DeliveryHistory,
    alone: bool,
    deadline: Instant,
    handle: H,
) -> Result<(), Failure>
where
    H: Fn(M) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    if Instant::now() >= deadline {
        // The other records of the batch used up the time: this must not cost the record a
        // delivery.
        return Err(Failure::busy("the record was not started before the invocation's deadline"));
    }
    let work = AssertUnwindSafe(async { handle(message).await }).catch_unwind();
    match timeout_at(deadline, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(Failure::Transient(format!("panicked: {}", panic_message(panic.as_ref())).into())),
        Err(_) => {
            let cause = "the record was not finished before the invocation's deadline";
            if alone || history.interruptions >= MAX_INTERRUPTIONS {
                return Err(Failure::Transient(cause.into()));
            }
            history.interruptions += 1;
            Err(Failure::Deferred { cause: cause.to_owned(), backoff: Backoff::Exponential(THROTTLE_DELAY) })
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
