//! Work teams and the labeling jobs they work on.

mod job;
mod jobs;
mod notice;
mod script;
mod team;
mod teams;

pub(crate) use jobs::{describe_job, list_jobs};
pub(crate) use notice::Notice;
pub use script::LabelingJob as JobScript;
pub(crate) use teams::{Workteams, create, delete, describe, list, update};
