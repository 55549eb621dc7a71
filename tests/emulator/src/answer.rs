//! Answers in awsJson1.1: a JSON object, or an error as the service words it.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A refusal: the error type and message of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub code: String,
    pub message: String,
    pub status: u16,
}

impl Refusal {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400 }
    }

    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFound", message)
    }

    pub fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    pub fn unreadable(error: &serde_json::Error) -> Self {
        Self::new("SerializationException", format!("The request body is not a JSON object: {error}"))
    }

    fn body(&self) -> Value {
        // The service spells the member of its modelled errors `Message`, that of the common ones `message`.
        let modelled = ["ConflictException", "ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound"];
        let member = if modelled.contains(&self.code.as_str()) { "Message" } else { "message" };
        json!({ "__type": self.code, member: self.message })
    }
}

/// An operation's answer.
pub(crate) type Answer = Result<Value, Refusal>;

/// Epoch seconds with milliseconds, as awsJson1.1 writes a time.
#[allow(clippy::cast_precision_loss)] // exact to the millisecond until the year 10000
pub(crate) fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

/// An object of the members that have a value.
pub(crate) fn present<const N: usize>(members: [(&str, Value); N]) -> Value {
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The HTTP response of an answer to the request with this number.
pub(crate) fn response(sequence: u64, answer: &Answer) -> Response<Body> {
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body.clone()),
        Err(refusal) => (StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST), refusal.body()),
    };
    // An operation without output answers with no body at all.
    let mut response = Response::new(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = HeaderValue::from_str(&format!("00000000-0000-4000-8000-{sequence:012x}")) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
