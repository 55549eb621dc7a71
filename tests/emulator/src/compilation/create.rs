//! `CreateCompilationJob`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{job::EmulatedCompilationJob, request::CreateJobRequest, request_rules};
use crate::{
    answer::{OperationAnswer, ServiceError},
    emulator_state::EmulatorState,
};

pub(crate) fn create_job(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let request =
        CreateJobRequest::deserialize(request).map_err(|error| ServiceError::serialization_exception(&error))?;
    let target = request_rules::check_request(&request)?;
    if let Some(existing) = state.compilation.get(&request.compilation_job_name) {
        return Err(name_in_use_error(existing));
    }
    check_quota(state)?;
    let arn = state.owner.build_arn(&format!("compilation-job/{}", request.compilation_job_name));
    let now = state.clock.now();
    let (jobs, mut context) = state.compilation_and_context();
    jobs.insert(EmulatedCompilationJob::start_new(arn.clone(), request, target, now, &mut context));
    Ok(json!({ "CompilationJobArn": arn }))
}

fn name_in_use_error(existing: &EmulatedCompilationJob) -> ServiceError {
    let message = format!(
        "Compilation job name must be unique within an AWS account and region, and a compilation job with this name \
         already exists ({}).",
        existing.arn
    );
    ServiceError::new("ResourceInUse", message)
}

fn check_quota(state: &EmulatorState) -> Result<(), ServiceError> {
    let running = state.compilation.count_running();
    match state.settings.max_running {
        Some(limit) if running >= limit => {
            let message = format!(
                "The account-level service limit 'Maximum number of concurrent compilation jobs' is {limit} Jobs, with \
                 current utilization of {running} Jobs and a request delta of 1 Jobs. Please use AWS Service Quotas to \
                 request an increase for this quota. If AWS Service Quotas is not available, contact AWS support to \
                 request an increase for this quota."
            );
            Err(ServiceError::new("ResourceLimitExceeded", message))
        }
        _ => Ok(()),
    }
}
