//! What SageMaker Neo is asked for: rules and model facts in, compilation requests or problems out.
//!
//! Pure: no AWS SDK, no I/O, no clock.

mod config;
mod failure;
mod inputs;
mod name;
mod plan;
mod request;
mod rules;
mod target;
mod upload;

pub use config::{Compilation, ConfigError, Defaults, Document, OnNewVersion, Rule, TargetSpec};
pub use failure::FailureClass;
pub use inputs::{Inputs, SymbolicDims};
pub use name::{ContentId, JobName, ModelId};
pub use plan::{Planned, plan};
pub use request::{CompilationRequest, REQUEST_VERSION};
pub use rules::KeyPattern;
pub use target::{Target, TargetDevice, TargetPlatform, UnknownTarget};
pub use upload::{Overrides, Upload};
