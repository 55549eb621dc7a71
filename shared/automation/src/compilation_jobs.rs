//! Compilation jobs of SageMaker.

use aws_sdk_sagemaker::{
    Client,
    operation::describe_compilation_job::DescribeCompilationJobOutput,
    primitives::DateTime,
    types::{
        Framework, InputConfig, NeoVpcConfig, OutputConfig, StoppingCondition, Tag, TargetDevice, TargetPlatform,
        TargetPlatformAccelerator, TargetPlatformArch, TargetPlatformOs,
    },
};
use jiff::{SignedDuration, Timestamp};
use neo::{CompilationRequest, Source, Target};
use thiserror::Error;

use crate::{
    call::{CallError, Kind},
    job::{JobDescription, JobStatus},
};

/// Added to the end of a window: SageMaker does not say whether a bound is within.
const EDGE: SignedDuration = SignedDuration::from_secs(1);

/// Most summaries of one `ListCompilationJobs` page (API reference).
const PAGE: i32 = 100;

/// Why a job was not created.
#[derive(Debug, Error)]
pub enum CreateError {
    /// A job of this name exists.
    #[error("a compilation job of this name exists")]
    Exists,
    /// The request is not valid.
    #[error("{0}")]
    Refused(String),
    /// Anything else.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A job as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// The job's name.
    pub name: String,
    /// Its state.
    pub status: JobStatus,
}

/// A page of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobSummary>,
    /// Leads to the next page; none on the last.
    pub next: Option<String>,
}

/// SageMaker's compilation jobs.
pub trait CompilationJobs: Sync {
    /// Starts a job.
    fn create(
        &self,
        request: &CompilationRequest,
        role_arn: &str,
    ) -> impl Future<Output = Result<(), CreateError>> + Send;

    /// A job, or none if SageMaker knows none of this name.
    fn describe(&self, name: &str) -> impl Future<Output = Result<Option<JobDescription>, CallError>> + Send;

    /// Stops a job; one that has ended, or never was, stays as it is.
    fn stop(&self, name: &str) -> impl Future<Output = Result<(), CallError>> + Send;

    /// A page of the jobs modified after one time and not after another.
    fn modified_between(
        &self,
        after: Timestamp,
        until: Timestamp,
        page: Option<String>,
    ) -> impl Future<Output = Result<JobPage, CallError>> + Send;
}

/// The service.
#[derive(Debug, Clone)]
pub struct SageMaker {
    pub(crate) client: Client,
}

impl SageMaker {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl CompilationJobs for SageMaker {
    async fn create(&self, request: &CompilationRequest, role_arn: &str) -> Result<(), CreateError> {
        // Either of the two; both would be refused (API reference, `ModelPackageVersionArn`).
        let (input, package) = match &request.source {
            Source::Upload(upload) => {
                let input = InputConfig::builder()
                    .s3_uri(upload.s3_uri())
                    .set_framework(request.framework.map(|framework| Framework::from(framework.as_str())))
                    .set_framework_version(request.framework_version.clone())
                    .set_data_input_config(request.data_input_config.clone());
                (Some(input.build()), None)
            }
            Source::Package(package) => (None, Some(package.model_package_version_arn.as_str().to_owned())),
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
        let answer = self
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
        let Err(error) = answer.map_err(|error| CallError::new("CreateCompilationJob", error)) else {
            return Ok(());
        };
        Err(match error.kind {
            Kind::Conflict => CreateError::Exists,
            Kind::Invalid => CreateError::Refused(error.message),
            _ => CreateError::Call(error),
        })
    }

    async fn describe(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        let answer = self.client.describe_compilation_job().compilation_job_name(name).send().await;
        match answer.map_err(|error| CallError::new("DescribeCompilationJob", error)) {
            Ok(output) => Ok(Some(description(&output))),
            // The service has answered a missing job with either of the two.
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) if error.kind == Kind::Invalid && error.message.contains("Could not find") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn stop(&self, name: &str) -> Result<(), CallError> {
        let answer = self.client.stop_compilation_job().compilation_job_name(name).send().await;
        match answer.map_err(|error| CallError::new("StopCompilationJob", error)) {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Invalid) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn modified_between(
        &self,
        after: Timestamp,
        until: Timestamp,
        page: Option<String>,
    ) -> Result<JobPage, CallError> {
        // Both bounds are meant generously: a job at an edge is better seen twice than never.
        let milliseconds = |time: Timestamp| DateTime::from_millis(time.as_millisecond());
        let output = self
            .client
            .list_compilation_jobs()
            .last_modified_time_after(milliseconds(after))
            .last_modified_time_before(milliseconds(until + EDGE))
            .max_results(PAGE)
            .set_next_token(page)
            .send()
            .await
            .map_err(|error| CallError::new("ListCompilationJobs", error))?;
        let jobs = output.compilation_job_summaries().iter().map(|job| JobSummary {
            name: job.compilation_job_name().unwrap_or_default().to_owned(),
            status: job.compilation_job_status().map_or(JobStatus::Unknown, |status| JobStatus::parse(status.as_str())),
        });
        Ok(JobPage { jobs: jobs.collect(), next: output.next_token })
    }
}

/// The SDK fills required members that the service left out with empty text and the epoch: those are taken as absent.
fn description(output: &DescribeCompilationJobOutput) -> JobDescription {
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let time = |time: Option<&DateTime>| {
        Timestamp::from_millisecond(time?.to_millis().ok()?).ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
    };
    let status = output.compilation_job_status().map_or(JobStatus::Unknown, |status| JobStatus::parse(status.as_str()));
    let input = output.input_config();
    let to = output.output_config();
    let artifact = output.model_artifacts().and_then(|artifacts| artifacts.s3_model_artifacts());
    JobDescription {
        name: output.compilation_job_name().unwrap_or_default().to_owned(),
        arn: output.compilation_job_arn().unwrap_or_default().to_owned(),
        status,
        source: given(output.model_package_version_arn())
            .or_else(|| given(input.and_then(InputConfig::s3_uri)))
            .unwrap_or_default(),
        framework: input
            .and_then(InputConfig::framework)
            .map(|framework| framework.as_str().to_owned())
            .unwrap_or_default(),
        data_input_config: given(input.and_then(InputConfig::data_input_config)),
        target: to.map(target).unwrap_or_default(),
        output_location: to.and_then(OutputConfig::s3_output_location).unwrap_or_default().to_owned(),
        artifact: given(artifact).filter(|_| status == JobStatus::Completed),
        failure_reason: given(output.failure_reason()),
        created_at: time(output.creation_time()),
        started_at: time(output.compilation_start_time()),
        ended_at: time(output.compilation_end_time()).filter(|_| status.is_terminal()),
    }
}

fn target(output: &OutputConfig) -> String {
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
