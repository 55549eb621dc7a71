//! What the tests plan with: models as the inspection finds them, rules as people write them.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "tests, none of which uses all of it")]

use model_archive::{Framework, Input, Inspection, Model};
use neo::{Document, Overrides, Plan, Planned, Upload};
use serde_json::json;

/// An inspection with a model of this framework and these inputs.
pub fn holding(framework: Framework, inputs: &[Input]) -> Inspection {
    // As JSON, so that this holds whatever else a model tells.
    let model: Model = serde_json::from_value(json!({
        "framework": framework, "format_version": null, "producer": null, "inputs": inputs,
        "layout": framework.layout(), "path": "model", "read": true,
    }))
    .unwrap();
    Inspection { model: Some(model), ..Inspection::default() }
}

/// An inspection with a model whose inputs the archive does not tell.
pub fn silent(framework: Framework) -> Inspection {
    let mut inspection = holding(framework, &[]);
    if let Some(model) = &mut inspection.model {
        model.read = false;
    }
    inspection
}

/// An input of float32; 0 is a dimension left open.
pub fn input(name: &str, dims: &[u64]) -> Input {
    let dims: Vec<_> = dims.iter().map(|size| (*size > 0).then_some(*size)).collect();
    serde_json::from_value(json!({ "name": name, "element_type": "float32", "dims": dims })).unwrap()
}

/// An upload under this key.
pub fn upload(key: &str) -> Upload {
    Upload {
        bucket: "models".to_owned(),
        key: key.to_owned(),
        version_id: Some("v1".to_owned()),
        etag: "e".to_owned(),
        size: 1,
    }
}

/// A document with one rule for all keys: `rule` is the rest of it, in YAML's flow style.
pub fn document(rule: &str) -> Document {
    let text = format!("version: 1\ncompilation:\n  rules:\n    - {{ name: all, keys: \"**\", {rule} }}\n");
    Document::parse(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// What becomes of a model under a rule and metadata.
pub fn planned(rule: &str, metadata: &[(&str, &str)], inspection: &Inspection) -> Plan {
    let document = document(rule);
    let overrides = Overrides::from_metadata(metadata.iter().copied()).unwrap();
    neo::plan(&Planned {
        upload: &upload("vision/model.tar.gz"),
        overrides: &overrides,
        rule: &document.compilation.rules[0],
        defaults: &document.compilation.defaults,
        inspection,
        artifact_bucket: "artifacts",
        region: Some("eu-west-1"),
    })
}

/// A plan as a person reads it: each target with its request's main members, or its problems; then its warnings.
pub fn told(plan: &Plan) -> String {
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
