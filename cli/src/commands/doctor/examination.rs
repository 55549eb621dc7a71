//! The stack that is examined.

use serde_json::Value;
use worker::{CallError, CallErrorKind};

use crate::{
    aws::{
        session::AwsSession,
        signed_call::{ServiceName, UnsignedRequest, call_operation},
        stack::StackResource,
    },
    stack_description::StackDescription,
};

/// A stack with its resources.
pub(super) struct Examination<'a> {
    pub session: &'a AwsSession,
    pub stack: &'a StackDescription,
    pub resources: Vec<StackResource>,
}

impl Examination<'_> {
    /// The resources of a type, such as `AWS::Events::Rule`.
    pub fn find_resources(&self, kind: &str) -> Vec<&StackResource> {
        self.resources.iter().filter(|resource| resource.kind == kind).collect()
    }

    /// Calls an operation of the JSON protocol; `target` is the operation with its prefix.
    pub async fn call_json(
        &self,
        service: ServiceName,
        operation: &'static str,
        target: &str,
        request: &Value,
    ) -> Result<Value, CallError> {
        self.send_request(service, operation, UnsignedRequest::json(target, request)).await
    }

    /// Calls an operation of a REST API.
    pub async fn call_get(
        &self,
        service: ServiceName,
        operation: &'static str,
        path: String,
    ) -> Result<Value, CallError> {
        self.send_request(service, operation, UnsignedRequest::get(path)).await
    }

    async fn send_request(
        &self,
        service: ServiceName,
        operation: &'static str,
        request: UnsignedRequest,
    ) -> Result<Value, CallError> {
        let answer = call_operation(self.session.config(), service, operation, request).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| CallError::new(operation, CallErrorKind::Invalid, error.to_string()))
    }
}
