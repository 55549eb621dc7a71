//! `automation plan`

use std::path::Path;

use automation::config::Document;
use model_archive::{Framework, Problem, Warning};
use neo::{Overrides, Plan, Planned, TargetPlan, Upload};
use serde_json::{Value, json};

use super::{told, validate};
use crate::{
    Verdict,
    archive::{self, Archive},
    args::PlanArgs,
    error::CliError,
    output::{ERROR, FAINT, GOOD, HEADER, Output},
    table::{Cell, Table},
};

/// The version of a file that nobody has uploaded.
const LOCAL: &str = "local";

pub(crate) fn run(args: &PlanArgs, out: &mut Output) -> Result<Verdict, CliError> {
    let text = validate::read(&args.config)?;
    let document = match Document::parse(&text) {
        Ok(document) => document,
        Err(error) => {
            if args.json {
                out.json(&json!({ "errors": error.faults }))?;
            } else {
                validate::faults(&args.config, &text, &error.faults, &[], out)?;
            }
            return Ok(Verdict::Bad);
        }
    };
    let key = key(args);
    let Some(rule) = document.compilation.rule_for(&key) else {
        return Err(CliError::NoRule { path: args.config.clone(), key });
    };
    let archive = archive::read(&args.archive)?;
    let upload = upload(args, key, &archive);
    let mut metadata = archive.object.as_ref().map(|object| object.metadata.clone()).unwrap_or_default();
    metadata.extend(args.metadata.iter().cloned());
    let metadata = metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let overrides = match Overrides::from_metadata(metadata) {
        Ok(overrides) => overrides,
        Err(problems) => {
            if args.json {
                out.json(&json!({ "rule": rule.name, "problems": problems, "warnings": [], "targets": [] }))?;
            } else {
                told(out, "", &problems, &[])?;
            }
            return Ok(Verdict::Bad);
        }
    };
    let plan = neo::plan(&Planned {
        upload: &upload,
        overrides: &overrides,
        rule,
        defaults: &document.compilation.defaults,
        inspection: &archive.inspection,
        artifact_bucket: &args.artifact_bucket,
        region: args.region.as_deref().filter(|region| !region.is_empty()),
    });
    if args.json {
        out.json(&to_json(args, &rule.name, &upload, &plan))?;
    } else {
        out.line(format_args!("{} as {}: rule {HEADER}{}{HEADER:#}", args.archive, upload.s3_uri(), rule.name))?;
        write(args, &plan, out)?;
    }
    Ok(if plan.all_problems().is_empty() && plan.requests().count() > 0 { Verdict::Good } else { Verdict::Bad })
}

/// The key that the upload has, or will have.
fn key(args: &PlanArgs) -> String {
    if let Some(key) = &args.key {
        return key.clone();
    }
    let of_object = args.archive.strip_prefix("s3://").and_then(|place| place.split_once('/')).map(|(_, key)| key);
    let of_file = || Path::new(&args.archive).file_name().and_then(|name| name.to_str());
    match of_object.or_else(of_file) {
        Some("-") | None => "model.tar.gz".to_owned(),
        Some(key) => key.to_owned(),
    }
}

fn upload(args: &PlanArgs, key: String, archive: &Archive) -> Upload {
    let size = archive.size;
    match &archive.object {
        Some(object) => Upload {
            bucket: object.bucket.clone(),
            key: if args.key.is_some() { key } else { object.key.clone() },
            version_id: args.version_id.clone().or_else(|| object.version_id.clone()),
            etag: object.etag.clone(),
            size,
        },
        None => Upload {
            bucket: args.bucket.clone(),
            key,
            version_id: Some(args.version_id.clone().unwrap_or_else(|| LOCAL.to_owned())),
            etag: LOCAL.to_owned(),
            size,
        },
    }
}

fn to_json(args: &PlanArgs, rule: &str, upload: &Upload, plan: &Plan) -> Value {
    let target = |target: &TargetPlan| {
        let (request, problems): (Option<Value>, &[Problem]) = match &target.outcome {
            Ok(request) => (Some(request.to_api(&args.role_arn)), &[]),
            Err(problems) => (None, problems),
        };
        json!({
            "target": target.target.to_string(),
            "request": request,
            "problems": problems,
            "warnings": target.warnings,
            "decisions": target.decisions,
        })
    };
    json!({
        "rule": rule,
        "upload": upload,
        "problems": plan.problems,
        "warnings": plan.warnings,
        "on_new_version": plan.on_new_version.as_str(),
        "targets": plan.targets.iter().map(target).collect::<Vec<_>>(),
    })
}

fn write(args: &PlanArgs, plan: &Plan, out: &mut Output) -> Result<(), CliError> {
    out.line("")?;
    told(out, "", &plan.problems, &plan.warnings)?;
    if !plan.targets.is_empty() {
        summary(plan, out)?;
    }
    // What is said of every target is said once.
    let common: Vec<&Warning> = match plan.targets.as_slice() {
        [first, rest @ ..] if !rest.is_empty() => first
            .warnings
            .iter()
            .filter(|warning| rest.iter().all(|target| target.warnings.contains(warning)))
            .collect(),
        _ => Vec::new(),
    };
    if !common.is_empty() {
        out.line("")?;
    }
    for warning in &common {
        told(out, "", &[], std::slice::from_ref(*warning))?;
    }
    for target in &plan.targets {
        out.line("")?;
        out.line(format_args!("{HEADER}{}{HEADER:#}", target.target))?;
        let mut table = Table::new(["setting", "value", "from"]).indented(2);
        for decision in &target.decisions {
            table.row([decision.setting.into(), shortened(&decision.value).into(), decision.origin.to_string().into()]);
        }
        table.write(out)?;
        let problems: &[Problem] = target.outcome.as_ref().err().map_or(&[], Vec::as_slice);
        let warnings: Vec<_> = target.warnings.iter().filter(|warning| !common.contains(warning)).cloned().collect();
        told(out, "  ", problems, &warnings)?;
        if let Ok(request) = target.outcome.as_ref()
            && plan.problems.is_empty()
        {
            out.line(format_args!("  {FAINT}CreateCompilationJob{FAINT:#}"))?;
            for line in serde_json::to_string_pretty(&request.to_api(&args.role_arn))?.lines() {
                out.line(format_args!("  {line}"))?;
            }
        }
    }
    Ok(())
}

fn summary(plan: &Plan, out: &mut Output) -> Result<(), CliError> {
    let mut table = Table::new(["target", "outcome", "framework", "version", "inputs", "compiler options"]);
    for target in &plan.targets {
        let name = target.target.to_string();
        match &target.outcome {
            Ok(request) if plan.problems.is_empty() => table.row([
                name.into(),
                Cell::styled("requested", GOOD),
                request.framework.map(Framework::as_str).unwrap_or_default().into(),
                request.framework_version.as_deref().unwrap_or("").into(),
                shortened(request.data_input_config.as_deref().unwrap_or("none")).into(),
                request.compiler_options.as_deref().unwrap_or("").into(),
            ]),
            Ok(_) => table.row([name.into(), "not requested".into(), "".into(), "".into(), "".into(), "".into()]),
            Err(_) => {
                table.row([name.into(), Cell::styled("rejected", ERROR), "".into(), "".into(), "".into(), "".into()]);
            }
        }
    }
    table.write(out)
}

/// A long value's beginning: the request has all of it.
fn shortened(value: &str) -> String {
    const MOST: usize = 60;
    if value.chars().count() <= MOST { value.to_owned() } else { value.chars().take(MOST).chain(['…']).collect() }
}
