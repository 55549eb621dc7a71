//! Texts about models and their compilation jobs.

use std::fmt::Write;

use document::escape_line;
use jiff::{SignedDuration, Timestamp};
use ledger::{ArtifactCheck, ModelRow};
use maintenance::time_format::{DurationStyle, format_age, format_duration, format_time};
use model_archive::{Problem, Warning, limit_warnings};
use neo::{JobStatus, ModelSource};

use super::JobReport;
use crate::{
    Notification, NotificationType,
    text::{append_line, append_problems, append_warnings},
};

/// About an artifact that the stack may not read.
const NOT_READABLE: &str =
    "the artifact was not checked: relay-compilation has no permission to read it (s3:GetObject, kms:Decrypt)";

fn append_model(text: &mut String, source: &ModelSource, rule: Option<&str>) {
    let label = if source.as_upload().is_some() { "Model" } else { "Package" };
    append_line(text, label, &source.to_uri());
    if let Some(version) = source.as_upload().and_then(|upload| upload.version_id.as_deref()) {
        append_line(text, "Version", version);
    }
    if let Some(rule) = rule {
        append_line(text, "Rule", rule);
    }
}

pub(super) fn format_upload_rejected_text(
    source: &ModelSource,
    rule: Option<&str>,
    jobs: usize,
    problems: &[Problem],
    warnings: &[Warning],
) -> String {
    let name = escape_line(source.display_name());
    let mut text = match jobs {
        0 => format!("{name} cannot be compiled; no job was started.\n"),
        1 => format!("{name} cannot be compiled for some of its targets; 1 job continues.\n"),
        _ => format!("{name} cannot be compiled for some of its targets; {jobs} jobs continue.\n"),
    };
    append_problems(&mut text, problems);
    append_warnings(&mut text, &limit_warnings(warnings));
    text.push('\n');
    append_model(&mut text, source, rule);
    text
}

pub(super) fn format_own_artifact_text(source: &ModelSource, problems: &[Problem]) -> String {
    let mut text = format!("{} was created by this stack; it is not compiled.\n", escape_line(source.display_name()));
    append_problems(&mut text, problems);
    text.push_str(
        "\nFurther artifacts from this bucket are skipped without another notification today; see the log of plan-compilation.\n\n",
    );
    append_model(&mut text, source, None);
    text
}

pub(super) fn format_unmatched_file_text(source: &ModelSource, folder: &str, problems: &[Problem]) -> String {
    let mut text =
        format!("{} is not an archive that a rule matches; it is skipped.\n", escape_line(source.display_name()));
    append_problems(&mut text, problems);
    let folder =
        if folder.is_empty() { "the root of the bucket".to_owned() } else { format!("`{}/`", escape_line(folder)) };
    let _ = writeln!(
        text,
        "\nFurther such files in {folder} are skipped without another notification today; see the log of plan-compilation.\n"
    );
    append_model(&mut text, source, None);
    text
}

pub(super) fn format_rule_rejected_text(rule: &str, problems: &[Problem]) -> String {
    let mut text = format!("Rule `{}` does not compile all of its model packages.\n", escape_line(rule));
    append_problems(&mut text, problems);
    text.push('\n');
    append_line(&mut text, "Rule", rule);
    text
}

pub(super) fn format_job_text(
    kind: NotificationType,
    name: &str,
    job: &JobReport,
    notification: &Notification,
) -> String {
    let (name, target) = (escape_line(name), &job.target);
    let mut text = match kind {
        NotificationType::CompilationStarted => format!("{name} is being compiled for {target}.\n"),
        NotificationType::CompilationCompleted if job.is_input() => {
            format!("{name} was not compiled for {target}, although its job completed.\n")
        }
        NotificationType::CompilationCompleted if notification.reused_from.is_some() => {
            format!("{name} was already compiled for {target}.\n")
        }
        NotificationType::CompilationCompleted => format!("{name} was compiled for {target}.\n"),
        NotificationType::CompilationStopped => {
            format!("The job compiling {name} for {target} was stopped before compilation finished.\n")
        }
        _ => format!("{name} could not be compiled for {target}.\n"),
    };
    if notification.reused_from.is_some() {
        let is_package = notification.model.as_ref().is_some_and(|model| model.source.as_upload().is_none());
        text.push_str(if is_package {
            "An earlier job compiled the same model package with the same settings; its artifact is reused.\n"
        } else {
            "An earlier job compiled the same bytes with the same settings; its artifact is reused for this upload.\n"
        });
    }
    append_problems(&mut text, &notification.problems);
    append_warnings(&mut text, &notification.warnings);
    text.push('\n');
    if !job.unsupported_operators.is_empty() {
        append_line(&mut text, "Operators", &format!("{} (not supported)", job.unsupported_operators.join(", ")));
    }
    if !job.options.is_empty() {
        append_line(&mut text, "Options", &job.options_text);
    }
    if let Some(artifact) = &job.artifact {
        append_line(&mut text, "Artifact", artifact);
    }
    if job.artifact_check == Some(ArtifactCheck::NotReadable) {
        append_line(&mut text, "Note", NOT_READABLE);
    }
    if let Some(duration) = format_job_duration(job) {
        append_line(&mut text, "Duration", &duration);
    }
    append_line(&mut text, "Job", job.name.as_str());
    for (label, link) in [("Console", &job.links.job), ("S3 console", &job.links.artifact)] {
        if let Some(link) = link {
            append_line(&mut text, label, link);
        }
    }
    if let Some(report) = &notification.model {
        append_model(&mut text, &report.source, notification.rule.as_deref());
    }
    text
}

pub(super) fn format_summary_text(
    source: &ModelSource,
    model: &ModelRow,
    jobs: &[JobReport],
    problems: &[Problem],
    summary_uri: &str,
) -> String {
    let completed = jobs.iter().filter(|job| job.is_compiled()).count();
    let name = escape_line(source.display_name());
    let mut text = format!("{name} was compiled for {completed} of {} targets.\n", jobs.len());
    for job in jobs {
        let duration = format_job_duration(job).map(|duration| format!(" in {duration}")).unwrap_or_default();
        let reused = if job.reused { describe_reuse(job, source) } else { "" };
        let options =
            if job.options.is_empty() { String::new() } else { format!(" ({})", escape_line(&job.options_text)) };
        let _ = writeln!(text, "\n{}{options}: {}{duration}{reused}", job.target, job.status);
        if let Some(detail) = job.artifact.as_ref().or(job.failure_reason.as_ref()) {
            let _ = writeln!(text, "  {}", escape_line(detail));
        }
        match job.artifact_check {
            Some(ArtifactCheck::NotCompiled) => {
                text.push_str("  Not compiled: SageMaker returned the input unchanged\n");
            }
            Some(ArtifactCheck::NotReadable) => {
                let _ = writeln!(text, "  Note: {NOT_READABLE}");
            }
            None => {}
        }
        if let Some(fix) = &job.remedy {
            let _ = writeln!(text, "  Fix: {}", escape_line(fix));
        }
    }
    if !problems.is_empty() {
        text.push_str("\nTargets of the rule that could not be compiled:\n");
        append_problems(&mut text, problems);
    }
    append_warnings(&mut text, &limit_warnings(&model.warnings));
    text.push('\n');
    append_model(&mut text, source, model.rule.as_deref());
    append_line(&mut text, "Summary", summary_uri);
    text
}

pub(super) fn format_waiting_text(
    source: &ModelSource,
    rule: Option<&str>,
    since: Timestamp,
    jobs: &[JobReport],
    problems: &[Problem],
    now: Timestamp,
) -> String {
    let name = escape_line(source.display_name());
    let (count, plural) = (jobs.len(), if jobs.len() == 1 { "" } else { "s" });
    let mut text =
        format!("{name} is waiting for a SageMaker quota: {count} compilation job{plural} cannot start yet.\n");
    append_problems(&mut text, problems);
    text.push('\n');
    append_line(&mut text, "Since", &format!("{} ({})", format_time(since), format_age(since, now)));
    let targets: Vec<_> = jobs.iter().map(|job| job.target.as_str()).collect();
    append_line(&mut text, "Targets", &targets.join(", "));
    append_model(&mut text, source, rule);
    text
}

/// Only a job that completed has an artifact to reuse.
fn describe_reuse(job: &JobReport, source: &ModelSource) -> &'static str {
    match (job.status == JobStatus::Completed, source.as_upload().is_some()) {
        (true, true) => ", reused from an earlier upload of the same bytes",
        (true, false) => ", reused from an earlier job",
        (false, true) => ", job started by an earlier upload of the same bytes",
        (false, false) => ", job started by an earlier request",
    }
}

/// How long a job took, and how much of that is billed.
fn format_job_duration(job: &JobReport) -> Option<String> {
    match (job.duration_seconds, job.billed_seconds) {
        (Some(whole), Some(billed)) if whole != billed => {
            Some(format!("{} ({} billed)", format_seconds(whole), format_seconds(billed)))
        }
        (whole, billed) => whole.or(billed).map(format_seconds),
    }
}

fn format_seconds(seconds: i64) -> String {
    format_duration(SignedDuration::from_secs(seconds), DurationStyle::Elapsed)
}
