//! The `SageMaker` operations this project calls, on this machine: a test double that takes its time, has quotas and
//! fails on command.
//!
//! awsJson1.1 over HTTP on 127.0.0.1. Every request is checked against the official service model that botocore ships
//! before it is handled ([`ServiceModel`]), so that a request that passes here has the form the service accepts.
//!
//! In a Rust test the emulator runs in-process; dropping it stops it:
//!
//! ```no_run
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! use sagemaker_emulator::{Emulator, Fault, When};
//!
//! let emulator = Emulator::builder().start().await?;
//! emulator.script(Fault::drop("CreateCompilationJob", 1, When::After));
//! // Point the client at `emulator.url()` and call; then look at what arrived:
//! assert!(emulator.requests().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! The binary does the same for other processes and takes its script at `/_control`; the README of this folder has its
//! flags and an example of each control request.

mod answer;
mod bus;
mod clock;
mod compilation;
mod control;
mod effects;
mod emulator;
mod faults;
mod image;
mod journal;
mod line;
mod model;
mod operations;
mod outlet;
mod page;
mod partner_app;
mod server;
mod settings;
mod shared;
mod store;
mod tags;
mod topics;
mod workteam;
mod world;

pub use emulator::{Builder, Emulator, StartError};
pub use faults::{ErrorAnswer, Fault, When};
pub use journal::{LoggedRequest, Outcome};
pub use model::{Constraint, MODEL_VARIABLE, ModelError, ServiceModel, Violation, message};
pub use settings::{Owner, Settings};
pub use workteam::JobScript as LabelingJob;
