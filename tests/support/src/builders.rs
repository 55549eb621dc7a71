//! Values that tests begin with. A test changes what it is about with struct update syntax.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use automation::event::{Event, ObjectCreated};
use jiff::Timestamp;
use ledger::{Ledger, LedgerTable, ModelRow, ModelState};
use neo::{CompilationRequest, JobDescription, JobName, JobOptions, JobStatus, ModelSource, Upload};
use serde_json::json;

use crate::stack::{CONFIG_BUCKET, CONFIG_KEY, MODEL_BUCKET};

/// Version `v1` of an object in the model bucket.
pub fn model_upload(key: &str) -> Upload {
    Upload {
        bucket: MODEL_BUCKET.to_owned(),
        key: key.to_owned(),
        version_id: Some("v1".to_owned()),
        etag: "e".to_owned(),
        size: 1,
        replayed_at: None,
    }
}

/// The request for a job that compiles `resnet.tar.gz` for `ml_c5`. Two requests share neither
/// model nor content.
pub fn compilation_request(job_name: &str) -> CompilationRequest {
    serde_json::from_value(json!({
        "version": 1, "job_name": job_name, "model": format!("model-of-{job_name}"), "content": job_name,
        "source": model_upload("resnet.tar.gz"), "rule": "all", "target": { "device": "ml_c5" },
        "framework": "ONNX", "framework_version": null, "data_input_config": null, "compiler_options": null,
        "output_location": "s3://artifacts/resnet/", "max_runtime_seconds": 900, "tags": {}, "attempt": 1,
    }))
    .unwrap()
}

/// Records that `SageMaker` accepted a request.
pub async fn accept_request(ledger: &Ledger<impl LedgerTable>, request: &CompilationRequest) {
    let call = ledger.record_create_call(request).await.unwrap();
    ledger.mark_job_accepted(&call).await.unwrap();
}

/// Records that `SageMaker` rejected a request. Returns the status of its job.
pub async fn reject_request(
    ledger: &Ledger<impl LedgerTable>,
    request: &CompilationRequest,
    reason: &str,
) -> JobStatus {
    let call = ledger.record_create_call(request).await.unwrap();
    ledger.mark_job_rejected(&call, reason).await.unwrap()
}

/// Parks a request that `SageMaker` refused because of a quota.
pub async fn park_refused_request(ledger: &Ledger<impl LedgerTable>, request: &CompilationRequest, reason: &str) {
    let call = ledger.record_create_call(request).await.unwrap();
    assert!(ledger.park_refused_request(&call, reason).await.unwrap());
}

/// What `SageMaker` shows of a job for `ml_c5`.
pub fn job_description(name: &str, status: JobStatus) -> JobDescription {
    JobDescription {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/{name}"),
        status,
        source: "s3://models/resnet.tar.gz".to_owned(),
        framework: "ONNX".to_owned(),
        data_input_config: None,
        target: "ml_c5".to_owned(),
        options: JobOptions::default(),
        output_location: "s3://artifacts/resnet/".to_owned(),
        artifact: None,
        failure_reason: (status == JobStatus::Failed).then(|| "ClientError: no".to_owned()),
        created_at: None,
        started_at: None,
        ended_at: None,
    }
}

/// The row of a model whose jobs were requested.
pub fn model_row(source: ModelSource, jobs: Vec<JobName>) -> ModelRow {
    ModelRow {
        source,
        rule: Some("all".to_owned()),
        state: ModelState::Requested,
        jobs,
        unused_jobs: BTreeSet::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
        planned_at: Timestamp::UNIX_EPOCH,
        uploaded_at: None,
        sequencer: None,
        last_replay: None,
        stops_older: false,
    }
}

/// The event of a version of the configuration; `None` for that of a bucket without versions.
pub fn config_event(version: Option<&str>) -> Event {
    Event::ObjectsCreated(vec![ObjectCreated {
        bucket: CONFIG_BUCKET.to_owned(),
        key: CONFIG_KEY.to_owned(),
        version_id: version.map(str::to_owned),
        etag: None,
        size: None,
        sequencer: None,
        uploaded_at: None,
        replayed_at: None,
    }])
}
