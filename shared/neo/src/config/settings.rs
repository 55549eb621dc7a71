//! What can be said for all rules, for one rule, and for one target.

use std::{collections::BTreeMap, num::NonZeroU32};

use super::{KmsKeyId, OutputTemplate, RoleArn, SymbolicDims, Vpc};

/// What defaults, a rule or a target say of a job; the nearest to the target that says something wins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Run time limit of a job, in seconds.
    pub max_runtime_seconds: Option<NonZeroU32>,
    /// Values for the dimensions a model leaves open.
    pub symbolic_dims: Option<SymbolicDims>,
    /// Tags of each job; those of defaults, rule and target are joined.
    pub tags: BTreeMap<String, String>,
    /// Where artifacts go.
    pub output: Option<OutputTemplate>,
    /// The key that artifacts are encrypted with.
    pub kms_key_id: Option<KmsKeyId>,
    /// The network that is compiled in.
    pub vpc: Option<Vpc>,
    /// The role that is compiled under.
    pub role_arn: Option<RoleArn>,
    /// What becomes of running jobs when a newer version of the model arrives; not said of a target.
    pub on_new_version: Option<OnNewVersion>,
    /// Whether the artifact of the same bytes, compiled the same way, is used again.
    pub reuse: Option<bool>,
    /// How often a job is started again after it failed at SageMaker's end.
    pub retries: Option<u8>,
    /// Run time limit of the attempts that follow one that ran out of time, in seconds; none: no attempt follows.
    pub max_runtime_seconds_after_timeout: Option<NonZeroU32>,
}

/// What becomes of running jobs when a newer version of the model arrives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum OnNewVersion {
    /// They run on.
    #[default]
    Keep,
    /// They are stopped.
    Stop,
}

impl OnNewVersion {
    /// As the configuration has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Stop => "stop",
        }
    }
}
