//! Errors of AWS calls and of records, and how each of them is handled.

use std::error::Error as StdError;

use aws_sdk_sqs::{config::http::HttpResponse, error::SdkError};
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
    /// The service refused the call for another reason, such as a missing permission: nothing
    /// happened, and a retry fails the same way until someone acts.
    Denied,
    /// The resource does not exist.
    NotFound,
    /// The resource exists already, or a condition of the request did not hold.
    Conflict,
    /// Other writers were first, several times in a row: retry in a moment.
    Contended,
    /// The result is unknown: no connection, no response in time, or a server error. The call may
    /// have taken effect.
    Unanswered,
}

impl CallErrorKind {
    /// Whether the service answered that it did not do what was requested, for a reason that lasts
    /// until someone acts.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Quota | Self::Invalid | Self::Denied | Self::NotFound)
    }
}

/// A call that failed after the SDK's own retries, or data that could not be read or built.
#[derive(Debug, Error)]
#[error("{}{message}", .operation.map(|name| format!("{name}: ")).unwrap_or_default())]
pub struct CallError {
    operation: Option<&'static str>,
    /// The service's error code.
    code: Option<String>,
    is_unreachable: bool,
    /// What the caller can do about it.
    pub kind: CallErrorKind,
    /// The service's message, or what failed on this side.
    pub message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl CallError {
    /// Classifies an SDK error by the code of the service, and by the HTTP status if the code is
    /// not listed.
    pub fn from_sdk<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let service = error.as_service_error();
        let status = error.raw_response().map(|response| response.status().as_u16());
        let kind = service.map_or(CallErrorKind::Unanswered, |service| classify_answer(service.code(), status));
        let message = match service.and_then(ProvideErrorMetadata::message) {
            Some(message) => message.to_owned(),
            None => DisplayErrorContext(&error).to_string(),
        };
        let code = service.and_then(ProvideErrorMetadata::code).map(str::to_owned);
        let is_unreachable = matches!(error, SdkError::DispatchFailure(_) | SdkError::TimeoutError(_));
        Self { operation: Some(operation), code, is_unreachable, kind, message, source: Some(Box::new(error)) }
    }

    /// The operation, such as `ListWorkteams`.
    pub fn operation(&self) -> Option<&'static str> {
        self.operation
    }

    /// The service's error code, such as `AccessDenied`; a response to HEAD has none.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Whether no response arrived: there are no credentials, no connection, or no answer in time.
    pub fn is_unreachable(&self) -> bool {
        self.is_unreachable
    }

    /// Whether the service could not assume the role named in the request. IAM is eventually
    /// consistent: a role created a moment ago is refused with the same message as a role that does
    /// not trust the service.
    pub fn names_unassumable_role(&self) -> bool {
        let message = self.message.to_lowercase();
        let words = ["assume role", "assume the role", "assumerole", "cannot be assumed"];
        matches!(self.kind, CallErrorKind::Invalid | CallErrorKind::Denied)
            && words.iter().any(|words| message.contains(words))
    }

    /// A failure of an operation for which the SDK has no error.
    pub fn new(operation: &'static str, kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self { operation: Some(operation), ..Self::local(kind, message) }
    }

    /// A failure on this side, outside any operation of a service.
    pub fn local(kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self { operation: None, code: None, is_unreachable: false, kind, message: message.into(), source: None }
    }
}

/// The codes whose meaning their HTTP status does not say.
const CODES: &[(CallErrorKind, &[&str])] = &[
    (
        CallErrorKind::Throttled,
        &[
            "ThrottlingException",
            "Throttling",
            "ThrottledException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ProvisionedThroughputExceededException",
            "BandwidthLimitExceeded",
            "PriorRequestNotComplete",
            // Of SQS and of S3 for queues and objects encrypted with a KMS key.
            "KMS.ThrottlingException",
            "KmsThrottled",
            "KMSThrottling",
            "KMSThrottlingException",
        ],
    ),
    (CallErrorKind::Quota, &["ResourceLimitExceeded", "LimitExceededException"]),
    (CallErrorKind::Invalid, &["ValidationException", "InvalidParameter", "InvalidParameterValue"]),
    (
        CallErrorKind::NotFound,
        &[
            "ResourceNotFound",
            "ResourceNotFoundException",
            "NoSuchKey",
            "NoSuchVersion",
            "NotFound",
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
        ],
    ),
    (
        CallErrorKind::Conflict,
        &["ResourceInUse", "ConflictException", "ConditionalCheckFailedException", "PreconditionFailed"],
    ),
    // The service did nothing, but the same request succeeds later: it arrived too slowly, or with
    // credentials that had just expired.
    (
        CallErrorKind::Unanswered,
        &["RequestTimeout", "RequestTimeoutException", "ExpiredToken", "ExpiredTokenException"],
    ),
];

/// Classifies an error response. A listed code decides. Otherwise, a 3xx or 4xx status means that
/// the call did not take effect, and any other status that this is unknown. Responses to HEAD
/// requests have no code.
fn classify_answer(code: Option<&str>, status: Option<u16>) -> CallErrorKind {
    let listed = CODES.iter().find(|(_, codes)| code.is_some_and(|code| codes.contains(&code)));
    match (listed, status) {
        (Some((kind, _)), _) => *kind,
        (None, Some(404)) if code.is_none() => CallErrorKind::NotFound,
        (None, Some(429)) => CallErrorKind::Throttled,
        // A redirect that the SDK does not follow: the bucket is in another Region.
        (None, Some(300..=499)) => CallErrorKind::Denied,
        (None, _) => CallErrorKind::Unanswered,
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

    /// The result of a record that consists of independent parts: all of them were tried. If some
    /// failed, the failure is returned after which the most of them are tried again: the record is
    /// dead-lettered only if no other part waits for a further delivery.
    pub fn merge_results(results: impl IntoIterator<Item = Result<(), Self>>) -> Result<(), Self> {
        let rank = |failure: &Self| match failure {
            Self::Terminal(_) => 0,
            Self::Transient(_) => 1,
            Self::Deferred { .. } => 2,
        };
        results.into_iter().filter_map(Result::err).max_by_key(rank).map_or(Ok(()), Err)
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
            // A permission can be given before the last delivery.
            CallErrorKind::Denied | CallErrorKind::NotFound | CallErrorKind::Conflict | CallErrorKind::Unanswered => {
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

#[cfg(test)]
mod tests {
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    /// The kind of an error response with this status and code.
    fn kind_of_response(status: u16, code: Option<&str>) -> CallErrorKind {
        let mut metadata = ErrorMetadata::builder();
        if let Some(code) = code {
            metadata = metadata.code(code);
        }
        let response = HttpResponse::new(status.try_into().unwrap(), "".into());
        CallError::from_sdk("UpdateImage", SdkError::service_error(metadata.build(), response)).kind
    }

    #[test]
    fn unlisted_4xx_code_is_a_refusal() {
        for (status, code) in [
            (400, "AccessDeniedException"),
            (403, "AccessDenied"),
            (403, "InvalidObjectState"),
            (400, "KMS.DisabledException"),
            (400, "SomethingNew"),
        ] {
            let kind = kind_of_response(status, Some(code));
            assert_eq!(kind, CallErrorKind::Denied, "{code}");
            assert!(kind.is_refusal());
        }
        assert_eq!(kind_of_response(403, None), CallErrorKind::Denied, "HEAD has no code");
        assert_eq!(kind_of_response(404, None), CallErrorKind::NotFound, "HEAD has no code");
        assert_eq!(kind_of_response(301, None), CallErrorKind::Denied, "the bucket is in another Region");
    }

    #[test]
    fn part_that_can_succeed_outweighs_one_that_cannot() {
        let terminal = || Err(Failure::terminal("no"));
        let transient = || Err(Failure::Transient("later".into()));
        assert!(Failure::merge_results([Ok(()), Ok(())]).is_ok());
        assert!(matches!(Failure::merge_results([terminal(), Ok(())]), Err(Failure::Terminal(_))));
        assert!(matches!(Failure::merge_results([terminal(), transient(), Ok(())]), Err(Failure::Transient(_))));
        let deferred = Err(Failure::busy("claimed"));
        assert!(matches!(Failure::merge_results([transient(), deferred, terminal()]), Err(Failure::Deferred { .. })));
    }

    #[test]
    fn server_error_and_lost_connection_are_unknown() {
        for (status, code) in [(500, Some("InternalFailure")), (503, Some("ServiceUnavailable")), (502, None)] {
            assert_eq!(kind_of_response(status, code), CallErrorKind::Unanswered, "{status} {code:?}");
        }
        let lost: SdkError<ErrorMetadata, HttpResponse> = SdkError::timeout_error("no response in 20 s");
        let kind = CallError::from_sdk("UpdateImage", lost).kind;
        assert_eq!(kind, CallErrorKind::Unanswered);
        assert!(!kind.is_refusal());
    }

    #[test]
    fn listed_code_outranks_the_status() {
        for (status, code, kind) in [
            (400, "ThrottlingException", CallErrorKind::Throttled),
            (400, "KMS.ThrottlingException", CallErrorKind::Throttled),
            (503, "SlowDown", CallErrorKind::Throttled),
            (429, "SomethingNew", CallErrorKind::Throttled),
            (400, "ResourceLimitExceeded", CallErrorKind::Quota),
            (400, "ValidationException", CallErrorKind::Invalid),
            (400, "ResourceNotFound", CallErrorKind::NotFound),
            (400, "ResourceInUse", CallErrorKind::Conflict),
            (400, "RequestTimeout", CallErrorKind::Unanswered),
        ] {
            assert_eq!(kind_of_response(status, Some(code)), kind, "{code}");
        }
    }
}
