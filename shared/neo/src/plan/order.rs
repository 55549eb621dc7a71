//! What the plans of uploads and model packages have in common: what the table of targets says, and the request.

use std::num::NonZeroU32;

use model_archive::{Framework, Problem, Warning};
use serde_json::Value;

use super::{Decision, Origin, TargetPlan, origin::first, upload::MAX_S3_URI};
use crate::{
    CompilationRequest, ContentId, FrameworkVersion, JobName, OutputPlace, OutputTemplate, REQUEST_VERSION, Rule,
    Settings, Source, TargetRow, TargetSpec,
    config::tags,
    name::Settings as Identity,
    options,
    request::{DEFAULT_RETRIES, job_tags},
};

/// Run time limit of a job where none is configured, in seconds: AWS advises to start with it (API reference).
const DEFAULT_MAX_RUNTIME_SECONDS: NonZeroU32 = NonZeroU32::new(900).unwrap();

/// What is compiled, by which rule, and where to.
pub(super) struct Order<'a> {
    pub source: Source,
    pub rule: &'a Rule,
    pub defaults: &'a Settings,
    pub artifact_bucket: &'a str,
    /// The bucket whose objects are compiled: no artifact may go there.
    pub model_bucket: &'a str,
    pub region: Option<&'a str>,
}

/// What is sent of the model itself; nothing of a model package.
#[derive(Clone, Copy, Default)]
pub(super) struct Model<'a> {
    pub framework: Option<Framework>,
    pub version: Option<&'a FrameworkVersion>,
    pub inputs: Option<&'a str>,
}

/// What is being found out of one target.
pub(super) struct Draft {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
    pub decisions: Vec<Decision>,
}

impl Draft {
    pub fn new(spec: &TargetSpec, named_by: Origin) -> Self {
        let decisions = vec![Decision::new("target", &spec.target, named_by)];
        Self { problems: Vec::new(), warnings: Vec::new(), decisions }
    }

    /// The target's plan: the request, unless something stands against it.
    pub fn done(self, spec: &TargetSpec, request: CompilationRequest) -> TargetPlan {
        TargetPlan {
            target: spec.target.clone(),
            outcome: if self.problems.is_empty() { Ok(request) } else { Err(self.problems) },
            warnings: self.warnings,
            decisions: self.decisions,
        }
    }

    pub fn problem(&mut self, code: &'static str, problem: String, remedy: impl Into<String>) {
        self.problems.push(Problem::new(code, problem, remedy));
    }

    pub fn warn(&mut self, code: &'static str, warning: String) {
        self.warnings.push(Warning::new(code, warning));
    }

    /// A value, noted with who said it.
    fn settle<T: Copy>(
        &mut self,
        setting: &'static str,
        found: Option<(T, Origin)>,
        text: impl Fn(T) -> String,
    ) -> Option<T> {
        let (value, origin) = found?;
        self.decisions.push(Decision::new(setting, text(value), origin));
        Some(value)
    }
}

impl Order<'_> {
    /// What the nearest of target, rule and defaults says.
    pub(super) fn said<'s, T: ?Sized>(
        &'s self,
        spec: &'s TargetSpec,
        pick: impl Fn(&'s Settings) -> Option<&'s T>,
    ) -> Option<(&'s T, Origin)> {
        first([
            (Origin::Target, pick(&spec.settings)),
            (Origin::Rule, pick(&self.rule.settings)),
            (Origin::Defaults, pick(self.defaults)),
        ])
    }

    pub(super) fn table(
        &self,
        draft: &mut Draft,
        spec: &TargetSpec,
        row: Option<&TargetRow>,
        framework: Option<Framework>,
    ) {
        let target = &spec.target;
        let Some(row) = row else {
            if !target.is_known() {
                draft.warn("target-unknown", format!("{target} is not among the targets this release knows"));
            } else if target.is_undocumented() {
                draft.warn("target-undocumented", format!("{target} is a target that AWS does not document"));
            } else {
                let problem = format!("SageMaker Neo does not compile for {target}");
                draft.problem(
                    "target-unsupported",
                    problem,
                    "choose a target from the list that `automation targets` prints",
                );
            }
            return;
        };
        if let Some(successor) = row.successor {
            draft.warn("target-retired", format!("{target} is retired; compile for {successor} instead"));
        }
        if let Some(region) = self.region.filter(|region| !row.regions.is_empty() && !row.regions.contains(region)) {
            let only = row.regions.join(", ");
            let problem = format!("{target} is compiled in {only} only, and the job would run in {region}");
            draft.problem("target-region", problem, format!("deploy the stack in {only}, or leave {target} out"));
        }
        if let Some(framework) = framework.filter(|framework| row.support(*framework).is_none()) {
            let known: Vec<_> = row.frameworks.iter().map(|support| support.framework.as_str()).collect();
            draft.problem(
                "framework-unsupported",
                format!("{framework} models are not compiled for {target}; it takes {}", known.join(", ")),
                format!("leave {target} out, or convert the model; see `automation targets --framework {framework}`"),
            );
        }
    }

    pub(super) fn compiler_options(
        &self,
        draft: &mut Draft,
        spec: &TargetSpec,
        row: Option<&TargetRow>,
        framework: Option<Framework>,
    ) -> Option<Value> {
        let said = first([
            (Origin::Target, spec.compiler_options.as_ref()),
            (Origin::Rule, self.rule.compiler_options.as_ref()),
        ]);
        let options = draft.settle("compiler_options", said, options::text);
        for fault in options::check(row, options) {
            let (code, what) = match fault.option {
                Some(option) => {
                    ("compiler-options-invalid", format!("the compiler option `{option}`: {}", fault.message))
                }
                None => ("compiler-options-unfit", fault.message),
            };
            let rule = &self.rule.name;
            let remedy = format!("correct compiler_options in rule `{rule}`; see `automation targets {}`", spec.target);
            draft.problem(code, what, remedy);
        }
        if let Some(row) = row {
            for doubt in options::doubts(row, framework, options) {
                draft.warn("compiler-options-doubtful", doubt);
            }
        }
        options.cloned()
    }

    pub(super) fn request(
        &self,
        draft: &mut Draft,
        spec: &TargetSpec,
        model: Model<'_>,
        options: Option<&Value>,
    ) -> CompilationRequest {
        let output = self.said(spec, |settings| settings.output.as_ref());
        let output = draft.settle("output", output, ToString::to_string);
        let kms_key_id = self.said(spec, |settings| settings.kms_key_id.as_ref());
        let kms_key_id = draft.settle("kms_key_id", kms_key_id, |key| key.as_str().to_owned());
        let vpc = self.said(spec, |settings| settings.vpc.as_ref());
        let vpc = draft
            .settle("vpc", vpc, |vpc| format!("{}; {}", vpc.subnets.join(", "), vpc.security_group_ids.join(", ")));
        let role_arn = self.said(spec, |settings| settings.role_arn.as_ref());
        let role_arn = draft.settle("role_arn", role_arn, |role| role.as_str().to_owned());
        let runtime = self.said(spec, |settings| settings.max_runtime_seconds.as_ref());
        let runtime = runtime.or(Some((&DEFAULT_MAX_RUNTIME_SECONDS, Origin::BuiltIn)));
        let runtime = draft.settle("max_runtime_seconds", runtime, ToString::to_string);
        let reuse = self.said(spec, |settings| settings.reuse.as_ref());
        let reuse = draft.settle("reuse", reuse, ToString::to_string);
        let retries = self.said(spec, |settings| settings.retries.as_ref());
        let retries = draft.settle("retries", retries, ToString::to_string);
        let longer = self.said(spec, |settings| settings.max_runtime_seconds_after_timeout.as_ref());
        let longer = draft.settle("max_runtime_seconds_after_timeout", longer, ToString::to_string);

        let Model { framework, version, inputs } = model;
        let target = spec.target.to_string();
        let options = options.map(options::text);
        let identity = Identity {
            target: &target,
            framework: framework.map(Framework::as_str),
            framework_version: version.map(FrameworkVersion::as_str),
            data_input_config: inputs,
            compiler_options: options.as_deref(),
            kms_key_id: kms_key_id.map(crate::KmsKeyId::as_str),
            output: output.map(OutputTemplate::as_str),
        };
        let attempt = 1;
        let job_name = JobName::new(&self.source, &identity, attempt);
        let location = self.output_location(draft, output, &target, job_name.as_str());
        let configured = tags(self.defaults, &self.rule.settings, &spec.settings);
        CompilationRequest {
            version: REQUEST_VERSION,
            model: self.source.model_id(),
            content: ContentId::new(&self.source, &identity),
            source: self.source.clone(),
            rule: self.rule.name.clone(),
            target: spec.target.clone(),
            framework,
            framework_version: version.map(|version| version.short().to_owned()),
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
            job_name,
            attempt,
        }
    }

    fn output_location(&self, draft: &mut Draft, output: Option<&OutputTemplate>, target: &str, job: &str) -> String {
        let default = OutputTemplate::default();
        let output = output.unwrap_or(&default);
        let bucket = output.bucket().unwrap_or(self.artifact_bucket);
        // Bucket names are lower case, but people write them otherwise, and so do host names of S3.
        if bucket.eq_ignore_ascii_case(self.model_bucket) {
            draft.problem(
                "output-triggers",
                format!("artifacts would be written to `{bucket}`, the bucket that starts compilations"),
                "let artifacts go to a bucket of their own: every artifact would be taken for a new model",
            );
        }
        let (key, version) = (self.source.folder(), self.source.version());
        let place = OutputPlace { key, rule: &self.rule.name, target, version, job };
        let location = output.expand(self.artifact_bucket, &place);
        if location.len() > MAX_S3_URI {
            draft.problem(
                "output-too-long",
                format!("the output location has {} bytes; SageMaker takes {MAX_S3_URI}", location.len()),
                "upload the archive under a shorter key, or configure an output that holds less of it",
            );
        }
        location
    }
}
