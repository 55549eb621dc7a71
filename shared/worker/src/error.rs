//! Errors of AWS calls and of records, and how each of them is handled.

use std::error::Error as StdError;

use aws_sdk_sqs::error::SdkError;
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use thiserror::Error;

use crate::backoff::{BUSY_DELAY, Backoff, THROTTLE_DELAY};

/// What the caller can do about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    /// The service throttles: retry later.
    Throttled,
    /// A quota is used up: retry when something else has finished.
    Quota,
    /// The service refused the request itself: a retry fails the same way.
    Invalid,
    /// The resource does not exist.
    NotFound,
    /// The resource exists already, or a condition of the request did not hold.
    Conflict,
    /// Other writers were first, several times in a row: retry in a moment.
    Contended,
    /// The result is unknown: no connection, no response in time, a server error, or a code not
    /// listed here.
    Unanswered,
}

/// A call that failed after the SDK's own retries, or data that could not be read or built.
#[derive(Debug, Error)]
#[error("{}{message}", .operation.map(|name| format!("{name}: ")).unwrap_or_default())]
pub struct CallError {
    operation: Option<&'static str>,
    /// What the caller can do about it.
    pub kind: CallErrorKind,
    /// The service's message, or what failed on this side.
    pub message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl CallError {
    /// Classifies an SDK error by the code of the service.
    pub fn from_sdk<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let service = error.as_service_error();
        let kind = service.and_then(ProvideErrorMetadata::code).map_or(CallErrorKind::Unanswered, classify_code);
        let message = match service.and_then(ProvideErrorMetadata::message) {
            Some(message) => message.to_owned(),
            None => DisplayErrorContext(&error).to_string(),
        };
        Self { operation: Some(operation), kind, message, source: Some(Box::new(error)) }
    }

    /// A failure of an operation for which the SDK has no error.
    pub fn new(operation: &'static str, kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self { operation: Some(operation), kind, message: message.into(), source: None }
    }

    /// A failure on this side, outside any operation of a service.
    pub fn local(kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self { operation: None, kind, message: message.into(), source: None }
    }
}

fn classify_code(code: &str) -> CallErrorKind {
    match code {
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "ProvisionedThroughputExceededException"
        | "ThrottledException"
        | "RequestThrottled" => CallErrorKind::Throttled,
        "ResourceLimitExceeded" | "LimitExceededException" => CallErrorKind::Quota,
        "ValidationException" | "InvalidParameter" | "InvalidParameterValue" => CallErrorKind::Invalid,
        "ResourceNotFound"
        | "ResourceNotFoundException"
        | "NoSuchKey"
        | "NoSuchVersion"
        | "NotFound"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue" => CallErrorKind::NotFound,
        "ResourceInUse" | "ConflictException" | "ConditionalCheckFailedException" | "PreconditionFailed" => {
            CallErrorKind::Conflict
        }
        _ => CallErrorKind::Unanswered,
    }
}

/// Why a record could not be processed.
#[derive(Debug, Error)]
pub enum Failure {
    /// No delivery of this record can succeed: it goes to the dead-letter queue.
    #[error(transparent)]
    Terminal(Box<dyn StdError + Send + Sync>),
    /// Another delivery may succeed; after the last one the record goes to the dead-letter queue.
    #[error(transparent)]
    Transient(Box<dyn StdError + Send + Sync>),
    /// The record cannot be processed now, for a reason outside the record: it waits without using
    /// up a delivery.
    #[error("{cause}")]
    Deferred {
        /// Why not now.
        cause: String,
        /// How long it waits.
        backoff: Backoff,
    },
}

impl Failure {
    /// Something else has to finish first, which takes moments: the record is retried soon.
    pub fn busy(cause: impl Into<String>) -> Self {
        Self::Deferred { cause: cause.into(), backoff: Backoff::Exponential(BUSY_DELAY) }
    }

    /// A failure that every delivery would meet.
    pub fn terminal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Terminal(cause.into())
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error.kind {
            CallErrorKind::Throttled | CallErrorKind::Quota => {
                Self::Deferred { cause: error.to_string(), backoff: Backoff::Exponential(THROTTLE_DELAY) }
            }
            CallErrorKind::Contended => Self::busy(error.to_string()),
            CallErrorKind::Invalid => Self::Terminal(Box::new(error)),
            CallErrorKind::NotFound | CallErrorKind::Conflict | CallErrorKind::Unanswered => {
                Self::Transient(Box::new(error))
            }
        }
    }
}

/// Formats an error and its sources on one line. A source whose text is already contained is
/// skipped: the SDK's errors repeat their source, and [`CallError`] quotes the message of the
/// service.
pub fn format_chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let message = source.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        next = source.source();
    }
    text
}
