//! The `compilation` section of `automation.yaml`: which models are compiled, for which targets,
//! and how.

mod job_settings;
mod output_template;
mod package_groups;
mod parse;
mod values;

use document::{ConfigDiagnostic, ConfigFinding, MapFields, Reader, arn::ArnScope};
use model_archive::Framework;
use serde_json::Value;

pub use job_settings::{JobSettings, NewVersionPolicy};
pub use output_template::{OutputTemplate, OutputTemplateError, PlaceholderValues};
pub use package_groups::{MAX_RULE_GROUPS, PackageGroupPattern, group_name};
pub(crate) use parse::merge_tags;
pub(crate) use values::parse_major_minor;
pub use values::{
    FrameworkVersion, FrameworkVersionError, InvalidValueError, KmsKeyId, ModelPackageArn, RoleArn, SymbolicDims,
    VpcConfig,
};

use crate::{InputShapes, KeyPattern, ModelBuckets, Target, input_shapes::DeclaredLayout};

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
    Uploads {
        /// The buckets of the uploads; `None` for the stack's own model bucket.
        bucket: Option<Box<KeyPattern>>,
        keys: KeyPattern,
    },
    /// One model package version.
    Package(ModelPackageArn),
    /// The approved versions of model package groups.
    PackageGroups(PackageGroupPattern),
}

impl CompilationRule {
    /// Whether a job of the rule runs with the stack's own compilation role.
    pub fn uses_stack_role(&self, defaults: &JobSettings) -> bool {
        let has_role = |settings: &JobSettings| settings.role_arn.is_some();
        !has_role(defaults) && !has_role(&self.settings) && self.targets.iter().any(|spec| !has_role(&spec.settings))
    }

    /// The pattern of the object keys it applies to; `None` for a rule for model packages.
    pub fn key_pattern(&self) -> Option<&KeyPattern> {
        match &self.source {
            RuleSource::Uploads { keys, .. } => Some(keys),
            RuleSource::Package(_) | RuleSource::PackageGroups(_) => None,
        }
    }

    /// The pattern of the buckets it applies to; `None` if it does not name any.
    pub fn bucket_pattern(&self) -> Option<&KeyPattern> {
        match &self.source {
            RuleSource::Uploads { bucket, .. } => bucket.as_deref(),
            RuleSource::Package(_) | RuleSource::PackageGroups(_) => None,
        }
    }

    /// Whether it applies to uploads to the bucket.
    fn matches_bucket(&self, bucket: &str, buckets: &ModelBuckets) -> bool {
        self.bucket_pattern().map_or(bucket == buckets.own(), |pattern| pattern.is_match(bucket))
    }

    /// The model package version it applies to; `None` for another kind of rule.
    pub fn model_package(&self) -> Option<&ModelPackageArn> {
        match &self.source {
            RuleSource::Package(package) => Some(package),
            RuleSource::Uploads { .. } | RuleSource::PackageGroups(_) => None,
        }
    }

    /// The model package groups it applies to; `None` for another kind of rule.
    pub fn package_groups(&self) -> Option<&PackageGroupPattern> {
        match &self.source {
            RuleSource::PackageGroups(groups) => Some(groups),
            RuleSource::Uploads { .. } | RuleSource::Package(_) => None,
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

    /// The first rule whose patterns match the bucket and the key of an object.
    pub fn find_rule(&self, bucket: &str, key: &str, buckets: &ModelBuckets) -> Option<&CompilationRule> {
        let matches_key = |rule: &CompilationRule| rule.key_pattern().is_some_and(|pattern| pattern.is_match(key));
        self.rules.iter().find(|rule| matches_key(rule) && rule.matches_bucket(bucket, buckets))
    }

    /// The first rule that applies to a model package group.
    pub fn find_group_rule(&self, group: &str) -> Option<&CompilationRule> {
        self.rules.iter().find(|rule| rule.package_groups().is_some_and(|groups| groups.is_match(group)))
    }

    /// The rules whose `bucket` matches none of the buckets, each with the reason: S3 sends no
    /// events of other buckets to the stack.
    pub fn find_unknown_buckets(&self, buckets: &ModelBuckets) -> Vec<ConfigDiagnostic> {
        let unknown = self.rules.iter().enumerate().filter_map(|(index, rule)| {
            let pattern = rule.bucket_pattern()?;
            let known: Vec<_> = buckets.iter().collect();
            (!known.iter().any(|bucket| pattern.is_match(bucket))).then(|| {
                let message = format!(
                    "`{}` of rule `{}` matches no model bucket of the stack ({})",
                    pattern.as_str(),
                    rule.name,
                    known.join(", ")
                );
                let fix = "add the bucket to the template parameter ModelBuckets and update the stack, then upload the \
                           configuration again";
                let path = format!("compilation.rules[{index}].bucket");
                ConfigDiagnostic::new(&path, None, ConfigFinding::new(message, fix))
            })
        });
        unknown.collect()
    }

    /// Rules for model package groups that are not in this account and Region: the stack can
    /// neither list nor compile their versions.
    pub fn find_foreign_groups(&self, account: &str, region: &str) -> Vec<ConfigDiagnostic> {
        let foreign = self.rules.iter().enumerate().filter_map(|(index, rule)| {
            let group = rule.package_groups()?.as_str();
            let scope = ArnScope::from_arn(group)?;
            (scope.account != account || scope.region != region).then(|| {
                let message = format!(
                    "`{group}` of rule `{}` is not in the account {account} and Region {region} of the stack",
                    rule.name
                );
                let fix = format!(
                    "name a group of that account and Region, or add the rule to a stack in account {} and Region {}",
                    scope.account, scope.region
                );
                let path = format!("compilation.rules[{index}].model_package_group");
                ConfigDiagnostic::new(&path, None, ConfigFinding::new(message, fix))
            })
        });
        foreign.collect()
    }
}
