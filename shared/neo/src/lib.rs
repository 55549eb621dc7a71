#![doc = include_str!("../README.md")]

mod compiler_options;
mod config;
mod failure_class;
mod input_shapes;
mod job;
mod job_options;
mod key_pattern;
mod model_buckets;
mod model_source;
mod name;
mod overrides;
mod plan;
mod quota;
mod request;
mod stack_access;
mod target;
mod upload;

pub use config::{
    CompilationConfig, CompilationRule, FrameworkVersion, FrameworkVersionError, InvalidValueError, JobSettings,
    KmsKeyId, MAX_RULE_GROUPS, ModelPackageArn, NewVersionPolicy, OutputTemplate, OutputTemplateError,
    PackageGroupPattern, PlaceholderValues, RoleArn, RuleSource, SymbolicDims, TargetSpec, VpcConfig, group_name,
};
pub use failure_class::{FailureClass, find_unsupported_operators, suggest_failure_fix};
pub use input_shapes::{
    CoreMlDimension, CoreMlInputConfig, CoreMlInputType, CoreMlShape, DeclaredLayout, DimensionSizes, InputShape,
    InputShapes, ResolvedShapes, derive_data_input_config, find_input_warnings, find_layout_warnings,
};
pub use job::{JobDescription, JobStatus};
pub use job_options::JobOptions;
pub use key_pattern::{KeyPattern, KeyPatternError};
pub use model_buckets::ModelBuckets;
pub use model_source::{ModelPackage, ModelSource, NOT_APPROVED};
pub use name::{ContentId, JobName, ModelId};
pub use overrides::{METADATA_KEYS, Overrides};
pub use plan::{
    CompilationPlan, PackagePlanInput, PlanInput, ResolvedSetting, SettingOrigin, TargetPlan,
    find_problems_before_inspection, find_version_warnings, plan_package, plan_upload,
};
pub use quota::read_quota_value;
pub use request::{CompilationRequest, REQUEST_VERSION};
pub use stack_access::StackAccess;
pub use target::{
    ACCELERATORS, ARCHITECTURES, FrameworkSupport, SYNONYMS, SYSTEMS, TARGETS, Target, TargetDevice, TargetFamily,
    TargetPlatform, TargetRow, UnknownTarget, device_names, new_device_pattern,
};
pub use upload::Upload;
