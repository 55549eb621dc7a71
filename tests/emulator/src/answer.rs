//! Responses in awsJson1.1: a JSON object, or an error in the wording of the service.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// An error response: the error type (`__type`) and the message of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceError {
    pub code: String,
    pub message: String,
    pub status: u16,
}

impl ServiceError {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400 }
    }

    pub fn validation_exception(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub fn resource_not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFound", message)
    }

    pub fn throttling_exception() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    pub fn serialization_exception(error: &serde_json::Error) -> Self {
        Self::new("SerializationException", format!("The request body is not a JSON object: {error}"))
    }

    fn to_json(&self) -> Value {
        // The member is `Message` in errors of the service model and `message` in common errors.
        let modelled = ["ConflictException", "ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound"];
        let member = if modelled.contains(&self.code.as_str()) { "Message" } else { "message" };
        json!({ "__type": self.code, member: self.message })
    }
}

pub(crate) type OperationAnswer = Result<Value, ServiceError>;

/// Epoch seconds with millisecond precision: the timestamp format of awsJson1.1.
#[allow(clippy::cast_precision_loss)] // exact to the millisecond up to the year 10000
pub(crate) fn epoch_seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

/// Builds a JSON object without the members that are null.
pub(crate) fn build_object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// `sequence` is the number of the request; it becomes the request id.
pub(crate) fn build_response(sequence: u64, answer: &OperationAnswer) -> Response<Body> {
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body.clone()),
        Err(error) => (StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST), error.to_json()),
    };
    // An operation without output has an empty response body.
    let mut response = Response::new(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = HeaderValue::from_str(&format!("00000000-0000-4000-8000-{sequence:012x}")) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
