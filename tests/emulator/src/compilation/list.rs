//! `ListCompilationJobs`: filtering and sorting.

use serde_json::Value;

use super::job::EmulatedCompilationJob;
use crate::{
    answer::OperationAnswer,
    emulator_state::EmulatorState,
    list_page::{SortKey, build_list_answer, is_between, select_page},
};

pub(crate) fn list_jobs(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let found = state.compilation.iter_jobs().map(|job| (sort_key(job, request), job));
    let (jobs, next) = select_page(request, found.collect(), |job| matches_filters(job, request))?;
    Ok(build_list_answer(
        "CompilationJobSummaries",
        jobs.into_iter().map(EmulatedCompilationJob::to_summary).collect::<Vec<_>>(),
        next,
    ))
}

fn matches_filters(job: &EmulatedCompilationJob, request: &Value) -> bool {
    request["NameContains"].as_str().is_none_or(|part| job.name().contains(part))
        && request["StatusEquals"].as_str().is_none_or(|status| job.status.as_str() == status)
        && is_between(job.created, request, "CreationTimeAfter", "CreationTimeBefore")
        && is_between(job.modified, request, "LastModifiedTimeAfter", "LastModifiedTimeBefore")
}

fn sort_key(job: &EmulatedCompilationJob, request: &Value) -> SortKey {
    match request["SortBy"].as_str() {
        Some("Name") => SortKey::by_name(job.name()),
        Some("Status") => SortKey::by_text(job.status.as_str(), job.created, job.name()),
        // Service model: "The default is CreationTime."
        _ => SortKey::by_time(job.created, job.name()),
    }
}
