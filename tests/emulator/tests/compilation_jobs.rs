//! The lifecycle of a compilation job, tested through the SDK.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod common;

use std::time::Duration;

use aws_sdk_sagemaker::types::{CompilationJobStatus as Status, StoppingCondition, Tag};
use common::{
    STATUS_DURATION, create_client, create_job, create_job_request, describe_job, error_code_and_message, job_status,
    start_emulator,
};
use sagemaker_emulator::ScriptedFault;

#[tokio::test]
async fn job_starts_runs_and_completes_with_an_artifact() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    let tag = Tag::builder().key("owner").value("ml").build();
    let created = create_job_request(&client, "resnet").tags(tag).send().await.unwrap();
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:compilation-job/resnet";
    assert_eq!(created.compilation_job_arn(), Some(arn));

    let job = describe_job(&client, "resnet").await;
    assert_eq!(job.compilation_job_status(), Some(&Status::Starting));
    assert_eq!(job.compilation_start_time(), None);
    assert_eq!(job.failure_reason(), Some(""));
    assert_eq!(job.model_artifacts().unwrap().s3_model_artifacts(), Some(""));
    assert_eq!(job.model_digests(), None);
    let image = job.inference_image().unwrap();
    assert!(image.ends_with("us-east-1.amazonaws.com/sagemaker-inference-onnx:latest-cpu-py3"), "{image}");

    emulator.advance_clock(STATUS_DURATION);
    let job = describe_job(&client, "resnet").await;
    assert_eq!(job.compilation_job_status(), Some(&Status::Inprogress));
    assert_eq!(job.compilation_start_time(), job.last_modified_time());

    emulator.advance_clock(STATUS_DURATION);
    let job = describe_job(&client, "resnet").await;
    assert_eq!(job.compilation_job_status(), Some(&Status::Completed));
    assert_eq!(job.model_artifacts().unwrap().s3_model_artifacts(), Some("s3://artifacts/vision/resnet-ml_c5.tar.gz"));
    assert!(job.model_digests().unwrap().artifact_digest().unwrap().starts_with("sha256:"));
    let times = [job.creation_time(), job.compilation_start_time(), job.compilation_end_time()];
    let millis = times.map(|time| time.unwrap().to_millis().unwrap());
    assert_eq!((millis[1] - millis[0], millis[2] - millis[1]), (10_000, 10_000));
    assert_eq!(job.compilation_end_time(), job.last_modified_time());
    assert_eq!(job.input_config().unwrap(), &common::input_config().build());
    assert_eq!(job.stopping_condition().unwrap().max_runtime_in_seconds(), Some(900));
}

#[tokio::test]
async fn job_with_a_model_package_needs_no_input() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/resnet/3";
    create_job_request(&client, "package").set_input_config(None).model_package_version_arn(arn).send().await.unwrap();
    emulator.advance_clock(STATUS_DURATION * 2);
    let job = describe_job(&client, "package").await;
    assert_eq!(job.compilation_job_status(), Some(&Status::Completed));
    assert_eq!(job.model_package_version_arn(), Some(arn));
    assert_eq!(job.model_artifacts().unwrap().s3_model_artifacts(), Some("s3://artifacts/vision/model-ml_c5.tar.gz"));
}

#[tokio::test]
async fn clock_follows_the_system_clock_unless_paused() {
    let emulator = start_emulator().await;
    emulator.change_settings(|settings| {
        settings.starting_ms = 20;
        settings.in_progress_ms = 20;
    });
    emulator.resume_clock();
    let client = create_client(&emulator);
    create_job(&client, "quick").await;
    tokio::time::timeout(Duration::from_secs(20), async {
        while job_status(&client, "quick").await != Status::Completed {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn scripted_failure_is_reported_with_its_reason() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    emulator
        .add_fault(ScriptedFault::fail_job("bad", "ClientError: InputConfiguration: No valid TensorFlow model found"));
    create_job(&client, "good").await;
    create_job(&client, "a-bad-one").await;
    emulator.advance_clock(STATUS_DURATION * 2);
    assert_eq!(job_status(&client, "good").await, Status::Completed);
    let failed = describe_job(&client, "a-bad-one").await;
    assert_eq!(failed.compilation_job_status(), Some(&Status::Failed));
    assert_eq!(failed.failure_reason(), Some("ClientError: InputConfiguration: No valid TensorFlow model found"));
    assert_eq!(failed.model_artifacts().unwrap().s3_model_artifacts(), Some(""));
}

#[tokio::test]
async fn job_that_exceeds_its_max_runtime_times_out() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    let limit = StoppingCondition::builder().max_runtime_in_seconds(9).build();
    create_job_request(&client, "slow").stopping_condition(limit).send().await.unwrap();
    emulator.advance_clock(STATUS_DURATION + Duration::from_secs(8));
    assert_eq!(job_status(&client, "slow").await, Status::Inprogress);
    emulator.advance_clock(Duration::from_secs(1));
    let failed = describe_job(&client, "slow").await;
    assert_eq!(failed.compilation_job_status(), Some(&Status::Failed));
    assert!(failed.failure_reason().unwrap().contains("TimeOut"), "{:?}", failed.failure_reason());
}

#[tokio::test]
async fn job_without_a_required_data_input_config_fails() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    let input = common::input_config().set_data_input_config(None).build();
    create_job_request(&client, "shapeless").input_config(input).send().await.unwrap();
    emulator.advance_clock(STATUS_DURATION * 2);
    let failed = describe_job(&client, "shapeless").await;
    assert!(failed.failure_reason().unwrap().contains("unable to extract DataInputConfig"));
}

#[tokio::test]
async fn job_can_be_stopped_and_then_deleted() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    let stop = || client.stop_compilation_job().compilation_job_name("job").send();
    let delete = || client.delete_compilation_job().compilation_job_name("job").send();

    let (code, message) = error_code_and_message(stop().await);
    assert_eq!(code, "ResourceNotFound");
    assert!(message.starts_with("Could not find requested compilation job"), "{message}");
    assert_eq!(error_code_and_message(delete().await).0, "ResourceNotFound");

    create_job(&client, "job").await;
    let (code, message) = error_code_and_message(delete().await);
    assert_eq!((code.as_str(), message.contains("STARTING")), ("ValidationException", true), "{message}");
    emulator.advance_clock(STATUS_DURATION);
    stop().await.unwrap();
    assert_eq!(job_status(&client, "job").await, Status::Stopping);
    stop().await.expect("stopping twice succeeds");
    emulator.advance_clock(STATUS_DURATION);
    let stopped = describe_job(&client, "job").await;
    assert_eq!(stopped.compilation_job_status(), Some(&Status::Stopped));
    assert_eq!(stopped.model_artifacts().unwrap().s3_model_artifacts(), Some(""));
    assert_eq!(error_code_and_message(stop().await).0, "ValidationException");

    delete().await.unwrap();
    let missing = client.describe_compilation_job().compilation_job_name("job").send().await;
    assert!(missing.unwrap_err().into_service_error().is_resource_not_found());
    create_job(&client, "job").await;
}

#[tokio::test]
async fn job_name_must_be_unique() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_job(&client, "job").await;
    emulator.advance_clock(STATUS_DURATION * 2);
    let again = create_job_request(&client, "job").send().await.unwrap_err().into_service_error();
    assert!(again.is_resource_in_use(), "{again:?}");
    assert!(again.to_string().contains("already exists"), "{again}");
}

#[tokio::test]
async fn changed_durations_apply_to_running_jobs() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_job(&client, "resnet").await;
    emulator.advance_clock(STATUS_DURATION);
    emulator.change_settings(|settings| settings.in_progress_ms *= 10);
    emulator.advance_clock(STATUS_DURATION * 5);
    assert_eq!(job_status(&client, "resnet").await, Status::Inprogress);
    emulator.change_settings(|settings| settings.in_progress_ms /= 10);
    assert_eq!(job_status(&client, "resnet").await, Status::Completed);
}

#[tokio::test]
async fn changes_are_shown_after_the_lag() {
    let emulator = start_emulator().await;
    emulator.change_settings(|settings| settings.lag_ms = 3_000);
    let client = create_client(&emulator);
    create_job(&client, "resnet").await;
    let describe = || client.describe_compilation_job().compilation_job_name("resnet").send();
    assert_eq!(error_code_and_message(describe().await).0, "ResourceNotFound");
    for (seconds, status) in [(3, Status::Starting), (7, Status::Starting), (3, Status::Inprogress)] {
        emulator.advance_clock(Duration::from_secs(seconds));
        assert_eq!(job_status(&client, "resnet").await, status);
    }
}
