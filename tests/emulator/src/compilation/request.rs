//! The typed `CreateCompilationJob` request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::target::{PlatformTarget, RequestedTarget};

/// `CreateCompilationJobRequest`, after the check against the service model.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateJobRequest {
    pub compilation_job_name: String,
    pub role_arn: String,
    pub model_package_version_arn: Option<String>,
    pub input_config: Option<InputConfig>,
    pub output_config: OutputConfig,
    pub vpc_config: Option<Value>,
    pub stopping_condition: Value,
    pub tags: Option<Vec<Value>>,
}

impl CreateJobRequest {
    /// `None` if the run time is not limited.
    pub fn max_runtime_seconds(&self) -> Option<u64> {
        self.stopping_condition["MaxRuntimeInSeconds"].as_u64()
    }
}

#[allow(clippy::struct_field_names)] // member names of the service
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

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OutputConfig {
    pub s3_output_location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_platform: Option<PlatformTarget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiler_options: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
}

impl OutputConfig {
    /// `None` if the request has no target or has two.
    pub fn single_target(&self) -> Option<RequestedTarget> {
        match (&self.target_device, &self.target_platform) {
            (Some(device), None) => Some(RequestedTarget::Device(device.clone())),
            (None, Some(platform)) => Some(RequestedTarget::Platform(platform.clone())),
            _ => None,
        }
    }
}
