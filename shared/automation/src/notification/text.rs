//! The texts people read, laid out for a phone: short lines, the conclusion first.

use std::fmt::Write;

use maintenance::Change;
use model_archive::Problem;
use neo::Source;

use super::{Notification, NotificationType, compilation::JobReport};
use crate::job::JobStatus;

/// Width of the labels' column.
const LABEL: usize = 10;

pub(super) fn line(text: &mut String, label: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{label:LABEL$}{value}");
}

/// One line a field that is different.
pub(super) fn changes(changes: &[Change]) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let line =
        |change: &Change| format!("- {}: {} instead of {}\n", change.field, shown(&change.to), shown(&change.from));
    let lines: String = changes.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

pub(super) fn problems(text: &mut String, problems: &[Problem]) {
    for problem in problems {
        let _ = writeln!(text, "\nProblem: {}\nRemedy:  {}", problem.problem, problem.remedy);
    }
}

fn model(text: &mut String, source: &Source, rule: Option<&str>) {
    let label = if source.upload().is_some() { "Model" } else { "Package" };
    line(text, label, &source.uri());
    if let Some(version) = source.upload().and_then(|upload| upload.version_id.as_deref()) {
        line(text, "Version", version);
    }
    if let Some(rule) = rule {
        line(text, "Rule", rule);
    }
}

pub(super) fn upload_rejected(source: &Source, rule: Option<&str>, jobs: usize, found: &[Problem]) -> String {
    let mut text = match jobs {
        0 => format!("{} cannot be compiled; no job was started.\n", source.stem()),
        1 => format!("{} cannot be compiled for some of its targets; 1 job goes on.\n", source.stem()),
        _ => format!("{} cannot be compiled for some of its targets; {jobs} jobs go on.\n", source.stem()),
    };
    problems(&mut text, found);
    text.push('\n');
    model(&mut text, source, rule);
    text
}

pub(super) fn own_output(source: &Source, found: &[Problem]) -> String {
    let mut text = format!("{} was written by this system itself; it is not compiled.\n", source.stem());
    problems(&mut text, found);
    text.push_str("\nWhat else of it comes from this bucket today is skipped too, and only logged.\n\n");
    model(&mut text, source, None);
    text
}

pub(super) fn job(kind: NotificationType, name: &str, job: &JobReport, notification: &Notification) -> String {
    let verb = match kind {
        NotificationType::CompilationStarted => "is being compiled",
        NotificationType::CompilationCompleted if notification.reused_from.is_some() => "was compiled before",
        NotificationType::CompilationCompleted => "was compiled",
        NotificationType::CompilationStopped => "was stopped before it was compiled",
        _ => "could not be compiled",
    };
    let mut text = format!("{name} {verb} for {}.\n", job.target);
    if notification.reused_from.is_some() {
        let is_package = notification.model.as_ref().is_some_and(|model| model.source.upload().is_none());
        text.push_str(if is_package {
            "The same package was compiled the same way: the artifact of that job stands.\n"
        } else {
            "The same bytes were compiled the same way: the artifact of that job serves this upload too.\n"
        });
    }
    problems(&mut text, &notification.problems);
    text.push('\n');
    if !job.unsupported_operators.is_empty() {
        line(&mut text, "Operators", &format!("{} (not supported)", job.unsupported_operators.join(", ")));
    }
    if let Some(artifact) = &job.artifact {
        line(&mut text, "Artifact", artifact);
    }
    if let Some(took) = took(job) {
        line(&mut text, "Duration", &took);
    }
    line(&mut text, "Job", job.name.as_str());
    for (label, link) in [("Console", &job.links.job), ("In S3", &job.links.artifact)] {
        if let Some(link) = link {
            line(&mut text, label, link);
        }
    }
    if let Some(report) = &notification.model {
        model(&mut text, &report.source, notification.rule.as_deref());
    }
    text
}

pub(super) fn summary(
    source: &Source,
    rule: Option<&str>,
    jobs: &[JobReport],
    left_out: &[Problem],
    document: &str,
) -> String {
    let completed = jobs.iter().filter(|job| job.status == JobStatus::Completed).count();
    let earlier =
        if source.upload().is_some() { ", by an earlier upload of the same bytes" } else { ", by an earlier job" };
    let mut text = format!("{} was compiled for {completed} of {} targets.\n", source.stem(), jobs.len());
    for job in jobs {
        let took = took(job).map(|took| format!(" in {took}")).unwrap_or_default();
        let reused = if job.reused { earlier } else { "" };
        let _ = writeln!(text, "\n{}: {}{took}{reused}", job.target, job.status);
        if let Some(detail) = job.artifact.as_ref().or(job.failure_reason.as_ref()) {
            let _ = writeln!(text, "  {detail}");
        }
        if let Some(remedy) = &job.remedy {
            let _ = writeln!(text, "  Remedy: {remedy}");
        }
    }
    if !left_out.is_empty() {
        text.push_str("\nNot compiled for all that the rule asks for:\n");
        problems(&mut text, left_out);
    }
    text.push('\n');
    model(&mut text, source, rule);
    line(&mut text, "Summary", document);
    text
}

pub(super) fn config_rejected(bucket: &str, key: &str, error: &str, in_force: Option<&str>) -> String {
    let mut text = format!("The configuration s3://{bucket}/{key} was refused.\n\n{error}\n\n");
    match in_force {
        Some(version) => {
            let _ = writeln!(text, "Version {version} stays in force.");
        }
        None => text.push_str("No earlier version is valid: nothing is compiled until it is corrected.\n"),
    }
    text
}

/// How long a job took, and how much of that is billed.
fn took(job: &JobReport) -> Option<String> {
    match (job.duration_seconds, job.billed_seconds) {
        (Some(whole), Some(billed)) if whole != billed => {
            Some(format!("{} ({} billed)", duration(whole), duration(billed)))
        }
        (whole, billed) => whole.or(billed).map(duration),
    }
}

fn duration(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
