//! The representations of a compilation job in Describe, List and events.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::job::EmulatedCompilationJob;
use crate::{
    answer::{build_object, epoch_seconds},
    side_effect::StateChangeEvent,
};

impl EmulatedCompilationJob {
    /// `DescribeCompilationJobResponse`.
    pub fn to_description(&self, region: &str) -> Value {
        let request = &self.request;
        let artifact = self.artifact.as_ref();
        build_object([
            ("CompilationJobName", json!(self.name())),
            ("CompilationJobArn", json!(self.arn)),
            ("CompilationJobStatus", json!(self.status.as_str())),
            ("CompilationStartTime", json!(self.started.map(epoch_seconds))),
            ("CompilationEndTime", json!(self.ended.map(epoch_seconds))),
            ("StoppingCondition", json!(request.stopping_condition)),
            ("InferenceImage", json!(self.inference_image(region))),
            ("ModelPackageVersionArn", json!(request.model_package_version_arn)),
            ("CreationTime", json!(epoch_seconds(self.created))),
            ("LastModifiedTime", json!(epoch_seconds(self.modified))),
            // Required members: empty strings until the job has a failure reason or an artifact.
            ("FailureReason", json!(self.failure_reason)),
            ("ModelArtifacts", json!({ "S3ModelArtifacts": artifact.map_or("", |artifact| &artifact.uri) })),
            ("ModelDigests", json!(artifact.map(|artifact| json!({ "ArtifactDigest": artifact.digest })))),
            ("RoleArn", json!(request.role_arn)),
            ("InputConfig", json!(request.input_config)),
            ("OutputConfig", json!(request.output_config)),
            ("VpcConfig", json!(request.vpc_config)),
        ])
    }

    /// `CompilationJobSummary`, which has no failure reason and no artifact.
    pub fn to_summary(&self) -> Value {
        let platform = self.request.output_config.target_platform.as_ref();
        build_object([
            ("CompilationJobName", json!(self.name())),
            ("CompilationJobArn", json!(self.arn)),
            ("CreationTime", json!(epoch_seconds(self.created))),
            ("CompilationStartTime", json!(self.started.map(epoch_seconds))),
            ("CompilationEndTime", json!(self.ended.map(epoch_seconds))),
            ("CompilationTargetDevice", json!(self.request.output_config.target_device)),
            ("CompilationTargetPlatformOs", json!(platform.map(|platform| &platform.os))),
            ("CompilationTargetPlatformArch", json!(platform.map(|platform| &platform.arch))),
            ("CompilationTargetPlatformAccelerator", json!(platform.and_then(|p| p.accelerator.as_ref()))),
            ("LastModifiedTime", json!(epoch_seconds(self.modified))),
            ("CompilationJobStatus", json!(self.status.as_str())),
        ])
    }

    /// The event for the current status. AWS does not document this event. It has the form of the
    /// documented SageMaker events, with their differences from the API: statuses in another case,
    /// times in epoch milliseconds, tags as an object.
    pub fn to_state_change(&self) -> StateChangeEvent {
        let reason = Some(&self.failure_reason).filter(|reason| !reason.is_empty());
        let tags = self.request.tags.iter().flatten();
        let tags: Map<String, Value> =
            tags.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone()))).collect();
        let detail = build_object([
            ("CompilationJobName", json!(self.name())),
            ("CompilationJobArn", json!(self.arn)),
            ("CompilationJobStatus", json!(self.status.to_event_status())),
            ("CreationTime", json!(self.created.as_millisecond())),
            ("LastModifiedTime", json!(self.modified.as_millisecond())),
            ("CompilationStartTime", json!(self.started.map(Timestamp::as_millisecond))),
            ("CompilationEndTime", json!(self.ended.map(Timestamp::as_millisecond))),
            ("FailureReason", json!(reason)),
            ("ModelArtifacts", json!(self.artifact.as_ref().map(|made| json!({ "S3ModelArtifacts": made.uri })))),
            ("RoleArn", json!(self.request.role_arn)),
            ("InputConfig", json!(self.request.input_config)),
            ("OutputConfig", json!(self.request.output_config)),
            ("Tags", Value::Object(tags)),
        ]);
        StateChangeEvent {
            detail_type: "SageMaker Compilation Job State Change",
            resource: self.arn.clone(),
            time: self.modified,
            detail,
        }
    }

    /// The image that serves the artifact; only ML instances (`ml_*`) have one.
    fn inference_image(&self, region: &str) -> Option<String> {
        let input = self.request.input_config.as_ref().filter(|_| self.target.is_cloud())?;
        let framework = input.framework.to_ascii_lowercase();
        let version = input.framework_version.as_deref().unwrap_or("latest");
        let processor = self.target.processor_tag();
        Some(format!(
            "301217895009.dkr.ecr.{region}.amazonaws.com/sagemaker-inference-{framework}:{version}-{processor}-py3"
        ))
    }
}
