//! The client sends what `automation plan` prints: its request equals `CompilationRequest::to_api`.
#![allow(clippy::unwrap_used, reason = "tests")]

use maintenance::image::ImageUpdate;
use neo::CompilationRequest;
use sagemaker::{
    SageMakerClient,
    compilation_jobs::{CompilationJobs, CreateJobError},
    images::Images,
};
use sagemaker_emulator::{DropTiming, Emulator, ScriptedFault};
use serde_json::{Value, json};
use support::sdk::{connect_client, with_retries};
use worker::CallErrorKind;

const ROLE: &str = "arn:aws:iam::123456789012:role/stack";

const PACKAGE: &str = "arn:aws:sagemaker:us-east-1:123456789012:model-package/resnet/3";

fn compilation_request(changes: &Value) -> CompilationRequest {
    let mut body = json!({
        "version": 1, "job_name": "resnet-ml-c5-abc", "model": "m", "content": "c",
        "source": { "bucket": "models", "key": "vision/a b+ü.tar.gz", "version_id": "v1", "etag": "e", "size": 1 },
        "rule": "all", "target": { "device": "ml_c5" }, "framework": "ONNX", "framework_version": null,
        "data_input_config": "{\"data\":[1,3]}", "compiler_options": null, "output_location": "s3://artifacts/a/",
        "max_runtime_seconds": 900, "tags": { "owner": "me", "team": "ü" }, "attempt": 1,
    });
    if let (Value::Object(body), Value::Object(changes)) = (&mut body, changes) {
        body.extend(changes.clone());
    }
    serde_json::from_value(body).unwrap()
}

#[tokio::test]
async fn client_sends_the_request_that_plan_prints() {
    let emulator = Emulator::builder().start().await.unwrap();
    let jobs = SageMakerClient::new(connect_client(&emulator.endpoint_url(), "us-east-1"));
    let cases = [
        json!({}),
        json!({ "job_name": "b", "framework": "XGBOOST", "data_input_config": null }),
        json!({
            "job_name": "c", "framework": "PYTORCH", "framework_version": "1.8",
            "target": { "platform": { "os": "LINUX", "arch": "ARM64", "accelerator": "NVIDIA" } },
            "compiler_options": "{\"gpu-code\":\"sm_72\",\"trt-ver\":\"8.2.1\",\"cuda-ver\":\"10.2\"}",
            "kms_key_id": "alias/models", "role_arn": "arn:aws:iam::123456789012:role/own",
            "vpc": { "security_group_ids": ["sg-1"], "subnets": ["subnet-1", "subnet-2"] },
        }),
        json!({ "job_name": "d", "target": { "platform": { "os": "ANDROID", "arch": "ARM_EABI" } } }),
        json!({
            "job_name": "e", "framework": null, "data_input_config": null,
            "source": { "model_package_version_arn": PACKAGE, "version": "3-abc" },
        }),
    ];
    for case in &cases {
        let request = compilation_request(case);
        jobs.create_job(&request, ROLE).await.unwrap();
        let sent = emulator.logged_requests().pop().unwrap();
        assert_eq!(sent.operation, "CreateCompilationJob");
        assert_eq!(sent.body, request.to_api(ROLE));
        let described = jobs.describe_job(request.job_name.as_str()).await.unwrap().unwrap();
        assert_eq!((described.source, described.options), (request.source.to_uri(), request.options()));
    }
}

#[tokio::test]
async fn missing_permission_differs_from_an_invalid_request() {
    let emulator = Emulator::builder().start().await.unwrap();
    let jobs = SageMakerClient::new(connect_client(&emulator.endpoint_url(), "us-east-1"));
    let request = compilation_request(&json!({}));
    let unassumable = "Could not assume role arn:aws:iam::123456789012:role/new. Please ensure that the role exists";
    let cases = [
        ("AccessDeniedException", "not authorized to perform: iam:PassRole", true),
        ("ValidationException", unassumable, true),
        ("ResourceNotFound", "ModelPackage resnet/3 does not exist", true),
        ("ValidationException", "Unsupported framework version", false),
    ];
    for (code, message, may_pass) in cases {
        emulator.add_fault(ScriptedFault::answer_with_error("CreateCompilationJob", 1, code, message));
        let error = jobs.create_job(&request, ROLE).await.unwrap_err();
        assert_eq!(matches!(error, CreateJobError::NotYetPossible(_)), may_pass, "{error:?}");
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test]
async fn jobs_are_listed_newest_first_without_a_filter() {
    let emulator = Emulator::builder().start().await.unwrap();
    emulator.pause_clock();
    let jobs = SageMakerClient::new(connect_client(&emulator.endpoint_url(), "us-east-1"));
    for name in ["older", "newer"] {
        jobs.create_job(&compilation_request(&json!({ "job_name": name })), ROLE).await.unwrap();
        emulator.advance_clock(std::time::Duration::from_secs(1));
    }
    let page = jobs.list_newest(None).await.unwrap();
    let sent = emulator.logged_requests().pop().unwrap();
    assert_eq!(sent.body, json!({ "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100 }));
    let names: Vec<_> = page.jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!((names, page.next), (vec!["newer", "older"], None));
    assert!(page.jobs[0].created_at > page.jobs[1].created_at);
    assert!(page.jobs[0].modified_at >= page.jobs[0].created_at);
}

#[tokio::test]
async fn update_without_a_response_is_not_repeated() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = connect_client(&emulator.endpoint_url(), "us-east-1");
    client.create_image().image_name("base").role_arn(ROLE).send().await.unwrap();
    emulator.add_fault(ScriptedFault::drop_connection("UpdateImage", 1, DropTiming::After));
    let update = ImageUpdate {
        name: "base".to_owned(),
        display_name: Some("Base".to_owned()),
        description: None,
        role_arn: None,
        delete: Vec::new(),
        digest: String::new(),
        changes: Vec::new(),
        modified_at: None,
    };
    let images = SageMakerClient::new(with_retries(&client));
    assert_eq!(images.update_image(&update).await.unwrap_err().kind, CallErrorKind::Unanswered);
    let sent = emulator.logged_requests().iter().filter(|request| request.operation == "UpdateImage").count();
    assert_eq!(sent, 1);
}
