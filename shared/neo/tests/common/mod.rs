//! Builders for tests: inspections of models, and rules as YAML.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "tests, none of which uses all of it")]

use document::{ConfigDiagnostic, ConfigError, read_document};
use model_archive::{Framework, InspectedModel, Inspection, ModelInput};
use neo::{CompilationConfig, CompilationPlan, Overrides, PlanInput, Upload};
use serde_json::json;

/// An inspection that found a model of this framework with these inputs.
pub fn holding(framework: Framework, inputs: &[ModelInput]) -> Inspection {
    // As JSON, so that new optional fields of a model do not matter.
    let model: InspectedModel = serde_json::from_value(json!({
        "framework": framework, "format_version": null, "producer": null, "inputs": inputs,
        "layout": framework.layout(), "path": "model", "read": true,
    }))
    .unwrap();
    Inspection { model: Some(model), ..Inspection::default() }
}

/// An inspection that could not read the inputs of the model.
pub fn silent(framework: Framework) -> Inspection {
    let mut inspection = holding(framework, &[]);
    if let Some(model) = &mut inspection.model {
        model.read = false;
    }
    inspection
}

/// An input of type float32; 0 is a dynamic dimension.
pub fn input(name: &str, dims: &[u64]) -> ModelInput {
    let dims: Vec<_> = dims.iter().map(|size| (*size > 0).then_some(*size)).collect();
    serde_json::from_value(json!({ "name": name, "element_type": "float32", "dims": dims })).unwrap()
}

pub fn upload(key: &str) -> Upload {
    Upload {
        bucket: "models".to_owned(),
        key: key.to_owned(),
        version_id: Some("v1".to_owned()),
        etag: "e".to_owned(),
        size: 1,
        replayed_at: None,
    }
}

/// Parses the `compilation` section of a document.
pub fn parse_document(text: &str) -> Result<(CompilationConfig, Vec<ConfigDiagnostic>), ConfigError> {
    read_document(text, CompilationConfig::read_section)
}

/// A configuration with one rule for all keys: `rule` is the rest of it, in YAML flow style.
pub fn config_with_rule(rule: &str) -> CompilationConfig {
    let text = format!("version: 1\ncompilation:\n  rules:\n    - {{ name: all, keys: \"**\", {rule} }}\n");
    parse_document(&text).unwrap_or_else(|error| panic!("{error}")).0
}

/// Plans an upload of a model with a rule and metadata.
pub fn plan_with_rule(rule: &str, metadata: &[(&str, &str)], inspection: &Inspection) -> CompilationPlan {
    let config = config_with_rule(rule);
    let overrides = Overrides::from_metadata(metadata.iter().copied()).unwrap();
    neo::plan_upload(&PlanInput {
        upload: &upload("vision/model.tar.gz"),
        overrides: &overrides,
        rule: &config.rules[0],
        defaults: &config.defaults,
        inspection,
        artifact_bucket: "artifacts",
        model_buckets: &neo::ModelBuckets::new("models", Vec::new()),
        region: Some("eu-west-1"),
    })
}

/// Formats a plan: each target with the main members of its request or its problems, then its
/// warnings.
pub fn format_plan(plan: &CompilationPlan) -> String {
    let mut lines = Vec::new();
    lines.extend(plan.problems.iter().map(|problem| format!("! {}: {}", problem.code, problem.problem)));
    for target in &plan.targets {
        match &target.outcome {
            Ok(request) => lines.push(format!(
                "{}: {} {} {} {}",
                target.target,
                request.framework.unwrap(),
                request.framework_version.as_deref().unwrap_or("-"),
                request.data_input_config.as_deref().unwrap_or("-"),
                request.compiler_options.as_deref().unwrap_or("-")
            )),
            Err(problems) => lines.extend(problems.iter().map(|problem| {
                format!("{}! {}: {}\n    {}", target.target, problem.code, problem.problem, problem.remedy)
            })),
        }
        lines.extend(target.warnings.iter().map(|warning| format!("  ~ {}: {}", warning.code, warning.warning)));
    }
    lines.join("\n")
}
