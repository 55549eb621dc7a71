//! Compilation jobs of SageMaker Neo.

use aws_sdk_sagemaker::{
    operation::describe_compilation_job::DescribeCompilationJobOutput,
    primitives::DateTime,
    types::{
        Framework, InputConfig, ListCompilationJobsSortBy, NeoVpcConfig, OutputConfig, SortOrder, StoppingCondition,
        Tag, TargetDevice, TargetPlatform, TargetPlatformAccelerator, TargetPlatformArch, TargetPlatformOs,
    },
};
use jiff::Timestamp;
use neo::{CompilationRequest, JobDescription, JobOptions, JobStatus, ModelSource, Target};
use thiserror::Error;
use worker::{CallError, CallErrorKind};

use crate::{
    SageMakerClient,
    convert::{convert_time, non_empty_text},
};

/// Maximum number of summaries of one `ListCompilationJobs` page (API reference).
const PAGE_SIZE: i32 = 100;

/// Why `CreateCompilationJob` did not create a job.
#[derive(Debug, Error)]
pub enum CreateJobError {
    #[error("a compilation job of this name already exists")]
    Exists,
    /// The request is not valid; the message of SageMaker says why.
    #[error("{0}")]
    Rejected(String),
    /// A permission is missing, the role cannot be assumed, or something that the request names
    /// does not exist; the message of SageMaker names it. This passes if it was created moments
    /// ago.
    #[error("{0}")]
    NotYetPossible(String),
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A job as `ListCompilationJobs` returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    pub name: String,
    pub status: JobStatus,
    pub created_at: Option<Timestamp>,
    /// When its status last changed.
    pub modified_at: Option<Timestamp>,
}

/// A page of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPage {
    pub jobs: Vec<JobSummary>,
    /// Token of the next page; `None` on the last page.
    pub next: Option<String>,
}

/// The compilation job operations of SageMaker.
pub trait CompilationJobs: Sync {
    /// Creates a job. `role_arn` is the compilation role, unless the request names another one.
    fn create_job(
        &self,
        request: &CompilationRequest,
        role_arn: &str,
    ) -> impl Future<Output = Result<(), CreateJobError>> + Send;

    /// Describes a job; `None` if there is no job of this name.
    fn describe_job(&self, name: &str) -> impl Future<Output = Result<Option<JobDescription>, CallError>> + Send;

    /// Stops a job. Succeeds if the job has already finished or does not exist.
    fn stop_job(&self, name: &str) -> impl Future<Output = Result<(), CallError>> + Send;

    /// A page of all jobs of the account and Region, newest first; `None` for the first page.
    ///
    /// No filter is set: SageMaker cuts a page first and filters it afterwards, so a filter saves
    /// no call.
    fn list_newest(&self, page: Option<String>) -> impl Future<Output = Result<JobPage, CallError>> + Send;
}

impl CompilationJobs for SageMakerClient {
    async fn create_job(&self, request: &CompilationRequest, role_arn: &str) -> Result<(), CreateJobError> {
        // SageMaker rejects a request that has both (API reference, `ModelPackageVersionArn`).
        let (input, package) = match &request.source {
            ModelSource::Upload(upload) => {
                let input = InputConfig::builder()
                    .s3_uri(upload.s3_uri())
                    .set_framework(request.framework.map(|framework| Framework::from(framework.as_str())))
                    .set_framework_version(request.framework_version.clone())
                    .set_data_input_config(request.data_input_config.clone());
                (Some(input.build()), None)
            }
            ModelSource::Package(package) => (None, Some(package.model_package_version_arn.as_str().to_owned())),
        };
        let output = OutputConfig::builder()
            .s3_output_location(&request.output_location)
            .set_compiler_options(request.compiler_options.clone())
            .set_kms_key_id(request.kms_key_id.clone());
        let output = match &request.target {
            Target::Device(device) => output.target_device(TargetDevice::from(device.as_str())),
            Target::Platform(platform) => output.target_platform(
                TargetPlatform::builder()
                    .os(TargetPlatformOs::from(platform.os.as_str()))
                    .arch(TargetPlatformArch::from(platform.arch.as_str()))
                    .set_accelerator(platform.accelerator.as_deref().map(TargetPlatformAccelerator::from))
                    .build(),
            ),
        };
        let vpc = request.vpc.as_ref().map(|vpc| {
            NeoVpcConfig::builder()
                .set_security_group_ids(Some(vpc.security_group_ids.clone()))
                .set_subnets(Some(vpc.subnets.clone()))
                .build()
        });
        let runtime = i32::try_from(request.max_runtime_seconds).unwrap_or(i32::MAX);
        let tags = request.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let response = self
            .client
            .create_compilation_job()
            .compilation_job_name(request.job_name.as_str())
            .role_arn(request.role_arn.as_deref().unwrap_or(role_arn))
            .set_input_config(input)
            .set_model_package_version_arn(package)
            .output_config(output.build())
            .set_vpc_config(vpc)
            .stopping_condition(StoppingCondition::builder().max_runtime_in_seconds(runtime).build())
            .set_tags(Some(tags))
            .send()
            .await;
        let Err(error) = response.map_err(|error| CallError::from_sdk("CreateCompilationJob", error)) else {
            return Ok(());
        };
        Err(match error.kind {
            CallErrorKind::Conflict => CreateJobError::Exists,
            _ if error.names_unassumable_role() => CreateJobError::NotYetPossible(error.message),
            CallErrorKind::Denied | CallErrorKind::NotFound => CreateJobError::NotYetPossible(error.message),
            CallErrorKind::Invalid => CreateJobError::Rejected(error.message),
            _ => CreateJobError::Call(error),
        })
    }

    async fn describe_job(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        let response = self.client.describe_compilation_job().compilation_job_name(name).send().await;
        match response.map_err(|error| CallError::from_sdk("DescribeCompilationJob", error)) {
            Ok(output) => Ok(Some(convert_description(&output))),
            // SageMaker has reported a missing job with either of these errors.
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(None),
            Err(error) if error.kind == CallErrorKind::Invalid && error.message.contains("Could not find") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn stop_job(&self, name: &str) -> Result<(), CallError> {
        let response = self.client.stop_compilation_job().compilation_job_name(name).send().await;
        match response.map_err(|error| CallError::from_sdk("StopCompilationJob", error)) {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind, CallErrorKind::NotFound | CallErrorKind::Invalid) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn list_newest(&self, page: Option<String>) -> Result<JobPage, CallError> {
        let output = self
            .client
            .list_compilation_jobs()
            .sort_by(ListCompilationJobsSortBy::CreationTime)
            .sort_order(SortOrder::Descending)
            .max_results(PAGE_SIZE)
            .set_next_token(page)
            .send()
            .await
            .map_err(|error| CallError::from_sdk("ListCompilationJobs", error))?;
        let jobs = output.compilation_job_summaries().iter().map(|job| JobSummary {
            name: job.compilation_job_name().unwrap_or_default().to_owned(),
            status: job.compilation_job_status().map_or(JobStatus::Unknown, |status| JobStatus::from(status.as_str())),
            created_at: known_time(job.creation_time()),
            modified_at: known_time(job.last_modified_time()),
        });
        Ok(JobPage { jobs: jobs.collect(), next: output.next_token })
    }
}

/// The SDK fills missing required members with empty text and the epoch, which are treated as
/// missing here.
fn known_time(time: Option<&DateTime>) -> Option<Timestamp> {
    convert_time(time).filter(|time| *time > Timestamp::UNIX_EPOCH)
}

fn convert_description(output: &DescribeCompilationJobOutput) -> JobDescription {
    let status = output.compilation_job_status().map_or(JobStatus::Unknown, |status| JobStatus::from(status.as_str()));
    let input = output.input_config();
    let destination = output.output_config();
    let artifact = output.model_artifacts().and_then(|artifacts| artifacts.s3_model_artifacts());
    JobDescription {
        name: output.compilation_job_name().unwrap_or_default().to_owned(),
        arn: output.compilation_job_arn().unwrap_or_default().to_owned(),
        status,
        source: non_empty_text(output.model_package_version_arn())
            .or_else(|| non_empty_text(input.and_then(InputConfig::s3_uri)))
            .unwrap_or_default(),
        framework: input
            .and_then(InputConfig::framework)
            .map(|framework| framework.as_str().to_owned())
            .unwrap_or_default(),
        data_input_config: non_empty_text(input.and_then(InputConfig::data_input_config)),
        target: destination.map(format_target).unwrap_or_default(),
        options: JobOptions::new(
            non_empty_text(destination.and_then(OutputConfig::compiler_options)).as_deref(),
            non_empty_text(input.and_then(InputConfig::framework_version)).as_deref(),
        ),
        output_location: destination.and_then(OutputConfig::s3_output_location).unwrap_or_default().to_owned(),
        artifact: non_empty_text(artifact).filter(|_| status == JobStatus::Completed),
        failure_reason: non_empty_text(output.failure_reason()),
        created_at: known_time(output.creation_time()),
        started_at: known_time(output.compilation_start_time()),
        ended_at: known_time(output.compilation_end_time()).filter(|_| status.is_terminal()),
    }
}

fn format_target(output: &OutputConfig) -> String {
    let Some(platform) = output.target_platform() else {
        return output.target_device().map(|device| device.as_str().to_owned()).unwrap_or_default();
    };
    let names = [
        platform.os().map(TargetPlatformOs::as_str),
        platform.arch().map(TargetPlatformArch::as_str),
        platform.accelerator().map(TargetPlatformAccelerator::as_str),
    ];
    names.into_iter().flatten().collect::<Vec<_>>().join("_")
}
