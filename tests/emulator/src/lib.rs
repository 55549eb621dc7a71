//! An emulator of the `SageMaker` operations that this project calls: a test double with realistic
//! durations, quotas and faults on demand.
//!
//! It serves awsJson1.1 over HTTP on 127.0.0.1. Every request is checked against the official
//! service model of botocore ([`ServiceModel`]) before it is processed. A request that passes the
//! check therefore has the form that SageMaker accepts.
//!
//! In a Rust test the emulator runs in the test process. Dropping it stops it:
//!
//! ```no_run
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! use sagemaker_emulator::{DropTiming, Emulator, ScriptedFault};
//!
//! let emulator = Emulator::builder().start().await?;
//! emulator.add_fault(ScriptedFault::drop_connection("CreateCompilationJob", 1, DropTiming::After));
//! // Use `emulator.endpoint_url()` as the endpoint of the client, then check the request log:
//! assert!(emulator.logged_requests().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! The binary serves other processes and is scripted over `/_control`. The README of this folder
//! lists its flags and an example of each control request.

mod answer;
mod artifact_store;
mod clock;
mod compilation;
mod connection;
mod control_api;
mod emulator;
mod emulator_state;
mod event_bus;
mod faults;
mod image;
mod list_page;
mod model_package;
mod operations;
mod partner_app;
mod request_log;
mod server;
mod service_model;
mod settings;
mod shared_state;
mod side_effect;
mod side_effect_runner;
mod tags;
mod workteam;
mod workteam_topics;

pub use emulator::{Emulator, EmulatorBuilder, StartError};
pub use faults::{DropTiming, ScriptedError, ScriptedFault};
pub use request_log::{LoggedRequest, RequestOutcome};
pub use service_model::{
    MODEL_VARIABLE, ModelConstraint, ModelError, RequestViolation, ServiceModel, format_violations,
};
pub use settings::{EmulatorSettings, Owner};
pub use workteam::LabelingJobScript;
