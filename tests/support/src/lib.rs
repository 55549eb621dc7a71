//! What tests share: a stack in memory ([`TestStack`]), an account in the emulator
//! ([`account::TestAccount`]), values that tests begin with, and in-memory doubles of the AWS
//! services that the functions call. Clones of a double share their content.

pub mod account;
mod archives;
mod builders;
mod compilation_jobs;
mod edges;
mod model_packages;
mod objects;
mod queues;
pub mod sdk;
mod shared;
mod stack;
mod stepwise;
mod table;
mod topic;
mod workteams;

pub use archives::{build_archive, build_dynamic_onnx, read_reference_model, read_squeezenet};
pub use builders::{
    accept_request, compilation_request, config_event, job_description, model_row, model_upload, park_refused_request,
    reject_request,
};
pub use compilation_jobs::{MemoryJobs, ScriptedResponse};
pub use configuration::ConfigDocument;
pub use edges::{ControlledEdge, EdgeCalls};
pub use model_packages::MemoryPackages;
pub use objects::{MemoryObjects, StoredObject};
pub use queues::{MemoryQueue, MemorySource};
pub use shared::Shared;
pub use stack::{ARTIFACT_BUCKET, CONFIG_BUCKET, CONFIG_KEY, MODEL_BUCKET, TestStack};
pub use stepwise::{Stepwise, YieldingCalls, crash_after, interleave};
pub use table::MemoryTable;
pub use topic::MemoryTopic;
pub use workteams::{MemoryWorkteams, observed_team};
