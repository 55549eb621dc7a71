//! How every AWS client of the functions is set up.

use std::time::Duration;

use aws_config::{SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

/// Longest wait for one answer. (A body that is streamed afterwards may take longer.)
const ATTEMPT: Duration = Duration::from_secs(6);

/// Longest wait for an answer with all attempts: well below a notice's claim and every function's timeout.
const OPERATION: Duration = Duration::from_secs(20);

/// Attempts of a call: what takes longer than these is left to the queues.
const ATTEMPTS: u32 = 4;

/// Region, credentials and endpoints from the environment; the SDK itself sets no limit to how long an answer may take.
pub async fn config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(OPERATION).build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
    aws_config::from_env().timeout_config(timeouts).retry_config(retries).load().await
}
