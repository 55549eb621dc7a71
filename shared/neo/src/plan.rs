//! From an upload, its rule and what is in its archive to one compilation request per target, or to every problem.

use std::collections::BTreeMap;

use model_archive::{Framework, Inspection, Model, Problem};

use crate::{
    CompilationRequest, ContentId, Defaults, Inputs, JobName, ModelId, Overrides, REQUEST_VERSION, Rule, TargetSpec,
    Upload,
    name::{MAX_JOB_NAME, Settings},
};

/// Longest `S3Uri` the API takes (service model 2017-07-24).
const MAX_S3_URI: usize = 1024;

/// Longest tag value the API takes (service model 2017-07-24).
const MAX_TAG_VALUE: usize = 256;

/// Options without which Neo refuses an NVIDIA platform (developer guide, `CompilerOptions`).
const NVIDIA_OPTIONS: [&str; 3] = ["gpu-code", "trt-ver", "cuda-ver"];

/// Everything a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The model archive.
    pub upload: &'a Upload,
    /// What its uploader asked for: wins over the rule.
    pub overrides: &'a Overrides,
    /// The rule that matched: wins over the archive.
    pub rule: &'a Rule,
    /// What holds where the rule says nothing.
    pub defaults: &'a Defaults,
    /// What is in the archive.
    pub inspection: &'a Inspection,
    /// Where artifacts go.
    pub artifact_bucket: &'a str,
}

/// One request per target, or all that stands against it.
pub fn plan(planned: &Planned<'_>) -> Result<Vec<CompilationRequest>, Vec<Problem>> {
    let mut problems = planned.inspection.problems.clone();
    problems.extend(planned.upload_problems());
    let framework = collect(planned.framework(), &mut problems);
    let inputs = framework.and_then(|framework| collect(planned.data_input_config(framework), &mut problems));
    let targets = planned.targets();
    problems.extend(targets.iter().filter_map(missing_options));

    let (Some(framework), Some(data_input_config), true) = (framework, inputs, problems.is_empty()) else {
        return Err(problems);
    };
    Ok(targets.iter().map(|spec| planned.request(spec, framework, data_input_config.as_deref())).collect())
}

fn collect<T>(result: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

impl Planned<'_> {
    fn upload_problems(&self) -> Vec<Problem> {
        let upload = self.upload;
        let mut problems = Vec::new();
        if !upload.key.ends_with(".tar.gz") {
            problems.push(Problem::new(
                "key-suffix",
                format!("the key `{}` does not end in .tar.gz", upload.key),
                "SageMaker Neo takes one gzip-compressed tar archive; upload it under a key that ends in .tar.gz",
            ));
        }
        if upload.bucket == self.artifact_bucket {
            problems.push(Problem::new(
                "output-triggers",
                format!("artifacts would be written to `{}`, the bucket that starts compilations", upload.bucket),
                "let artifacts go to a bucket of their own: every artifact would be taken for a new model",
            ));
        }
        if upload.s3_uri().len() > MAX_S3_URI || self.output_location(&"-".repeat(MAX_JOB_NAME)).len() > MAX_S3_URI {
            problems.push(Problem::new(
                "key-too-long",
                format!(
                    "the key has {} bytes; with the bucket and the job's name SageMaker takes {MAX_S3_URI}",
                    upload.key.len()
                ),
                "upload the archive under a shorter key",
            ));
        }
        problems
    }

    fn framework(&self) -> Result<Framework, Vec<Problem>> {
        let found = self.inspection.model.as_ref().map(|model| model.framework);
        let named = self.overrides.framework.or(self.rule.framework);
        match (named, found) {
            (Some(named), Some(found)) if named != found => Err(vec![Problem::new(
                "framework-differs",
                format!("{named} was asked for, but the archive holds a {found} model"),
                format!(
                    "correct the framework in rule `{}` or in the upload's metadata, or leave it out",
                    self.rule.name
                ),
            )]),
            (Some(framework), _) | (None, Some(framework)) => Ok(framework),
            // The inspection has said why.
            (None, None) => Err(Vec::new()),
        }
    }

    /// The text to send; none where Neo needs none.
    fn data_input_config(&self, framework: Framework) -> Result<Option<String>, Vec<Problem>> {
        let named = self.overrides.inputs.as_ref().or(self.rule.inputs.as_ref());
        if let Some(Inputs::Positional(_)) = named
            && framework != Framework::Pytorch
        {
            return Err(vec![Problem::new(
                "inputs-unnamed",
                format!("the inputs are a list of shapes, which SageMaker Neo takes for PYTORCH, not for {framework}"),
                "give each shape its input's name: inputs: { data: [1, 3, 224, 224] }",
            )]);
        }
        let inputs = match (named, &self.inspection.model) {
            (Some(named), _) => named.clone(),
            (None, _) if framework == Framework::Xgboost => return Ok(None),
            (None, Some(model)) if model.read => Inputs::from_model(&model.inputs, self.symbolic_dims())?,
            (None, model) => return Err(vec![not_read(framework, model.as_ref(), &self.rule.name)]),
        };
        inputs.data_input_config().map(Some).map_err(|problem| vec![problem])
    }

    fn symbolic_dims(&self) -> &crate::SymbolicDims {
        self.rule.symbolic_dims.as_ref().unwrap_or(&self.defaults.symbolic_dims)
    }

    fn targets(&self) -> Vec<TargetSpec> {
        match &self.overrides.targets {
            // A device the rule has options for keeps them.
            Some(targets) => targets
                .iter()
                .map(|target| {
                    let known = self.rule.targets.iter().find(|spec| spec.target == *target);
                    known.cloned().unwrap_or_else(|| TargetSpec { target: target.clone(), compiler_options: None })
                })
                .collect(),
            None => self.rule.targets.clone(),
        }
    }

    fn request(&self, spec: &TargetSpec, framework: Framework, data_input_config: Option<&str>) -> CompilationRequest {
        let framework_version = self
            .overrides
            .framework_version
            .as_deref()
            .or(self.rule.framework_version.as_deref())
            .filter(|_| spec.target.takes_framework_version(framework));
        let compiler_options = spec.compiler_options_text();
        let settings = Settings {
            target: &spec.target.to_string(),
            framework: framework.as_str(),
            framework_version,
            data_input_config,
            compiler_options: compiler_options.as_deref(),
        };
        let attempt = 1;
        let job_name = JobName::new(self.upload, &settings, attempt);
        CompilationRequest {
            version: REQUEST_VERSION,
            model: ModelId::new(&self.upload.bucket, &self.upload.key, self.upload.version()),
            content: ContentId::new(self.upload, &settings),
            source: self.upload.clone(),
            rule: self.rule.name.clone(),
            target: spec.target.clone(),
            framework,
            framework_version: framework_version.map(str::to_owned),
            data_input_config: data_input_config.map(str::to_owned),
            output_location: self.output_location(job_name.as_str()),
            max_runtime_seconds: self.rule.max_runtime_seconds.unwrap_or(self.defaults.max_runtime_seconds).get(),
            tags: self.tags(),
            compiler_options,
            job_name,
            attempt,
        }
    }

    /// A prefix of its own for each job, so that no two write the same object.
    fn output_location(&self, job: &str) -> String {
        let model = self.upload.key.strip_suffix(".tar.gz").unwrap_or(&self.upload.key);
        format!("s3://{}/{model}/{job}/", self.artifact_bucket)
    }

    fn tags(&self) -> BTreeMap<String, String> {
        let own = [
            ("sagemaker-automation:rule", self.rule.name.clone()),
            ("sagemaker-automation:source", self.upload.s3_uri()),
            ("sagemaker-automation:version", self.upload.version().to_owned()),
        ];
        let own = own.map(|(key, value)| (key.to_owned(), tag_value(&value)));
        let named = self.defaults.tags.iter().chain(&self.rule.tags).map(|(key, value)| (key.clone(), value.clone()));
        named.chain(own).collect()
    }
}

/// The characters and length a tag value may have; others become `_`.
fn tag_value(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_alphanumeric() || " _.:/=+-@".contains(c) { c } else { '_' })
        .take(MAX_TAG_VALUE)
        .collect()
}

fn missing_options(spec: &TargetSpec) -> Option<Problem> {
    if !spec.target.needs_nvidia_options() {
        return None;
    }
    let given = |name: &&str| spec.compiler_options.as_ref().is_some_and(|options| options.get(*name).is_some());
    let missing: Vec<_> = NVIDIA_OPTIONS.into_iter().filter(|name| !given(name)).collect();
    (!missing.is_empty()).then(|| {
        Problem::new(
            "compiler-options-missing",
            format!("{} needs the compiler options {}", spec.target, missing.join(", ")),
            "name them in the rule, such as compiler_options: { gpu-code: sm_72, trt-ver: 8.2.1, cuda-ver: \"10.2\" }",
        )
    })
}

fn not_read(framework: Framework, model: Option<&Model>, rule: &str) -> Problem {
    let what =
        model.map_or_else(|| format!("the {framework} model"), |model| format!("{framework} model `{}`", model.path));
    Problem::new(
        "inputs-not-read",
        format!("the input shapes of the {what} are not yet read from the archive"),
        format!("name framework and inputs in rule `{rule}`, or in the metadata neo-framework and neo-inputs"),
    )
}
