//! Requests that SageMaker rejects by rules that are not in its service model.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod common;

use aws_sdk_sagemaker::types::{
    Framework, InputConfig, OutputConfig, TargetDevice, TargetPlatform, TargetPlatformAccelerator as Accelerator,
    TargetPlatformArch as Arch, TargetPlatformOs as Os,
};
use common::{
    create_client, create_job, create_job_request, error_code_and_message, input_config, output_config, start_emulator,
};

fn versioned_input(framework: Framework) -> InputConfig {
    input_config().framework(framework).framework_version("2.0").build()
}

fn device_output(device: &str) -> OutputConfig {
    output_config().target_device(TargetDevice::from(device)).build()
}

fn nvidia_output(options: Option<&str>) -> OutputConfig {
    let platform = TargetPlatform::builder().os(Os::Linux).arch(Arch::Arm64).accelerator(Accelerator::Nvidia).build();
    output_config().target_platform(platform).set_compiler_options(options.map(str::to_owned)).build()
}

#[tokio::test]
async fn accepts_and_rejects_combinations_like_sagemaker() {
    let platform = TargetPlatform::builder().os(Os::Linux).arch(Arch::X8664).build();
    let both = output_config().target_device(TargetDevice::MlC5).target_platform(platform.clone()).build();
    let plain = || input_config().build();
    let data = |text: &str| input_config().data_input_config(text).build();
    let cases = [
        ("one target", plain(), device_output("ml_c5"), "accepted"),
        ("no target", plain(), output_config().build(), "One of TargetDevice and TargetPlatform"),
        ("two targets", plain(), both, "TargetDevice and TargetPlatform cannot both"),
        ("PyTorch version for an ML instance", versioned_input(Framework::Pytorch), device_output("ml_c5"), "accepted"),
        (
            "PyTorch version on an edge device",
            versioned_input(Framework::Pytorch),
            device_output("jetson_nano"),
            "accepted",
        ),
        ("MXNet version on Inferentia", versioned_input(Framework::Mxnet), device_output("ml_inf1"), "accepted"),
        (
            "MXNet version for another target",
            versioned_input(Framework::Mxnet),
            device_output("ml_c5"),
            "Unsupported framework version field for target ml_c5",
        ),
        (
            "ONNX version",
            versioned_input(Framework::Onnx),
            device_output("ml_c5"),
            "Unsupported framework version field for target ml_c5",
        ),
        (
            "version for a target that accepts none",
            versioned_input(Framework::Tensorflow),
            device_output("coreml"),
            "Unsupported framework version field for target coreml",
        ),
        (
            "version for Lambda",
            versioned_input(Framework::Tensorflow),
            device_output("lambda"),
            "Unsupported framework version",
        ),
        (
            "NVIDIA with its options",
            plain(),
            nvidia_output(Some(r#"{"gpu-code":"sm_72","trt-ver":"8.2.1","cuda-ver":"10.2"}"#)),
            "accepted",
        ),
        ("NVIDIA without options", plain(), nvidia_output(None), "keys gpu-code, trt-ver, cuda-ver"),
        (
            "NVIDIA without one option",
            plain(),
            nvidia_output(Some(r#"{"gpu-code":"sm_72","cuda-ver":"10.2"}"#)),
            "keys trt-ver.",
        ),
        (
            "options in Python's quotes",
            plain(),
            nvidia_output(Some("{'gpu-code': 'sm_72'}")),
            "CompilerOptions must be valid JSON",
        ),
        ("shapes as a list", data("[[1,3,224,224]]"), device_output("ml_c5"), "accepted"),
        (
            "shapes in Python's quotes",
            data("{'data':[1,3]}"),
            device_output("ml_c5"),
            "DataInputConfig must be valid JSON",
        ),
        ("shapes as text", data("\"data\""), device_output("ml_c5"), "DataInputConfig must be valid JSON"),
    ];
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    for (index, (case, input, output, expected)) in cases.into_iter().enumerate() {
        let answer =
            create_job_request(&client, &format!("job-{index}")).input_config(input).output_config(output).send().await;
        let (code, message) = error_code_and_message(answer);
        if expected == "accepted" {
            assert_eq!(code, "accepted", "{case}: {message}");
        } else {
            assert_eq!(code, "ValidationException", "{case}: {message}");
            assert!(message.contains(expected), "{case}: {message}");
        }
    }
}

#[tokio::test]
async fn input_is_either_an_archive_or_a_model_package() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    let package = "arn:aws:sagemaker:us-east-1:123456789012:model-package/resnet/1";
    let both = create_job_request(&client, "both").model_package_version_arn(package).send().await;
    assert!(error_code_and_message(both).1.contains("cannot both"));
    let neither = create_job_request(&client, "neither").set_input_config(None).send().await;
    assert!(error_code_and_message(neither).1.contains("must be specified"));
    create_job_request(&client, "package")
        .set_input_config(None)
        .model_package_version_arn(package)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn checks_the_service_model_first() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    let (code, message) = error_code_and_message(
        create_job_request(&client, "no_underscores").output_config(device_output("toaster")).send().await,
    );
    assert_eq!(code, "ValidationException");
    assert!(message.starts_with("2 validation errors detected: "), "{message}");
    assert!(message.contains("'compilationJobName'") && message.contains("'outputConfig.targetDevice'"), "{message}");
    assert!(emulator.compilation_jobs().is_empty());
}

#[tokio::test]
async fn quota_counts_jobs_in_non_terminal_statuses() {
    let emulator = start_emulator().await;
    emulator.change_settings(|settings| settings.max_running = Some(2));
    let client = create_client(&emulator);
    create_job(&client, "one").await;
    create_job(&client, "two").await;
    let third = create_job_request(&client, "three").send().await.unwrap_err().into_service_error();
    assert!(third.is_resource_limit_exceeded(), "{third:?}");
    assert!(third.to_string().contains("current utilization of 2"), "{third}");
    assert_eq!(error_code_and_message(create_job_request(&client, "one").send().await).0, "ResourceInUse");
    emulator.advance_clock(common::STATUS_DURATION * 2);
    create_job(&client, "three").await;
}

#[tokio::test]
async fn requests_above_the_rate_limit_are_throttled() {
    let emulator = start_emulator().await;
    emulator.change_settings(|settings| settings.max_rps = Some(1));
    let client = create_client(&emulator);
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(error_code_and_message(client.list_compilation_jobs().send().await).0);
    }
    assert_eq!(codes[0], "accepted");
    assert!(codes.contains(&"ThrottlingException".to_owned()), "{codes:?}");
}

#[tokio::test]
async fn unsupported_operation_error_lists_supported_operations() {
    let emulator = start_emulator().await;
    let (code, message) = error_code_and_message(create_client(&emulator).list_training_jobs().send().await);
    assert_eq!(code, "UnknownOperationException");
    assert!(message.contains("ListTrainingJobs") && message.contains("CreateCompilationJob"), "{message}");
}
