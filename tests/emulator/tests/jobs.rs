//! The life of a compilation job, seen through the SDK.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod common;

use std::time::Duration;

use aws_sdk_sagemaker::types::{CompilationJobStatus as Status, StoppingCondition, Tag};
use common::{TAKES, client, create, describe, refusal, request, start, status};
use sagemaker_emulator::Fault;

#[tokio::test]
async fn a_job_starts_runs_and_completes_with_an_artifact() {
    let emulator = start().await;
    let client = client(&emulator);
    let tag = Tag::builder().key("owner").value("ml").build();
    let created = request(&client, "resnet").tags(tag).send().await.unwrap();
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:compilation-job/resnet";
    assert_eq!(created.compilation_job_arn(), Some(arn));

    let job = describe(&client, "resnet").await;
    assert_eq!(job.compilation_job_status(), Some(&Status::Starting));
    assert_eq!(job.compilation_start_time(), None);
    assert_eq!(job.failure_reason(), Some(""));
    assert_eq!(job.model_artifacts().unwrap().s3_model_artifacts(), Some(""));
    assert_eq!(job.model_digests(), None);
    let image = job.inference_image().unwrap();
    assert!(image.ends_with("us-east-1.amazonaws.com/sagemaker-inference-onnx:latest-cpu-py3"), "{image}");

    emulator.advance(TAKES);
    let job = describe(&client, "resnet").await;
    assert_eq!(job.compilation_job_status(), Some(&Status::Inprogress));
    assert_eq!(job.compilation_start_time(), job.last_modified_time());

    emulator.advance(TAKES);
    let job = describe(&client, "resnet").await;
    assert_eq!(job.compilation_job_status(), Some(&Status::Completed));
    assert_eq!(job.model_artifacts().unwrap().s3_model_artifacts(), Some("s3://artifacts/vision/resnet-ml_c5.tar.gz"));
    assert!(job.model_digests().unwrap().artifact_digest().unwrap().starts_with("sha256:"));
    let times = [job.creation_time(), job.compilation_start_time(), job.compilation_end_time()];
    let millis = times.map(|time| time.unwrap().to_millis().unwrap());
    assert_eq!((millis[1] - millis[0], millis[2] - millis[1]), (10_000, 10_000));
    assert_eq!(job.compilation_end_time(), job.last_modified_time());
    assert_eq!(job.input_config().unwrap(), &common::input().build());
    assert_eq!(job.stopping_condition().unwrap().max_runtime_in_seconds(), Some(900));
}

#[tokio::test]
async fn a_job_of_a_model_package_needs_no_input() {
    let emulator = start().await;
    let client = client(&emulator);
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/resnet/3";
    request(&client, "package").set_input_config(None).model_package_version_arn(arn).send().await.unwrap();
    emulator.advance(TAKES * 2);
    let job = describe(&client, "package").await;
    assert_eq!(job.compilation_job_status(), Some(&Status::Completed));
    assert_eq!(job.model_package_version_arn(), Some(arn));
    assert_eq!(job.model_artifacts().unwrap().s3_model_artifacts(), Some("s3://artifacts/vision/model-ml_c5.tar.gz"));
}

#[tokio::test]
async fn the_clock_runs_by_itself_unless_it_is_paused() {
    let emulator = start().await;
    emulator.change_settings(|settings| {
        settings.starting_ms = 20;
        settings.in_progress_ms = 20;
    });
    emulator.resume();
    let client = client(&emulator);
    create(&client, "quick").await;
    tokio::time::timeout(Duration::from_secs(20), async {
        while status(&client, "quick").await != Status::Completed {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_scripted_failure_is_reported_with_its_reason() {
    let emulator = start().await;
    let client = client(&emulator);
    emulator.script(Fault::fail_job("bad", "ClientError: InputConfiguration: No valid TensorFlow model found"));
    create(&client, "good").await;
    create(&client, "a-bad-one").await;
    emulator.advance(TAKES * 2);
    assert_eq!(status(&client, "good").await, Status::Completed);
    let failed = describe(&client, "a-bad-one").await;
    assert_eq!(failed.compilation_job_status(), Some(&Status::Failed));
    assert_eq!(failed.failure_reason(), Some("ClientError: InputConfiguration: No valid TensorFlow model found"));
    assert_eq!(failed.model_artifacts().unwrap().s3_model_artifacts(), Some(""));
}

#[tokio::test]
async fn a_job_that_exceeds_its_runtime_times_out() {
    let emulator = start().await;
    let client = client(&emulator);
    let limit = StoppingCondition::builder().max_runtime_in_seconds(9).build();
    request(&client, "slow").stopping_condition(limit).send().await.unwrap();
    emulator.advance(TAKES + Duration::from_secs(8));
    assert_eq!(status(&client, "slow").await, Status::Inprogress);
    emulator.advance(Duration::from_secs(1));
    let failed = describe(&client, "slow").await;
    assert_eq!(failed.compilation_job_status(), Some(&Status::Failed));
    assert!(failed.failure_reason().unwrap().contains("TimeOut"), "{:?}", failed.failure_reason());
}

#[tokio::test]
async fn a_job_without_the_inputs_that_neo_needs_fails() {
    let emulator = start().await;
    let client = client(&emulator);
    let input = common::input().set_data_input_config(None).build();
    request(&client, "shapeless").input_config(input).send().await.unwrap();
    emulator.advance(TAKES * 2);
    let failed = describe(&client, "shapeless").await;
    assert!(failed.failure_reason().unwrap().contains("unable to extract DataInputConfig"));
}

#[tokio::test]
async fn a_stopped_job_passes_through_stopping_and_can_be_deleted() {
    let emulator = start().await;
    let client = client(&emulator);
    let stop = || client.stop_compilation_job().compilation_job_name("job").send();
    let delete = || client.delete_compilation_job().compilation_job_name("job").send();

    let (code, message) = refusal(stop().await);
    assert_eq!(code, "ResourceNotFound");
    assert!(message.starts_with("Could not find requested compilation job"), "{message}");
    assert_eq!(refusal(delete().await).0, "ResourceNotFound");

    create(&client, "job").await;
    let (code, message) = refusal(delete().await);
    assert_eq!((code.as_str(), message.contains("STARTING")), ("ValidationException", true), "{message}");
    emulator.advance(TAKES);
    stop().await.unwrap();
    assert_eq!(status(&client, "job").await, Status::Stopping);
    stop().await.expect("stopping twice is no error");
    emulator.advance(TAKES);
    let stopped = describe(&client, "job").await;
    assert_eq!(stopped.compilation_job_status(), Some(&Status::Stopped));
    assert_eq!(stopped.model_artifacts().unwrap().s3_model_artifacts(), Some(""));
    assert_eq!(refusal(stop().await).0, "ValidationException");

    delete().await.unwrap();
    let missing = client.describe_compilation_job().compilation_job_name("job").send().await;
    assert!(missing.unwrap_err().into_service_error().is_resource_not_found());
    create(&client, "job").await;
}

#[tokio::test]
async fn a_name_can_be_used_once() {
    let emulator = start().await;
    let client = client(&emulator);
    create(&client, "job").await;
    emulator.advance(TAKES * 2);
    let again = request(&client, "job").send().await.unwrap_err().into_service_error();
    assert!(again.is_resource_in_use(), "{again:?}");
    assert!(again.to_string().contains("already exists"), "{again}");
}
