//! What planning an upload and planning a model package have in common: checking the target against
//! the table of targets, and building the request.

use std::num::NonZeroU32;

use model_archive::{Framework, Problem, Warning};
use serde_json::Value;

use super::{ResolvedSetting, SettingOrigin, TargetPlan, setting_origin::first_set, upload_problems::MAX_S3_URI};
use crate::{
    CompilationRequest, CompilationRule, ContentId, FrameworkVersion, JobName, JobSettings, KmsKeyId, ModelBuckets,
    ModelSource, OutputTemplate, PlaceholderValues, REQUEST_VERSION, TargetRow, TargetSpec,
    compiler_options::{OptionProblem, check_options, find_doubtful_options, to_json_text},
    config::merge_tags,
    name::JobIdentity,
    request::{DEFAULT_RETRIES, job_tags},
};

/// Default maximum run time of a job, in seconds: the value that AWS advises to start with (API
/// reference).
const DEFAULT_MAX_RUNTIME_SECONDS: NonZeroU32 = NonZeroU32::new(900).unwrap();

/// What is compiled, by which rule, and where artifacts are written.
pub(super) struct PlanContext<'a> {
    pub source: ModelSource,
    pub rule: &'a CompilationRule,
    pub defaults: &'a JobSettings,
    pub artifact_bucket: &'a str,
    /// The buckets whose objects are compiled: no artifact may be written to one of them.
    pub model_buckets: &'a ModelBuckets,
    pub region: Option<&'a str>,
}

/// What `InputConfig` says about the model; empty for a model package.
#[derive(Clone, Copy, Default)]
pub(super) struct ModelInputConfig<'a> {
    pub framework: Option<Framework>,
    pub version: Option<&'a FrameworkVersion>,
    pub inputs: Option<&'a str>,
}

/// A problem, and its text in the first release if that was another one.
///
/// The version of a model package is a digest over the first texts, so that a better text does not
/// change it.
struct DraftProblem {
    problem: Problem,
    first: Option<Problem>,
}

/// The problems, warnings and settings of one target, collected while it is planned.
pub(super) struct TargetDraft {
    problems: Vec<DraftProblem>,
    pub warnings: Vec<Warning>,
    pub resolved_settings: Vec<ResolvedSetting>,
}

impl TargetDraft {
    pub fn new(spec: &TargetSpec, named_by: SettingOrigin) -> Self {
        let resolved_settings = vec![ResolvedSetting::new("target", &spec.target, named_by)];
        Self { problems: Vec::new(), warnings: Vec::new(), resolved_settings }
    }

    /// Completes the plan of the target: the request, unless there are problems.
    pub fn into_plan(self, spec: &TargetSpec, request: CompilationRequest) -> TargetPlan {
        let problems: Vec<_> = self.problems.into_iter().map(|draft| draft.problem).collect();
        TargetPlan {
            target: spec.target.clone(),
            outcome: if problems.is_empty() { Ok(request) } else { Err(problems) },
            warnings: self.warnings,
            resolved_settings: self.resolved_settings,
        }
    }

    /// Serializes what is requested for the target, or its problems, for the digest of a model
    /// package. The order of members is always the same.
    pub fn serialize_outcome(&self, request: &CompilationRequest) -> String {
        let text = if self.problems.is_empty() {
            serde_json::to_string(request)
        } else {
            let first = self.problems.iter().map(|draft| draft.first.as_ref().unwrap_or(&draft.problem));
            serde_json::to_string(&first.collect::<Vec<_>>())
        };
        // Every key is text: this cannot fail.
        text.unwrap_or_default()
    }

    pub fn add_problem(&mut self, code: &'static str, problem: String, fix: impl Into<String>) {
        self.add_problems([Problem::new(code, problem, fix)]);
    }

    pub fn add_problems(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.problems.extend(problems.into_iter().map(|problem| DraftProblem { problem, first: None }));
    }

    /// Adds a problem whose text has changed since the first release: `first` is the earlier text.
    fn add_reworded_problem(&mut self, code: &'static str, now: (String, String), first: (String, String)) {
        let (problem, first) = (Problem::new(code, now.0, now.1), Problem::new(code, first.0, first.1));
        self.problems.push(DraftProblem { problem, first: Some(first) });
    }

    pub fn add_warning(&mut self, code: &'static str, warning: String) {
        self.warnings.push(Warning::new(code, warning));
    }

    /// Records the value of a setting and its origin.
    fn record_setting<T: Copy>(
        &mut self,
        setting: &'static str,
        found: Option<(T, SettingOrigin)>,
        text: impl Fn(T) -> String,
    ) -> Option<T> {
        let (value, origin) = found?;
        self.resolved_settings.push(ResolvedSetting::new(setting, text(value), origin));
        Some(value)
    }
}

impl PlanContext<'_> {
    /// Finds a setting in the target, the rule or the defaults, in this order.
    pub(super) fn find_setting<'s, T: ?Sized>(
        &'s self,
        spec: &'s TargetSpec,
        pick: impl Fn(&'s JobSettings) -> Option<&'s T>,
    ) -> Option<(&'s T, SettingOrigin)> {
        first_set([
            (SettingOrigin::Target, pick(&spec.settings)),
            (SettingOrigin::Rule, pick(&self.rule.settings)),
            (SettingOrigin::Defaults, pick(self.defaults)),
        ])
    }

    /// Checks the target and its framework against the table of targets.
    pub(super) fn check_target(
        &self,
        draft: &mut TargetDraft,
        spec: &TargetSpec,
        row: Option<&TargetRow>,
        framework: Option<Framework>,
    ) {
        let target = &spec.target;
        let Some(row) = row else {
            if !target.is_known() {
                draft.add_warning(
                    "target-unknown",
                    format!("{target} is not a target known to this release; it is passed to SageMaker unchanged"),
                );
            } else if target.is_undocumented() {
                draft.add_warning(
                    "target-undocumented",
                    format!("{target} is not documented by AWS; it is passed to SageMaker unchanged"),
                );
            } else {
                let problem = format!("SageMaker Neo does not compile for {target}");
                draft.add_problem("target-unsupported", problem, "choose a target listed by `automation targets`");
            }
            return;
        };
        if let Some(successor) = row.successor {
            draft.add_warning("target-retired", format!("{target} is retired; use {successor} instead"));
        }
        if let Some(region) = self.region.filter(|region| !row.regions.is_empty() && !row.regions.contains(region)) {
            let only = row.regions.join(", ");
            draft.add_reworded_problem(
                "target-region",
                (
                    format!("SageMaker Neo compiles for {target} in {only} only, but the job would run in {region}"),
                    format!("deploy the stack in {only}, or remove the target {target}"),
                ),
                (
                    format!("{target} is compiled in {only} only, and the job would run in {region}"),
                    format!("deploy the stack in {only}, or leave {target} out"), // lint: quoted
                ),
            );
        }
        if let Some(framework) = framework.filter(|framework| row.find_support(*framework).is_none()) {
            let known: Vec<_> = row.frameworks.iter().map(|support| support.framework.as_str()).collect();
            draft.add_problem(
                "framework-unsupported",
                format!("SageMaker Neo does not compile {framework} models for {target}; supported: {}", known.join(", ")),
                format!(
                    "remove the target {target}, or convert the model; `automation targets --framework {framework}` lists supported targets"
                ),
            );
        }
    }

    pub(super) fn resolve_compiler_options(
        &self,
        draft: &mut TargetDraft,
        spec: &TargetSpec,
        row: Option<&TargetRow>,
        framework: Option<Framework>,
    ) -> Option<Value> {
        let configured = first_set([
            (SettingOrigin::Target, spec.compiler_options.as_ref()),
            (SettingOrigin::Rule, self.rule.compiler_options.as_ref()),
        ]);
        let options = draft.record_setting("compiler_options", configured, to_json_text);
        let rule = &self.rule.name;
        let fix = format!("correct compiler_options in rule `{rule}`; see `automation targets {}`", spec.target);
        for OptionProblem { option, finding } in check_options(row, options) {
            match option {
                Some(option) => draft.add_problem(
                    "compiler-options-invalid",
                    format!("the compiler option `{option}` is not valid: {finding}"),
                    fix.as_str(),
                ),
                None => draft.add_problem("compiler-options-unfit", finding.to_string(), fix.as_str()),
            }
        }
        if let Some(row) = row {
            for warning in find_doubtful_options(row, framework, options) {
                draft.add_warning("compiler-options-doubtful", warning.to_string());
            }
        }
        options.cloned()
    }

    pub(super) fn build_request(
        &self,
        draft: &mut TargetDraft,
        spec: &TargetSpec,
        model: ModelInputConfig<'_>,
        options: Option<&Value>,
    ) -> CompilationRequest {
        let output = self.find_setting(spec, |settings| settings.output.as_ref());
        let output = draft.record_setting("output", output, ToString::to_string);
        let kms_key_id = self.find_setting(spec, |settings| settings.kms_key_id.as_ref());
        let kms_key_id = draft.record_setting("kms_key_id", kms_key_id, |key| key.as_str().to_owned());
        let vpc = self.find_setting(spec, |settings| settings.vpc.as_ref());
        let vpc = draft.record_setting("vpc", vpc, |vpc| {
            format!("{}; {}", vpc.subnets.join(", "), vpc.security_group_ids.join(", "))
        });
        let role_arn = self.find_setting(spec, |settings| settings.role_arn.as_ref());
        let role_arn = draft.record_setting("role_arn", role_arn, |role| role.as_str().to_owned());
        let runtime = self.find_setting(spec, |settings| settings.max_runtime_seconds.as_ref());
        let runtime = runtime.or(Some((&DEFAULT_MAX_RUNTIME_SECONDS, SettingOrigin::BuiltIn)));
        let runtime = draft.record_setting("max_runtime_seconds", runtime, ToString::to_string);
        let reuse = self.find_setting(spec, |settings| settings.reuse.as_ref());
        let reuse = draft.record_setting("reuse", reuse, ToString::to_string);
        let retries = self.find_setting(spec, |settings| settings.retries.as_ref());
        let retries = draft.record_setting("retries", retries, ToString::to_string);
        let longer = self.find_setting(spec, |settings| settings.max_runtime_seconds_after_timeout.as_ref());
        let longer = draft.record_setting("max_runtime_seconds_after_timeout", longer, ToString::to_string);

        let ModelInputConfig { framework, version, inputs } = model;
        let target = spec.target.to_string();
        let options = options.map(to_json_text);
        let identity = JobIdentity {
            target: &target,
            framework: framework.map(Framework::as_str),
            framework_version: version.map(FrameworkVersion::as_str),
            data_input_config: inputs,
            compiler_options: options.as_deref(),
            kms_key_id: kms_key_id.map(KmsKeyId::as_str),
            output: output.map(OutputTemplate::as_str),
        };
        let attempt = 1;
        let job_name = JobName::new(&self.source, &identity, attempt);
        let location = self.resolve_output_location(draft, output, &target, job_name.as_str());
        let configured = merge_tags(self.defaults, &self.rule.settings, &spec.settings);
        CompilationRequest {
            version: REQUEST_VERSION,
            model: self.source.model_id(),
            content: ContentId::new(&self.source, &identity),
            source: self.source.clone(),
            rule: self.rule.name.clone(),
            target: spec.target.clone(),
            framework,
            framework_version: version.map(|version| version.major_minor().to_owned()),
            data_input_config: inputs.map(str::to_owned),
            output_location: location,
            max_runtime_seconds: runtime.copied().unwrap_or(DEFAULT_MAX_RUNTIME_SECONDS).get(),
            tags: job_tags(configured, &self.source, &self.rule.name, attempt),
            kms_key_id: kms_key_id.map(|key| key.as_str().to_owned()),
            vpc: vpc.cloned(),
            role_arn: role_arn.map(|role| role.as_str().to_owned()),
            reuse: reuse.copied().unwrap_or(true),
            retries: retries.copied().map_or(DEFAULT_RETRIES, u32::from),
            max_runtime_seconds_after_timeout: longer.copied().map(NonZeroU32::get),
            compiler_options: options,
            approved_only: self.rule.package_groups().is_some(),
            // Added when the plan is complete.
            warnings: Vec::new(),
            job_name,
            attempt,
        }
    }

    fn resolve_output_location(
        &self,
        draft: &mut TargetDraft,
        output: Option<&OutputTemplate>,
        target: &str,
        job: &str,
    ) -> String {
        let default = OutputTemplate::default();
        let output = output.unwrap_or(&default);
        let bucket = output.bucket_name().unwrap_or(self.artifact_bucket);
        if self.model_buckets.contains(bucket) {
            let problem = format!("artifacts would be written to `{bucket}`, a model bucket");
            let first_fix = // lint: quoted
                "let artifacts go to a bucket of their own: every artifact would be taken for a new model";
            draft.add_reworded_problem(
                "output-triggers",
                (
                    problem,
                    "write artifacts to another bucket; otherwise, every artifact would be a new upload".to_owned(),
                ),
                (
                    format!("artifacts would be written to `{bucket}`, the bucket that starts compilations"),
                    first_fix.to_owned(),
                ),
            );
        }
        let (key, version) = (self.source.model_folder(), self.source.version());
        let values = PlaceholderValues { key, rule: &self.rule.name, target, version, job };
        let location = output.expand_uri(self.artifact_bucket, &values);
        if location.len() > MAX_S3_URI {
            let size = location.len();
            draft.add_reworded_problem(
                "output-too-long",
                (
                    format!("the output location is {size} bytes long; SageMaker allows {MAX_S3_URI}"),
                    "upload the archive under a shorter key, or set an `output` that contains less of it".to_owned(),
                ),
                (
                    format!("the output location has {size} bytes; SageMaker takes {MAX_S3_URI}"),
                    "upload the archive under a shorter key, or configure an output that holds less of it".to_owned(),
                ),
            );
        }
        location
    }
}
