//! What SageMaker Neo is asked for: rules and model facts in, compilation requests or problems out.
//!
//! Pure: no AWS SDK, no I/O, no clock.

mod config;
mod failure;
mod inputs;
mod name;
mod options;
mod plan;
mod request;
mod rules;
mod target;
mod upload;

pub use config::{
    Compilation, Document, FrameworkVersion, FrameworkVersionError, KmsKeyId, OnNewVersion, OutputPlace,
    OutputTemplate, RoleArn, Rule, Settings, SymbolicDims, TargetSpec, TemplateError, Vpc,
};
pub use failure::{FailureClass, unsupported_operators};
pub use inputs::{CoreMlInput, CoreMlType, Extent, FlexibleShape, InputShape, Inputs, NamedLayout, data_input_config};
pub use name::{ContentId, JobName, ModelId};
pub use plan::{Decision, Origin, Plan, Planned, TargetPlan, plan};
pub use request::{CompilationRequest, REQUEST_VERSION};
pub use rules::KeyPattern;
pub use target::{Family, Support, TARGETS, Target, TargetDevice, TargetPlatform, TargetRow, UnknownTarget, devices};
pub use upload::{METADATA, Overrides, Upload};
