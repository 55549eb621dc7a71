//! Requests that the service refuses beyond what its model says.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod common;

use aws_sdk_sagemaker::types::{
    Framework, InputConfig, OutputConfig, TargetDevice, TargetPlatform, TargetPlatformAccelerator as Accelerator,
    TargetPlatformArch as Arch, TargetPlatformOs as Os,
};
use common::{client, create, input, output, refusal, request, start};

fn versioned(framework: Framework) -> InputConfig {
    input().framework(framework).framework_version("2.0").build()
}

fn device(device: &str) -> OutputConfig {
    output().target_device(TargetDevice::from(device)).build()
}

fn nvidia(options: Option<&str>) -> OutputConfig {
    let platform = TargetPlatform::builder().os(Os::Linux).arch(Arch::Arm64).accelerator(Accelerator::Nvidia).build();
    output().target_platform(platform).set_compiler_options(options.map(str::to_owned)).build()
}

#[tokio::test]
async fn combinations_are_accepted_or_refused_as_the_service_does() {
    let platform = TargetPlatform::builder().os(Os::Linux).arch(Arch::X8664).build();
    let both = output().target_device(TargetDevice::MlC5).target_platform(platform.clone()).build();
    let plain = || input().build();
    let data = |text: &str| input().data_input_config(text).build();
    let cases = [
        ("one target", plain(), device("ml_c5"), "accepted"),
        ("no target", plain(), output().build(), "One of TargetDevice and TargetPlatform"),
        ("two targets", plain(), both, "TargetDevice and TargetPlatform cannot both"),
        ("PyTorch version in the cloud", versioned(Framework::Pytorch), device("ml_c5"), "accepted"),
        ("PyTorch version on an edge device", versioned(Framework::Pytorch), device("jetson_nano"), "accepted"),
        ("MXNet version on Inferentia", versioned(Framework::Mxnet), device("ml_inf1"), "accepted"),
        (
            "MXNet version elsewhere",
            versioned(Framework::Mxnet),
            device("ml_c5"),
            "Unsupported framework version field for target ml_c5",
        ),
        (
            "ONNX version",
            versioned(Framework::Onnx),
            device("ml_c5"),
            "Unsupported framework version field for target ml_c5",
        ),
        (
            "version for a target without",
            versioned(Framework::Tensorflow),
            device("coreml"),
            "Unsupported framework version field for target coreml",
        ),
        ("version for Lambda", versioned(Framework::Tensorflow), device("lambda"), "Unsupported framework version"),
        (
            "NVIDIA with its options",
            plain(),
            nvidia(Some(r#"{"gpu-code":"sm_72","trt-ver":"8.2.1","cuda-ver":"10.2"}"#)),
            "accepted",
        ),
        ("NVIDIA without options", plain(), nvidia(None), "keys gpu-code, trt-ver, cuda-ver"),
        ("NVIDIA without one", plain(), nvidia(Some(r#"{"gpu-code":"sm_72","cuda-ver":"10.2"}"#)), "keys trt-ver."),
        (
            "options in Python's quotes",
            plain(),
            nvidia(Some("{'gpu-code': 'sm_72'}")),
            "CompilerOptions must be valid JSON",
        ),
        ("shapes as a list", data("[[1,3,224,224]]"), device("ml_c5"), "accepted"),
        ("shapes in Python's quotes", data("{'data':[1,3]}"), device("ml_c5"), "DataInputConfig must be valid JSON"),
        ("shapes as text", data("\"data\""), device("ml_c5"), "DataInputConfig must be valid JSON"),
    ];
    let emulator = start().await;
    let client = client(&emulator);
    for (index, (case, input, output, expected)) in cases.into_iter().enumerate() {
        let answer = request(&client, &format!("job-{index}")).input_config(input).output_config(output).send().await;
        let (code, message) = refusal(answer);
        if expected == "accepted" {
            assert_eq!(code, "accepted", "{case}: {message}");
        } else {
            assert_eq!(code, "ValidationException", "{case}: {message}");
            assert!(message.contains(expected), "{case}: {message}");
        }
    }
}

#[tokio::test]
async fn the_input_is_a_model_or_a_model_package() {
    let emulator = start().await;
    let client = client(&emulator);
    let package = "arn:aws:sagemaker:us-east-1:123456789012:model-package/resnet/1";
    let both = request(&client, "both").model_package_version_arn(package).send().await;
    assert!(refusal(both).1.contains("cannot both"));
    let neither = request(&client, "neither").set_input_config(None).send().await;
    assert!(refusal(neither).1.contains("must be specified"));
    request(&client, "package").set_input_config(None).model_package_version_arn(package).send().await.unwrap();
}

#[tokio::test]
async fn the_model_is_enforced_before_anything_else() {
    let emulator = start().await;
    let client = client(&emulator);
    let (code, message) = refusal(request(&client, "no_underscores").output_config(device("toaster")).send().await);
    assert_eq!(code, "ValidationException");
    assert!(message.starts_with("2 validation errors detected: "), "{message}");
    assert!(message.contains("'compilationJobName'") && message.contains("'outputConfig.targetDevice'"), "{message}");
    assert!(emulator.compilation_jobs().is_empty());
}

#[tokio::test]
async fn the_quota_counts_jobs_that_have_not_ended() {
    let emulator = start().await;
    emulator.change_settings(|settings| settings.max_running = Some(2));
    let client = client(&emulator);
    create(&client, "one").await;
    create(&client, "two").await;
    let third = request(&client, "three").send().await.unwrap_err().into_service_error();
    assert!(third.is_resource_limit_exceeded(), "{third:?}");
    assert!(third.to_string().contains("current utilization of 2"), "{third}");
    assert_eq!(refusal(request(&client, "one").send().await).0, "ResourceInUse");
    emulator.advance(common::TAKES * 2);
    create(&client, "three").await;
}

#[tokio::test]
async fn requests_above_the_rate_are_throttled() {
    let emulator = start().await;
    emulator.change_settings(|settings| settings.max_rps = Some(1));
    let client = client(&emulator);
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(refusal(client.list_compilation_jobs().send().await).0);
    }
    assert_eq!(codes[0], "accepted");
    assert!(codes.contains(&"ThrottlingException".to_owned()), "{codes:?}");
}

#[tokio::test]
async fn other_operations_are_refused_with_a_list_of_those_offered() {
    let emulator = start().await;
    let (code, message) = refusal(client(&emulator).list_training_jobs().send().await);
    assert_eq!(code, "UnknownOperationException");
    assert!(message.contains("ListTrainingJobs") && message.contains("CreateCompilationJob"), "{message}");
}
