//! A compilation job to create: the message from plan-compilation to start-compilation.

use std::collections::BTreeMap;

use document::tags::{MAX_TAG_VALUE, is_tag_character};
use model_archive::{Framework, Warning};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{ContentId, FailureClass, JobName, JobOptions, ModelId, ModelSource, Target, VpcConfig};

/// The message version that this release writes and reads.
pub const REQUEST_VERSION: u32 = 1;

/// Default number of retries after a failure on SageMaker's side: low, because the failure can be
/// permanent.
pub(crate) const DEFAULT_RETRIES: u32 = 2;

/// Everything `CreateCompilationJob` needs except the stack's role, and what notifications need
/// about the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilationRequest {
    /// The version of this message, [`REQUEST_VERSION`].
    pub version: u32,
    pub job_name: JobName,
    pub model: ModelId,
    /// Equal for jobs that compile the same bytes with the same settings.
    pub content: ContentId,
    pub source: ModelSource,
    /// The name of the rule that requested it.
    pub rule: String,
    pub target: Target,
    /// `None` for a model package, whose framework SageMaker knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework: Option<Framework>,
    /// `None` where the service does not accept it.
    pub framework_version: Option<String>,
    /// Input names and shapes as JSON text; `None` where Neo needs none.
    pub data_input_config: Option<String>,
    /// Compiler options as JSON text.
    pub compiler_options: Option<String>,
    /// The `s3://…/` prefix of the artifact.
    pub output_location: String,
    /// Maximum run time of this attempt, in seconds.
    pub max_runtime_seconds: u32,
    pub tags: BTreeMap<String, String>,
    /// Starts at 1; each retry increments it.
    pub attempt: u32,
    /// The KMS key that encrypts the artifact; `None` for that of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The VPC configuration of the compilation job; `None` for SageMaker's own network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcConfig>,
    /// The execution role of the compilation job; `None` for the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Whether an existing artifact with the same content id is used instead of compiling.
    #[serde(default = "default_reuse", skip_serializing_if = "is_default_reuse")]
    pub reuse: bool,
    /// Number of retries after a failure on SageMaker's side.
    #[serde(default = "default_retries", skip_serializing_if = "is_default_retries")]
    pub retries: u32,
    /// Maximum run time of the attempts after one that timed out, in seconds; `None` if a timeout
    /// is not retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_runtime_seconds_after_timeout: Option<u32>,
    /// Whether the job is started only if the model package version is still approved then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approved_only: bool,
    /// What the inspection and the plan found that may be the cause if the job fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

const fn default_reuse() -> bool {
    true
}

const fn default_retries() -> u32 {
    DEFAULT_RETRIES
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_default_reuse(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_default_retries(value: &u32) -> bool {
    *value == DEFAULT_RETRIES
}

impl CompilationRequest {
    /// The request for the attempt after this one failed, with its own job name and output
    /// location. `None` if another attempt would fail the same way, or if no retries are left.
    pub fn next_attempt(&self, failure: FailureClass) -> Option<Self> {
        let max_runtime_seconds = match failure {
            FailureClass::Capacity | FailureClass::Service => self.max_runtime_seconds,
            FailureClass::Timeout => {
                self.max_runtime_seconds_after_timeout.filter(|longer| *longer > self.max_runtime_seconds)?
            }
            _ => return None,
        };
        if self.attempt > self.retries {
            return None;
        }
        let attempt = self.attempt + 1;
        let job_name = self.job_name.with_attempt(&self.target.to_string(), attempt);
        let output_location = self.output_location.replace(self.job_name.as_str(), job_name.as_str());
        let tags = job_tags(self.tags.clone(), &self.source, &self.rule, attempt);
        Some(Self { job_name, output_location, max_runtime_seconds, tags, attempt, ..self.clone() })
    }

    /// What distinguishes the job from others for its target.
    pub fn options(&self) -> JobOptions {
        JobOptions::new(self.compiler_options.as_deref(), self.framework_version.as_deref())
    }

    /// The body of `CreateCompilationJob`; `role_arn` is the stack's role, for a request that has
    /// none.
    pub fn to_api(&self, role_arn: &str) -> Value {
        let mut output = json!({ "S3OutputLocation": self.output_location });
        let set = |body: &mut Value, member: &str, text: Option<&String>| {
            if let Some(text) = text {
                body[member] = text.as_str().into();
            }
        };
        match &self.target {
            Target::Device(device) => output["TargetDevice"] = device.as_str().into(),
            Target::Platform(platform) => {
                let mut names = json!({ "Os": platform.os, "Arch": platform.arch });
                set(&mut names, "Accelerator", platform.accelerator.as_ref());
                output["TargetPlatform"] = names;
            }
        }
        set(&mut output, "CompilerOptions", self.compiler_options.as_ref());
        set(&mut output, "KmsKeyId", self.kms_key_id.as_ref());
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let mut body = json!({
            "CompilationJobName": self.job_name,
            "RoleArn": self.role_arn.as_deref().unwrap_or(role_arn),
        });
        // Exactly one of the two: the API rejects both (API reference, `ModelPackageVersionArn`).
        match &self.source {
            ModelSource::Upload(upload) => {
                let mut input = json!({ "S3Uri": upload.s3_uri(), "Framework": self.framework });
                set(&mut input, "DataInputConfig", self.data_input_config.as_ref());
                set(&mut input, "FrameworkVersion", self.framework_version.as_ref());
                body["InputConfig"] = input;
            }
            ModelSource::Package(package) => {
                body["ModelPackageVersionArn"] = package.model_package_version_arn.as_str().into();
            }
        }
        body["OutputConfig"] = output;
        if let Some(vpc) = &self.vpc {
            body["VpcConfig"] = json!({ "SecurityGroupIds": vpc.security_group_ids, "Subnets": vpc.subnets });
        }
        body["StoppingCondition"] = json!({ "MaxRuntimeInSeconds": self.max_runtime_seconds });
        body["Tags"] = tags.into();
        body
    }
}

/// The configured tags, and those that say where a job comes from: `OWN_TAGS` of them.
pub(crate) fn job_tags(
    configured: BTreeMap<String, String>,
    source: &ModelSource,
    rule: &str,
    attempt: u32,
) -> BTreeMap<String, String> {
    let own = [
        ("sagemaker-automation:rule", rule.to_owned()),
        ("sagemaker-automation:source", source.to_uri()),
        ("sagemaker-automation:version", source.version().to_owned()),
        ("sagemaker-automation:attempt", attempt.to_string()),
    ];
    configured.into_iter().chain(own.map(|(key, value)| (key.to_owned(), to_tag_value(&value)))).collect()
}

/// Replaces characters that a tag value may not contain with `_`, and cuts it to the allowed
/// length.
fn to_tag_value(text: &str) -> String {
    text.chars().map(|c| if is_tag_character(c) { c } else { '_' }).take(MAX_TAG_VALUE).collect()
}
