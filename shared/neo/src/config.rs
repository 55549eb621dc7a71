//! `automation.yaml`: what is compiled, for which targets, and how.

mod parse;
mod settings;
mod template;
mod values;

use document::{ConfigError, Fault, Fields, Reader};
use model_archive::Framework;
use serde_json::Value;

pub(crate) use parse::tags;
pub use settings::{OnNewVersion, Settings};
pub use template::{OutputTemplate, Place as OutputPlace, TemplateError};
pub(crate) use values::numbers;
pub use values::{FrameworkVersion, FrameworkVersionError, KmsKeyId, ModelPackageArn, RoleArn, SymbolicDims, Vpc};

use crate::{Inputs, KeyPattern, Target, inputs::NamedLayout};

/// What `automation.yaml` says of compilation; its other sections are not looked at.
#[derive(Debug, Clone)]
pub struct Document {
    /// What is compiled.
    pub compilation: Compilation,
    /// What is valid and yet worth a look.
    pub warnings: Vec<Fault>,
}

/// The `compilation` section.
#[derive(Debug, Clone, Default)]
pub struct Compilation {
    /// What holds for every rule that does not say otherwise.
    pub defaults: Settings,
    /// The first whose keys match an upload decides over it.
    pub rules: Vec<Rule>,
}

/// One entry of `compilation.rules`.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Names the rule in notifications and tags.
    pub name: String,
    /// What it is for.
    pub source: RuleSource,
    /// Else read from the archive.
    pub framework: Option<Framework>,
    /// Else none is sent.
    pub framework_version: Option<FrameworkVersion>,
    /// Else read from the archive.
    pub inputs: Option<Inputs>,
    /// The order in which `inputs` are written, where it is not the framework's.
    pub layout: Option<NamedLayout>,
    /// Options of the compiler, for the targets that have none of their own.
    pub compiler_options: Option<Value>,
    /// What wins over the defaults.
    pub settings: Settings,
    /// One compilation job each.
    pub targets: Vec<TargetSpec>,
}

/// What a rule is for.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleSource {
    /// Uploads with such object keys.
    Keys(KeyPattern),
    /// A version of a model package.
    Package(ModelPackageArn),
}

impl Rule {
    /// The object keys it is for; none if it is for a model package.
    pub fn keys(&self) -> Option<&KeyPattern> {
        match &self.source {
            RuleSource::Keys(keys) => Some(keys),
            RuleSource::Package(_) => None,
        }
    }

    /// The version of a model package it is for; none if it is for uploads.
    pub fn package(&self) -> Option<&ModelPackageArn> {
        match &self.source {
            RuleSource::Keys(_) => None,
            RuleSource::Package(package) => Some(package),
        }
    }
}

/// One target of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetSpec {
    /// The device or platform.
    pub target: Target,
    /// Else that of the rule.
    pub framework_version: Option<FrameworkVersion>,
    /// Else those of the rule.
    pub inputs: Option<Inputs>,
    /// Else those of the rule.
    pub compiler_options: Option<Value>,
    /// What wins over the rule.
    pub settings: Settings,
}

impl TargetSpec {
    /// A target about which nothing else is said.
    pub(crate) fn bare(target: Target) -> Self {
        Self { target, framework_version: None, inputs: None, compiler_options: None, settings: Settings::default() }
    }
}

impl Document {
    /// Reads a document.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let (compilation, warnings) = document::read(text, Compilation::read)?;
        Ok(Self { compilation, warnings })
    }
}

impl Compilation {
    /// Reads the section among those of a document; none if there are mistakes in it.
    pub fn read(reader: &mut Reader, sections: &Fields<'_>) -> Option<Self> {
        match sections.get("compilation") {
            None => Some(Self::default()),
            Some(at) => parse::compilation(reader, at),
        }
    }

    /// The first rule whose keys match, in the order written.
    pub fn rule_for(&self, key: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.keys().is_some_and(|keys| keys.matches(key)))
    }
}
