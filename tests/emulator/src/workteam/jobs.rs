//! `ListLabelingJobsForWorkteam` and `DescribeLabelingJob`.

use serde_json::Value;

use super::job::LabelingJob;
use super::teams::has_team;
use crate::answer::{Answer, Refusal};
use crate::page::{self, Place, between};
use crate::world::World;

pub(crate) fn list_jobs(world: &mut World, request: &Value) -> Answer {
    let arn = request["WorkteamArn"].as_str().unwrap_or_default();
    if !has_team(world, arn) {
        return Err(Refusal::not_found(format!("Could not find the work team {arn}.")));
    }
    let part = request["JobReferenceCodeContains"].as_str().unwrap_or_default();
    let wanted = |job: &&LabelingJob| {
        job.team == arn
            && job.reference_contains(part)
            && between(job.created, request, "CreationTimeAfter", "CreationTimeBefore")
    };
    let found = world.workteams.jobs.values().filter(wanted);
    let (jobs, next) = page::cut(request, found.map(|job| (Place::by_time(job.created, &job.name), job)).collect())?;
    let now = world.clock.now();
    Ok(page::answer("LabelingJobSummaryList", jobs.into_iter().map(|job| job.summary(now)).collect::<Vec<_>>(), next))
}

pub(crate) fn describe_job(world: &mut World, request: &Value) -> Answer {
    let name = request["LabelingJobName"].as_str().unwrap_or_default();
    let missing = || Refusal::not_found(format!("Could not find requested labeling job with name: {name}."));
    let job = world.workteams.jobs.get(name).ok_or_else(missing)?;
    Ok(job.description(world.clock.now()))
}
