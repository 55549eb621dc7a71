//! The client of Amazon SageMaker that implements every trait of this crate.

use aws_config::SdkConfig;
use aws_sdk_sagemaker::Client;

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
}
