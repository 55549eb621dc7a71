#![doc = include_str!("../README.md")]

pub mod aws;
pub mod config;
pub mod event;
pub mod foreign_jobs;
mod function_config;
pub mod model_notifications;
pub mod objects;
pub mod reconcile;
mod resumable_body;

pub use aws::Aws;
pub use config::ConfigSource;
pub use foreign_jobs::ForeignJobs;
pub use model_notifications::ModelNotifier;
pub use neo::ModelBuckets;
