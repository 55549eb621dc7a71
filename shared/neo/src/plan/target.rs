//! One target of a plan: what the table of targets says, and the request.

use std::num::NonZeroU32;

use model_archive::{Dim, Framework, Problem, Warning};
use serde_json::Value;

use super::{
    Decision, Origin, Planned, TargetPlan,
    inputs::{For, Settled},
    origin::first,
    upload::MAX_S3_URI,
};
use crate::{
    CompilationRequest, ContentId, Family, FrameworkVersion, JobName, ModelId, OutputPlace, OutputTemplate,
    REQUEST_VERSION, Settings, SymbolicDims, TargetRow, TargetSpec,
    config::{numbers, tags},
    name::Settings as Identity,
    options,
    request::{DEFAULT_RETRIES, job_tags},
};

/// Run time limit of a job where none is configured, in seconds: AWS advises to start with it (API reference).
const DEFAULT_MAX_RUNTIME_SECONDS: NonZeroU32 = NonZeroU32::new(900).unwrap();

/// What is being found out of one target.
struct Draft {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    decisions: Vec<Decision>,
}

impl Draft {
    fn problem(&mut self, code: &'static str, problem: String, remedy: impl Into<String>) {
        self.problems.push(Problem::new(code, problem, remedy));
    }

    fn warn(&mut self, code: &'static str, warning: String) {
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

impl Planned<'_> {
    pub(super) fn target(&self, spec: &TargetSpec, named_by: Origin, framework: Framework, said: Origin) -> TargetPlan {
        let mut draft = Draft { problems: Vec::new(), warnings: Vec::new(), decisions: Vec::new() };
        draft.decisions.push(Decision::new("target", &spec.target, named_by));
        draft.decisions.push(Decision::new("framework", framework, said));
        let row = spec.target.row();
        self.table(&mut draft, spec, row, framework);
        let version = self.framework_version(&mut draft, spec, row, framework);
        let inputs = self.settled_inputs(&mut draft, spec, row, framework);
        let options = self.compiler_options(&mut draft, spec, row, framework);
        self.files(&mut draft, spec, row, options.as_ref());
        let request = self.request(&mut draft, spec, framework, version.as_ref(), inputs.as_deref(), options.as_ref());
        TargetPlan {
            target: spec.target.clone(),
            outcome: if draft.problems.is_empty() { Ok(request) } else { Err(draft.problems) },
            warnings: draft.warnings,
            decisions: draft.decisions,
        }
    }

    /// What the nearest of target, rule and defaults says.
    fn said<'s, T: ?Sized>(
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

    fn table(&self, draft: &mut Draft, spec: &TargetSpec, row: Option<&TargetRow>, framework: Framework) {
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
        if row.support(framework).is_none() {
            let known: Vec<_> = row.frameworks.iter().map(|support| support.framework.as_str()).collect();
            draft.problem(
                "framework-unsupported",
                format!("{framework} models are not compiled for {target}; it takes {}", known.join(", ")),
                format!("leave {target} out, or convert the model; see `automation targets --framework {framework}`"),
            );
        }
    }

    /// Files that some targets want beside the model (developer guide, "Prepare Model"; API reference, `CompilerOptions`).
    fn files(&self, draft: &mut Draft, spec: &TargetSpec, row: Option<&TargetRow>, options: Option<&Value>) {
        let members = &self.inspection.members;
        // Of a long list only the beginning is kept.
        let is_whole = members.len() as u64 == self.inspection.member_count && !members.is_empty();
        let Some(row) = row.filter(|_| is_whole) else { return };
        if row.family == Family::Ambarella && !members.iter().any(|member| member.path.ends_with("config.json")) {
            draft.problem(
                "ambarella-config-missing",
                format!("{} needs a *config.json and a folder of calibration images in the archive", spec.target),
                "pack them beside the model, and upload the archive again",
            );
        }
        let labels = options.and_then(|options| options.get("class_labels")).and_then(Value::as_str);
        if let Some(labels) = labels.filter(|labels| !members.iter().any(|member| member.path.ends_with(*labels))) {
            draft.problem(
                "class-labels-missing",
                format!("the compiler option class_labels names `{labels}`, which is not in the archive"),
                "pack the file with the labels beside the model, or correct the option",
            );
        }
    }

    /// The version to send, as it was asked for.
    fn framework_version(
        &self,
        draft: &mut Draft,
        spec: &TargetSpec,
        row: Option<&TargetRow>,
        framework: Framework,
    ) -> Option<FrameworkVersion> {
        let said = first([
            (Origin::Metadata, self.overrides.framework_version.as_ref()),
            (Origin::Target, spec.framework_version.as_ref()),
            (Origin::Rule, self.rule.framework_version.as_ref()),
        ]);
        let target = &spec.target;
        let taken = match row {
            Some(row) => row.takes_framework_version(framework),
            None => matches!(framework, Framework::Pytorch | Framework::Tensorflow),
        };
        let Some((version, origin)) = said else {
            // The service chooses one then, and a model of another version fails after minutes.
            let neuron = row.is_some_and(|row| row.family == Family::Neuron);
            let documented = row.and_then(|row| row.support(framework)).map(|support| support.versions.join(", "));
            if let Some(versions) = documented.filter(|_| taken && (neuron || framework == Framework::Pytorch)) {
                let of = if versions.is_empty() { String::new() } else { format!(" (documented are {versions})") };
                let warning = format!(
                    "no framework_version is named: SageMaker chooses one for {target}{of}, and a model of another fails"
                );
                draft.warn("framework-version-advised", warning);
            }
            return None;
        };
        if !taken {
            let warning =
                format!("framework_version {version} is not sent: SageMaker takes none for {framework} on {target}");
            draft.warn("framework-version-not-sent", warning);
            return None;
        }
        draft.decisions.push(Decision::new("framework_version", version, origin));
        let documented = row.and_then(|row| row.support(framework)).map(|support| support.versions).unwrap_or_default();
        let known: Vec<_> = documented.iter().filter_map(|version| numbers(version)).collect();
        match version.numbers() {
            Some(asked) if !known.is_empty() && !known.contains(&asked) => {
                let list = documented.join(", ");
                // The service learns versions before this table does.
                if known.iter().all(|known| *known < asked) {
                    let warning =
                        format!("{framework} {version} is newer than AWS documents for {target} ({list}); it is sent");
                    draft.warn("framework-version-new", warning);
                } else {
                    draft.problem(
                        "framework-version-unsupported",
                        format!("{framework} {version} is not compiled for {target}; documented are {list}"),
                        format!(
                            "save the model with one of these, and name it: framework_version: \"{}\"",
                            documented.last().unwrap_or(&"")
                        ),
                    );
                }
            }
            _ => {}
        }
        Some(version.clone())
    }

    fn settled_inputs(
        &self,
        draft: &mut Draft,
        spec: &TargetSpec,
        row: Option<&'static TargetRow>,
        framework: Framework,
    ) -> Option<String> {
        let none = SymbolicDims::default();
        let said = self.said(spec, |settings| settings.symbolic_dims.as_ref());
        let dims = said.map_or(&none, |(dims, _)| dims);
        let version = first([
            (Origin::Metadata, self.overrides.framework_version.as_ref()),
            (Origin::Target, spec.framework_version.as_ref()),
            (Origin::Rule, self.rule.framework_version.as_ref()),
        ]);
        let version = version.map(|(version, _)| version);
        match self.inputs(For { spec, row, framework, version, dims }) {
            Ok(Settled { text, origin, warnings }) => {
                draft.warnings.extend(warnings);
                let shown = text.as_deref().unwrap_or("none");
                draft.decisions.push(Decision::new("inputs", shown, origin));
                if let (Origin::Archive, Some((dims, origin)), true) = (origin, said, self.has_open_dims()) {
                    draft.decisions.push(Decision::new("symbolic_dims", dims, origin));
                }
                text
            }
            Err(problems) => {
                draft.problems.extend(problems);
                None
            }
        }
    }

    fn has_open_dims(&self) -> bool {
        let inputs = self.inspection.model.iter().flat_map(|model| &model.inputs);
        inputs.flat_map(|input| input.dims.iter().flatten()).any(|dim| !matches!(dim, Dim::Known(_)))
    }

    fn compiler_options(
        &self,
        draft: &mut Draft,
        spec: &TargetSpec,
        row: Option<&TargetRow>,
        framework: Framework,
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

    fn request(
        &self,
        draft: &mut Draft,
        spec: &TargetSpec,
        framework: Framework,
        version: Option<&FrameworkVersion>,
        inputs: Option<&str>,
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

        let target = spec.target.to_string();
        let options = options.map(options::text);
        let identity = Identity {
            target: &target,
            framework: framework.as_str(),
            framework_version: version.map(FrameworkVersion::as_str),
            data_input_config: inputs,
            compiler_options: options.as_deref(),
            kms_key_id: kms_key_id.map(crate::KmsKeyId::as_str),
            output: output.map(OutputTemplate::as_str),
        };
        let attempt = 1;
        let job_name = JobName::new(self.upload, &identity, attempt);
        let location = self.output_location(draft, output, &target, job_name.as_str());
        let configured = tags(self.defaults, &self.rule.settings, &spec.settings);
        CompilationRequest {
            version: REQUEST_VERSION,
            model: ModelId::new(&self.upload.bucket, &self.upload.key, self.upload.version()),
            content: ContentId::new(self.upload, &identity),
            source: self.upload.clone(),
            rule: self.rule.name.clone(),
            target: spec.target.clone(),
            framework,
            framework_version: version.map(|version| version.short().to_owned()),
            data_input_config: inputs.map(str::to_owned),
            output_location: location,
            max_runtime_seconds: runtime.copied().unwrap_or(DEFAULT_MAX_RUNTIME_SECONDS).get(),
            tags: job_tags(configured, self.upload, &self.rule.name, attempt),
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
        if bucket.eq_ignore_ascii_case(&self.upload.bucket) {
            draft.problem(
                "output-triggers",
                format!("artifacts would be written to `{bucket}`, the bucket that starts compilations"),
                "let artifacts go to a bucket of their own: every artifact would be taken for a new model",
            );
        }
        let key = self.upload.key.strip_suffix(".tar.gz").unwrap_or(&self.upload.key);
        let place = OutputPlace { key, rule: &self.rule.name, target, version: self.upload.version(), job };
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
