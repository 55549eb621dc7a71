//! Compilation jobs: requests, validation rules, statuses and responses.

mod artifact;
mod create;
mod job;
mod job_operations;
mod job_store;
mod job_views;
mod list;
mod request;
mod request_rules;
mod target;

pub(crate) use artifact::{CompilationTask, CompiledArtifact};
pub(crate) use create::create_job;
pub(crate) use job_operations::{delete_job, describe_job, job_not_found, stop_job};
pub(crate) use job_store::CompilationJobStore;
pub(crate) use list::list_jobs;
