//! `ListLabelingJobsForWorkteam` and `DescribeLabelingJob`.

use serde_json::Value;

use super::{emulated_job::EmulatedLabelingJob, workteam_store::workteam_exists};
use crate::{
    answer::{OperationAnswer, ServiceError},
    emulator_state::EmulatorState,
    list_page::{SortKey, build_list_answer, is_between, select_page},
};

pub(crate) fn list_labeling_jobs(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let arn = request["WorkteamArn"].as_str().unwrap_or_default();
    if !workteam_exists(state, arn) {
        return Err(ServiceError::resource_not_found(format!("Could not find the work team {arn}.")));
    }
    let part = request["JobReferenceCodeContains"].as_str().unwrap_or_default();
    let matches_filters = |job: &&EmulatedLabelingJob| {
        job.reference_contains(part) && is_between(job.created, request, "CreationTimeAfter", "CreationTimeBefore")
    };
    let of_team = state.workteams.jobs.values().filter(|job| job.team == arn);
    let found = of_team.map(|job| (SortKey::by_time(job.created, &job.name), job));
    let (jobs, next) = select_page(request, found.collect(), matches_filters)?;
    let now = state.clock.now();
    Ok(build_list_answer(
        "LabelingJobSummaryList",
        jobs.into_iter().map(|job| job.to_summary(now)).collect::<Vec<_>>(),
        next,
    ))
}

pub(crate) fn describe_labeling_job(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let name = request["LabelingJobName"].as_str().unwrap_or_default();
    let missing =
        || ServiceError::resource_not_found(format!("Could not find requested labeling job with name: {name}."));
    let job = state.workteams.jobs.get(name).ok_or_else(missing)?;
    Ok(job.to_description(state.clock.now()))
}
