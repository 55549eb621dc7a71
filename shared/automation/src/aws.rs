//! AWS clients of the functions.

use std::{env, sync::OnceLock, time::Duration};

use aws_config::{
    Region, SdkConfig, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use jiff::Timestamp;
use ledger::{DynamoTable, Ledger};
use neo::ModelBuckets;
use notifications::{channel::AwsChannel, event_bus::EventBridgeBus, notifier::Notifier, sns::SnsTopic};
use worker::{
    queue::{SqsSender, SqsSourceQueue},
    telemetry,
};

use crate::{config::ConfigSource, function_config::build_config, objects::S3Objects};

/// Longest wait for one response. A body that is streamed afterwards may take longer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);

/// Longest wait for a response with all attempts: well below a notification's claim and every
/// function's timeout.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);

/// Attempts of a call; a call that fails more often is left to the redelivery of its message.
const MAX_ATTEMPTS: u32 = 4;

/// Builds the AWS clients of a function from one configuration of the SDK, at most one per service.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    s3: OnceLock<aws_sdk_s3::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

impl Aws {
    /// For a function: starts logging, and takes Region, credentials and endpoints from the
    /// environment variables that Lambda sets.
    pub fn from_env() -> Self {
        telemetry::start_logging();
        Self::new(build_config(|name| env::var(name).ok(), limit_time(), limit_retries()))
    }

    /// For a command on a developer's machine: finds Region, credentials and endpoints as the AWS
    /// CLI does. A profile or a Region that is passed comes before the environment; the SDK's chain
    /// would prefer credentials in environment variables to those of the profile.
    pub async fn load_profile(profile: Option<&str>, region: Option<&str>) -> Self {
        let mut loader = aws_config::from_env().timeout_config(limit_time()).retry_config(limit_retries());
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let mut config = loader.load().await;
        if let Some(profile) = profile {
            let provider = ProviderConfig::without_region().with_region(config.region().cloned());
            let provider = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
            config = config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build();
        }
        Self::new(config)
    }

    fn new(config: SdkConfig) -> Self {
        Self { config, s3: OnceLock::new(), sqs: OnceLock::new() }
    }

    /// The configuration of the SDK, for clients that this type does not build.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The Region of the function.
    pub fn region(&self) -> Option<String> {
        self.config.region().map(ToString::to_string)
    }

    pub fn s3(&self) -> S3Objects {
        S3Objects::new(self.s3.get_or_init(|| aws_sdk_s3::Client::new(&self.config)).clone())
    }

    /// The configuration at this key, whose rules can name these buckets.
    pub fn config_source(&self, bucket: String, key: String, buckets: &ModelBuckets) -> ConfigSource<S3Objects> {
        ConfigSource::new(self.s3(), bucket, key).with_model_buckets(buckets.clone())
    }

    /// The ledger in the table of this name.
    pub fn ledger(&self, table: &str) -> Ledger<DynamoTable> {
        let client = aws_sdk_dynamodb::Client::new(&self.config);
        Ledger::new(DynamoTable::new(client, table.to_owned()), Timestamp::now)
    }

    /// Publishes each notification once, remembered in the ledger: to the topic of this ARN, and to
    /// the event bus of this name unless it is empty.
    pub fn notifier(
        &self,
        topic_arn: String,
        bus_name: String,
        ledger: &Ledger<DynamoTable>,
    ) -> Notifier<DynamoTable, AwsChannel> {
        let topic = SnsTopic::new(aws_sdk_sns::Client::new(&self.config), topic_arn);
        let notifier = Notifier::new(ledger.clone(), AwsChannel::Topic(topic));
        if bus_name.is_empty() {
            return notifier;
        }
        let client = aws_sdk_eventbridge::Client::new(&self.config);
        notifier.with_bus(AwsChannel::Bus(EventBridgeBus::new(client, bus_name)))
    }

    /// The queue of this URL, to send to.
    pub fn queue(&self, url: String) -> SqsSender {
        SqsSender::new(self.sqs_client(), url)
    }

    /// The queue that invokes the function.
    pub fn source_queue(&self) -> SqsSourceQueue {
        SqsSourceQueue::new(self.sqs_client())
    }

    fn sqs_client(&self) -> aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.config)).clone()
    }
}

/// The SDK itself does not limit how long a response may take.
fn limit_time() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT).build()
}

fn limit_retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS)
}
