//! What the functions share: events, batches, ledger, notifications, configuration, AWS clients, telemetry.

pub mod aws;
pub mod batch;
pub mod call;
#[cfg(feature = "sagemaker")]
pub mod compilation_jobs;
pub mod config;
pub mod console;
pub mod dead_letters;
pub mod event;
#[cfg(feature = "sagemaker")]
pub mod images;
pub mod job;
pub mod labeling;
pub mod ledger;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
pub mod metrics;
pub mod notification;
pub mod objects;
pub mod parking;
#[cfg(feature = "sagemaker")]
pub mod partner_apps;
pub mod queue;
pub mod reconcile;
pub mod scope;
pub mod settings;
#[cfg(feature = "sagemaker")]
mod tags;
pub mod telemetry;
pub mod telling;
pub mod topic;
pub mod wake;
#[cfg(feature = "sagemaker")]
pub mod workteams;

/// Tells the time; handlers take it so that tests can set it.
pub type Clock = fn() -> jiff::Timestamp;
