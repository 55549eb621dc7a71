//! The request that starts a compilation job.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::target::{Platform, Target};

/// `CreateCompilationJobRequest`, after the model's check.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateRequest {
    pub compilation_job_name: String,
    pub role_arn: String,
    pub model_package_version_arn: Option<String>,
    pub input_config: Option<InputConfig>,
    pub output_config: OutputConfig,
    pub vpc_config: Option<Value>,
    pub stopping_condition: Value,
    pub tags: Option<Vec<Value>>,
}

impl CreateRequest {
    /// How long the job may run, if that is limited.
    pub fn max_runtime_seconds(&self) -> Option<u64> {
        self.stopping_condition["MaxRuntimeInSeconds"].as_u64()
    }
}

/// Where the model is and what it is.
#[allow(clippy::struct_field_names)] // the names of the service
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InputConfig {
    pub s3_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_input_config: Option<String>,
    pub framework: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework_version: Option<String>,
}

/// Where the artifact goes and what it is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OutputConfig {
    pub s3_output_location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_platform: Option<Platform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiler_options: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
}

impl OutputConfig {
    /// The one target; `None` if there is none or if there are two.
    pub fn target(&self) -> Option<Target> {
        match (&self.target_device, &self.target_platform) {
            (Some(device), None) => Some(Target::Device(device.clone())),
            (None, Some(platform)) => Some(Target::Platform(platform.clone())),
            _ => None,
        }
    }
}
