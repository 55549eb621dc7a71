//! Code that the functions share on top of the other crates: events, configuration, objects,
//! applying a plan, notifications about a model.

pub mod aws;
pub mod config;
pub mod event;
pub mod foreign_jobs;
pub mod model_notifications;
pub mod objects;
pub mod reconcile;

pub use aws::Aws;
pub use config::ConfigSource;
pub use foreign_jobs::ForeignJobs;
pub use model_notifications::ModelNotifier;
