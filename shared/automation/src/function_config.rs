//! The SDK's configuration of a function: what Lambda sets in the environment, and nothing else.
//!
//! `aws_config::from_env` also looks for profile files, single sign-on, web identities and instance
//! metadata. Lambda has none of these, and the code that looks for them makes every function
//! larger and every cold start longer.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_sqs::config::{SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// Longest wait for a connection: the default of the SDK.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// Returns the value of an environment variable.
type ReadVariable = fn(&str) -> Option<String>;

/// Builds the configuration from environment variables.
pub(crate) fn build_config(read: ReadVariable, timeouts: TimeoutConfig, retries: RetryConfig) -> SdkConfig {
    let is_true = |name| read(name).map(|value| value.eq_ignore_ascii_case("true"));
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(build_http_client())
        .service_config(ServiceVariables(read))
        .timeout_config(timeouts)
        .retry_config(retries);
    config
        .set_region(read("AWS_REGION").or_else(|| read("AWS_DEFAULT_REGION")).map(Region::new))
        .set_endpoint_url(read("AWS_ENDPOINT_URL"))
        .set_use_fips(is_true("AWS_USE_FIPS_ENDPOINT"))
        .set_use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"));
    config.build()
}

/// Builds the HTTP client of all services. With its own HTTP client, each client of the SDK parses
/// the root certificates of the system twice: when it is built, and for its first call.
fn build_http_client() -> SharedHttpClient {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build();
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}

/// Settings of one service, such as `AWS_ENDPOINT_URL_SAGEMAKER`.
#[derive(Debug)]
struct ServiceVariables(ReadVariable);

impl LoadServiceConfig for ServiceVariables {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        (self.0)(&format!("{}_{service}", key.env()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_variable(name: &str) -> Option<String> {
        let value = match name {
            "AWS_REGION" => "eu-west-1",
            "AWS_ENDPOINT_URL" => "http://localhost:4566",
            "AWS_ENDPOINT_URL_SAGEMAKER" => "http://localhost:8080",
            "AWS_USE_DUALSTACK_ENDPOINT" => "TRUE",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn build_test_config(read: ReadVariable) -> SdkConfig {
        build_config(read, TimeoutConfig::builder().build(), RetryConfig::standard())
    }

    #[test]
    fn region_and_endpoints_come_from_the_environment() {
        let config = build_test_config(read_variable);
        assert_eq!(config.region(), Some(&Region::from_static("eu-west-1")));
        assert_eq!(config.endpoint_url(), Some("http://localhost:4566"));
        assert_eq!((config.use_fips(), config.use_dual_stack()), (None, Some(true)));
    }

    #[test]
    fn endpoint_of_a_service_outranks_the_one_of_all_services() {
        let config = build_test_config(read_variable);
        let load = |service| {
            let key =
                ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
            config.service_config().unwrap().load_config(key.unwrap())
        };
        assert_eq!(load("SageMaker").as_deref(), Some("http://localhost:8080"));
        assert_eq!(load("SQS"), None);
    }

    #[test]
    fn default_region_is_used_without_a_region() {
        let config = build_test_config(|name| (name == "AWS_DEFAULT_REGION").then(|| "us-east-1".to_owned()));
        assert_eq!(config.region(), Some(&Region::from_static("us-east-1")));
        assert_eq!(config.endpoint_url(), None);
    }
}
