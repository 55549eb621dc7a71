//! `automation.yaml`: what is compiled, for which targets, and how.

mod parse;
mod settings;
mod template;
mod values;

use std::fmt;

use model_archive::Framework;
use serde_json::Value;
use thiserror::Error;

pub(crate) use parse::{MAX_TAG_VALUE, is_tag_character, tags};
pub use settings::{OnNewVersion, Settings};
pub use template::{OutputTemplate, Place as OutputPlace, TemplateError};
pub(crate) use values::numbers;
pub use values::{FrameworkVersion, FrameworkVersionError, KmsKeyId, RoleArn, SymbolicDims, Vpc};

use crate::{Inputs, KeyPattern, Target, inputs::NamedLayout, read::Fault};

/// The document version this release reads.
pub(crate) const DOCUMENT_VERSION: u32 = 1;

/// Sections that are allowed in the document but that nothing in this release reads.
pub(crate) const UNREAD_SECTIONS: [&str; 3] = ["partner_apps", "images", "workteams"];

/// Why a document was refused: every mistake in it.
#[derive(Debug, Clone, Error)]
pub struct ConfigError {
    /// In the order of the document.
    pub faults: Vec<Fault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
        f.write_str(&faults.join("\n"))
    }
}

/// The whole of `automation.yaml`.
#[derive(Debug, Clone)]
pub struct Document {
    /// What is compiled.
    pub compilation: Compilation,
    /// What is valid and yet worth a look.
    pub warnings: Vec<Fault>,
    unread: Vec<&'static str>,
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
    /// The object keys it is for.
    pub keys: KeyPattern,
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
    /// Reads a document as a whole.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        parse::document(text)
    }

    /// The first rule whose keys match, in the order written.
    pub fn rule_for(&self, key: &str) -> Option<&Rule> {
        self.compilation.rules.iter().find(|rule| rule.keys.matches(key))
    }

    /// Sections of this document that nothing in this release reads.
    pub fn unread_sections(&self) -> Vec<&'static str> {
        self.unread.clone()
    }
}
