#![doc = include_str!("../README.md")]

pub mod backoff;
pub mod batch;
pub mod dead_letters;
pub mod delivery_history;
pub mod env;
pub mod error;
pub mod message;
pub mod metrics;
pub mod queue;
pub mod schedule;
mod settlement;
pub mod telemetry;

pub use env::Env;
pub use error::{CallError, CallErrorKind, Failure};
pub use lambda_runtime::Error;
pub use message::Message;
pub use schedule::{serve_batches, serve_scheduled_batches};

/// Returns the current time; a parameter wherever time matters, so that tests can set it.
pub type Clock = fn() -> jiff::Timestamp;
