//! The supported operations. To add one, write its handler and add a line here. Requests are
//! checked against the service model before they reach a handler.

use serde_json::Value;

use crate::{
    answer::{OperationAnswer, ServiceError},
    compilation,
    emulator_state::EmulatorState,
    image, model_package, partner_app, tags, workteam,
};

/// Handles a request that passed the check against the service model.
type OperationHandler = fn(&mut EmulatorState, &Value) -> OperationAnswer;

const OPERATIONS: &[(&str, OperationHandler)] = &[
    ("AddTags", tags::add_tags),
    ("CreateCompilationJob", compilation::create_job),
    ("CreateImage", image::create_image),
    ("CreateModelPackage", model_package::create_package),
    ("CreateModelPackageGroup", model_package::create_group),
    ("CreatePartnerApp", partner_app::create_partner_app),
    ("CreateWorkteam", workteam::create_workteam),
    ("DeleteCompilationJob", compilation::delete_job),
    ("DeleteImage", image::delete_image),
    ("DeleteWorkteam", workteam::delete_workteam),
    ("DescribeCompilationJob", compilation::describe_job),
    ("DescribeImage", image::describe_image),
    ("DescribeLabelingJob", workteam::describe_labeling_job),
    ("DescribeModelPackage", model_package::describe_package),
    ("DescribePartnerApp", partner_app::describe_partner_app),
    ("DescribeWorkteam", workteam::describe_workteam),
    ("ListCompilationJobs", compilation::list_jobs),
    ("ListImages", image::list_images),
    ("ListLabelingJobsForWorkteam", workteam::list_labeling_jobs),
    ("ListModelPackageGroups", model_package::list_groups),
    ("ListModelPackages", model_package::list_packages),
    ("ListPartnerApps", partner_app::list_partner_apps),
    ("ListTags", tags::list_tags),
    ("ListWorkteams", workteam::list_workteams),
    ("StopCompilationJob", compilation::stop_job),
    ("UpdateImage", image::update_image),
    ("UpdateModelPackage", model_package::update_package),
    ("UpdatePartnerApp", partner_app::update_partner_app),
    ("UpdateWorkteam", workteam::update_workteam),
];

/// The operations that show a change some time after it was made.
const LAGGING: [&str; 3] = ["DescribeCompilationJob", "DescribeImage", "DescribePartnerApp"];

pub(crate) fn is_offered(operation: &str) -> bool {
    find_handler(operation).is_some()
}

pub(crate) fn operation_names() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|(name, _)| *name)
}

pub(crate) fn handle_request(state: &mut EmulatorState, operation: &str, request: &Value) -> OperationAnswer {
    let Some(handler) = find_handler(operation) else { return Err(unknown_operation(operation)) };
    let answer = handler(state, request);
    if !LAGGING.contains(&operation) {
        return answer;
    }
    let key = format!("{operation} {request}");
    match answer {
        Ok(current) => match state.delay_description(key, current.clone()) {
            Some(shown) => Ok(shown),
            None if operation == "DescribeCompilationJob" => Err(compilation::job_not_found(request)),
            None => Ok(current),
        },
        Err(error) => {
            state.forget_description(&key);
            Err(error)
        }
    }
}

pub(crate) fn unknown_operation(operation: &str) -> ServiceError {
    let offered: Vec<&str> = operation_names().collect();
    let message = format!("The emulator does not offer the operation {operation:?}. It offers {}.", offered.join(", "));
    ServiceError::new("UnknownOperationException", message)
}

fn find_handler(operation: &str) -> Option<OperationHandler> {
    OPERATIONS.iter().find(|(name, _)| *name == operation).map(|(_, handler)| *handler)
}
