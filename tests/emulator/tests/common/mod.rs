//! Starts emulators and clients for the tests in this folder.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)] // tests fail by panicking; no test file uses all of this

use aws_sdk_sagemaker::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        create_compilation_job::builders::CreateCompilationJobFluentBuilder,
        describe_compilation_job::DescribeCompilationJobOutput,
    },
    types::{CompilationJobStatus, Framework, InputConfig, OutputConfig, StoppingCondition, TargetDevice},
};
use sagemaker_emulator::{Emulator, EmulatorSettings, Owner};

/// Time a job stays in each non-terminal status, on the paused clock.
pub const STATUS_DURATION: std::time::Duration = std::time::Duration::from_secs(10);

/// Starts an emulator with a paused clock. Jobs stay in each status for [`STATUS_DURATION`].
pub async fn start_emulator() -> Emulator {
    let settings = EmulatorSettings {
        starting_ms: 10_000,
        in_progress_ms: 10_000,
        stopping_ms: 10_000,
        jitter_percent: 0,
        max_list_rps: None,
        ..EmulatorSettings::default()
    };
    let owner = Owner { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
    let emulator = Emulator::builder().settings(settings).owner(owner).start().await.unwrap();
    emulator.pause_clock();
    emulator
}

/// A client that makes up to `attempts` attempts, with a short backoff.
pub fn create_client_with_attempts(emulator: &Emulator, attempts: u32) -> Client {
    let retries =
        RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(std::time::Duration::from_millis(10));
    let config = aws_sdk_sagemaker::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(emulator.endpoint_url())
        .retry_config(retries)
        .build();
    Client::from_conf(config)
}

/// A client that does not retry.
pub fn create_client(emulator: &Emulator) -> Client {
    create_client_with_attempts(emulator, 1)
}

pub fn input_config() -> aws_sdk_sagemaker::types::builders::InputConfigBuilder {
    InputConfig::builder()
        .s3_uri("s3://models/vision/resnet.tar.gz")
        .framework(Framework::Onnx)
        .data_input_config(r#"{"data":[1,3,224,224]}"#)
}

pub fn output_config() -> aws_sdk_sagemaker::types::builders::OutputConfigBuilder {
    OutputConfig::builder().s3_output_location("s3://artifacts/vision")
}

/// A valid `CreateCompilationJob` request.
pub fn create_job_request(client: &Client, name: &str) -> CreateCompilationJobFluentBuilder {
    client
        .create_compilation_job()
        .compilation_job_name(name)
        .role_arn("arn:aws:iam::123456789012:role/neo")
        .input_config(input_config().build())
        .output_config(output_config().target_device(TargetDevice::MlC5).build())
        .stopping_condition(StoppingCondition::builder().max_runtime_in_seconds(900).build())
}

pub async fn create_job(client: &Client, name: &str) {
    create_job_request(client, name).send().await.unwrap();
}

pub async fn describe_job(client: &Client, name: &str) -> DescribeCompilationJobOutput {
    client.describe_compilation_job().compilation_job_name(name).send().await.unwrap()
}

pub async fn job_status(client: &Client, name: &str) -> CompilationJobStatus {
    describe_job(client, name).await.compilation_job_status.unwrap()
}

/// The code is "accepted" for a success and "no answer" for a connection that was closed.
pub fn error_code_and_message<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> (String, String) {
    let Err(error) = result else {
        return ("accepted".to_owned(), String::new());
    };
    let (code, message) = (error.code(), error.message());
    (code.unwrap_or("no answer").to_owned(), message.unwrap_or_default().to_owned())
}

pub async fn wait_until(mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), holds).await.expect("condition not met after 30 s");
}
