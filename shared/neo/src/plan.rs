//! Plans an upload: turns it, its rule and the inspection of its archive into one compilation
//! request per target, or into problems.

mod context;
mod inputs;
mod model_version;
mod package;
mod setting_origin;
mod target;
mod upload_problems;

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    hash::Hash,
};

use model_archive::{Framework, Inspection, Problem, Warning, limit_warnings};

pub use model_version::find_version_warnings;
pub use package::{PackagePlanInput, plan_package};
pub use setting_origin::{ResolvedSetting, SettingOrigin};

use context::{ModelInputConfig, PlanContext, TargetDraft};

use crate::{
    CompilationRequest, CompilationRule, JobSettings, ModelBuckets, NewVersionPolicy, Overrides, Target, TargetSpec,
    Upload, find_input_warnings,
};

/// Everything a plan for an upload depends on.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    pub upload: &'a Upload,
    /// The metadata of the upload; overrides the rule.
    pub overrides: &'a Overrides,
    /// The rule that matched; overrides the archive.
    pub rule: &'a CompilationRule,
    /// Settings that the rule does not set.
    pub defaults: &'a JobSettings,
    /// The content of the archive.
    pub inspection: &'a Inspection,
    /// The bucket for artifacts, unless the configuration names another one.
    pub artifact_bucket: &'a str,
    /// The buckets whose objects are compiled: no artifact may be written to one of them.
    pub model_buckets: &'a ModelBuckets,
    /// The Region of the jobs, if known: some targets are available in one Region only.
    pub region: Option<&'a str>,
}

/// The compilation requests and problems of one model version.
#[derive(Debug, Clone)]
pub struct CompilationPlan {
    /// Problems that block every target: if there is one, nothing is requested.
    pub problems: Vec<Problem>,
    /// Warnings that are not about one target.
    pub warnings: Vec<Warning>,
    /// In the order of the rule or of the metadata.
    pub targets: Vec<TargetPlan>,
    /// What happens to running jobs of older versions of the model.
    pub on_new_version: NewVersionPolicy,
}

/// The compilation request of one target, or its problems.
#[derive(Debug, Clone)]
pub struct TargetPlan {
    pub target: Target,
    /// The request, or the problems that block it.
    pub outcome: Result<CompilationRequest, Vec<Problem>>,
    pub warnings: Vec<Warning>,
    /// The value and the origin of each setting.
    pub resolved_settings: Vec<ResolvedSetting>,
}

impl CompilationPlan {
    /// The requests of all targets without problems.
    pub fn requests(&self) -> impl Iterator<Item = &CompilationRequest> {
        let targets = if self.problems.is_empty() { self.targets.as_slice() } else { &[] };
        targets.iter().filter_map(|target| target.outcome.as_ref().ok())
    }

    /// All problems of the upload and its targets, without duplicates.
    pub fn all_problems(&self) -> Vec<Problem> {
        let of_targets = self.targets.iter().filter_map(|target| target.outcome.as_ref().err()).flatten();
        without_duplicates(self.problems.iter().chain(of_targets))
    }

    /// All warnings of the upload and its targets, without duplicates.
    pub fn all_warnings(&self) -> Vec<Warning> {
        without_duplicates(self.warnings.iter().chain(self.targets.iter().flat_map(|target| &target.warnings)))
    }
}

/// The first of each, in order.
fn without_duplicates<'i, T: Clone + Eq + Hash + 'i>(items: impl Iterator<Item = &'i T>) -> Vec<T> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(*item)).cloned().collect()
}

/// The problems that prevent compilation whatever the archive contains; empty if that depends on
/// its content.
pub fn find_problems_before_inspection(input: &PlanInput<'_>) -> Vec<Problem> {
    let of_upload = input.find_upload_problems();
    if !of_upload.is_empty() {
        return of_upload;
    }
    let framework = input.overrides.expected_framework(input.rule);
    let context = input.plan_context();
    let mut problems = Vec::new();
    for (spec, named_by) in input.list_targets() {
        let mut draft = TargetDraft::new(&spec, named_by);
        let row = spec.target.find_row();
        context.check_target(&mut draft, &spec, row, framework);
        let options = context.resolve_compiler_options(&mut draft, &spec, row, framework);
        let model = ModelInputConfig { framework, ..ModelInputConfig::default() };
        let request = context.build_request(&mut draft, &spec, model, options.as_ref());
        match draft.into_plan(&spec, request).outcome {
            Ok(_) => return Vec::new(),
            Err(of_target) => problems.extend(of_target),
        }
    }
    without_duplicates(problems.iter())
}

/// Plans one request per target, and reports the problems of the other targets.
pub fn plan_upload(input: &PlanInput<'_>) -> CompilationPlan {
    let mut problems = input.inspection.problems.clone();
    problems.extend(input.find_upload_problems());
    let framework = match input.resolve_framework() {
        Ok(framework) => framework,
        Err(found) => {
            problems.extend(found);
            None
        }
    };
    let context = input.plan_context();
    let mut targets: Vec<TargetPlan> = match framework {
        Some((framework, origin)) => {
            let specs = input.list_targets().into_iter();
            specs.map(|(spec, named_by)| input.plan_target(&context, &spec, named_by, framework, origin)).collect()
        }
        None => Vec::new(),
    };
    reject_repeated_targets(&mut targets, &input.rule.name);
    separate_output_locations(&mut targets, &input.rule.name);
    let mut warnings = input.inspection.warnings.clone();
    warnings.extend(input.inspection.model.iter().flat_map(find_input_warnings));
    attach_warnings(&warnings, &mut targets);
    let policies = [input.rule.settings.on_new_version, input.defaults.on_new_version];
    CompilationPlan {
        problems,
        warnings,
        targets,
        on_new_version: policies.into_iter().flatten().next().unwrap_or_default(),
    }
}

/// Rejects targets that differ from an earlier one only in what is not sent: both would be the same
/// job.
fn reject_repeated_targets(targets: &mut [TargetPlan], rule: &str) {
    let mut names = HashSet::new();
    for TargetPlan { target, outcome, .. } in targets {
        if let Ok(request) = outcome
            && !names.insert(request.job_name.clone())
        {
            *outcome = Err(vec![Problem::new(
                "target-repeated",
                format!("{target} is listed twice, and both entries would create the same job"),
                format!("remove one of the two from rule `{rule}`"),
            )]);
        }
    }
}

/// Appends the job's name to a location that an earlier target has, so that no artifact is
/// overwritten. A new configuration with such targets is rejected; this is for one that an earlier
/// release accepted.
fn separate_output_locations(targets: &mut [TargetPlan], rule: &str) {
    let mut earlier: HashMap<String, String> = HashMap::new();
    for TargetPlan { target, outcome, warnings, .. } in targets {
        let Ok(request) = outcome else { continue };
        match earlier.entry(request.output_location.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(target.to_string())),
            Entry::Occupied(entry) => {
                let (location, other) = (entry.key(), entry.get());
                request.output_location = format!("{location}{}/", request.job_name);
                warnings.push(Warning::new(
                    "output-shared",
                    format!(
                        "the artifacts of {target} are written to {}, because {location} is the location of {other}; add {{job}} to `output` in rule `{rule}`",
                        request.output_location
                    ),
                ));
            }
        }
    }
}

/// Adds the warnings of the model and of its target to each request: its notifications need them.
fn attach_warnings(of_model: &[Warning], targets: &mut [TargetPlan]) {
    for TargetPlan { outcome, warnings, .. } in targets {
        if let Ok(request) = outcome {
            request.warnings = limit_warnings(&without_duplicates(of_model.iter().chain(&*warnings)));
        }
    }
}

impl PlanInput<'_> {
    fn plan_context(&self) -> PlanContext<'_> {
        PlanContext {
            source: self.upload.clone().into(),
            rule: self.rule,
            defaults: self.defaults,
            artifact_bucket: self.artifact_bucket,
            model_buckets: self.model_buckets,
            region: self.region,
        }
    }

    fn resolve_framework(&self) -> Result<Option<(Framework, SettingOrigin)>, Vec<Problem>> {
        let found = self.inspection.model.as_ref().map(|model| model.framework);
        let named = [(SettingOrigin::Metadata, self.overrides.framework), (SettingOrigin::Rule, self.rule.framework)];
        let named = named.into_iter().find_map(|(origin, framework)| Some((framework?, origin)));
        match (named, found) {
            (Some((named, origin)), Some(found)) if named != found => Err(vec![Problem::new(
                "framework-differs",
                format!("the framework is set to {named}, but the model in the archive is {found}"),
                match origin {
                    SettingOrigin::Metadata => "correct or remove the metadata neo-framework of the upload".to_owned(),
                    _ => format!("correct or remove `framework` in rule `{}`", self.rule.name),
                },
            )]),
            (Some(named), _) => Ok(Some(named)),
            // Without either, the inspection has reported the problem.
            (None, found) => Ok(found.map(|framework| (framework, SettingOrigin::Archive))),
        }
    }

    fn list_targets(&self) -> Vec<(TargetSpec, SettingOrigin)> {
        match &self.overrides.targets {
            // A target that is also in the rule keeps the settings it has there.
            Some(targets) => {
                let spec = |target: &Target| {
                    let known = self.rule.targets.iter().find(|spec| spec.target == *target);
                    known.cloned().unwrap_or_else(|| target.clone().into())
                };
                targets.iter().map(|target| (spec(target), SettingOrigin::Metadata)).collect()
            }
            None => self.rule.targets.iter().map(|spec| (spec.clone(), SettingOrigin::Rule)).collect(),
        }
    }
}
