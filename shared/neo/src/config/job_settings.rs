//! Settings that can be set in the defaults, in a rule and in a target.

use std::{collections::BTreeMap, num::NonZeroU32};

use super::{KmsKeyId, OutputTemplate, RoleArn, SymbolicDims, VpcConfig};

/// Job settings of the defaults, a rule or a target. A target overrides its rule, a rule overrides
/// the defaults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobSettings {
    /// Maximum run time of a job, in seconds.
    pub max_runtime_seconds: Option<NonZeroU32>,
    /// Sizes for the model's dynamic dimensions.
    pub symbolic_dims: Option<SymbolicDims>,
    /// The size of a dynamic first dimension that `symbolic_dims` does not name.
    pub batch_size: Option<NonZeroU32>,
    /// Tags of each job; those of defaults, rule and target are merged.
    pub tags: BTreeMap<String, String>,
    /// Where artifacts are written.
    pub output: Option<OutputTemplate>,
    /// The key that artifacts are encrypted with.
    pub kms_key_id: Option<KmsKeyId>,
    /// The VPC configuration of the compilation job.
    pub vpc: Option<VpcConfig>,
    /// The execution role of the compilation job.
    pub role_arn: Option<RoleArn>,
    /// What happens to running jobs when a newer version of the model arrives; cannot be set for a
    /// target.
    pub on_new_version: Option<NewVersionPolicy>,
    /// Whether the artifact of the same bytes, compiled with the same settings, is reused.
    pub reuse: Option<bool>,
    /// Number of retries after a failure on SageMaker's side.
    pub retries: Option<u8>,
    /// Maximum run time of the attempts after one that timed out, in seconds; `None` if a timeout
    /// is not retried.
    pub max_runtime_seconds_after_timeout: Option<NonZeroU32>,
}

/// What happens to running jobs when a newer version of the model arrives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum NewVersionPolicy {
    /// They continue.
    #[default]
    Keep,
    /// They are stopped.
    Stop,
}

impl NewVersionPolicy {
    /// The value in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Stop => "stop",
        }
    }
}
