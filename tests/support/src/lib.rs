//! Test doubles: in-memory implementations of the AWS services that the functions call. Clones
//! share their content.

mod archives;
mod compilation_jobs;
mod model_packages;
mod objects;
mod queues;
pub mod sdk;
mod shared;
mod stepwise;
mod table;
mod topic;
mod workteams;

pub use archives::{build_archive, build_dynamic_onnx, read_reference_model, read_squeezenet};
pub use compilation_jobs::{MemoryJobs, ScriptedResponse};
pub use configuration::ConfigDocument;
pub use model_packages::MemoryPackages;
pub use objects::{MemoryObjects, StoredObject};
pub use queues::{MemoryQueue, MemorySource};
pub use shared::Shared;
pub use stepwise::{Stepwise, crash_after, interleave};
pub use table::MemoryTable;
pub use topic::MemoryTopic;
pub use workteams::{MemoryWorkteams, observed_team};
