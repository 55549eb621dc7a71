//! The `compilation` section of `automation.yaml`: which models are compiled, for which targets,
//! and how.

mod job_settings;
mod output_template;
mod parse;
mod values;

use document::{MapFields, Reader};
use model_archive::Framework;
use serde_json::Value;

pub use job_settings::{JobSettings, NewVersionPolicy};
pub use output_template::{OutputTemplate, OutputTemplateError, PlaceholderValues};
pub(crate) use parse::merge_tags;
pub(crate) use values::parse_major_minor;
pub use values::{
    FrameworkVersion, FrameworkVersionError, InvalidValueError, KmsKeyId, ModelPackageArn, RoleArn, SymbolicDims,
    VpcConfig,
};

use crate::{InputShapes, KeyPattern, Target, input_shapes::DeclaredLayout};

/// The `compilation` section.
#[derive(Debug, Clone, Default)]
pub struct CompilationConfig {
    /// Jobs of the whole stack per UTC day, without retries; `None` if their number is not limited.
    pub max_jobs_per_day: Option<u32>,
    /// Settings of every rule that does not set them itself.
    pub defaults: JobSettings,
    /// The first rule whose keys match an upload applies to it.
    pub rules: Vec<CompilationRule>,
}

/// One entry of `compilation.rules`.
#[derive(Debug, Clone)]
pub struct CompilationRule {
    /// The name shown in notifications and tags.
    pub name: String,
    pub source: RuleSource,
    /// `None` if it is read from the archive.
    pub framework: Option<Framework>,
    /// `None` if no framework version is sent.
    pub framework_version: Option<FrameworkVersion>,
    /// `None` if they are read from the archive.
    pub inputs: Option<InputShapes>,
    /// The dimension order of `inputs`, where it is not the framework's.
    pub layout: Option<DeclaredLayout>,
    /// Compiler options of the targets that have none of their own.
    pub compiler_options: Option<Value>,
    /// Override the defaults.
    pub settings: JobSettings,
    /// Each target is one compilation job.
    pub targets: Vec<TargetSpec>,
}

/// Which models a rule applies to.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleSource {
    /// Uploads whose object key matches.
    Keys(KeyPattern),
    /// One model package version.
    Package(ModelPackageArn),
}

impl CompilationRule {
    /// The pattern of the object keys it applies to; `None` for a model package rule.
    pub fn key_pattern(&self) -> Option<&KeyPattern> {
        match &self.source {
            RuleSource::Keys(keys) => Some(keys),
            RuleSource::Package(_) => None,
        }
    }

    /// The model package version it applies to; `None` for a rule for uploads.
    pub fn model_package(&self) -> Option<&ModelPackageArn> {
        match &self.source {
            RuleSource::Keys(_) => None,
            RuleSource::Package(package) => Some(package),
        }
    }
}

/// One target of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetSpec {
    pub target: Target,
    /// `None` for that of the rule.
    pub framework_version: Option<FrameworkVersion>,
    /// `None` for those of the rule.
    pub inputs: Option<InputShapes>,
    /// `None` for those of the rule.
    pub compiler_options: Option<Value>,
    /// Override the rule.
    pub settings: JobSettings,
}

impl From<Target> for TargetSpec {
    /// A target that inherits everything from its rule.
    fn from(target: Target) -> Self {
        Self { target, framework_version: None, inputs: None, compiler_options: None, settings: JobSettings::default() }
    }
}

impl CompilationConfig {
    /// Reads the section from the top-level keys of a document; `None` if it has errors.
    pub fn read_section(reader: &mut Reader, sections: &MapFields<'_>) -> Option<Self> {
        match sections.get("compilation") {
            None => Some(Self::default()),
            Some(at) => parse::read_compilation(reader, at),
        }
    }

    /// The first rule whose pattern matches the object key.
    pub fn find_rule(&self, key: &str) -> Option<&CompilationRule> {
        self.rules.iter().find(|rule| rule.key_pattern().is_some_and(|pattern| pattern.is_match(key)))
    }
}
