//! Work teams and their labeling jobs.

mod emulated_job;
mod emulated_workteam;
mod job_operations;
mod job_script;
mod notice;
mod workteam_store;

pub(crate) use job_operations::{describe_labeling_job, list_labeling_jobs};
pub use job_script::LabelingJobScript;
pub(crate) use notice::WorkteamNotice;
pub(crate) use workteam_store::{
    WorkteamStore, create_workteam, delete_workteam, describe_workteam, list_workteams, update_workteam,
};
