//! Plans a model package: one compilation request per target. There is no archive to inspect, since
//! SageMaker already has the model.

use jiff::Timestamp;

use super::{
    CompilationPlan, SettingOrigin, attach_warnings,
    context::{ModelInputConfig, PlanContext, TargetDraft},
    reject_repeated_targets, separate_output_locations,
};
use crate::{
    CompilationRequest, CompilationRule, JobSettings, ModelBuckets, ModelPackage, ModelPackageArn, ModelSource,
    NewVersionPolicy, TargetSpec, name::hash_fields,
};

/// Everything a plan for a model package depends on.
#[derive(Debug, Clone, Copy)]
pub struct PackagePlanInput<'a> {
    /// The model package version.
    pub package: &'a ModelPackageArn,
    /// When it was registered, if its group was deleted and created again.
    pub created_again_at: Option<Timestamp>,
    /// The rule that names it.
    pub rule: &'a CompilationRule,
    /// Settings that the rule does not set.
    pub defaults: &'a JobSettings,
    /// The bucket for artifacts, unless the configuration names another one.
    pub artifact_bucket: &'a str,
    /// The buckets whose objects are compiled: no artifact may be written to one of them.
    pub model_buckets: &'a ModelBuckets,
    /// The Region of the jobs, if known: some targets are available in one Region only.
    pub region: Option<&'a str>,
}

/// Plans one request per target, and reports the problems of the other targets.
///
/// Also returns what is compiled. Its version includes a digest of everything that is requested: it
/// stays the same for the same rule, and changes as soon as anything in the rule changes.
pub fn plan_package(input: &PackagePlanInput<'_>) -> (ModelSource, CompilationPlan) {
    let number = input.package.version_number();
    // The digest is over requests whose version is the number alone: the final version cannot
    // include itself.
    let (_, outcomes) = input.plan_targets(number, |_, draft, request| draft.serialize_outcome(&request));
    let version = format!("{number}-{}", hash_fields(&outcomes.iter().map(String::as_str).collect::<Vec<_>>()));
    let (source, mut targets) = input.plan_targets(&version, |spec, draft, request| draft.into_plan(spec, request));
    reject_repeated_targets(&mut targets, &input.rule.name);
    separate_output_locations(&mut targets, &input.rule.name);
    attach_warnings(&[], &mut targets);
    let on_new_version = NewVersionPolicy::Keep;
    (source, CompilationPlan { problems: Vec::new(), warnings: Vec::new(), targets, on_new_version })
}

impl PackagePlanInput<'_> {
    /// Plans each target for this version, and finishes each draft with `finish`.
    fn plan_targets<R>(
        &self,
        version: &str,
        finish: impl Fn(&TargetSpec, TargetDraft, CompilationRequest) -> R,
    ) -> (ModelSource, Vec<R>) {
        let package = ModelPackage {
            model_package_version_arn: self.package.clone(),
            version: version.to_owned(),
            created_again_at: self.created_again_at,
        };
        let context = PlanContext {
            source: ModelSource::Package(package),
            rule: self.rule,
            defaults: self.defaults,
            artifact_bucket: self.artifact_bucket,
            model_buckets: self.model_buckets,
            region: self.region,
        };
        let plan_target = |spec: &TargetSpec| {
            let mut draft = TargetDraft::new(spec, SettingOrigin::Rule);
            let row = spec.target.find_row();
            context.check_target(&mut draft, spec, row, None);
            let options = context.resolve_compiler_options(&mut draft, spec, row, None);
            let request = context.build_request(&mut draft, spec, ModelInputConfig::default(), options.as_ref());
            finish(spec, draft, request)
        };
        let targets = self.rule.targets.iter().map(plan_target).collect();
        (context.source, targets)
    }
}
