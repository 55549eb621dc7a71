//! From an upload, its rule and what is in its archive to one compilation request per target, or to every problem.

mod inputs;
mod order;
mod origin;
mod package;
mod target;
mod upload;

use std::collections::HashSet;

use model_archive::{Framework, Inspection, Problem, Warning};

pub use origin::{Decision, Origin};
pub use package::{PlannedPackage, plan_package};

use order::Order;

use crate::{CompilationRequest, OnNewVersion, Overrides, Rule, Settings, Target, TargetSpec, Upload};

/// Everything the plan of an upload is made of.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The model archive.
    pub upload: &'a Upload,
    /// What its uploader asked for: wins over the rule.
    pub overrides: &'a Overrides,
    /// The rule that matched: wins over the archive.
    pub rule: &'a Rule,
    /// What holds where the rule says nothing.
    pub defaults: &'a Settings,
    /// What is in the archive.
    pub inspection: &'a Inspection,
    /// Where artifacts go, unless the configuration names another bucket.
    pub artifact_bucket: &'a str,
    /// Where the jobs will run, if it is known: some targets are compiled in one region only.
    pub region: Option<&'a str>,
}

/// What becomes of an upload.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What stands against every target: with one of these, nothing is requested.
    pub problems: Vec<Problem>,
    /// What does not stop anything, and is not about one target.
    pub warnings: Vec<Warning>,
    /// Each target, in the order of the rule or of the uploader.
    pub targets: Vec<TargetPlan>,
    /// What becomes of jobs that still run for an older version of the model.
    pub on_new_version: OnNewVersion,
}

/// What becomes of an upload for one target.
#[derive(Debug, Clone)]
pub struct TargetPlan {
    /// The target.
    pub target: Target,
    /// The request, or what stands against it.
    pub outcome: Result<CompilationRequest, Vec<Problem>>,
    /// What does not stop it.
    pub warnings: Vec<Warning>,
    /// What was settled, and who settled it.
    pub decisions: Vec<Decision>,
}

impl Plan {
    /// What can be requested: all targets against which nothing stands.
    pub fn requests(&self) -> impl Iterator<Item = &CompilationRequest> {
        let targets = if self.problems.is_empty() { self.targets.as_slice() } else { &[] };
        targets.iter().filter_map(|target| target.outcome.as_ref().ok())
    }

    /// Everything that stands against the upload or one of its targets, each once.
    pub fn all_problems(&self) -> Vec<Problem> {
        let of_targets = self.targets.iter().filter_map(|target| target.outcome.as_ref().err()).flatten();
        let mut all: Vec<Problem> = Vec::new();
        for problem in self.problems.iter().chain(of_targets) {
            if !all.contains(problem) {
                all.push(problem.clone());
            }
        }
        all
    }

    /// Everything worth knowing of the upload or one of its targets, each once.
    pub fn all_warnings(&self) -> Vec<Warning> {
        let mut all: Vec<Warning> = Vec::new();
        for warning in self.warnings.iter().chain(self.targets.iter().flat_map(|target| &target.warnings)) {
            if !all.contains(warning) {
                all.push(warning.clone());
            }
        }
        all
    }
}

/// One request per target, and all that stands against the others.
pub fn plan(planned: &Planned<'_>) -> Plan {
    let mut problems = planned.inspection.problems.clone();
    problems.extend(planned.upload_problems());
    let framework = match planned.framework() {
        Ok(framework) => framework,
        Err(found) => {
            problems.extend(found);
            None
        }
    };
    let order = planned.order();
    let mut targets: Vec<TargetPlan> = match framework {
        Some((framework, origin)) => {
            let each = planned.targets().into_iter();
            each.map(|(spec, of)| planned.target(&order, &spec, of, framework, origin)).collect()
        }
        None => Vec::new(),
    };
    refuse_repeats(&mut targets, &planned.rule.name);
    let policies = [planned.rule.settings.on_new_version, planned.defaults.on_new_version];
    Plan {
        problems,
        warnings: planned.inspection.warnings.clone(),
        targets,
        on_new_version: policies.into_iter().flatten().next().unwrap_or_default(),
    }
}

/// Entries that differ only in what is not sent are one job: the first of them stands.
fn refuse_repeats(targets: &mut [TargetPlan], rule: &str) {
    let mut names = HashSet::new();
    for TargetPlan { target, outcome, .. } in targets {
        if let Ok(request) = outcome
            && !names.insert(request.job_name.clone())
        {
            *outcome = Err(vec![Problem::new(
                "target-repeated",
                format!("{target} stands twice in what was asked for, and both are the same job"),
                format!("remove one of the two from rule `{rule}`"),
            )]);
        }
    }
}

impl Planned<'_> {
    fn order(&self) -> Order<'_> {
        Order {
            source: self.upload.clone().into(),
            rule: self.rule,
            defaults: self.defaults,
            artifact_bucket: self.artifact_bucket,
            model_bucket: &self.upload.bucket,
            region: self.region,
        }
    }

    fn framework(&self) -> Result<Option<(Framework, Origin)>, Vec<Problem>> {
        let found = self.inspection.model.as_ref().map(|model| model.framework);
        let named = [(Origin::Metadata, self.overrides.framework), (Origin::Rule, self.rule.framework)];
        let named = named.into_iter().find_map(|(origin, framework)| Some((framework?, origin)));
        match (named, found) {
            (Some((named, origin)), Some(found)) if named != found => Err(vec![Problem::new(
                "framework-differs",
                format!("{named} was asked for, but the archive holds a {found} model"),
                match origin {
                    Origin::Metadata => "correct the upload's metadata neo-framework, or leave it out".to_owned(),
                    _ => format!("correct the framework in rule `{}`, or leave it out", self.rule.name),
                },
            )]),
            (Some(named), _) => Ok(Some(named)),
            // Without any, the inspection has said why.
            (None, found) => Ok(found.map(|framework| (framework, Origin::Archive))),
        }
    }

    fn targets(&self) -> Vec<(TargetSpec, Origin)> {
        match &self.overrides.targets {
            // A target the rule has settings for keeps them.
            Some(targets) => {
                let spec = |target: &Target| {
                    let known = self.rule.targets.iter().find(|spec| spec.target == *target);
                    known.cloned().unwrap_or_else(|| TargetSpec::bare(target.clone()))
                };
                targets.iter().map(|target| (spec(target), Origin::Metadata)).collect()
            }
            None => self.rule.targets.iter().map(|spec| (spec.clone(), Origin::Rule)).collect(),
        }
    }
}
