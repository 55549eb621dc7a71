//! The text for people about work teams, laid out for a phone: the link to the worker portal and
//! the objects left come first.

use std::{borrow::Cow, fmt::Write};

use document::escape_line;
use jiff::{Timestamp, tz::TimeZone};
use maintenance::{
    Reconciled,
    workteam::{LabelingJob, LabelingJobStatus, TeamMessage, WorkteamAction},
};

use super::{LabelingJobReport, TeamMessages, TeamReport};
use crate::{
    NotificationType,
    text::{append_changes, append_line, append_problems, append_unapplied_changes, format_count, format_number},
};

/// Blocks of a progress bar.
const BAR_BLOCKS: u64 = 6;

/// Characters of a message that are shown; the document has all of them.
const SHOWN_CHARS: usize = 2_000;

/// Labeling jobs of a team that are shown; the document has more.
const SHOWN_JOBS: usize = 10;

/// Different messages of a burst that are shown.
const SHOWN_MESSAGES: usize = 5;

/// Shown if the number of objects left is not known.
const UNKNOWN_PENDING: &str = "SageMaker sent a notification";

/// The subject and the text.
pub(super) fn format_team_messages(news: &TeamMessages, now: Timestamp) -> (String, String) {
    let topic = news.topic_arn.rsplit(':').next().unwrap_or_default();
    let subject = match news.workteams.as_slice() {
        [] => format!("Work team notification on topic {topic}"),
        [team] => format!("{}: {}", team.name, describe_pending_objects(team)),
        [first, others @ ..] => {
            let others = format_count(others.len() as u64, "other team");
            format!("{} and {others}: {}", first.name, describe_all_pending_objects(news))
        }
    };
    let mut text = String::new();
    for team in &news.workteams {
        if let Some(portal) = team.portal.as_ref().filter(|_| team.pending != Some(0)) {
            let _ = writeln!(text, "Start labeling: {portal}\n");
        }
        let _ = writeln!(text, "{}: {}", team.name, describe_pending_objects(team));
        append_open_jobs(&mut text, team, now);
        text.push('\n');
    }
    for note in &news.notes {
        let _ = writeln!(text, "Note: {}\n", escape_line(note));
    }
    append_messages(&mut text, &news.messages);
    text.push('\n');
    for team in &news.workteams {
        append_team(&mut text, team);
    }
    append_line(&mut text, "Topic", &news.topic_arn);
    (subject, text)
}

fn describe_pending_objects(team: &TeamReport) -> String {
    match team.pending {
        None => UNKNOWN_PENDING.to_owned(),
        Some(0) => "no objects left to label".to_owned(),
        Some(pending) => {
            let jobs = format_count(team.open_jobs.unwrap_or_default() as u64, "labeling job");
            format!("{} left in {jobs}", format_count(pending, "object"))
        }
    }
}

fn describe_all_pending_objects(news: &TeamMessages) -> String {
    let pending: Option<u64> = news.workteams.iter().map(|team| team.pending).sum();
    pending.map_or_else(
        || UNKNOWN_PENDING.to_owned(),
        |pending| format!("{} left to label", format_count(pending, "object")),
    )
}

fn append_open_jobs(text: &mut String, team: &TeamReport, now: Timestamp) {
    for job in team.labeling_jobs.iter().take(SHOWN_JOBS) {
        let _ = writeln!(
            text,
            "\n{}\n{}\n{}",
            job.name,
            format_progress(job),
            describe_labeling_job(job, &team.time_zone, now)
        );
    }
    let more = team.open_jobs.unwrap_or_default().saturating_sub(SHOWN_JOBS);
    if more > 0 {
        let _ = writeln!(text, "\nand {}", format_count(more as u64, "older job"));
    }
}

fn append_team(text: &mut String, team: &TeamReport) {
    append_line(text, "Team", &format!("{}, {}", team.name, team.description));
}

/// Such as `████░░ 63 %  1,260 / 2,000`.
fn format_progress(job: &LabelingJob) -> String {
    let total = job.total.max(1);
    let labeled = job.labeled.min(total);
    // The bar is full only if everything is labeled, and has a block as soon as anything is.
    let blocks = (labeled * BAR_BLOCKS + total / 2) / total;
    let blocks = if labeled == total { BAR_BLOCKS } else { blocks.clamp(u64::from(labeled > 0), BAR_BLOCKS - 1) };
    let bar: String = (0..BAR_BLOCKS).map(|block| if block < blocks { '█' } else { '░' }).collect();
    format!("{bar} {} %  {} / {}", labeled * 100 / total, format_number(job.labeled), format_number(job.total))
}

fn describe_labeling_job(job: &LabelingJob, zone: &TimeZone, now: Timestamp) -> String {
    let pending = format!("{} left", format_count(job.pending, "object"));
    let workers =
        job.workers_per_object.map(|workers| format!("{} per object", format_count(workers.into(), "worker")));
    let created = format!("created {}", format_creation_time(job.created_at, zone, now));
    [Some(pending), workers, Some(created)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Such as `2026-11-20 08:00 UTC (2 days ago)`.
fn format_creation_time(at: Timestamp, zone: &TimeZone, now: Timestamp) -> String {
    let minutes = now.duration_since(at).as_mins().max(0).unsigned_abs();
    let age = match minutes {
        0..60 => format_count(minutes, "minute"),
        60..2_880 => format_count(minutes / 60, "hour"),
        _ => format_count(minutes / 1_440, "day"),
    };
    format!("{} ({age} ago)", at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z"))
}

/// Shows each different message once.
fn append_messages(text: &mut String, messages: &[TeamMessage]) {
    let mut different: Vec<(&TeamMessage, usize)> = Vec::new();
    for message in messages {
        match different.iter_mut().find(|(known, _)| known.message == message.message) {
            Some((_, count)) => *count += 1,
            None => different.push((message, 1)),
        }
    }
    let heading = match messages.len() {
        0 | 1 => "Message from SageMaker:".to_owned(),
        count => format!("Messages from SageMaker ({count}):"),
    };
    let _ = writeln!(text, "{heading}");
    for (message, count) in different.iter().take(SHOWN_MESSAGES) {
        if *count > 1 {
            let _ = write!(text, "{count} × ");
        }
        if let Some(subject) = &message.subject {
            let _ = writeln!(text, "{}", escape_line(subject));
        }
        let _ = writeln!(text, "{}", format_message(&message.message));
    }
    if different.len() > SHOWN_MESSAGES {
        let _ = writeln!(text, "and {} more", different.len() - SHOWN_MESSAGES);
    }
}

/// Puts a message on one line and truncates a long one. JSON is data: it stays in the document.
fn format_message(message: &str) -> Cow<'_, str> {
    let json = serde_json::from_str::<serde_json::Value>(message).ok();
    if json.is_some_and(|value| value.is_object() || value.is_array()) {
        return Cow::Borrowed("(JSON, in the document of this notification)");
    }
    let whole = escape_line(message);
    let shown: String = whole.chars().take(SHOWN_CHARS).collect();
    if shown.len() == whole.len() {
        return whole;
    }
    let more = format_number((whole.chars().count() - SHOWN_CHARS) as u64);
    Cow::Owned(format!("{shown}…\n({more} more characters in the document of this notification)"))
}

/// The status as a verb.
pub(super) fn describe_labeling_status(status: &LabelingJobStatus) -> String {
    match status {
        LabelingJobStatus::Initializing => "is initializing".to_owned(),
        LabelingJobStatus::InProgress => "is in progress".to_owned(),
        LabelingJobStatus::Completed => "completed".to_owned(),
        LabelingJobStatus::Failed => "failed".to_owned(),
        LabelingJobStatus::Stopping => "is stopping".to_owned(),
        LabelingJobStatus::Stopped => "was stopped".to_owned(),
        LabelingJobStatus::Unknown(status) => format!("is {}", escape_line(status)),
    }
}

/// The name and the status, with the totals of a job that has ended.
pub(super) fn format_labeling_job_subject(name: &str, report: &LabelingJobReport) -> String {
    let status = &report.labeling_job.status;
    let subject = format!("Labeling job {name} {}", describe_labeling_status(status));
    match &report.labeling_job.job {
        Some(job) if status.is_terminal() => format!("{subject}: {}", describe_labeled_objects(job)),
        _ => subject,
    }
}

pub(super) fn format_labeling_job_text(name: &str, report: &LabelingJobReport, now: Timestamp) -> String {
    let labeling_job = &report.labeling_job;
    let zone = report.workteams.first().map_or(TimeZone::UTC, |team| team.time_zone.clone());
    let mut text = String::new();
    let has_pending = labeling_job.open_job().is_some_and(|job| job.pending > 0);
    for portal in report.workteams.iter().filter(|_| has_pending).filter_map(|team| team.portal.as_ref()) {
        let _ = writeln!(text, "Start labeling: {portal}\n");
    }
    let _ = writeln!(text, "The labeling job {name} {}.\n", describe_labeling_status(&labeling_job.status));
    match &labeling_job.job {
        Some(job) if labeling_job.status.is_terminal() => append_totals(&mut text, job, &zone, now),
        Some(job) => {
            let _ = writeln!(text, "{}\n{}\n", format_progress(job), describe_labeling_job(job, &zone, now));
        }
        None => {}
    }
    if let Some(reason) = &labeling_job.failure_reason {
        let _ = writeln!(text, "Reason: {}\n", escape_line(reason));
    }
    for note in &report.notes {
        let _ = writeln!(text, "Note: {}\n", escape_line(note));
    }
    for team in &report.workteams {
        append_team(&mut text, team);
    }
    append_line(&mut text, "Job", &labeling_job.arn);
    text
}

/// Such as `1,998 of 2,000 objects labeled`.
fn describe_labeled_objects(job: &LabelingJob) -> String {
    format!("{} of {} labeled", format_number(job.labeled), format_count(job.total, "object"))
}

/// The objects of a job that has ended, by outcome.
fn append_totals(text: &mut String, job: &LabelingJob, zone: &TimeZone, now: Timestamp) {
    let _ = writeln!(text, "{}", describe_labeled_objects(job));
    let failed = job.total.saturating_sub(job.labeled + job.pending);
    for (count, what) in [(job.pending, "not labeled"), (failed, "could not be labeled")] {
        if count > 0 {
            let _ = writeln!(text, "{} {what}", format_count(count, "object"));
        }
    }
    if let Some(workers) = job.workers_per_object {
        let _ = writeln!(text, "{} per object", format_count(workers.into(), "worker"));
    }
    let _ = writeln!(text, "created {}\n", format_creation_time(job.created_at, zone, now));
}

/// The result for a team as a verb.
pub(super) fn describe_reconciliation(kind: NotificationType, reconciled: &Reconciled<WorkteamAction>) -> &'static str {
    match (kind, reconciled.item.actions.first()) {
        (NotificationType::WorkteamCreated, _) => "was created",
        (NotificationType::WorkteamUpdated, _) => "was updated to match the configuration",
        (NotificationType::WorkteamDrift, _) => "does not match the configuration",
        (_, Some(WorkteamAction::Create(_))) => "could not be created",
        _ => "could not be updated",
    }
}

pub(super) fn format_reconciliation_text(kind: NotificationType, reconciled: &Reconciled<WorkteamAction>) -> String {
    let item = &reconciled.item;
    let mut text = format!("The work team {} {}.\n", item.name, describe_reconciliation(kind, reconciled));
    if let Some(problem) = &item.problem {
        append_problems(&mut text, std::slice::from_ref(problem));
    } else if let Some(reason) = reconciled.outcome.reason() {
        let _ = writeln!(text, "\nProblem: {}", escape_line(reason));
    }
    match kind {
        NotificationType::WorkteamCreated | NotificationType::WorkteamUpdated => {
            append_changes(&mut text, "Changes", &item.changes);
        }
        _ => append_unapplied_changes(&mut text, &item.changes),
    }
    for note in &item.notes {
        let _ = writeln!(text, "\nNote: {}", escape_line(note));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_full_only_if_everything_is_labeled() {
        let job = |labeled, total| LabelingJob {
            name: "job".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            labeled,
            pending: total - labeled,
            total,
            workers_per_object: None,
        };
        for (labeled, total, expected) in [
            (1_260, 2_000, "████░░ 63 %  1,260 / 2,000"),
            (0, 7, "░░░░░░ 0 %  0 / 7"),
            (1, 2_000, "█░░░░░ 0 %  1 / 2,000"),
            (1_999, 2_000, "█████░ 99 %  1,999 / 2,000"),
            (2_000_000, 2_000_000, "██████ 100 %  2,000,000 / 2,000,000"),
            (0, 0, "░░░░░░ 0 %  0 / 0"),
        ] {
            assert_eq!(format_progress(&job(labeled, total)), expected);
        }
    }
}
