//! Settles a record after its processing: nothing is left to do, or its queue is called.

use aws_lambda_events::sqs::SqsMessage;
use tracing::{error, info, warn};

use crate::{
    CallError, Failure,
    backoff::{Backoff, next_backoff, next_retry},
    delivery_history::DeliveryHistory,
    error::format_chain,
    queue::SourceQueue,
};

/// The outcome of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordOutcome {
    Done,
    Delayed,
    Failed,
    DeadLettered,
}

/// Delays, retries or dead-letters a record that could not be processed, and logs its cause.
pub(crate) async fn settle_record<Q: SourceQueue>(
    queue: &Q,
    record: &SqsMessage,
    history: &DeliveryHistory,
    correlation_id: &str,
    result: Result<(), Failure>,
) -> RecordOutcome {
    let failure = match result {
        Ok(()) => return RecordOutcome::Done,
        Err(failure) => failure,
    };
    let cause = format_chain(&failure);
    let settled = match &failure {
        Failure::Deferred { .. } if history.exceeds_max_delays() => {
            let cause = format!("the record waited for two weeks: {cause}");
            dead_letter_record(queue, record, history, correlation_id, &cause).await
        }
        Failure::Deferred { backoff, .. } => delay_record(queue, record, history, *backoff, &cause).await,
        Failure::Terminal(_) => dead_letter_record(queue, record, history, correlation_id, &cause).await,
        Failure::Transient(_) => match queue.max_receive_count(record).await {
            Ok(count) if history.failures.saturating_add(1) >= count => {
                dead_letter_record(queue, record, history, correlation_id, &cause).await
            }
            Ok(_) => retry_record(queue, record, history, &cause).await,
            Err(error) => Err(error),
        },
    };
    settled.unwrap_or_else(|error| {
        let error = format_chain(&error);
        error!(cause, error, "Record failed, and the call to its queue failed too; it will be redelivered");
        RecordOutcome::Failed
    })
}

async fn delay_record<Q: SourceQueue>(
    queue: &Q,
    record: &SqsMessage,
    history: &DeliveryHistory,
    backoff: Backoff,
    cause: &str,
) -> Result<RecordOutcome, CallError> {
    let (wait, delays) = next_backoff(backoff, history.delays, record.message_id.as_deref().unwrap_or_default());
    queue.delay_record(record, &DeliveryHistory { delays, ..history.clone() }, wait).await?;
    info!(cause, wait_seconds = wait.as_secs(), "Record delayed");
    Ok(RecordOutcome::Delayed)
}

async fn retry_record<Q: SourceQueue>(
    queue: &Q,
    record: &SqsMessage,
    history: &DeliveryHistory,
    cause: &str,
) -> Result<RecordOutcome, CallError> {
    let wait = next_retry(history.failures, record.message_id.as_deref().unwrap_or_default());
    queue.retry_record(record, wait).await?;
    warn!(cause, wait_seconds = wait.as_secs(), "Record failed; it will be redelivered");
    Ok(RecordOutcome::Failed)
}

async fn dead_letter_record<Q: SourceQueue>(
    queue: &Q,
    record: &SqsMessage,
    history: &DeliveryHistory,
    correlation_id: &str,
    cause: &str,
) -> Result<RecordOutcome, CallError> {
    queue.dead_letter_record(record, history, correlation_id, cause).await?;
    error!(cause, body = record.body.as_deref().unwrap_or_default(), "Record moved to the dead-letter queue");
    Ok(RecordOutcome::DeadLettered)
}
