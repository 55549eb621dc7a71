//! Reads the `compilation` section and reports every error in it.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    num::NonZeroU32,
    ops::{Deref, DerefMut},
};

use document::{ConfigFinding, LocatedNode, MapFields, Reader, YamlValue, spelling, tags::MAX_TAGS};
use model_archive::Framework;
use serde_json::Value;

use super::{
    CompilationConfig, CompilationRule, FrameworkVersion, JobSettings, NewVersionPolicy, OutputTemplate,
    PlaceholderValues, RuleSource, SymbolicDims, TargetSpec, VpcConfig,
};
use crate::{
    InputShapes, KeyPattern, Target, TargetDevice, TargetPlatform, UnknownTarget, compiler_options,
    input_shapes::{DeclaredLayout, read_inputs},
    target::VersionSupport,
};

/// The keys of each map in the section. A test checks that the schema has the same keys.
const COMPILATION: [&str; 3] = ["max_jobs_per_day", "defaults", "rules"];
const SETTINGS: [&str; 11] = [
    "max_runtime_seconds",
    "max_runtime_seconds_after_timeout",
    "symbolic_dims",
    "batch_size",
    "tags",
    "output",
    "kms_key_id",
    "vpc",
    "role_arn",
    "reuse",
    "retries",
];
/// Keys that apply to a model as a whole, and therefore not to a single target.
const MODEL_KEYS: [&str; 1] = ["on_new_version"];
const RULE: [&str; 11] = [
    "name",
    "bucket",
    "keys",
    "model_package_version",
    "model_package_group",
    "targets",
    "framework",
    "framework_version",
    "inputs",
    "layout",
    "compiler_options",
];
/// The keys of a rule that say which models it applies to.
const SOURCES: [&str; 3] = ["keys", "model_package_version", "model_package_group"];
/// Keys that apply to uploads only: SageMaker takes these settings from a model package itself.
const UPLOAD_KEYS: [&str; 8] =
    ["bucket", "framework", "framework_version", "inputs", "layout", "symbolic_dims", "batch_size", "on_new_version"];
const TARGET: [&str; 5] = ["device", "platform", "framework_version", "inputs", "compiler_options"];
const PLATFORM: [&str; 3] = ["os", "arch", "accelerator"];
const VPC: [&str; 2] = ["security_group_ids", "subnets"];

/// Allowed numbers of retries after a failure on SageMaker's side.
const RETRIES: std::ops::RangeInclusive<u8> = 0..=5;

/// Allowed numbers of security groups and subnets (service model 2017-07-24).
const SECURITY_GROUPS: std::ops::RangeInclusive<usize> = 1..=5;
const SUBNETS: std::ops::RangeInclusive<usize> = 1..=16;

/// Maximum length of the id of a security group or subnet, in characters (service model
/// 2017-07-24).
const MAX_NETWORK_ID: usize = 32;

/// Number of tags that every job gets in addition to the configured ones.
pub(crate) const OWN_TAGS: usize = 4;

pub(super) fn read_compilation(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<CompilationConfig> {
    CompilationReader(reader).read_compilation(at)
}

/// Adds the methods for this section to the reader.
struct CompilationReader<'r>(&'r mut Reader);

impl Deref for CompilationReader<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.0
    }
}

impl DerefMut for CompilationReader<'_> {
    fn deref_mut(&mut self) -> &mut Reader {
        self.0
    }
}

impl CompilationReader<'_> {
    fn read_compilation(&mut self, at: &LocatedNode<'_>) -> Option<CompilationConfig> {
        let fields = self.read_fields(at, &COMPILATION)?;
        let defaults = match fields.get("defaults") {
            None => Some(JobSettings::default()),
            Some(at) => {
                self.read_fields(at, &[&SETTINGS[..], &MODEL_KEYS].concat()).map(|fields| self.read_settings(&fields))
            }
        };
        let max_jobs_per_day = fields.get("max_jobs_per_day").and_then(|at| self.read_integer(at, &(0..=u32::MAX)));
        let items = match fields.get("rules") {
            None => Vec::new(),
            Some(at) => self.read_items(at, "a list of rules")?,
        };
        if items.is_empty() {
            self.report_warning(
                fields.get("rules").unwrap_or(at),
                ConfigFinding::new("there are no rules, so that nothing is compiled", "add one"),
            );
        }
        let mut rules: Vec<(CompilationRule, LocatedNode<'_>)> = Vec::with_capacity(items.len());
        for item in items {
            let Some((rule, targets)) = self.read_rule(&item) else { continue };
            if let Some(defaults) = &defaults {
                self.check_output_locations(defaults, &rule, &targets);
            }
            if let Some((earlier, _)) = rules.iter().find(|(earlier, _)| earlier.name == rule.name) {
                let message = format!("`{}` is already used by an earlier rule", earlier.name);
                self.report_error_in_key(&item, "name", ConfigFinding::new(message, "give each rule its own name"));
            }
            if let Some((earlier, _)) = rules.iter().find(|(earlier, _)| earlier.shadows(&rule)) {
                let what = if rule.package_groups().is_some() { "groups" } else { "keys" };
                let message =
                    format!("rule `{}` is never reached: rule `{}` matches its {what} first", rule.name, earlier.name);
                let fix = format!("reorder the rules or change their {what}");
                self.report_warning(&item, ConfigFinding::new(message, fix));
            }
            rules.push((rule, item));
        }
        let defaults = defaults?;
        for (rule, at) in &rules {
            self.check_tag_count(&defaults, rule, at);
        }
        Some(CompilationConfig { max_jobs_per_day, defaults, rules: rules.into_iter().map(|(rule, _)| rule).collect() })
    }

    fn check_tag_count(&mut self, defaults: &JobSettings, rule: &CompilationRule, at: &LocatedNode<'_>) {
        let most = rule.targets.iter().map(|spec| merge_tags(defaults, &rule.settings, &spec.settings).len()).max();
        if let Some(count) = most.filter(|count| count + OWN_TAGS > MAX_TAGS) {
            let most = MAX_TAGS - OWN_TAGS;
            let message = format!(
                "expected at most {most} tags, including those of the defaults, found {count}: SageMaker allows {MAX_TAGS}, and every job gets {OWN_TAGS} more"
            );
            self.report_error(at, ConfigFinding::new(message, format!("remove {}", count - most)));
        }
    }

    /// Reports targets whose artifacts would be written to the same place: compared after the
    /// placeholders are replaced, because two names may have one value.
    fn check_output_locations(&mut self, defaults: &JobSettings, rule: &CompilationRule, at: &[LocatedNode<'_>]) {
        let mut earlier: BTreeMap<String, (&TargetSpec, &LocatedNode<'_>)> = BTreeMap::new();
        for (spec, at) in rule.targets.iter().zip(at) {
            let Some(output) = find_output(defaults, rule, spec).filter(|output| !output.contains_job()) else {
                continue;
            };
            // Any key and version do: all targets of an upload have the same.
            let (key, target, version) = ("{folder}/{stem}", spec.target.to_string(), "{version}");
            let values = PlaceholderValues { key, rule: &rule.name, target: &target, version, job: "" };
            match earlier.entry(output.expand_uri("", &values)) {
                Entry::Vacant(entry) => drop(entry.insert((spec, at))),
                Entry::Occupied(entry) => {
                    let (known, known_at) = entry.get();
                    // Reported as listed twice.
                    if known.is_same_job(spec) {
                        continue;
                    }
                    let message = format!(
                        "the artifacts of this target, `{target}`, and of `{}` ({}) have the same location `{output}`: one would overwrite the other",
                        known.target, known_at.path
                    );
                    let fix = "add {job} to `output`, or set another `output` for one of the two";
                    self.report_new_error(
                        at,
                        ConfigFinding::new(message, fix),
                        "until then, /{job} is appended for this target",
                    );
                }
            }
        }
    }

    fn read_rule<'n>(&mut self, at: &LocatedNode<'n>) -> Option<(CompilationRule, Vec<LocatedNode<'n>>)> {
        let fields = self.read_fields(at, &[&RULE[..], &SETTINGS, &MODEL_KEYS].concat())?;
        let name =
            self.require_field(&fields, "name", "edge-vision").and_then(|at| self.read_nonblank_text(&at, "a name"));
        let source = self.read_source(&fields);
        let framework = fields.get("framework").and_then(|at| self.read_framework(at));
        let framework_version = fields.get("framework_version").and_then(|at| self.parse_text(at, "a version"));
        let inputs = fields.get("inputs").and_then(|at| read_inputs(self, at));
        let layouts = [("NCHW", DeclaredLayout::Nchw), ("NHWC", DeclaredLayout::Nhwc)];
        let layout = fields.get("layout").and_then(|at| self.read_choice(at, &layouts));
        let settings = self.read_settings(&fields);
        let own = fields.get("compiler_options");
        let is_package = SOURCES[1..].iter().any(|source| fields.get(source).is_some());
        let targets = self.require_field(&fields, "targets", "[ { device: ml_c5 } ]").and_then(|at| {
            let items = self.read_items(&at, "a list of targets, such as [ { device: ml_c5 } ]")?;
            if items.is_empty() {
                let message = "expected at least one target, found an empty list";
                self.report_error(&at, ConfigFinding::new(message, "add one, for example { device: ml_c5 }"));
            }
            let (mut specs, mut nodes): (Vec<TargetSpec>, Vec<_>) = Default::default();
            for item in items {
                let Some(spec) = self.read_target(&item, own, framework, is_package) else { continue };
                let is_repeated = |known: &&TargetSpec| known.is_same_job(&spec);
                if let Some(earlier) = specs.iter().find(is_repeated) {
                    let message = format!("`{}` is listed twice with the same options", earlier.target);
                    self.report_error(&item, ConfigFinding::new(message, "remove one"));
                }
                specs.push(spec);
                nodes.push(item);
            }
            Some((specs, nodes))
        });
        let (targets, nodes) = targets?;
        self.check_framework_versions(
            framework,
            fields.get("framework_version").zip(framework_version.as_ref()),
            &targets,
            &nodes,
        );
        let rule = CompilationRule {
            name: name?,
            source: source?,
            framework,
            framework_version,
            inputs,
            layout,
            compiler_options: own.map(|at| at.node.to_json()),
            settings,
            targets,
        };
        Some((rule, nodes))
    }

    /// Warns about versions that are sent to no target of the rule, and about targets that reject
    /// theirs.
    fn check_framework_versions(
        &mut self,
        framework: Option<Framework>,
        rule_version: Option<(&LocatedNode<'_>, &FrameworkVersion)>,
        targets: &[TargetSpec],
        at: &[LocatedNode<'_>],
    ) {
        let possible = framework.map_or_else(|| Framework::ALL.to_vec(), |framework| vec![framework]);
        let is_sent = |spec: &TargetSpec| {
            possible.iter().any(|framework| VersionSupport::accepts_any(spec.target.find_row(), *framework))
        };
        let of = framework.map(|framework| format!(" of {framework}")).unwrap_or_default();
        if let Some((at, version)) = rule_version
            && !targets.iter().any(is_sent)
        {
            let message = format!("no target of this rule takes a version{of}: `{version}` is never sent");
            self.report_warning(at, ConfigFinding::new(message, "remove it"));
            return;
        }
        for (spec, at) in targets.iter().zip(at) {
            let version = spec.framework_version.as_ref().or(rule_version.map(|(_, version)| version));
            let Some((framework, version)) = framework.zip(version) else { continue };
            if let VersionSupport::Unsupported(documented) =
                VersionSupport::find_for(spec.target.find_row(), framework, version)
            {
                let message = format!(
                    "SageMaker Neo does not compile {framework} {version} for `{}`, so that models are rejected for it",
                    spec.target
                );
                let fix = format!("use one of the documented versions {}", documented.join(", "));
                self.report_warning(at, ConfigFinding::new(message, fix));
            }
        }
    }

    fn read_source(&mut self, fields: &MapFields<'_>) -> Option<RuleSource> {
        let given: Vec<_> = SOURCES.iter().filter_map(|name| Some((*name, fields.get(name)?))).collect();
        match given[..] {
            [(_, _), (_, at), ..] => {
                let names: Vec<_> = given.iter().map(|(name, _)| format!("`{name}`")).collect();
                let message = format!(
                    "expected only one of `keys`, `model_package_version` and `model_package_group`, found {}",
                    names.join(" and ")
                );
                self.report_error(at, ConfigFinding::new(message, "keep one and remove the others"));
                None
            }
            [("model_package_version", package)] => {
                self.reject_upload_keys(fields);
                self.parse_text(package, "a model package version ARN").map(RuleSource::Package)
            }
            [("model_package_group", groups)] => {
                self.reject_upload_keys(fields);
                self.parse_text(groups, "a model package group").map(RuleSource::PackageGroups)
            }
            // Model package rules are the exception: a rule with none of the keys is reported as
            // missing `keys`.
            _ => {
                let keys = self.require_field(fields, "keys", "\"vision/**/*.tar.gz\"")?;
                let bucket = match fields.get("bucket") {
                    None => Some(None),
                    Some(at) => self.read_bucket_pattern(at).map(Box::new).map(Some),
                };
                let keys = self.read_key_pattern(&keys)?;
                Some(RuleSource::Uploads { bucket: bucket?, keys })
            }
        }
    }

    /// Reports keys that cannot be set for a model package.
    fn reject_upload_keys(&mut self, fields: &MapFields<'_>) {
        for name in UPLOAD_KEYS {
            if let Some(at) = fields.get(name) {
                let message =
                    format!("`{name}` cannot be set for a model package, which SageMaker compiles as registered");
                self.report_error(at, ConfigFinding::new(message, format!("remove `{name}`")));
            }
        }
    }

    fn read_key_pattern(&mut self, at: &LocatedNode<'_>) -> Option<KeyPattern> {
        let text = self.read_text(at, "a glob pattern for object keys, such as \"vision/**/*.tar.gz\"")?;
        let read = KeyPattern::try_from(text.to_owned());
        let pattern = read.map_err(|error| self.report_error(at, error.into())).ok()?;
        if let Some(finding) = pattern.explain_unreachable() {
            self.report_warning(at, finding);
        }
        Some(pattern)
    }

    fn read_bucket_pattern(&mut self, at: &LocatedNode<'_>) -> Option<KeyPattern> {
        let text = self.read_text(at, "the name of a bucket, or a glob pattern for names")?;
        let read = KeyPattern::try_from(text.to_owned());
        let pattern = read.map_err(|error| self.report_error(at, error.into())).ok()?;
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-*?[]{},!".contains(c);
        if pattern.as_str().is_empty() || !pattern.as_str().chars().all(is_allowed) {
            let message = format!("`{}` cannot match the name of a bucket", pattern.as_str());
            let fix = "write the name alone, such as partner-models, or a glob, such as team-*";
            self.report_error(at, ConfigFinding::new(message, fix));
            return None;
        }
        Some(pattern)
    }

    fn read_framework(&mut self, at: &LocatedNode<'_>) -> Option<Framework> {
        let names = Framework::ALL.map(Framework::as_str);
        let text = self.read_text(at, &names.join(", "))?;
        let read = text.parse();
        if read.is_err() {
            let message = format!("expected a framework, found `{text}`");
            self.report_error(at, ConfigFinding::new(message, spelling::suggest_name(text, names)));
        }
        read.ok()
    }

    fn read_target(
        &mut self,
        at: &LocatedNode<'_>,
        rule_options: Option<&LocatedNode<'_>>,
        framework: Option<Framework>,
        is_package: bool,
    ) -> Option<TargetSpec> {
        if let YamlValue::Text(name) = &at.node.value {
            self.report_error(at, explain_target_name(name));
            return None;
        }
        let fields = self.read_fields(at, &[&TARGET[..], &SETTINGS].concat())?;
        if is_package {
            self.reject_upload_keys(&fields);
        }
        let target = match (fields.get("device"), fields.get("platform")) {
            (Some(device), None) => {
                self.parse_text::<TargetDevice>(device, "a target device, such as ml_c5").map(Target::Device)
            }
            (None, Some(platform)) => self.read_platform(platform).map(Target::Platform),
            (Some(_), Some(_)) => {
                let message = "expected either `device` or `platform`, found both";
                self.report_error(at, ConfigFinding::new(message, "remove one"));
                None
            }
            (None, None) => {
                let message = "expected either `device` or `platform`, found neither";
                self.report_error(at, ConfigFinding::new(message, "add, for example, device: ml_c5"));
                None
            }
        };
        let framework_version = fields.get("framework_version").and_then(|at| self.parse_text(at, "a version"));
        let inputs = fields.get("inputs").and_then(|at| read_inputs(self, at));
        let settings = self.read_settings(&fields);
        let own = fields.get("compiler_options");
        let target = target?;
        self.check_target(at, &target, own.or(rule_options), framework);
        Some(TargetSpec {
            target,
            framework_version,
            inputs,
            compiler_options: own.map(|at| at.node.to_json()),
            settings,
        })
    }

    fn read_platform(&mut self, at: &LocatedNode<'_>) -> Option<TargetPlatform> {
        let fields = self.read_fields(at, &PLATFORM)?;
        let os = self.require_field(&fields, "os", "LINUX");
        let arch = self.require_field(&fields, "arch", "ARM64");
        let accelerator = fields.get("accelerator");
        let os = os.and_then(|at| self.read_platform_name(&at, TargetPlatform::parse_os));
        let arch = arch.and_then(|at| self.read_platform_name(&at, TargetPlatform::parse_arch));
        let accelerator = match accelerator {
            None => None,
            Some(at) => Some(self.read_platform_name(at, TargetPlatform::parse_accelerator)?),
        };
        Some(TargetPlatform { os: os?, arch: arch?, accelerator })
    }

    fn read_platform_name(
        &mut self,
        at: &LocatedNode<'_>,
        parse: fn(&str) -> Result<String, UnknownTarget>,
    ) -> Option<String> {
        let text = self.read_text(at, "a name from the SageMaker API in capitals")?;
        parse(text).map_err(|error| self.report_error(at, error.into())).ok()
    }

    /// Checks a target and its compiler options against the table of targets.
    fn check_target(
        &mut self,
        at: &LocatedNode<'_>,
        target: &Target,
        options_at: Option<&LocatedNode<'_>>,
        framework: Option<Framework>,
    ) {
        let options = options_at.map(|at| at.node.to_json());
        for problem in compiler_options::check_options(target.find_row(), options.as_ref()) {
            match (options_at, problem.option) {
                (Some(at), Some(option)) => self.report_error_in_key(at, &option, problem.finding),
                (Some(at), None) => self.report_error(at, problem.finding),
                (None, _) => self.report_error(at, problem.finding),
            }
        }
        let Some(row) = target.find_row() else {
            const PASSED_ON: &str = "it is passed to SageMaker unchanged";
            const CHOOSE: &str = "choose a target listed by `automation targets`";
            if !target.is_known() {
                let message = format!("`{target}` is not a target known to this release: {PASSED_ON}");
                let fix = format!("{CHOOSE}, or ignore this warning if SageMaker supports it by now");
                self.report_warning(at, ConfigFinding::new(message, fix));
            } else if target.is_undocumented() {
                let message = format!("`{target}` is not documented by AWS: {PASSED_ON}");
                self.report_warning(at, ConfigFinding::new(message, CHOOSE));
            } else {
                let message = format!("SageMaker Neo does not compile for `{target}`");
                self.report_error(at, ConfigFinding::new(message, CHOOSE));
            }
            return;
        };
        if let Some(successor) = row.successor {
            self.report_warning(at, ConfigFinding::new(format!("`{target}` is retired"), format!("use {successor}")));
        }
        if let Some(framework) = framework
            && row.find_support(framework).is_none()
        {
            let known: Vec<_> = row.frameworks.iter().map(|support| support.framework.as_str()).collect();
            let known = known.join(", ");
            let message = format!("SageMaker Neo does not compile {framework} models for `{target}`");
            let fix = format!("remove the target from this rule, or compile one of {known}");
            self.report_error(at, ConfigFinding::new(message, fix));
        }
        for warning in compiler_options::find_doubtful_options(row, framework, options.as_ref()) {
            self.report_warning(at, warning);
        }
    }

    fn read_settings(&mut self, fields: &MapFields<'_>) -> JobSettings {
        let policies = [("keep", NewVersionPolicy::Keep), ("stop", NewVersionPolicy::Stop)];
        let mut positive = |key: &str| {
            let number = fields.get(key).and_then(|at| self.read_integer(at, &(1..=i32::MAX)))?;
            u32::try_from(number).ok().and_then(NonZeroU32::new)
        };
        let max_runtime_seconds = positive("max_runtime_seconds");
        let max_runtime_seconds_after_timeout = positive("max_runtime_seconds_after_timeout");
        let batch_size = positive("batch_size");
        JobSettings {
            max_runtime_seconds,
            max_runtime_seconds_after_timeout,
            batch_size,
            symbolic_dims: fields.get("symbolic_dims").and_then(|at| self.read_symbolic_dims(at)),
            tags: fields.get("tags").and_then(|at| self.read_tags(at)).unwrap_or_default(),
            output: fields.get("output").and_then(|at| self.parse_text(at, "a prefix, such as \"{key}/{job}\"")),
            kms_key_id: fields.get("kms_key_id").and_then(|at| self.parse_text(at, "a KMS key")),
            vpc: fields.get("vpc").and_then(|at| self.read_vpc(at)),
            role_arn: fields.get("role_arn").and_then(|at| self.parse_text(at, "a role ARN")),
            on_new_version: fields.get("on_new_version").and_then(|at| self.read_choice(at, &policies)),
            reuse: fields.get("reuse").and_then(|at| self.read_boolean(at)),
            retries: fields.get("retries").and_then(|at| self.read_integer(at, &RETRIES)),
        }
    }

    fn read_symbolic_dims(&mut self, at: &LocatedNode<'_>) -> Option<SymbolicDims> {
        let entries = self.read_entries(at, "a map of dimension names to sizes, such as { default: 1 }")?;
        let size = |reader: &mut Self, at: &LocatedNode<'_>| reader.read_integer(at, &(1..=i64::from(i32::MAX)));
        let sizes = entries.iter().filter_map(|(key, at)| {
            let size = u64::try_from(size(self, at)?).ok()?;
            Some((key.name.clone(), size))
        });
        Some(SymbolicDims(sizes.collect()))
    }

    fn read_vpc(&mut self, at: &LocatedNode<'_>) -> Option<VpcConfig> {
        let fields = self.read_fields(at, &VPC)?;
        let groups = self.require_field(&fields, "security_group_ids", "[sg-0a1b2c3d]");
        let groups = groups.and_then(|at| self.read_network_ids(&at, &SECURITY_GROUPS, "security groups"));
        let subnets = self.require_field(&fields, "subnets", "[subnet-0a1b2c3d]");
        let subnets = subnets.and_then(|at| self.read_network_ids(&at, &SUBNETS, "subnets"));
        Some(VpcConfig { security_group_ids: groups?, subnets: subnets? })
    }

    fn read_network_ids(
        &mut self,
        at: &LocatedNode<'_>,
        count: &std::ops::RangeInclusive<usize>,
        what: &str,
    ) -> Option<Vec<String>> {
        let expected = format!("a list of {} to {} {what}", count.start(), count.end());
        let items = self.read_items(at, &expected)?;
        if !count.contains(&items.len()) {
            self.report_error(at, ConfigFinding::unexpected(&expected, items.len()));
        }
        let mut ids = Vec::new();
        for item in items {
            let Some(id) = self.read_text(&item, "an ID") else { continue };
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if id.is_empty() || id.len() > MAX_NETWORK_ID || !id.chars().all(is_allowed) {
                let expected = format!("an ID of 1 to {MAX_NETWORK_ID} letters, digits and hyphens");
                self.report_error(&item, ConfigFinding::unexpected(expected, format_args!("`{id}`")));
            }
            ids.push(id.to_owned());
        }
        Some(ids)
    }
}

impl CompilationRule {
    /// Whether everything that the later rule matches is matched by this one.
    fn shadows(&self, later: &Self) -> bool {
        if let (Some(groups), Some(later_groups)) = (self.package_groups(), later.package_groups()) {
            return groups.covers(later_groups);
        }
        let (Some(keys), Some(later_keys)) = (self.key_pattern(), later.key_pattern()) else { return false };
        let (bucket, later_bucket) = (self.bucket_pattern(), later.bucket_pattern());
        keys.covers(later_keys) && (bucket == later_bucket || bucket.is_some_and(|bucket| bucket.as_str() == "*"))
    }
}

impl TargetSpec {
    /// Whether both would create the same job: the job name is derived from these settings.
    fn is_same_job(&self, other: &Self) -> bool {
        fn identity_settings(spec: &TargetSpec) -> (&Target, Option<&Value>, Option<&str>, Option<&InputShapes>) {
            let version = spec.framework_version.as_ref().map(super::FrameworkVersion::as_str);
            (&spec.target, spec.compiler_options.as_ref(), version, spec.inputs.as_ref())
        }
        identity_settings(self) == identity_settings(other)
    }
}

/// Explains how to write a target of which only the name is given.
fn explain_target_name(name: &str) -> ConfigFinding {
    let written = match Target::from_name(name) {
        Ok(Target::Device(device)) => format!("device: {}", device.as_str()),
        Ok(Target::Platform(TargetPlatform { os, arch, accelerator })) => {
            let accelerator = accelerator.map(|name| format!(", accelerator: {name}")).unwrap_or_default();
            format!("platform: {{ os: {os}, arch: {arch}{accelerator} }}")
        }
        Err(_) => "device: ml_c5".to_owned(),
    };
    let message = format!("expected a map with the key device or platform, found `{name}`");
    ConfigFinding::new(message, format!("write - {written}"))
}

/// The configured output of a job; `None` for the default.
fn find_output<'s>(
    defaults: &'s JobSettings,
    rule: &'s CompilationRule,
    spec: &'s TargetSpec,
) -> Option<&'s OutputTemplate> {
    [&spec.settings, &rule.settings, defaults].into_iter().find_map(|settings| settings.output.as_ref())
}

/// The configured tags of a job: those of a target override those of its rule, which override the
/// defaults.
pub(crate) fn merge_tags(defaults: &JobSettings, rule: &JobSettings, target: &JobSettings) -> BTreeMap<String, String> {
    let all = defaults.tags.iter().chain(&rule.tags).chain(&target.tags);
    all.map(|(key, value)| (key.clone(), value.clone())).collect()
}
