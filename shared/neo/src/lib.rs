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
mod source;
mod target;
mod upload;

pub use config::{
    Compilation, Document, FrameworkVersion, FrameworkVersionError, KmsKeyId, ModelPackageArn, OnNewVersion,
    OutputPlace, OutputTemplate, RoleArn, Rule, RuleSource, Settings, SymbolicDims, TargetSpec, TemplateError, Vpc,
};
pub use failure::{FailureClass, unsupported_operators};
pub use inputs::{CoreMlInput, CoreMlType, Extent, FlexibleShape, InputShape, Inputs, NamedLayout, data_input_config};
pub use name::{ContentId, JobName, ModelId};
pub use plan::{Decision, Origin, Plan, Planned, PlannedPackage, TargetPlan, plan, plan_package};
pub use request::{CompilationRequest, REQUEST_VERSION};
pub use rules::KeyPattern;
pub use source::{ModelPackage, Source};
pub use target::{Family, Support, TARGETS, Target, TargetDevice, TargetPlatform, TargetRow, UnknownTarget, devices};
pub use upload::{METADATA, Overrides, Upload};
