//! What a failed call means, and what to do about it.

use aws_credential_types::provider::error::CredentialsError;
use document::escape_line;
use worker::{CallError, CallErrorKind};

use crate::error_report::{ErrorReport, iterate_causes};

/// Codes of credentials that were valid once.
const EXPIRED: [&str; 4] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];

/// Codes of credentials that AWS does not know, or of signatures that it does not accept.
const INVALID_CREDENTIALS: [&str; 8] = [
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Codes of S3 for a bucket in another Region.
const OTHER_REGION: [&str; 3] =
    ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];

/// Precedes the action in the message of a missing permission.
const NOT_AUTHORIZED: &str = "is not authorized to perform: ";

/// How to get credentials.
const LOG_IN: &str = "run `aws sso login`, then `eval \"$(aws configure export-credentials --format env)\"`; or choose a profile with --profile or AWS_PROFILE";

/// Explains a failed call in one sentence.
pub(crate) fn explain_call(error: &CallError) -> ErrorReport {
    let operation = error.operation().unwrap_or("a call");
    let code = error.code().unwrap_or_default();
    if let Some(cause) = iterate_causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
        return explain_credentials(None, cause);
    }
    if EXPIRED.contains(&code) {
        return explain_expired();
    }
    if INVALID_CREDENTIALS.contains(&code) {
        let message = format!("AWS does not accept the credentials ({code})");
        return ErrorReport::new("invalid-credentials", message).with_fix(format!(
            "check access key, session token and the clock of this machine with `aws sts get-caller-identity`; {LOG_IN}"
        ));
    }
    if OTHER_REGION.contains(&code) {
        return ErrorReport::new("wrong-region", format!("{operation}: the bucket is in another Region"))
            .with_fix("pass the Region of the bucket with --region");
    }
    match error.kind {
        CallErrorKind::Throttled => {
            ErrorReport::new("throttled", format!("AWS is throttling {operation}")).with_fix("try again in a minute")
        }
        CallErrorKind::Denied if is_denial(error) => explain_denial(operation, &error.message),
        _ if error.is_unreachable() => ErrorReport::new("no-network", format!("AWS did not respond to {operation}"))
            .with_fix("check the network, the proxy, the Region, and AWS_ENDPOINT_URL if it is set"),
        _ => ErrorReport::new("aws-error", escape_line(&error.to_string()).into_owned()),
    }
}

/// Explains why there are no credentials; `profile` is the one that the command line names.
pub(crate) fn explain_credentials(profile: Option<&str>, error: &CredentialsError) -> ErrorReport {
    match (error, profile) {
        (CredentialsError::CredentialsNotLoaded(_), None) => {
            ErrorReport::new("no-credentials", "no AWS credentials were found").with_fix(LOG_IN)
        }
        (CredentialsError::CredentialsNotLoaded(_), Some(profile)) => {
            let message = format!("no AWS credentials were found in the profile `{profile}`");
            ErrorReport::new("no-credentials", message).with_fix(
                "check the name with `aws configure list-profiles`, or leave out --profile and set credentials in environment variables",
            )
        }
        _ => {
            let cause = iterate_causes(error).last().map(ToString::to_string).unwrap_or_default();
            let message = format!("the AWS credentials cannot be loaded: {}", escape_line(&cause));
            ErrorReport::new("no-credentials", message).with_fix(LOG_IN)
        }
    }
}

pub(crate) fn explain_expired() -> ErrorReport {
    ErrorReport::new("expired-credentials", "the AWS credentials have expired").with_fix(LOG_IN)
}

/// Whether a permission is missing. S3 answers HEAD without a code.
fn is_denial(error: &CallError) -> bool {
    let denial = ["AccessDenied", "AuthorizationError", "UnauthorizedOperation"];
    error.message.contains(NOT_AUTHORIZED)
        || error.code().is_none_or(|code| denial.iter().any(|denial| code.starts_with(denial)))
}

/// Names the action and the principal, which most services do:
/// `User: ARN is not authorized to perform: ACTION on resource: ARN because …`.
fn explain_denial(operation: &str, message: &str) -> ErrorReport {
    let Some((before, after)) = message.split_once(NOT_AUTHORIZED) else {
        return ErrorReport::new("access-denied", format!("AWS denied {operation}"))
            .with_fix(format!("allow {operation} to the principal that `aws sts get-caller-identity` shows, or choose another profile with --profile"));
    };
    let principal = before.rsplit("User: ").next().unwrap_or_default().trim();
    let mut words = after.split_whitespace();
    let action = words.next().unwrap_or(operation).trim_end_matches(['.', ',']);
    let resource = after.split_once("on resource: ").and_then(|(_, rest)| rest.split_whitespace().next());
    let resource = resource.map(|arn| format!(" on {}", arn.trim_matches('"'))).unwrap_or_default();
    let denied = if after.contains("explicit deny") { "; a policy denies it explicitly" } else { "" };
    let message = format!("AWS denied {action} to {principal}{denied}");
    ErrorReport::new("access-denied", escape_line(&message).into_owned()).with_fix(
        escape_line(&format!("allow {action}{resource}, or choose another profile with --profile")).into_owned(),
    )
}
