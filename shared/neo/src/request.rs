//! One compilation job to be started: the message between plan-compilation and start-compilation.

use std::collections::BTreeMap;

use document::tags::{MAX_TAG_VALUE, is_tag_character};
use model_archive::Framework;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{ContentId, FailureClass, JobName, ModelId, Source, Target, Vpc};

/// The version of the message this release writes and reads.
pub const REQUEST_VERSION: u32 = 1;

/// Starts of a job that failed at SageMaker's end, where nothing is configured: the failure can be a permanent one.
pub(crate) const DEFAULT_RETRIES: u32 = 2;

/// Everything `CreateCompilationJob` needs but the stack's role, and what its result is reported with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilationRequest {
    /// Version of this message.
    pub version: u32,
    /// The job's name.
    pub job_name: JobName,
    /// The model version it belongs to.
    pub model: ModelId,
    /// The same bytes compiled the same way have the same one.
    pub content: ContentId,
    /// What is compiled.
    pub source: Source,
    /// The rule that asked for it.
    pub rule: String,
    /// What to compile for.
    pub target: Target,
    /// The model's framework; none of a model package, of which SageMaker knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework: Option<Framework>,
    /// Sent only where the service takes it.
    pub framework_version: Option<String>,
    /// Input names and shapes as JSON text; none where Neo needs none.
    pub data_input_config: Option<String>,
    /// Compiler options as JSON text.
    pub compiler_options: Option<String>,
    /// `s3://…/` prefix that the artifact is written under.
    pub output_location: String,
    /// Run time limit in seconds.
    pub max_runtime_seconds: u32,
    /// Tags of the job.
    pub tags: BTreeMap<String, String>,
    /// From 1; a retry is the next one.
    pub attempt: u32,
    /// The key that the artifact is encrypted with; else the bucket's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The network that is compiled in; else SageMaker's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Vpc>,
    /// The role that is compiled under; else the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Whether an artifact of the same content may stand in for this job's.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub reuse: bool,
    /// How often the job is started again after it failed at SageMaker's end.
    #[serde(default = "default_retries", skip_serializing_if = "is_default_retries")]
    pub retries: u32,
    /// Run time limit in seconds of the attempts that follow one that ran out of time; else none follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_runtime_seconds_after_timeout: Option<u32>,
}

const fn yes() -> bool {
    true
}

const fn default_retries() -> u32 {
    DEFAULT_RETRIES
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_yes(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_default_retries(value: &u32) -> bool {
    *value == DEFAULT_RETRIES
}

impl CompilationRequest {
    /// The attempt that follows one that failed like this, under a name and a place of its own; none if it would fail again, or if
    /// there are no retries left.
    pub fn retry(&self, failure: FailureClass) -> Option<Self> {
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
        let job_name = self.job_name.retried(&self.target.to_string(), attempt);
        let output_location = self.output_location.replace(self.job_name.as_str(), job_name.as_str());
        let tags = job_tags(self.tags.clone(), &self.source, &self.rule, attempt);
        Some(Self { job_name, output_location, max_runtime_seconds, tags, attempt, ..self.clone() })
    }

    /// The body of `CreateCompilationJob`; `role_arn` is the stack's, for a request without one of its own.
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
        // Either of the two; both would be refused (API reference, `ModelPackageVersionArn`).
        match &self.source {
            Source::Upload(upload) => {
                let mut input = json!({ "S3Uri": upload.s3_uri(), "Framework": self.framework });
                set(&mut input, "DataInputConfig", self.data_input_config.as_ref());
                set(&mut input, "FrameworkVersion", self.framework_version.as_ref());
                body["InputConfig"] = input;
            }
            Source::Package(package) => {
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

/// The configured tags and those that say where a job comes from; [`crate::config::OWN_TAGS`] counts the latter.
pub(crate) fn job_tags(
    configured: BTreeMap<String, String>,
    source: &Source,
    rule: &str,
    attempt: u32,
) -> BTreeMap<String, String> {
    let own = [
        ("sagemaker-automation:rule", rule.to_owned()),
        ("sagemaker-automation:source", source.uri()),
        ("sagemaker-automation:version", source.version().to_owned()),
        ("sagemaker-automation:attempt", attempt.to_string()),
    ];
    configured.into_iter().chain(own.map(|(key, value)| (key.to_owned(), tag_value(&value)))).collect()
}

/// The characters and length a tag value may have; others become `_`.
fn tag_value(text: &str) -> String {
    text.chars().map(|c| if is_tag_character(c) { c } else { '_' }).take(MAX_TAG_VALUE).collect()
}
