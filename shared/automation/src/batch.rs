//! The one way every function works off an SQS batch: record by record, none taking another with it.
//!
//! Every record ends in exactly one of: done, delayed (a copy waits in the queue), failed (delivered again), or dead-lettered with
//! its cause.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    time::{Duration, SystemTime},
};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, error, info, info_span, warn};

use crate::{
    Clock,
    call::{CallError, Kind},
    event::Event,
    metrics,
    queue::{SourceQueue, has_waited_long_enough},
};

/// Records of a batch that are worked on at the same time.
const CONCURRENCY: usize = 4;

/// Kept free at an invocation's end, so that its answer is sent before Lambda stops it.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// Of that, kept for the answer alone: telling the queue what became of a record must end before.
const LAST_MOMENT: Duration = Duration::from_millis(300);

/// First delay of a record that AWS had no room for.
const THROTTLE_DELAY: Duration = Duration::from_secs(5);

/// First delay of a record that another invocation is at: a publication takes less.
const BUSY_DELAY: Duration = Duration::from_secs(1);

/// Why a record could not be finished.
#[derive(Debug, Error)]
pub enum Failure {
    /// No delivery of this record can succeed: to the dead-letter queue.
    #[error("{0}")]
    Terminal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another delivery may succeed; too many failures lead to the dead-letter queue.
    #[error("{0}")]
    Transient(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Not now, and through no fault of the record: it waits without using up its deliveries.
    #[error("{cause}")]
    Later {
        /// Why not now.
        cause: String,
        /// How long it waits the first time; each further time is twice as long.
        first: Duration,
    },
}

impl Failure {
    /// Something else is at it right now and will be done in a moment.
    pub fn busy(cause: impl Into<String>) -> Self {
        Self::Later { cause: cause.into(), first: BUSY_DELAY }
    }

    /// A failure that every delivery would meet.
    pub fn terminal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Terminal(cause.into())
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error.kind {
            Kind::Throttled | Kind::Quota => Self::Later { cause: error.to_string(), first: THROTTLE_DELAY },
            Kind::Contended => Self::busy(error.to_string()),
            Kind::Invalid => Self::Terminal(Box::new(error)),
            Kind::NotFound | Kind::Conflict | Kind::Unanswered => Self::Transient(Box::new(error)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    Delayed,
    Failed,
    DeadLettered,
}

/// Works off a batch. `handle` gets each record's event and returns what became of it.
pub async fn run<Q, H, F>(
    queue: &Q,
    clock: Clock,
    invocation: LambdaEvent<SqsEvent>,
    handle: H,
) -> Result<SqsBatchResponse, Error>
where
    Q: SourceQueue,
    H: Fn(Event) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let left = invocation.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let now = Instant::now();
    let deadline = now + left.saturating_sub(ANSWER_TIME);
    let last_moment = now + left.saturating_sub(LAST_MOMENT);
    let outcomes: Vec<_> = stream::iter(invocation.payload.records)
        .map(|record| {
            let id = record.message_id.clone().unwrap_or_default();
            let event = Event::parse(record.body.as_deref().unwrap_or_default());
            let correlation_id = event.as_ref().ok().and_then(Event::correlation_id);
            // SQS takes no empty attribute.
            let correlation_id = correlation_id.filter(|id| !id.is_empty()).unwrap_or_else(|| id.clone());
            let span = info_span!("record", message_id = id, correlation_id);
            let handle = &handle;
            async move {
                let result = match event {
                    Ok(event) => attempt(event, deadline, handle).await,
                    Err(unknown) => Err(Failure::terminal(unknown)),
                };
                let settled = timeout_at(last_moment, settle(queue, clock(), &record, &correlation_id, result)).await;
                (id, settled.unwrap_or(Outcome::Failed))
            }
            .instrument(span)
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;

    let count = |wanted| outcomes.iter().filter(|(_, outcome)| *outcome == wanted).count();
    let counts = [
        ("RecordsDone", count(Outcome::Done)),
        ("RecordsDelayed", count(Outcome::Delayed)),
        ("RecordsFailed", count(Outcome::Failed)),
        ("RecordsDeadLettered", count(Outcome::DeadLettered)),
    ];
    metrics::count(&counts, clock());

    let mut response = SqsBatchResponse::default();
    // A dead-lettered record is reported too: it is deleted already, and if that failed it must come again.
    let unfinished =
        outcomes.into_iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed | Outcome::DeadLettered));
    for (id, _) in unfinished {
        response.add_failure(id);
    }
    Ok(response)
}

/// Handles one event; a panic and a missed deadline are failures of this record alone.
async fn attempt<H, F>(event: Event, deadline: Instant, handle: H) -> Result<(), Failure>
where
    H: Fn(Event) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    if Instant::now() >= deadline {
        // Its neighbours took the time: it must not lose a delivery for that.
        return Err(Failure::busy("not started: the invocation's time is up"));
    }
    let work = AssertUnwindSafe(async { handle(event).await }).catch_unwind();
    match timeout_at(deadline, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(Failure::Transient(format!("panicked: {}", panic_message(panic.as_ref())).into())),
        Err(_) => Err(Failure::Transient("not finished in the invocation's time".into())),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

async fn settle<Q: SourceQueue>(
    queue: &Q,
    now: Timestamp,
    record: &SqsMessage,
    correlation_id: &str,
    result: Result<(), Failure>,
) -> Outcome {
    let failure = match result {
        Ok(()) => return Outcome::Done,
        Err(failure) => failure,
    };
    let cause = chain(&failure);
    let settled = match &failure {
        Failure::Later { .. } if has_waited_long_enough(record) => {
            dead_letter(queue, now, record, correlation_id, &format!("it waited for two weeks: {cause}")).await
        }
        Failure::Later { first, .. } => queue.delay(record, *first, now).await.map(|wait| {
            info!(cause, wait_seconds = wait.as_secs(), "delayed");
            Outcome::Delayed
        }),
        Failure::Terminal(_) => dead_letter(queue, now, record, correlation_id, &cause).await,
        Failure::Transient(_) => match queue.is_last_delivery(record).await {
            Ok(true) => dead_letter(queue, now, record, correlation_id, &cause).await,
            Ok(false) => queue.retry(record).await.map(|wait| {
                warn!(cause, wait_seconds = wait.as_secs(), "failed; it will be delivered again");
                Outcome::Failed
            }),
            Err(error) => Err(error),
        },
    };
    settled.unwrap_or_else(|error| {
        error!(cause, error = chain(&error), "failed, and its queue could not be told; it will be delivered again");
        Outcome::Failed
    })
}

async fn dead_letter<Q: SourceQueue>(
    queue: &Q,
    now: Timestamp,
    record: &SqsMessage,
    correlation_id: &str,
    cause: &str,
) -> Result<Outcome, CallError> {
    queue.dead_letter(record, correlation_id, cause, now).await?;
    error!(cause, body = record.body.as_deref().unwrap_or_default(), "dead-lettered");
    Ok(Outcome::DeadLettered)
}

/// An error with everything under it, on one line; causes that repeat what is said already are left out.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Context;
    use serde_json::json;

    use super::*;
    use crate::memory::MemorySource;

    fn invocation(bodies: &[(&str, &str, &str)], time: Duration) -> LambdaEvent<SqsEvent> {
        let records: Vec<_> = bodies
            .iter()
            .map(|(id, body, received)| {
                json!({ "messageId": id, "body": body, "attributes": { "ApproximateReceiveCount": received } })
            })
            .collect();
        let payload = serde_json::from_value(json!({ "Records": records })).unwrap();
        let mut context = Context::default();
        let deadline = SystemTime::now() + time;
        context.deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap();
        LambdaEvent { payload, context }
    }

    fn state(job: &str) -> String {
        format!(r#"{{"version":1,"job_name":"{job}"}}"#)
    }

    async fn handle(event: Event) -> Result<(), Failure> {
        let Event::Job(state) = event else {
            return Err(Failure::terminal("not mine"));
        };
        match state.job_name.as_str() {
            "throttled" => Err(CallError::other("List", Kind::Throttled, "slow down").into()),
            "unanswered" => Err(CallError::other("List", Kind::Unanswered, "connection reset").into()),
            "panics" => panic!("a bug"),
            "hangs" => std::future::pending().await,
            _ => Ok(()),
        }
    }

    async fn run_batch(bodies: &[(&str, &str, &str)], time: Duration) -> (Vec<String>, MemorySource) {
        let source = MemorySource::default();
        let response = run(&source, || Timestamp::UNIX_EPOCH, invocation(bodies, time), handle).await.unwrap();
        let mut reported: Vec<_> =
            response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        reported.sort();
        (reported, source)
    }

    /// SEMANTICS alone: A record that fails never takes another record of its batch with it.
    /// SEMANTICS poison: A record that no delivery can make succeed reaches the dead-letter queue with its cause.
    #[tokio::test]
    async fn no_record_takes_another_with_it() {
        let good: Vec<_> = (0..8).map(|n| (format!("good-{n}"), state("fine"))).collect();
        let mut bodies: Vec<_> = good.iter().map(|(id, body)| (id.as_str(), body.as_str(), "1")).collect();
        bodies.insert(3, ("bad-json", "{", "1"));
        bodies.insert(7, ("bad-event", "{}", "1"));
        let (reported, source) = run_batch(&bodies, Duration::from_secs(30)).await;
        assert_eq!(reported, ["bad-event", "bad-json"]);
        let dead: Vec<_> = source.dead_letters.lock().clone();
        assert_eq!(dead.len(), 2);
        assert!(
            dead.iter().any(|(id, cause)| id == "bad-json" && cause.starts_with("the body is not JSON")),
            "{dead:?}"
        );
    }

    /// SEMANTICS throttle-waits: A throttled request is delayed, and its deliveries are not used up.
    #[tokio::test]
    async fn each_failure_ends_where_it_belongs() {
        let (throttled, unanswered, panics) = (state("throttled"), state("unanswered"), state("panics"));
        let bodies = [
            ("a", throttled.as_str(), "3"),
            ("b", unanswered.as_str(), "1"),
            ("c", unanswered.as_str(), "3"),
            ("d", panics.as_str(), "1"),
            ("e", panics.as_str(), "3"),
        ];
        let (reported, source) = run_batch(&bodies, Duration::from_secs(30)).await;
        assert_eq!(*source.delayed.lock(), ["a"]);
        assert_eq!(reported, ["b", "c", "d", "e"]);
        let mut dead = source.dead_letters.lock().clone();
        dead.sort();
        assert_eq!(
            dead,
            [("c".to_owned(), "List: connection reset".to_owned()), ("e".to_owned(), "panicked: a bug".to_owned())]
        );
    }

    /// SEMANTICS deadline: A record that cannot finish before the invocation's deadline is handed back.
    #[tokio::test]
    async fn what_cannot_finish_in_time_is_handed_back() {
        let (hangs, fine) = (state("hangs"), state("fine"));
        let bodies = [("slow", hangs.as_str(), "1"), ("fast", fine.as_str(), "1")];
        let (reported, source) = run_batch(&bodies, ANSWER_TIME + Duration::from_millis(200)).await;
        assert_eq!(reported, ["slow"]);
        assert!(source.dead_letters.lock().is_empty());
        let (reported, source) = run_batch(&bodies, LAST_MOMENT + Duration::from_millis(200)).await;
        assert!(reported.is_empty());
        let mut delayed = source.delayed.lock().clone();
        delayed.sort();
        assert_eq!(delayed, ["fast", "slow"], "what was not even started loses no delivery");
    }
}
