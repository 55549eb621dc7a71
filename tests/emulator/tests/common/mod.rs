//! An emulator and a client of it, for the tests of this folder.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)] // tests fail by panicking; each uses a part of this

use aws_sdk_sagemaker::Client;
use aws_sdk_sagemaker::config::retry::RetryConfig;
use aws_sdk_sagemaker::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sagemaker::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sagemaker::operation::create_compilation_job::builders::CreateCompilationJobFluentBuilder;
use aws_sdk_sagemaker::operation::describe_compilation_job::DescribeCompilationJobOutput;
use aws_sdk_sagemaker::types::{
    CompilationJobStatus, Framework, InputConfig, OutputConfig, StoppingCondition, TargetDevice,
};
use sagemaker_emulator::{Emulator, Owner, Settings};

/// How long a job takes in the tests that move the clock, which stands still otherwise.
pub const TAKES: std::time::Duration = std::time::Duration::from_secs(10);

/// An emulator whose clock stands still: jobs stay in a state for ten seconds of it.
pub async fn start() -> Emulator {
    let settings = Settings {
        starting_ms: 10_000,
        in_progress_ms: 10_000,
        stopping_ms: 10_000,
        jitter_percent: 0,
        ..Settings::default()
    };
    let owner = Owner { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
    let emulator = Emulator::builder().settings(settings).owner(owner).start().await.unwrap();
    emulator.pause();
    emulator
}

/// A client that retries as often as told, quickly.
pub fn client_with_attempts(emulator: &Emulator, attempts: u32) -> Client {
    let retries =
        RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(std::time::Duration::from_millis(10));
    let config = aws_sdk_sagemaker::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(emulator.url())
        .retry_config(retries)
        .build();
    Client::from_conf(config)
}

/// A client that does not retry.
pub fn client(emulator: &Emulator) -> Client {
    client_with_attempts(emulator, 1)
}

pub fn input() -> aws_sdk_sagemaker::types::builders::InputConfigBuilder {
    InputConfig::builder()
        .s3_uri("s3://models/vision/resnet.tar.gz")
        .framework(Framework::Onnx)
        .data_input_config(r#"{"data":[1,3,224,224]}"#)
}

pub fn output() -> aws_sdk_sagemaker::types::builders::OutputConfigBuilder {
    OutputConfig::builder().s3_output_location("s3://artifacts/vision")
}

/// A valid request.
pub fn request(client: &Client, name: &str) -> CreateCompilationJobFluentBuilder {
    client
        .create_compilation_job()
        .compilation_job_name(name)
        .role_arn("arn:aws:iam::123456789012:role/neo")
        .input_config(input().build())
        .output_config(output().target_device(TargetDevice::MlC5).build())
        .stopping_condition(StoppingCondition::builder().max_runtime_in_seconds(900).build())
}

pub async fn create(client: &Client, name: &str) {
    request(client, name).send().await.unwrap();
}

pub async fn describe(client: &Client, name: &str) -> DescribeCompilationJobOutput {
    client.describe_compilation_job().compilation_job_name(name).send().await.unwrap()
}

pub async fn status(client: &Client, name: &str) -> CompilationJobStatus {
    describe(client, name).await.compilation_job_status.unwrap()
}

/// Code and message of a refusal.
pub fn refusal<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> (String, String) {
    let Err(error) = result else {
        return ("accepted".to_owned(), String::new());
    };
    let (code, message) = (error.code(), error.message());
    (code.unwrap_or("no answer").to_owned(), message.unwrap_or_default().to_owned())
}

/// Waits until a condition holds.
pub async fn until(mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), holds).await.expect("nothing after 30 s");
}
