//! The text for people, laid out for a phone: short lines, the conclusion first.

use std::fmt::Write;

use document::escape_line;
use maintenance::Change;
use model_archive::{Problem, Warning};

/// How to fix an update of an image or a work team that failed.
pub(crate) const FAILED_UPDATE_FIX: &str = "fix the cause. An update is tried three times, once a day; after that, only \
                                            when you upload the configuration again";

/// Characters of the label column.
const LABEL_WIDTH: usize = 13;

pub(crate) fn append_line(text: &mut String, label: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{label:LABEL_WIDTH$}{}", escape_line(value));
}

/// Lists changes that were made.
pub(crate) fn append_changes(text: &mut String, heading: &str, changes: &[Change]) {
    append_change_list(text, heading, changes, ["removed", "added"]);
}

/// Lists changes that were requested or planned, but not made.
pub(crate) fn append_unapplied_changes(text: &mut String, changes: &[Change]) {
    append_change_list(text, "Changes not applied", changes, ["remove", "add"]);
}

fn append_change_list(text: &mut String, heading: &str, changes: &[Change], [remove, add]: [&str; 2]) {
    if changes.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{heading}:");
    for Change { field, from, to } in changes {
        let (from, to) = (from.as_deref().map(escape_line), to.as_deref().map(escape_line));
        let _ = match (from, to) {
            (Some(from), Some(to)) => writeln!(text, "- {field}: {from} → {to}"),
            (Some(from), None) => writeln!(text, "- {field}: {remove} {from}"),
            (None, Some(to)) => writeln!(text, "- {field}: {add} {to}"),
            (None, None) => Ok(()),
        };
    }
}

pub(crate) fn append_problems(text: &mut String, problems: &[Problem]) {
    for problem in problems {
        let (what, fix) = (escape_line(&problem.problem), escape_line(&problem.remedy));
        let _ = writeln!(text, "\nProblem: {what}\nFix:     {fix}");
    }
}

pub(crate) fn append_warnings(text: &mut String, warnings: &[Warning]) {
    for warning in warnings {
        let _ = writeln!(text, "\nWarning: {}", escape_line(&warning.warning));
    }
}

pub(crate) fn format_config_rejected_text(
    bucket: &str,
    key: &str,
    error: &str,
    active_version: Option<&str>,
) -> String {
    let key = escape_line(key);
    let mut text = format!("The configuration s3://{bucket}/{key} is invalid and was rejected.\n\n{error}\n\n");
    match active_version {
        Some(version) => {
            let _ = writeln!(text, "Version {version} remains active.");
        }
        None => text.push_str("No earlier version is valid: nothing is compiled until this is fixed.\n"),
    }
    text
}

/// `omitted` is the number of changes that are not listed.
pub(crate) fn format_config_accepted_text(
    bucket: &str,
    key: &str,
    previous_version: Option<&str>,
    changes: &[Change],
    omitted: usize,
) -> String {
    let mut text = format!("The configuration s3://{bucket}/{} is valid and active.\n", escape_line(key));
    match previous_version {
        Some(version) if changes.is_empty() => {
            let _ = writeln!(text, "\nIt declares the same as version {version}.");
        }
        Some(version) => append_changes(&mut text, &format!("Changes since version {version}"), changes),
        None if changes.is_empty() => text.push_str("\nIt declares nothing.\n"),
        None => {
            text.push_str("\nDeclared:\n");
            for Change { field, to, .. } in changes {
                let _ = writeln!(text, "- {field}: {}", escape_line(to.as_deref().unwrap_or_default()));
            }
        }
    }
    if omitted > 0 {
        let _ = writeln!(text, "… and {} more; `automation config` lists all", format_number(omitted as u64));
    }
    text
}

/// Such as `1 day` or `2,000 objects`.
pub(crate) fn format_count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", format_number(count))
}

/// A number with commas between thousands.
pub(crate) fn format_number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
