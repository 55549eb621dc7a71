//! Signed calls of the few operations for which a whole SDK client would be compiled: the one of
//! AWS CloudFormation takes as long as the rest of the CLI.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use aws_runtime::{
    auth::{
        SigV4OperationSigningConfig,
        sigv4::{SCHEME_ID, SigV4AuthScheme},
    },
    retries::classifiers::AwsErrorCodeClassifier,
};
use aws_smithy_runtime::client::{
    orchestrator::operation::Operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::client::{
    auth::{
        AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
        static_resolver::StaticAuthSchemeOptionResolver,
    },
    identity::SharedIdentityResolver,
    orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
    runtime_components::RuntimeComponentsBuilder,
    runtime_plugin::StaticRuntimePlugin,
};
use aws_smithy_types::{body::SdkBody, config_bag::Layer, error::ErrorMetadata, retry::RetryConfig};
use aws_types::{SigningName, region::SigningRegion, service_config::ServiceConfigKey};
use serde_json::Value;
use worker::{CallError, CallErrorKind};

use super::xml::XmlElement;

/// Longest wait for one response.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);

/// Header in which REST APIs name the error.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// A service that is called without an SDK client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceName {
    /// In host names, such as `api.sagemaker`.
    pub host: &'static str,
    /// In signatures, such as `sagemaker`.
    pub signing: &'static str,
    /// In the names of endpoint settings, such as `STS` in `AWS_ENDPOINT_URL_STS`.
    pub setting: &'static str,
}

/// One request, before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct UnsignedRequest {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl UnsignedRequest {
    /// A request of the query protocol.
    pub fn query(action: &str, version: &str, parameters: &[(&str, &str)]) -> Self {
        let pairs = [("Action", action), ("Version", version)].into_iter().chain(parameters.iter().copied());
        let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", encode_value(value))).collect();
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        Self { method: "POST", path: "/".to_owned(), headers, body: pairs.join("&") }
    }

    /// A request of the JSON protocol; `target` is the operation with its prefix.
    pub fn json(target: &str, body: &Value) -> Self {
        let headers =
            vec![("content-type", "application/x-amz-json-1.1".to_owned()), ("x-amz-target", target.to_owned())];
        Self { method: "POST", path: "/".to_owned(), headers, body: body.to_string() }
    }

    /// A request of a REST API.
    pub fn get(path: String) -> Self {
        Self { method: "GET", path, headers: Vec::new(), body: String::new() }
    }

    fn into_http(self) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        // Neither the methods nor the paths and headers above can be refused.
        let _ = request.set_method(self.method);
        let _ = request.set_uri(self.path);
        for (name, value) in self.headers {
            request.headers_mut().insert(name, value);
        }
        request
    }
}

/// Encodes a value of a form or a path.
pub(crate) fn encode_value(value: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value
        .bytes()
        .map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Calls an operation with the credentials, the Region and the retries of the configuration.
///
/// # Errors
/// As of an SDK client.
pub(crate) async fn call_operation(
    config: &SdkConfig,
    service: ServiceName,
    operation: &'static str,
    request: UnsignedRequest,
) -> Result<Vec<u8>, CallError> {
    let missing = |what: &str| CallError::new(operation, CallErrorKind::Invalid, format!("there is no {what}"));
    let region = config.region().ok_or_else(|| missing("Region"))?.clone();
    let credentials = config.credentials_provider().ok_or_else(|| missing("credentials provider"))?;

    let mut auth = Layer::new("auth");
    auth.store_put(AuthSchemeOptionResolverParams::new(()));
    auth.store_put(SigningName::from_static(service.signing));
    auth.store_put(SigningRegion::from(region.clone()));
    auth.store_put(SigV4OperationSigningConfig::default());
    let mut components = RuntimeComponentsBuilder::new("auth")
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
        )));
    components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));

    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let call = Operation::builder()
        .service_name(service.signing)
        .operation_name(operation)
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&endpoint_url(config, service, region.as_ref()))
        .standard_retry(config.retry_config().unwrap_or(&RetryConfig::standard()))
        .timeout_config(timeouts)
        .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .runtime_plugin(StaticRuntimePlugin::new().with_config(auth.freeze()).with_runtime_components(components))
        .serializer(|request: UnsignedRequest| Ok(request.into_http()))
        .deserializer::<Vec<u8>, ErrorMetadata>(read_response)
        .build();
    call.invoke(request).await.map_err(|error| CallError::from_sdk(operation, error))
}

/// The endpoint: that of the environment or the profile, for the service or for all services, or
/// the Region's.
fn endpoint_url(config: &SdkConfig, service: ServiceName, region: &str) -> String {
    let service_id = service.setting.to_lowercase();
    let key =
        ServiceConfigKey::builder().service_id(&service_id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let configured = key.ok().and_then(|key| config.service_config()?.load_config(key));
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    configured
        .or_else(|| config.endpoint_url().map(str::to_owned))
        .unwrap_or_else(|| format!("https://{}.{region}.{suffix}", service.host))
}

fn read_response(response: &HttpResponse) -> Result<Vec<u8>, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(body.to_vec());
    }
    Err(OrchestratorError::operation(read_error(response.headers().get(ERROR_TYPE), body)))
}

/// Reads the code and the message of an error response, in XML or JSON.
fn read_error(error_type: Option<&str>, body: &[u8]) -> ErrorMetadata {
    let (code, message) = if let Ok(json) = serde_json::from_slice::<Value>(body) {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        (text("__type").or_else(|| text("code")), text("message").or_else(|| text("Message")))
    } else if let Ok(root) = XmlElement::parse(body) {
        (root.find_text(&["Error", "Code"]), root.find_text(&["Error", "Message"]))
    } else {
        (None, None)
    };
    // `com.amazonaws.service#Code` and `Code:http://…` are both in use.
    let code = error_type.map(str::to_owned).or(code);
    let code = code.map(|code| {
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default().to_owned()
    });
    let mut error = ErrorMetadata::builder();
    if let Some(code) = code {
        error = error.code(code);
    }
    if let Some(message) = message {
        error = error.message(message);
    }
    error.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_every_protocol() {
        let xml = b"<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>no</Message></Error></ErrorResponse>";
        let json = br#"{"__type":"com.amazonaws.events#ResourceNotFoundException","message":"no"}"#;
        for (error_type, body, code) in [
            (None, &xml[..], Some("ValidationError")),
            (None, &json[..], Some("ResourceNotFoundException")),
            (Some("AccessDeniedException:http://internal"), br#"{"Message":"no"}"#, Some("AccessDeniedException")),
        ] {
            let error = read_error(error_type, body);
            assert_eq!((error.code(), error.message()), (code, Some("no")));
        }
        assert_eq!(read_error(None, b"<html>").code(), None);
    }

    #[test]
    fn values_are_encoded() {
        let request = UnsignedRequest::query("A", "2010-05-15", &[("StackName", "a b/ü")]);
        assert_eq!(request.body, "Action=A&Version=2010-05-15&StackName=a%20b%2F%C3%BC");
    }
}
