//! The client of Amazon SageMaker that implements every trait of this crate.

use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_sagemaker::{Client, Config, config};

/// Calls Amazon SageMaker.
#[derive(Debug, Clone)]
pub struct SageMakerClient {
    pub(crate) client: Client,
}

impl SageMakerClient {
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// A client with this configuration of the SDK.
    pub fn from_config(config: &SdkConfig) -> Self {
        Self::new(Client::new(config))
    }

    /// Like [`from_config`](Self::from_config), for a caller that has to make many calls in the
    /// time of one invocation: each call is repeated at most once.
    pub fn with_one_retry(config: &SdkConfig) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(2);
        Self::new(Client::from_conf(config::Builder::from(config).retry_config(retries).build()))
    }
}

/// For a change that SageMaker does not recognize when it is repeated. If the response is lost and
/// the SDK repeats the request, SageMaker refuses the second one because of the first: a success
/// would be taken for a refusal.
pub(crate) fn without_retries() -> config::Builder {
    Config::builder().retry_config(RetryConfig::disabled())
}
