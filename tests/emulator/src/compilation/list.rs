//! `ListCompilationJobs`: filters and orders.

use serde_json::Value;

use super::job::Job;
use crate::answer::Answer;
use crate::page::{self, Place, between};
use crate::world::World;

pub(crate) fn list(world: &mut World, request: &Value) -> Answer {
    let found = world.compilation.all().filter(|job| matches(job, request)).map(|job| (place(job, request), job));
    let (jobs, next) = page::cut(request, found.collect())?;
    Ok(page::answer("CompilationJobSummaries", jobs.into_iter().map(Job::summary).collect::<Vec<_>>(), next))
}

fn matches(job: &Job, request: &Value) -> bool {
    request["NameContains"].as_str().is_none_or(|part| job.name().contains(part))
        && request["StatusEquals"].as_str().is_none_or(|status| job.status.as_str() == status)
        && between(job.created, request, "CreationTimeAfter", "CreationTimeBefore")
        && between(job.modified, request, "LastModifiedTimeAfter", "LastModifiedTimeBefore")
}

fn place(job: &Job, request: &Value) -> Place {
    match request["SortBy"].as_str() {
        Some("Name") => Place::by_name(job.name()),
        Some("Status") => Place::by_text(job.status.as_str(), job.created, job.name()),
        // The model: "The default is CreationTime."
        _ => Place::by_time(job.created, job.name()),
    }
}
