//! The SageMaker client of the SDK, for tests that arrange resources in the emulator.

pub use aws_sdk_sagemaker::{Client, types};

use aws_sdk_sagemaker::{
    Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};

/// A client for the emulator at this URL, without retries: a test sees every failure.
pub fn connect_client(endpoint_url: &str, region: &'static str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(endpoint_url)
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// The same client with the retries of the SDK, as functions have it.
pub fn with_retries(client: &Client) -> Client {
    Client::from_conf(client.config().to_builder().retry_config(RetryConfig::standard()).build())
}
