//! `CreateCompilationJob`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::job::Job;
use super::request::CreateRequest;
use super::rules;
use crate::answer::{Answer, Refusal};
use crate::world::World;

pub(crate) fn create(world: &mut World, request: &Value) -> Answer {
    let request = CreateRequest::deserialize(request).map_err(|error| Refusal::unreadable(&error))?;
    let target = rules::check(&request)?;
    if let Some(existing) = world.compilation.get(&request.compilation_job_name) {
        return Err(in_use(existing));
    }
    within_quota(world)?;
    let arn = world.owner.arn(&format!("compilation-job/{}", request.compilation_job_name));
    let now = world.clock.now();
    let (jobs, mut around) = world.compilation_and_surroundings();
    jobs.insert(Job::start(arn.clone(), request, target, now, &mut around));
    Ok(json!({ "CompilationJobArn": arn }))
}

fn in_use(existing: &Job) -> Refusal {
    let message = format!(
        "Compilation job name must be unique within an AWS account and region, and a compilation job with this name \
         already exists ({}).",
        existing.arn
    );
    Refusal::new("ResourceInUse", message)
}

fn within_quota(world: &World) -> Result<(), Refusal> {
    let running = world.compilation.running();
    match world.settings.max_running {
        Some(limit) if running >= limit => {
            let message = format!(
                "The account-level service limit 'Maximum number of concurrent compilation jobs' is {limit} Jobs, with \
                 current utilization of {running} Jobs and a request delta of 1 Jobs. Please use AWS Service Quotas to \
                 request an increase for this quota. If AWS Service Quotas is not available, contact AWS support to \
                 request an increase for this quota."
            );
            Err(Refusal::new("ResourceLimitExceeded", message))
        }
        _ => Ok(()),
    }
}
