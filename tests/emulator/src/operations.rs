//! The operations offered. A new one is its handler and a line here; its request is checked before it gets there.

use serde_json::Value;

use crate::answer::{Answer, Refusal};
use crate::world::World;
use crate::{compilation, image, partner_app, tags, workteam};

/// Handles a request that the service model allows.
type Handler = fn(&mut World, &Value) -> Answer;

const OPERATIONS: &[(&str, Handler)] = &[
    ("AddTags", tags::add),
    ("CreateCompilationJob", compilation::create),
    ("CreateImage", image::create),
    ("CreatePartnerApp", partner_app::create),
    ("CreateWorkteam", workteam::create),
    ("DeleteCompilationJob", compilation::delete),
    ("DeleteWorkteam", workteam::delete),
    ("DescribeCompilationJob", compilation::describe),
    ("DescribeImage", image::describe),
    ("DescribeLabelingJob", workteam::describe_job),
    ("DescribePartnerApp", partner_app::describe),
    ("DescribeWorkteam", workteam::describe),
    ("ListCompilationJobs", compilation::list),
    ("ListCompilationJobs", compilation::list),
    ("ListImages", image::list),
    ("ListLabelingJobsForWorkteam", workteam::list_jobs),
    ("ListPartnerApps", partner_app::list),
    ("ListTags", tags::list),
    ("ListWorkteams", workteam::list),
    ("StopCompilationJob", compilation::stop),
    ("StopCompilationJob", compilation::stop),
    ("UpdateImage", image::update),
    ("UpdatePartnerApp", partner_app::update),
    ("UpdateWorkteam", workteam::update),
];

pub(crate) fn is_offered(operation: &str) -> bool {
    handler(operation).is_some()
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|(name, _)| *name)
}

pub(crate) fn handle(world: &mut World, operation: &str, request: &Value) -> Answer {
    match handler(operation) {
        Some(handler) => handler(world, request),
        None => Err(unknown(operation)),
    }
}

pub(crate) fn unknown(operation: &str) -> Refusal {
    let offered: Vec<&str> = names().collect();
    let message = format!("The emulator does not offer the operation {operation:?}. It offers {}.", offered.join(", "));
    Refusal::new("UnknownOperationException", message)
}

fn handler(operation: &str) -> Option<Handler> {
    OPERATIONS.iter().find(|(name, _)| *name == operation).map(|(_, handler)| *handler)
}
