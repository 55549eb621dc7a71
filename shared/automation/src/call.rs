//! Calls to AWS: what a failed one means for the work that made it.

use std::error::Error as StdError;

use aws_sdk_sqs::error::SdkError;
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use thiserror::Error;

/// What the caller can do about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The service wants fewer calls: ask again later.
    Throttled,
    /// A quota is used up: ask again when something has ended.
    Quota,
    /// The request itself is refused: asking again will not help.
    Invalid,
    /// What was asked for is not there.
    NotFound,
    /// It exists already, or a condition did not hold.
    Conflict,
    /// Others were first, again and again: ask again in a moment.
    Contended,
    /// The answer is unknown (no connection, no answer in time, a server error) or not one of these.
    Unanswered,
}

/// A call that failed after the SDK's own retries.
#[derive(Debug, Error)]
#[error("{operation}: {message}")]
pub struct CallError {
    operation: &'static str,
    /// What can be done about it.
    pub kind: Kind,
    /// The service's words.
    pub message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl CallError {
    /// Reads an SDK error's code and status.
    pub fn new<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let service = error.as_service_error();
        let kind = service.and_then(ProvideErrorMetadata::code).map_or(Kind::Unanswered, kind_of);
        let message = match service.and_then(ProvideErrorMetadata::message) {
            Some(message) => message.to_owned(),
            None => DisplayErrorContext(&error).to_string(),
        };
        Self { operation, kind, message, source: Some(Box::new(error)) }
    }

    /// A failure that is not the SDK's.
    pub fn other(operation: &'static str, kind: Kind, message: impl Into<String>) -> Self {
        Self { operation, kind, message: message.into(), source: None }
    }
}

fn kind_of(code: &str) -> Kind {
    match code {
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "ProvisionedThroughputExceededException"
        | "ThrottledException"
        | "RequestThrottled" => Kind::Throttled,
        "ResourceLimitExceeded" | "LimitExceededException" => Kind::Quota,
        "ValidationException" | "InvalidParameter" | "InvalidParameterValue" => Kind::Invalid,
        "ResourceNotFound"
        | "ResourceNotFoundException"
        | "NoSuchKey"
        | "NoSuchVersion"
        | "NotFound"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue" => Kind::NotFound,
        "ResourceInUse" | "ConflictException" | "ConditionalCheckFailedException" | "PreconditionFailed" => {
            Kind::Conflict
        }
        _ => Kind::Unanswered,
    }
}
