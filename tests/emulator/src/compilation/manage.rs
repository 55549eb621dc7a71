//! `DescribeCompilationJob`, `StopCompilationJob` and `DeleteCompilationJob`: what is done to one job by its name.

use serde_json::Value;

use super::job::Job;
use crate::answer::{Answer, Refusal};
use crate::world::World;

pub(crate) fn describe(world: &mut World, request: &Value) -> Answer {
    Ok(named(world, request)?.description(&world.owner.region))
}

pub(crate) fn stop(world: &mut World, request: &Value) -> Answer {
    let job = named(world, request)?;
    if job.status.is_terminal() {
        return Err(refused(job));
    }
    let name = job.name().to_owned();
    let now = world.clock.now();
    let (jobs, mut around) = world.compilation_and_surroundings();
    jobs.change(&name, |job| job.stop(now, &mut around));
    Ok(Value::Null)
}

pub(crate) fn delete(world: &mut World, request: &Value) -> Answer {
    let job = named(world, request)?;
    if !job.status.is_terminal() {
        return Err(refused(job));
    }
    let name = job.name().to_owned();
    world.compilation.remove(&name);
    Ok(Value::Null)
}

fn named<'w>(world: &'w World, request: &Value) -> Result<&'w Job, Refusal> {
    // The model has made sure that the name is there.
    let name = request["CompilationJobName"].as_str().unwrap_or_default();
    let missing = || Refusal::not_found(format!("Could not find requested compilation job with name: {name}."));
    world.compilation.get(name).ok_or_else(missing)
}

fn refused(job: &Job) -> Refusal {
    let (name, status) = (job.name(), job.status.as_str());
    Refusal::validation(format!("The request was rejected because the compilation job {name} is in status {status}."))
}
