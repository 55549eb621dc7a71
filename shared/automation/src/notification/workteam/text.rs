//! The texts people read of work teams, laid out for a phone: what waits and where to begin come first.

use std::fmt::Write;

use jiff::Timestamp;
use maintenance::{Change, workteam::WorkteamAction};

use super::{JobNews, TeamNews, TeamReport};
use crate::{
    labeling::{LabelingJob, LabelingJobStatus, TeamMessage},
    notification::{NotificationType, text::line},
    reconcile::Reconciled,
};

/// Blocks of a progress bar.
const BAR: u64 = 6;

/// Characters of what SageMaker said that are shown; the whole is in the document.
const SHOWN: usize = 2_000;

/// Labeling jobs of a team that are shown; the document has more.
const SHOWN_JOBS: usize = 10;

/// What is said where nobody knows what waits.
const NOTHING_KNOWN: &str = "SageMaker tells of work";

/// Different messages of a burst that are shown.
const SHOWN_MESSAGES: usize = 5;

/// The subject and the text.
pub(super) fn team_news(news: &TeamNews, now: Timestamp) -> (String, String) {
    let topic = news.topic_arn.rsplit(':').next().unwrap_or_default();
    let subject = match news.workteams.as_slice() {
        [] => format!("Work team notification on the topic {topic}"),
        [team] => format!("{}: {}", team.name, waiting(team)),
        [first, rest @ ..] => {
            format!("{} and {}: {}", first.name, counted(rest.len() as u64, "other team"), all_waiting(news))
        }
    };
    let mut text = String::new();
    for team in &news.workteams {
        let _ = writeln!(text, "{}: {}", team.name, waiting(team));
        jobs(&mut text, team, now);
        if let Some(portal) = &team.portal {
            let _ = writeln!(text, "\nStart here: {portal}\n");
        }
    }
    for note in &news.notes {
        let _ = writeln!(text, "Note: {note}\n");
    }
    said(&mut text, &news.messages);
    text.push('\n');
    for team in &news.workteams {
        line(&mut text, "Team", &format!("{}, {}", team.name, team.description));
    }
    line(&mut text, "Topic", &news.topic_arn);
    (subject, text)
}

fn waiting(team: &TeamReport) -> String {
    match team.pending {
        None => NOTHING_KNOWN.to_owned(),
        Some(0) => "no objects wait".to_owned(),
        Some(pending) => {
            let verb = if pending == 1 { "waits" } else { "wait" };
            let jobs = counted(team.open_jobs.unwrap_or_default() as u64, "labeling job");
            format!("{} {verb} in {jobs}", counted(pending, "object"))
        }
    }
}

fn all_waiting(news: &TeamNews) -> String {
    let pending: Option<u64> = news.workteams.iter().map(|team| team.pending).sum();
    let Some(pending) = pending else { return NOTHING_KNOWN.to_owned() };
    let verb = if pending == 1 { "waits" } else { "wait" };
    format!("{} {verb}", counted(pending, "object"))
}

fn jobs(text: &mut String, team: &TeamReport, now: Timestamp) {
    for job in team.labeling_jobs.iter().take(SHOWN_JOBS) {
        let _ = writeln!(text, "\n{}\n{}\n{}", job.name, progress(job), about(job, now));
    }
    let more = team.open_jobs.unwrap_or_default().saturating_sub(SHOWN_JOBS);
    if more > 0 {
        let _ = writeln!(text, "\nand {} more", counted(more as u64, "older job"));
    }
}

/// Such as `████░░ 63 %  1,260 / 2,000`.
fn progress(job: &LabelingJob) -> String {
    let total = job.total.max(1);
    let labeled = job.labeled.min(total);
    // Full only when everything is done, and a block as soon as something is.
    let blocks = (labeled * BAR + total / 2) / total;
    let blocks = if labeled == total { BAR } else { blocks.clamp(u64::from(labeled > 0), BAR - 1) };
    let bar: String = (0..BAR).map(|block| if block < blocks { '█' } else { '░' }).collect();
    format!("{bar} {} %  {} / {}", labeled * 100 / total, grouped(job.labeled), grouped(job.total))
}

fn about(job: &LabelingJob, now: Timestamp) -> String {
    let waiting = format!("{} waiting", grouped(job.pending));
    let workers = job.workers_per_object.map(|workers| format!("{} per object", counted(workers.into(), "worker")));
    let age = format!("since {}", ago(job.created_at, now));
    [Some(waiting), workers, Some(age)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How long ago, and when.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(at).as_mins().max(0).unsigned_abs();
    let long = match minutes {
        0..60 => counted(minutes, "minute"),
        60..2_880 => counted(minutes / 60, "hour"),
        _ => counted(minutes / 1_440, "day"),
    };
    format!("{} UTC ({long})", at.strftime("%Y-%m-%d %H:%M"))
}

/// What SageMaker said: each different message once.
fn said(text: &mut String, messages: &[TeamMessage]) {
    let mut different: Vec<(&TeamMessage, usize)> = Vec::new();
    for message in messages {
        match different.iter_mut().find(|(known, _)| known.message == message.message) {
            Some((_, count)) => *count += 1,
            None => different.push((message, 1)),
        }
    }
    let count = if messages.len() > 1 { format!(" ({} notifications)", messages.len()) } else { String::new() };
    let _ = writeln!(text, "SageMaker said{count}:");
    for (message, count) in different.iter().take(SHOWN_MESSAGES) {
        if *count > 1 {
            let _ = write!(text, "{count} × ");
        }
        if let Some(subject) = &message.subject {
            let _ = writeln!(text, "{subject}");
        }
        let _ = writeln!(text, "{}", readable(&message.message));
    }
    if different.len() > SHOWN_MESSAGES {
        let _ = writeln!(text, "and {} more", different.len() - SHOWN_MESSAGES);
    }
}

/// JSON on several lines; anything else as it is. Its beginning, if it is long.
fn readable(message: &str) -> String {
    let json = serde_json::from_str::<serde_json::Value>(message).ok();
    let structured = json.filter(|value| value.is_object() || value.is_array());
    let whole = structured.map_or_else(|| message.to_owned(), |value| format!("{value:#}"));
    let shown: String = whole.chars().take(SHOWN).collect();
    if shown.len() == whole.len() {
        return shown;
    }
    let more = whole.chars().count() - SHOWN;
    format!("{shown}…\n({} more characters, in the document that systems get)", grouped(more as u64))
}

/// A state as a verb.
pub(super) fn state(status: &LabelingJobStatus) -> String {
    match status {
        LabelingJobStatus::Initializing => "is being prepared".to_owned(),
        LabelingJobStatus::InProgress => "is in progress".to_owned(),
        LabelingJobStatus::Completed => "is completed".to_owned(),
        LabelingJobStatus::Failed => "failed".to_owned(),
        LabelingJobStatus::Stopping => "is being stopped".to_owned(),
        LabelingJobStatus::Stopped => "was stopped".to_owned(),
        LabelingJobStatus::Unknown(other) => format!("is {other}"),
    }
}

pub(super) fn labeling_job(name: &str, news: &JobNews, now: Timestamp) -> String {
    let job = &news.labeling_job;
    let mut text = format!("The labeling job {name} {}.\n\n", state(&job.status));
    if let Some(known) = &job.known {
        let _ = writeln!(text, "{}\n{}\n", progress(known), about(known, now));
    }
    if let Some(reason) = &job.failure_reason {
        let _ = writeln!(text, "Reason: {reason}\n");
    }
    let waits = job.known.as_ref().is_some_and(|known| known.pending > 0);
    for portal in news.workteams.iter().filter(|_| waits).filter_map(|team| team.portal.as_ref()) {
        let _ = writeln!(text, "Start here: {portal}\n");
    }
    for note in &news.notes {
        let _ = writeln!(text, "Note: {note}\n");
    }
    for team in &news.workteams {
        line(&mut text, "Team", &format!("{}, {}", team.name, team.description));
    }
    line(&mut text, "Job", &job.arn);
    text
}

/// What became of a team, as a verb.
pub(super) fn kept(kind: NotificationType) -> &'static str {
    match kind {
        NotificationType::WorkteamCreated => "was created",
        NotificationType::WorkteamUpdated => "was brought to what is declared",
        NotificationType::WorkteamDrift => "differs from what is declared",
        _ => "could not be brought to what is declared",
    }
}

pub(super) fn workteam_kept(kind: NotificationType, done: &Reconciled<WorkteamAction>) -> String {
    let item = &done.item;
    let mut text = format!("The work team {} {}.\n", item.name, kept(kind));
    if let Some(problem) = &item.problem {
        let _ = writeln!(text, "\nProblem: {}\nRemedy:  {}", problem.problem, problem.remedy);
    } else if let Some(reason) = done.outcome.reason() {
        let _ = writeln!(text, "\nProblem: {reason}");
    }
    if !item.changes.is_empty() {
        let verb = match kind {
            NotificationType::WorkteamCreated | NotificationType::WorkteamUpdated => "What changed",
            _ => "What would change",
        };
        let _ = writeln!(text, "\n{verb}:");
        changes(&mut text, &item.changes);
    }
    for note in &item.notes {
        let _ = writeln!(text, "\nNote: {note}");
    }
    text
}

fn changes(text: &mut String, changes: &[Change]) {
    for Change { field, from, to } in changes {
        let _ = match (from, to) {
            (Some(from), Some(to)) => writeln!(text, "  {field}: {from} → {to}"),
            (Some(from), None) => writeln!(text, "  {field}: removed {from}"),
            (None, Some(to)) => writeln!(text, "  {field}: added {to}"),
            (None, None) => Ok(()),
        };
    }
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count))
}

/// A number with commas between thousands.
fn grouped(number: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_full_only_when_all_is_done() {
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
            assert_eq!(progress(&job(labeled, total)), expected);
        }
    }
}
