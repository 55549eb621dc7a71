//! Reads `automation.yaml`, noting every mistake.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    ops::{Deref, DerefMut},
};

use document::{At, Fields, Reader, spelling, tags::MAX_TAGS};
use model_archive::Framework;
use serde_json::Value;

use super::{Compilation, OnNewVersion, Rule, RuleSource, Settings, SymbolicDims, TargetSpec, Vpc};
use crate::{
    Inputs, KeyPattern, Target, TargetDevice, TargetPlatform,
    inputs::{self, NamedLayout},
    options,
};

/// The keys of each mapping in the section. The schema has the same: a test holds one against the other.
const COMPILATION: [&str; 2] = ["defaults", "rules"];
const SETTINGS: [&str; 10] = [
    "max_runtime_seconds",
    "max_runtime_seconds_after_timeout",
    "symbolic_dims",
    "tags",
    "output",
    "kms_key_id",
    "vpc",
    "role_arn",
    "reuse",
    "retries",
];
/// What is said of a model as a whole, and so not of one target.
const OF_MODELS: [&str; 1] = ["on_new_version"];
const RULE: [&str; 9] = [
    "name",
    "keys",
    "model_package_version",
    "targets",
    "framework",
    "framework_version",
    "inputs",
    "layout",
    "compiler_options",
];
/// What a rule and its targets say of an upload only: SageMaker takes it from a model package itself.
const OF_UPLOADS: [&str; 6] = ["framework", "framework_version", "inputs", "layout", "symbolic_dims", "on_new_version"];
const TARGET: [&str; 5] = ["device", "platform", "framework_version", "inputs", "compiler_options"];
const PLATFORM: [&str; 3] = ["os", "arch", "accelerator"];
const VPC: [&str; 2] = ["security_group_ids", "subnets"];

/// Starts of a job that failed at SageMaker's end, beside the first one.
const RETRIES: std::ops::RangeInclusive<u8> = 0..=5;

/// Security groups and subnets of a job (service model 2017-07-24).
const SECURITY_GROUPS: std::ops::RangeInclusive<usize> = 1..=5;
const SUBNETS: std::ops::RangeInclusive<usize> = 1..=16;

/// Longest id of a security group or subnet, in characters (service model 2017-07-24).
const MAX_NETWORK_ID: usize = 32;

/// Tags that every job gets beside the configured ones.
pub(crate) const OWN_TAGS: usize = 4;

pub(super) fn compilation(reader: &mut Reader, at: &At<'_>) -> Option<Compilation> {
    Section(reader).compilation(at)
}

/// The reader, in the section that is ours.
struct Section<'r>(&'r mut Reader);

impl Deref for Section<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.0
    }
}

impl DerefMut for Section<'_> {
    fn deref_mut(&mut self) -> &mut Reader {
        self.0
    }
}

impl Section<'_> {
    fn compilation(&mut self, at: &At<'_>) -> Option<Compilation> {
        let fields = self.fields(at, &COMPILATION)?;
        let defaults = match fields.get("defaults") {
            None => Some(Settings::default()),
            Some(at) => self.fields(at, &[&SETTINGS[..], &OF_MODELS].concat()).map(|fields| self.settings(&fields)),
        };
        let items = match fields.get("rules") {
            None => Vec::new(),
            Some(at) => self.items(at, "a list of rules")?,
        };
        let mut rules: Vec<(Rule, At<'_>)> = Vec::with_capacity(items.len());
        for item in items {
            let Some(rule) = self.rule(&item) else { continue };
            if let Some((earlier, _)) = rules.iter().find(|(earlier, _)| earlier.name == rule.name) {
                let message = format!("`{}` names an earlier rule already; give each rule its own name", earlier.name);
                self.fault_in(&item, "name", message);
            }
            let takes_all = |keys: &KeyPattern| Some(keys) == rule.keys() || keys.as_str() == "**";
            let shadowed = rules.iter().find(|(earlier, _)| earlier.keys().is_some_and(takes_all));
            if let (Some((earlier, _)), Some(_)) = (shadowed, rule.keys()) {
                self.warn(
                    &item,
                    format!("rule `{}` is never reached: `{}` takes its keys first", rule.name, earlier.name),
                );
            }
            rules.push((rule, item));
        }
        let defaults = defaults?;
        for (rule, at) in &rules {
            self.tags_fit(&defaults, rule, at);
        }
        Some(Compilation { defaults, rules: rules.into_iter().map(|(rule, _)| rule).collect() })
    }

    fn tags_fit(&mut self, defaults: &Settings, rule: &Rule, at: &At<'_>) {
        let most = rule.targets.iter().map(|spec| tags(defaults, &rule.settings, &spec.settings).len()).max();
        if let Some(count) = most.filter(|count| count + OWN_TAGS > MAX_TAGS) {
            let message = format!(
                "has {count} tags with those of the defaults; SageMaker takes {MAX_TAGS}, {OWN_TAGS} of which this system sets"
            );
            self.fault(at, message);
        }
    }

    fn rule(&mut self, at: &At<'_>) -> Option<Rule> {
        let fields = self.fields(at, &[&RULE[..], &SETTINGS, &OF_MODELS].concat())?;
        let name = self.required(&fields, "name", "edge-vision").and_then(|at| self.nonempty(&at, "a name"));
        let source = self.source(&fields);
        let framework = fields.get("framework").and_then(|at| self.framework(at));
        let framework_version = fields.get("framework_version").and_then(|at| self.parsed(at, "a version"));
        let inputs = fields.get("inputs").and_then(|at| inputs::read(self, at));
        let layouts = [("NCHW", NamedLayout::Nchw), ("NHWC", NamedLayout::Nhwc)];
        let layout = fields.get("layout").and_then(|at| self.choice(at, &layouts));
        let settings = self.settings(&fields);
        let own = fields.get("compiler_options");
        let is_package = fields.get("model_package_version").is_some();
        let targets = self.required(&fields, "targets", "[ { device: ml_c5 } ]").and_then(|at| {
            let items = self.items(&at, "a list of targets, such as [ { device: ml_c5 } ]")?;
            if items.is_empty() {
                self.fault(&at, "is empty; name at least one target, such as { device: ml_c5 }");
            }
            let mut specs: Vec<TargetSpec> = Vec::new();
            for item in items {
                let Some(spec) = self.target(&item, own, framework, is_package) else { continue };
                let again = |known: &&TargetSpec| known.is_same_job(&spec);
                if let Some(earlier) = specs.iter().find(again) {
                    let message =
                        format!("`{}` with the same options stands in this rule already; remove one", earlier.target);
                    self.fault(&item, message);
                }
                specs.push(spec);
            }
            Some(specs)
        });
        Some(Rule {
            name: name?,
            source: source?,
            framework,
            framework_version,
            inputs,
            layout,
            compiler_options: own.map(|at| at.node.to_json()),
            settings,
            targets: targets?,
        })
    }

    fn source(&mut self, fields: &Fields<'_>) -> Option<RuleSource> {
        match (fields.get("keys"), fields.get("model_package_version")) {
            (None, Some(package)) => {
                self.of_uploads(fields);
                self.parsed(package, "the ARN of a version of a model package").map(RuleSource::Package)
            }
            (Some(_), Some(package)) => {
                self.fault(
                    package,
                    "a rule is for the uploads of its `keys`, or for a model package; remove one of the two",
                );
                None
            }
            // A rule for a model package is the exception: who has left out both is told of keys.
            _ => {
                let keys = self.required(fields, "keys", "\"vision/**/*.tar.gz\"")?;
                self.keys(&keys).map(RuleSource::Keys)
            }
        }
    }

    /// Notes what cannot be said of a model package.
    fn of_uploads(&mut self, fields: &Fields<'_>) {
        for name in OF_UPLOADS {
            if let Some(at) = fields.get(name) {
                self.fault(at, format!("SageMaker takes a model package as it was registered; remove {name}"));
            }
        }
    }

    fn keys(&mut self, at: &At<'_>) -> Option<KeyPattern> {
        let text = self.text(at, "a glob over object keys, such as \"vision/**/*.tar.gz\"")?;
        KeyPattern::try_from(text.to_owned()).map_err(|error| self.fault(at, error.to_string())).ok()
    }

    fn framework(&mut self, at: &At<'_>) -> Option<Framework> {
        let names = Framework::ALL.map(Framework::as_str);
        let text = self.text(at, &names.join(", "))?;
        let read = text.parse();
        if read.is_err() {
            self.fault(at, format!("`{text}` is not a framework; {}", spelling::hint(text, names)));
        }
        read.ok()
    }

    fn target(
        &mut self,
        at: &At<'_>,
        of_rule: Option<&At<'_>>,
        framework: Option<Framework>,
        is_package: bool,
    ) -> Option<TargetSpec> {
        let fields = self.fields(at, &[&TARGET[..], &SETTINGS].concat())?;
        if is_package {
            self.of_uploads(&fields);
        }
        let target = match (fields.get("device"), fields.get("platform")) {
            (Some(device), None) => {
                self.parsed::<TargetDevice>(device, "a target device, such as ml_c5").map(Target::Device)
            }
            (None, Some(platform)) => self.platform(platform).map(Target::Platform),
            _ => {
                self.fault(at, "a target names either a `device` or a `platform`");
                None
            }
        };
        let framework_version = fields.get("framework_version").and_then(|at| self.parsed(at, "a version"));
        let inputs = fields.get("inputs").and_then(|at| inputs::read(self, at));
        let settings = self.settings(&fields);
        let own = fields.get("compiler_options");
        let target = target?;
        self.judge(at, &target, own.or(of_rule), framework);
        Some(TargetSpec {
            target,
            framework_version,
            inputs,
            compiler_options: own.map(|at| at.node.to_json()),
            settings,
        })
    }

    fn platform(&mut self, at: &At<'_>) -> Option<TargetPlatform> {
        let fields = self.fields(at, &PLATFORM)?;
        let os = self.required(&fields, "os", "LINUX");
        let arch = self.required(&fields, "arch", "ARM64");
        let accelerator = fields.get("accelerator");
        let os = os.and_then(|at| self.platform_name(&at, TargetPlatform::os));
        let arch = arch.and_then(|at| self.platform_name(&at, TargetPlatform::arch));
        let accelerator = match accelerator {
            None => None,
            Some(at) => Some(self.platform_name(at, TargetPlatform::accelerator)?),
        };
        Some(TargetPlatform { os: os?, arch: arch?, accelerator })
    }

    fn platform_name(&mut self, at: &At<'_>, read: fn(&str) -> Result<String, crate::UnknownTarget>) -> Option<String> {
        let text = self.text(at, "a name of the API, in capitals")?;
        read(text).map_err(|error| self.fault(at, error.to_string())).ok()
    }

    /// What the table of targets says of a target and its options.
    fn judge(&mut self, at: &At<'_>, target: &Target, options_at: Option<&At<'_>>, framework: Option<Framework>) {
        let options = options_at.map(|at| at.node.to_json());
        for fault in options::check(target.row(), options.as_ref()) {
            match (options_at, fault.option) {
                (Some(at), Some(option)) => self.fault_in(at, &option, fault.message),
                (Some(at), None) => self.fault(at, fault.message),
                (None, _) => self.fault(at, fault.message),
            }
        }
        let Some(row) = target.row() else {
            if !target.is_known() {
                self.warn(at, format!("`{target}` is not among the targets this release knows; it is sent as it is"));
            } else if target.is_undocumented() {
                self.warn(at, format!("`{target}` is a target that AWS does not document; it is sent as it is"));
            } else {
                self.fault(at, format!("SageMaker Neo does not compile for `{target}`; see `automation targets`"));
            }
            return;
        };
        if let Some(successor) = row.successor {
            self.warn(at, format!("`{target}` is retired; compile for {successor} instead"));
        }
        if let Some(framework) = framework
            && row.support(framework).is_none()
        {
            let known: Vec<_> = row.frameworks.iter().map(|support| support.framework.as_str()).collect();
            let known = known.join(", ");
            self.fault(at, format!("{framework} is not compiled for `{target}`; allowed: {known}"));
        }
        for doubt in options::doubts(row, framework, options.as_ref()) {
            self.warn(at, doubt);
        }
    }

    fn settings(&mut self, fields: &Fields<'_>) -> Settings {
        let policies = [("keep", OnNewVersion::Keep), ("stop", OnNewVersion::Stop)];
        let mut seconds = |key: &str| {
            let seconds = fields.get(key).and_then(|at| self.integer(at, &(1..=i32::MAX)))?;
            u32::try_from(seconds).ok().and_then(NonZeroU32::new)
        };
        let max_runtime_seconds = seconds("max_runtime_seconds");
        let max_runtime_seconds_after_timeout = seconds("max_runtime_seconds_after_timeout");
        Settings {
            max_runtime_seconds,
            max_runtime_seconds_after_timeout,
            symbolic_dims: fields.get("symbolic_dims").and_then(|at| self.symbolic_dims(at)),
            tags: fields.get("tags").and_then(|at| self.tags(at)).unwrap_or_default(),
            output: fields.get("output").and_then(|at| self.parsed(at, "a prefix, such as \"{key}/{job}\"")),
            kms_key_id: fields.get("kms_key_id").and_then(|at| self.parsed(at, "a KMS key")),
            vpc: fields.get("vpc").and_then(|at| self.vpc(at)),
            role_arn: fields.get("role_arn").and_then(|at| self.parsed(at, "the ARN of a role")),
            on_new_version: fields.get("on_new_version").and_then(|at| self.choice(at, &policies)),
            reuse: fields.get("reuse").and_then(|at| self.boolean(at)),
            retries: fields.get("retries").and_then(|at| self.integer(at, &RETRIES)),
        }
    }

    fn symbolic_dims(&mut self, at: &At<'_>) -> Option<SymbolicDims> {
        let entries = self.entries(at, "sizes by the names of dimensions, such as { default: 1 }")?;
        let size = |reader: &mut Self, at: &At<'_>| reader.integer(at, &(1..=i64::from(i32::MAX)));
        let sizes = entries.iter().filter_map(|(key, at)| {
            let size = u64::try_from(size(self, at)?).ok()?;
            Some((key.name.clone(), size))
        });
        Some(SymbolicDims(sizes.collect()))
    }

    fn vpc(&mut self, at: &At<'_>) -> Option<Vpc> {
        let fields = self.fields(at, &VPC)?;
        let groups = self.required(&fields, "security_group_ids", "[sg-0a1b2c3d]");
        let groups = groups.and_then(|at| self.network_ids(&at, &SECURITY_GROUPS, "security groups"));
        let subnets = self.required(&fields, "subnets", "[subnet-0a1b2c3d]");
        let subnets = subnets.and_then(|at| self.network_ids(&at, &SUBNETS, "subnets"));
        Some(Vpc { security_group_ids: groups?, subnets: subnets? })
    }

    fn network_ids(&mut self, at: &At<'_>, count: &std::ops::RangeInclusive<usize>, what: &str) -> Option<Vec<String>> {
        let wanted = format!("a list of {} to {} {what}", count.start(), count.end());
        let items = self.items(at, &wanted)?;
        if !count.contains(&items.len()) {
            self.fault(at, format!("found {} of them; allowed: {wanted}", items.len()));
        }
        let mut ids = Vec::new();
        for item in items {
            let Some(id) = self.text(&item, "an id") else { continue };
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if id.is_empty() || id.len() > MAX_NETWORK_ID || !id.chars().all(fits) {
                let message = format!("`{id}` is no id; allowed: letters, digits and dashes, up to {MAX_NETWORK_ID}");
                self.fault(&item, message);
            }
            ids.push(id.to_owned());
        }
        Some(ids)
    }
}

impl TargetSpec {
    /// Whether the two would be one job: the name of a job is made of these.
    fn is_same_job(&self, other: &Self) -> bool {
        fn settled(spec: &TargetSpec) -> (&Target, Option<&Value>, Option<&str>, Option<&Inputs>) {
            let version = spec.framework_version.as_ref().map(super::FrameworkVersion::as_str);
            (&spec.target, spec.compiler_options.as_ref(), version, spec.inputs.as_ref())
        }
        settled(self) == settled(other)
    }
}

/// The configured tags of a job: the nearest to the target wins.
pub(crate) fn tags(defaults: &Settings, rule: &Settings, target: &Settings) -> BTreeMap<String, String> {
    let all = defaults.tags.iter().chain(&rule.tags).chain(&target.tags);
    all.map(|(key, value)| (key.clone(), value.clone())).collect()
}
