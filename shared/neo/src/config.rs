//! `automation.yaml`: what is compiled, for which targets, and how.

use std::{
    collections::{BTreeMap, HashSet},
    num::NonZeroU32,
};

use model_archive::Framework;
use serde::{Deserialize, de::IgnoredAny};
use thiserror::Error;

use crate::{Inputs, KeyPattern, SymbolicDims, Target, TargetDevice, TargetPlatform};

/// The document version this release reads.
const DOCUMENT_VERSION: u32 = 1;

/// Run time limit of a job where none is configured, in seconds: AWS advises to start with it (API reference).
const DEFAULT_MAX_RUNTIME_SECONDS: NonZeroU32 = NonZeroU32::new(900).unwrap();

/// Why a document was refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not YAML, or not of this shape.
    #[error("{path} (line {line}, column {column}): {message}")]
    Invalid {
        /// Dotted path of the offending value.
        path: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// What was found and what is allowed.
        message: String,
    },
    /// Well-formed, but it contradicts itself.
    #[error("{path}: {message}")]
    Contradiction {
        /// Dotted path of the offending value.
        path: String,
        /// What is wrong and how to mend it.
        message: String,
    },
}

/// The whole of `automation.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    version: u32,
    /// What is compiled.
    #[serde(default)]
    pub compilation: Compilation,
    partner_apps: Option<IgnoredAny>,
    images: Option<IgnoredAny>,
    workteams: Option<IgnoredAny>,
}

/// The `compilation` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compilation {
    /// What holds for every rule that does not say otherwise.
    pub defaults: Defaults,
    /// The first whose keys match an upload decides over it.
    pub rules: Vec<Rule>,
}

/// The `compilation.defaults` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// Run time limit of a job in seconds.
    pub max_runtime_seconds: NonZeroU32,
    /// Values for the dimensions a model leaves open.
    pub symbolic_dims: SymbolicDims,
    /// Tags of every job.
    pub tags: BTreeMap<String, String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            max_runtime_seconds: DEFAULT_MAX_RUNTIME_SECONDS,
            symbolic_dims: SymbolicDims::default(),
            tags: BTreeMap::new(),
        }
    }
}

/// One entry of `compilation.rules`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names the rule in notifications and tags.
    pub name: String,
    /// The object keys it is for.
    pub keys: KeyPattern,
    /// Else read from the archive.
    pub framework: Option<Framework>,
    /// Else what the target needs.
    pub framework_version: Option<String>,
    /// Else read from the archive.
    pub inputs: Option<Inputs>,
    /// Else those of the defaults.
    pub symbolic_dims: Option<SymbolicDims>,
    /// Else that of the defaults, in seconds.
    pub max_runtime_seconds: Option<NonZeroU32>,
    /// Added to those of the defaults.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// One compilation job each.
    pub targets: Vec<TargetSpec>,
    /// What becomes of running jobs when a newer version of the model arrives.
    #[serde(default)]
    pub on_new_version: OnNewVersion,
}

/// What becomes of running jobs when a newer version of the model arrives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNewVersion {
    /// They run on.
    #[default]
    Keep,
    /// They are stopped.
    Stop,
}

/// One target of a rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "TargetFields")]
pub struct TargetSpec {
    /// The device or platform.
    pub target: Target,
    /// Options of the compiler for this target.
    pub compiler_options: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetFields {
    device: Option<TargetDevice>,
    platform: Option<TargetPlatform>,
    compiler_options: Option<serde_json::Value>,
}

impl TargetSpec {
    /// The compiler options as the API takes them: JSON text.
    pub fn compiler_options_text(&self) -> Option<String> {
        self.compiler_options.as_ref().map(serde_json::Value::to_string)
    }
}

impl TryFrom<TargetFields> for TargetSpec {
    type Error = &'static str;

    fn try_from(fields: TargetFields) -> Result<Self, Self::Error> {
        let target = match (fields.device, fields.platform) {
            (Some(device), None) => Target::Device(device),
            (None, Some(platform)) => Target::Platform(platform),
            _ => return Err("a target names either a `device` or a `platform`"),
        };
        Ok(Self { target, compiler_options: fields.compiler_options })
    }
}

impl Document {
    /// Reads a document as a whole.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut path = String::new();
        let document: Self = serde_saphyr::with_deserializer_from_str(text, |deserializer| {
            serde_path_to_error::deserialize(deserializer).map_err(|error| {
                path = error.path().to_string();
                error.into_inner()
            })
        })
        .map_err(|error| {
            let at = error.location().map_or((1, 1), |at| (at.line(), at.column()));
            ConfigError::Invalid {
                path: if path.is_empty() { "the document".to_owned() } else { path },
                line: at.0,
                column: at.1,
                message: plain(&error),
            }
        })?;
        document.check()?;
        Ok(document)
    }

    /// The first rule whose keys match, in the order written.
    pub fn rule_for(&self, key: &str) -> Option<&Rule> {
        self.compilation.rules.iter().find(|rule| rule.keys.matches(key))
    }

    /// Sections that are allowed in the document but that nothing in this release reads.
    pub fn unread_sections(&self) -> Vec<&'static str> {
        [("partner_apps", &self.partner_apps), ("images", &self.images), ("workteams", &self.workteams)]
            .into_iter()
            .filter_map(|(name, section)| section.as_ref().map(|_| name))
            .collect()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let contradiction = |path: String, message: String| Err(ConfigError::Contradiction { path, message });
        if self.version != DOCUMENT_VERSION {
            return contradiction(
                "version".to_owned(),
                format!("found {}, this release reads version {DOCUMENT_VERSION}", self.version),
            );
        }
        let mut names = HashSet::new();
        for (index, rule) in self.compilation.rules.iter().enumerate() {
            if !names.insert(&rule.name) {
                return contradiction(
                    format!("compilation.rules[{index}].name"),
                    format!("`{}` names an earlier rule already; give each rule its own name", rule.name),
                );
            }
            if rule.targets.is_empty() {
                return contradiction(
                    format!("compilation.rules[{index}].targets"),
                    "is empty; name at least one target, such as { device: ml_c5 }".to_owned(),
                );
            }
            let mut targets = HashSet::new();
            for (position, spec) in rule.targets.iter().enumerate() {
                if !targets.insert((&spec.target, spec.compiler_options_text())) {
                    return contradiction(
                        format!("compilation.rules[{index}].targets[{position}]"),
                        format!("`{}` with the same options stands in this rule already; remove one", spec.target),
                    );
                }
            }
        }
        Ok(())
    }
}

/// The parser's words without the place, which we tell ourselves.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = include_str!("../../../config/automation.example.yaml");

    #[test]
    fn the_example_is_valid_and_complete() {
        let document = Document::parse(FULL).unwrap();
        assert!(!document.compilation.rules.is_empty());
    }

    #[test]
    fn mistakes_are_answered_with_place_and_remedy() {
        let rule = |body: &str| format!("version: 1\ncompilation:\n  rules:\n    - {body}\n");
        let cases = [
            String::new(),
            "version: [1".to_owned(),
            "version: 2".to_owned(),
            "version: 1\ncompilations: {}".to_owned(),
            "version: 1\ncompilation: { defaults: { max_runtime_seconds: 0 } }".to_owned(),
            rule("{ name: a, keys: \"**\", targets: [ { device: jetson-nano } ] }"),
            rule("{ name: a, keys: \"**\", targets: [ { device: ml_c5, platform: { os: LINUX, arch: ARM64 } } ] }"),
            rule("{ name: a, keys: \"**\", targets: [] }"),
            rule("{ name: a, keys: \"[\", targets: [ { device: ml_c5 } ] }"),
            rule("{ name: a, keys: \"**\", framework: CAFFE, targets: [ { device: ml_c5 } ] }"),
            rule("{ name: a, keys: \"**\", inputs: { data: 3 }, targets: [ { device: ml_c5 } ] }"),
            rule("{ name: a, keys: \"**\", targets: [ { device: ml_c5 }, { device: ml_c5 } ] }"),
            rule("{ name: a, keys: \"**\", on_new_version: replace, targets: [ { device: ml_c5 } ] }"),
        ];
        let answers: Vec<_> = cases
            .iter()
            .map(|text| format!("{}\n  => {}", text.trim_end(), Document::parse(text).unwrap_err()))
            .collect();
        insta::assert_snapshot!(answers.join("\n\n"));
    }

    #[test]
    fn the_first_matching_rule_wins() {
        let document = Document::parse(
            "version: 1
compilation:
  rules:
    - { name: one, keys: 'a/**', targets: [ { device: ml_c5 } ] }
    - { name: two, keys: '**', targets: [ { device: ml_m5 } ] }
images: []",
        )
        .unwrap();
        assert_eq!(document.rule_for("a/b.tar.gz").unwrap().name, "one");
        assert_eq!(document.rule_for("b.tar.gz").unwrap().name, "two");
        assert_eq!(document.unread_sections(), ["images"]);
    }
}
