//! `DescribeCompilationJob`, `StopCompilationJob` and `DeleteCompilationJob`: the operations on a
//! single job.

use serde_json::Value;

use super::job::EmulatedCompilationJob;
use crate::{
    answer::{OperationAnswer, ServiceError},
    emulator_state::EmulatorState,
};

pub(crate) fn describe_job(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    Ok(find_job(state, request)?.to_description(&state.owner.region))
}

pub(crate) fn stop_job(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let job = find_job(state, request)?;
    if job.status.is_terminal() {
        return Err(wrong_status_error(job));
    }
    let name = job.name().to_owned();
    let now = state.clock.now();
    let (jobs, mut context) = state.compilation_and_context();
    jobs.change_job(&name, |job| job.begin_stopping(now, &mut context));
    Ok(Value::Null)
}

pub(crate) fn delete_job(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let job = find_job(state, request)?;
    if !job.status.is_terminal() {
        return Err(wrong_status_error(job));
    }
    let name = job.name().to_owned();
    state.compilation.remove(&name);
    Ok(Value::Null)
}

fn find_job<'w>(state: &'w EmulatorState, request: &Value) -> Result<&'w EmulatedCompilationJob, ServiceError> {
    // The check against the service model guarantees that the name is present.
    let name = request["CompilationJobName"].as_str().unwrap_or_default();
    state.compilation.get(name).ok_or_else(|| job_not_found(request))
}

/// The response to a request for a job that does not exist.
pub(crate) fn job_not_found(request: &Value) -> ServiceError {
    let name = request["CompilationJobName"].as_str().unwrap_or_default();
    ServiceError::resource_not_found(format!("Could not find requested compilation job with name: {name}."))
}

fn wrong_status_error(job: &EmulatedCompilationJob) -> ServiceError {
    let (name, status) = (job.name(), job.status.as_str());
    ServiceError::validation_exception(format!(
        "The request was rejected because the compilation job {name} is in status {status}."
    ))
}
