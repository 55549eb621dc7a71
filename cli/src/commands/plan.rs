//! `automation plan`

use std::{collections::HashMap, path::Path};

use configuration::ConfigDocument;
use model_archive::{Framework, Problem, Warning};
use neo::{
    CompilationConfig, CompilationPlan, CompilationRule, ModelBuckets, Overrides, PlanInput, TargetPlan, Upload,
};
use serde_json::{Value, json};

use crate::{
    archive::{InspectedArchive, inspect_source},
    args::PlanArgs,
    config_file::{load_config, report_errors},
    error::CliError,
    output::{CliOutput, ERROR, FAINT, GOOD, HEADER, format_count},
    problems::{print_problems, print_warnings},
    stack_description::{StackDescription, find_output},
    stack_lookup::describe_stack,
    table::{TableCell, TextTable},
    verdict::Verdict,
};

/// Version ID and entity tag of a local file.
const LOCAL: &str = "local";

/// Name of the model bucket, if it is not known.
const LOCAL_BUCKET: &str = "models";

/// Name of the artifact bucket, if it is not known.
const LOCAL_ARTIFACTS: &str = "artifacts";

/// The stack's compilation role, if it is not known.
const EXAMPLE_ROLE: &str = "arn:aws:iam::123456789012:role/compilation";

pub(crate) fn show_plan(args: &PlanArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let Some(document) = load_config(&args.config, args.output.json, out)? else { return Ok(Verdict::Bad) };
    let stack = describe_stack(&args.stack)?;
    let errors = stack.as_ref().map(|stack| stack.find_errors(&document)).unwrap_or_default();
    if !errors.is_empty() {
        report_errors(&args.config, "", &errors, args.output.json, out)?;
        return Ok(Verdict::Bad);
    }
    let planned = plan_archive(&document, stack.as_ref(), args)?;
    if args.output.json {
        out.print_json(&planned.to_json())?;
    } else {
        planned.print_to(args.requests, out)?;
    }
    Ok(planned.verdict())
}

/// The plan of an archive.
pub(crate) struct PlannedArchive {
    /// As the command line names it.
    name: String,
    /// The name of the rule that applies.
    rule: String,
    /// The role of the requests.
    role_arn: String,
    /// The plan, or the problems of the metadata.
    outcome: Result<(Upload, CompilationPlan), Vec<Problem>>,
}

/// Maximum number of patterns in an error: its fix has to stay on the screen.
const MAX_PATTERNS: usize = 5;

/// The keys of the first rules, for a sentence.
fn list_key_patterns(rules: &[CompilationRule]) -> String {
    let patterns: Vec<_> = rules.iter().filter_map(CompilationRule::key_pattern).collect();
    let shown = patterns.iter().take(MAX_PATTERNS).map(|pattern| format!("`{}`", pattern.as_str()));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match patterns.len().saturating_sub(MAX_PATTERNS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Inspects and plans an archive, for the stack that `--stack` names.
pub(crate) fn plan_archive(
    document: &ConfigDocument,
    stack: Option<&StackDescription>,
    args: &PlanArgs,
) -> Result<PlannedArchive, CliError> {
    let key = resolve_key(args);
    let (bucket, model_buckets) = resolve_buckets(args, stack, &document.compilation);
    let Some(rule) = document.compilation.find_rule(&bucket, &key, &model_buckets) else {
        let patterns = list_key_patterns(&document.compilation.rules);
        return Err(CliError::NoMatchingRule { path: args.config.clone(), bucket, key, patterns });
    };
    let read_overrides = |metadata: &HashMap<String, String>| {
        let given = args.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let metadata = metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Overrides::from_metadata(metadata.chain(given).collect::<HashMap<_, _>>())
    };
    let archive = inspect_source(&args.archive, &args.stack.aws, &|metadata| {
        read_overrides(metadata).ok()?.expected_framework(rule)
    })?;
    let upload = build_upload(args, bucket, key, &archive);
    let metadata = archive.object.as_ref().map(|object| object.metadata.clone()).unwrap_or_default();
    let artifact_bucket = args.artifact_bucket.clone().or_else(|| find_output(stack, "ArtifactBucketName"));
    let own_region = || args.stack.aws.region_or_variable();
    let region = stack.and_then(StackDescription::region).map(str::to_owned).or_else(own_region);
    let outcome = read_overrides(&metadata).map(|overrides| {
        let mut plan = neo::plan_upload(&PlanInput {
            upload: &upload,
            overrides: &overrides,
            rule,
            defaults: &document.compilation.defaults,
            inspection: &archive.inspection,
            artifact_bucket: artifact_bucket.as_deref().unwrap_or(LOCAL_ARTIFACTS),
            model_buckets: &model_buckets,
            region: region.as_deref(),
        });
        let access = stack.map(StackDescription::find_access);
        let missing = access.map(|access| access.find_missing_of(&document.compilation.defaults, rule));
        let missing = missing.into_iter().flatten();
        plan.warnings.extend(missing.map(|finding| Warning::new("permission-missing", finding.to_string())));
        (upload, plan)
    });
    let role_arn = args.role_arn.clone().or_else(|| find_output(stack, "CompilationRoleArn"));
    let role_arn = role_arn.unwrap_or_else(|| EXAMPLE_ROLE.to_owned());
    Ok(PlannedArchive { name: args.archive.clone(), rule: rule.name.clone(), role_arn, outcome })
}

impl PlannedArchive {
    pub fn verdict(&self) -> Verdict {
        let is_complete = |plan: &CompilationPlan| plan.all_problems().is_empty() && plan.requests().count() > 0;
        if self.outcome.as_ref().is_ok_and(|(_, plan)| is_complete(plan)) { Verdict::Good } else { Verdict::Bad }
    }

    pub fn to_json(&self) -> Value {
        match &self.outcome {
            Ok((upload, plan)) => to_json(&self.role_arn, &self.rule, upload, plan),
            Err(problems) => json!({ "rule": self.rule, "problems": problems, "warnings": [], "targets": [] }),
        }
    }

    /// Prints the plan, with its requests if `requests` is set.
    pub fn print_to(&self, requests: bool, out: &mut CliOutput) -> Result<(), CliError> {
        match &self.outcome {
            Ok((upload, plan)) => {
                let (uri, rule) = (upload.s3_uri(), &self.rule);
                out.print_line(format_args!("{} as {uri}, rule {HEADER}{rule}{HEADER:#}", self.name))?;
                print_plan(plan, requests.then_some(self.role_arn.as_str()), out)
            }
            Err(problems) => print_problems(out, "", problems),
        }
    }
}

/// Returns the key that the upload has or will have.
fn resolve_key(args: &PlanArgs) -> String {
    if let Some(key) = &args.key {
        return key.clone();
    }
    let object_key = args.archive.strip_prefix("s3://").and_then(|uri| uri.split_once('/')).map(|(_, key)| key);
    let file_name = || Path::new(&args.archive).file_name().and_then(|name| name.to_str());
    match object_key.or_else(file_name) {
        Some("-") | None => "model.tar.gz".to_owned(),
        Some(key) => key.to_owned(),
    }
}

/// Returns the bucket that the upload has or will have, and the model buckets of the stack. Without
/// a stack, a bucket that a rule names is an existing one, unless it is known to be the stack's
/// own.
fn resolve_buckets(
    args: &PlanArgs,
    stack: Option<&StackDescription>,
    compilation: &CompilationConfig,
) -> (String, ModelBuckets) {
    let of_object = args.archive.strip_prefix("s3://").and_then(|uri| uri.split_once('/')).map(|(bucket, _)| bucket);
    let named = args.bucket.as_deref().or(of_object);
    let own = args.model_bucket.clone().or_else(|| find_output(stack, "ModelBucketName"));
    let own = own.as_deref();
    let bucket = named.or(own).unwrap_or(LOCAL_BUCKET);
    if let Some(stack) = stack {
        let buckets = stack.model_buckets();
        return (bucket.to_owned(), ModelBuckets::new(own.unwrap_or(buckets.own()), buckets.existing().to_vec()));
    }
    let is_named = |rule: &CompilationRule| rule.bucket_pattern().is_some_and(|pattern| pattern.is_match(bucket));
    let is_existing = named.is_some() && compilation.rules.iter().any(is_named);
    let own = own.unwrap_or(if is_existing { LOCAL_BUCKET } else { bucket });
    (bucket.to_owned(), ModelBuckets::new(own, vec![bucket.to_owned()]))
}

fn build_upload(args: &PlanArgs, bucket: String, key: String, archive: &InspectedArchive) -> Upload {
    let size = archive.size;
    match &archive.object {
        Some(object) => Upload {
            bucket,
            key: if args.key.is_some() { key } else { object.key.clone() },
            version_id: args.version_id.clone().or_else(|| object.version_id.clone()),
            etag: object.etag.clone(),
            size,
            replayed_at: None,
        },
        None => Upload {
            bucket,
            key,
            version_id: Some(args.version_id.clone().unwrap_or_else(|| LOCAL.to_owned())),
            etag: LOCAL.to_owned(),
            size,
            replayed_at: None,
        },
    }
}

fn to_json(role_arn: &str, rule: &str, upload: &Upload, plan: &CompilationPlan) -> Value {
    let target = |target: &TargetPlan| {
        let (request, problems): (Option<Value>, &[Problem]) = match &target.outcome {
            Ok(request) => (Some(request.to_api(role_arn)), &[]),
            Err(problems) => (None, problems),
        };
        json!({
            "target": target.target.to_string(),
            "request": request,
            "problems": problems,
            "warnings": target.warnings,
            "decisions": target.resolved_settings,
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

/// `role_arn` is that of the requests; `None` to leave them out.
fn print_plan(plan: &CompilationPlan, role_arn: Option<&str>, out: &mut CliOutput) -> Result<(), CliError> {
    out.print_line("")?;
    print_problems(out, "", &plan.problems)?;
    print_warnings(out, "", &plan.warnings)?;
    if !plan.targets.is_empty() {
        if !plan.problems.is_empty() || !plan.warnings.is_empty() {
            out.print_line("")?;
        }
        print_overview(plan, out)?;
    }
    // A warning that all targets share is printed once.
    let common: Vec<&Warning> = match plan.targets.as_slice() {
        [first, rest @ ..] if !rest.is_empty() => first
            .warnings
            .iter()
            .filter(|warning| rest.iter().all(|target| target.warnings.contains(warning)))
            .collect(),
        _ => Vec::new(),
    };
    if !common.is_empty() {
        out.print_line("")?;
    }
    print_warnings(out, "", common.iter().copied())?;
    for target in &plan.targets {
        print_target(plan, target, &common, role_arn, out)?;
    }
    out.print_line("")?;
    print_conclusion(plan, out)
}

/// Counts the jobs that the upload would start.
fn print_conclusion(plan: &CompilationPlan, out: &mut CliOutput) -> Result<(), CliError> {
    let rejected = plan.targets.iter().filter(|target| target.outcome.is_err()).count();
    let jobs = format_count(plan.requests().count(), "job");
    match (plan.problems.is_empty(), rejected) {
        (false, _) => out.print_line(format_args!("{ERROR}Plan:{ERROR:#} no job to start, the upload is rejected.")),
        (true, 0) => out.print_line(format_args!("{GOOD}Plan:{GOOD:#} {jobs} to start.")),
        (true, _) => {
            let rejected = format_count(rejected, "target");
            out.print_line(format_args!("{ERROR}Plan:{ERROR:#} {jobs} to start, {rejected} rejected."))
        }
    }
}

fn print_overview(plan: &CompilationPlan, out: &mut CliOutput) -> Result<(), CliError> {
    let mut table =
        TextTable::new(["target", "outcome", "framework", "version", "inputs", "compiler options"]).with_details(2);
    for target in &plan.targets {
        let name = target.target.to_string();
        let without_job = |outcome| [name.as_str().into(), outcome, "".into(), "".into(), "".into(), "".into()];
        table.add_row(match &target.outcome {
            Ok(request) if plan.problems.is_empty() => [
                name.into(),
                TableCell::with_style("planned", GOOD),
                request.framework.map(Framework::as_str).unwrap_or_default().into(),
                request.framework_version.as_deref().unwrap_or("").into(),
                request.data_input_config.as_deref().unwrap_or("not required").into(),
                request.compiler_options.as_deref().unwrap_or("").into(),
            ],
            Ok(_) => without_job("not planned".into()),
            Err(_) => without_job(TableCell::with_style("rejected", ERROR)),
        });
    }
    table.print_to(out)
}

/// Prints the problems and warnings of a target, and with a role also its settings and its request.
/// `common` are the warnings that were already printed.
fn print_target(
    plan: &CompilationPlan,
    target: &TargetPlan,
    common: &[&Warning],
    role_arn: Option<&str>,
    out: &mut CliOutput,
) -> Result<(), CliError> {
    let problems: &[Problem] = target.outcome.as_ref().err().map_or(&[], Vec::as_slice);
    let warnings: Vec<_> = target.warnings.iter().filter(|warning| !common.contains(warning)).collect();
    if role_arn.is_none() && problems.is_empty() && warnings.is_empty() {
        return Ok(());
    }
    out.print_line("")?;
    out.print_line(format_args!("{HEADER}{}{HEADER:#}", target.target))?;
    if role_arn.is_some() {
        let mut table = TextTable::new(["setting", "value", "source"]).with_indent(2);
        for setting in &target.resolved_settings {
            let (value, origin) = (setting.value.as_str(), setting.origin.to_string());
            table.add_row([setting.setting.into(), value.into(), origin.into()]);
        }
        table.print_to(out)?;
    }
    print_problems(out, "  ", problems)?;
    print_warnings(out, "  ", warnings)?;
    match (&target.outcome, role_arn) {
        (Ok(request), Some(role_arn)) if plan.problems.is_empty() => {
            out.print_line(format_args!("  {FAINT}CreateCompilationJob{FAINT:#}"))?;
            for line in serde_json::to_string_pretty(&request.to_api(role_arn))?.lines() {
                out.print_line(format_args!("  {line}"))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
