//! The status of uploads and jobs, as text and as JSON.

use document::escape_line;
use jiff::{SignedDuration, Timestamp};
use ledger::{JobRow, MAX_COUNTED, ModelRow, ModelState, ParkedSummary};
use maintenance::time_format::format_age;
use neo::{JobName, JobStatus, suggest_failure_fix};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    error::CliError,
    output::{CliOutput, ERROR, FAINT, GOOD, WARNING},
    table::{TableCell, TextTable},
};

/// How long a failed job with an attempt left counts as unfinished while that attempt is not in the
/// ledger: longer than it takes to record it.
const MAX_RETRY_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// The newest version of an upload, which the ledger does not have yet.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct UnplannedVersion {
    pub uri: String,
    pub version: String,
}

#[derive(Debug, Default)]
pub(super) struct StatusView {
    /// Model versions with their jobs.
    pub models: Vec<(ModelRow, Vec<JobRow>)>,
    /// Jobs without their model versions.
    pub jobs: Vec<JobRow>,
    /// Finished jobs not started by this stack.
    pub foreign_jobs: Vec<JobRow>,
    pub unplanned: Option<UnplannedVersion>,
    /// The requests that wait for SageMaker's quota; `None` if this was not read.
    pub parked: Option<ParkedSummary>,
    /// The attempts that follow failed jobs and are not among the jobs above.
    pub next_attempts: Vec<JobRow>,
}

impl StatusView {
    fn all_jobs(&self) -> impl Iterator<Item = &JobRow> {
        let of_models = self.models.iter().flat_map(|(_, jobs)| jobs);
        of_models.chain(&self.jobs).chain(&self.foreign_jobs).chain(&self.next_attempts)
    }

    fn has_job(&self, name: &JobName) -> bool {
        self.all_jobs().any(|job| job.name == *name)
    }

    /// The names of the attempts that follow failed jobs and are not in the view.
    pub fn missing_attempts(&self) -> Vec<JobName> {
        let next = self.all_jobs().filter_map(|job| Some(job.next_attempt()?.job_name));
        next.filter(|name| !self.has_job(name)).collect()
    }

    /// Whether a job is running or will run again, or requests are still being sent.
    pub fn has_unfinished(&self, now: Timestamp) -> bool {
        self.unplanned.is_some()
            || self.all_jobs().any(|job| self.is_unfinished(job, now))
            || self.models.iter().any(|(model, _)| model.state == ModelState::Planned)
    }

    /// A failed job with an attempt left has not finished until that attempt is in the view: it
    /// then counts instead.
    fn is_unfinished(&self, job: &JobRow, now: Timestamp) -> bool {
        let is_retried_soon = || now.duration_since(job.updated_at) < MAX_RETRY_DELAY;
        !job.status.is_terminal()
            || job.next_attempt().is_some_and(|next| !self.has_job(&next.job_name)) && is_retried_soon()
    }

    /// Whether a job failed and was not retried, or an upload has problems.
    pub fn has_failed(&self) -> bool {
        let is_retried = |job: &JobRow| job.next_attempt().is_some_and(|next| self.has_job(&next.job_name));
        self.all_jobs().any(|job| matches!(job.status, JobStatus::Failed | JobStatus::Rejected) && !is_retried(job))
            || self.models.iter().any(|(model, _)| !model.problems.is_empty())
    }

    pub fn to_json(&self) -> Value {
        let models = self.models.iter().map(|(model, jobs)| json!({ "model": model, "jobs": jobs }));
        let mut view = json!({ "models": models.collect::<Vec<_>>(), "jobs": self.jobs, "others": self.foreign_jobs });
        if let Some(unplanned) = &self.unplanned {
            view["unplanned"] = json!(unplanned);
        }
        if let Some(parked) = &self.parked {
            view["parked"] = json!(parked);
        }
        if !self.next_attempts.is_empty() {
            view["next_attempts"] = json!(self.next_attempts);
        }
        view
    }

    pub fn print_to(&self, now: Timestamp, out: &mut CliOutput) -> Result<(), CliError> {
        if let Some(UnplannedVersion { uri, version }) = &self.unplanned {
            let uri = escape_line(uri);
            out.print_line(format_args!("{uri} {FAINT}version {version}{FAINT:#}: not planned yet\n"))?;
        }
        for (model, jobs) in &self.models {
            print_model(model, jobs, now, out)?;
        }
        if !self.foreign_jobs.is_empty() {
            out.print_line("Jobs not started by this stack")?;
            build_job_table(&self.foreign_jobs, now).with_indent(2).print_to(out)?;
        }
        match &self.jobs[..] {
            [] if self.models.is_empty() && self.foreign_jobs.is_empty() => out.print_line("No uploads or jobs found."),
            [] => Ok(()),
            [job] => print_job(job, now, out),
            jobs => build_job_table(jobs, now).print_to(out),
        }?;
        if !self.next_attempts.is_empty() {
            out.print_line("\nRetries of failed jobs")?;
            build_job_table(&self.next_attempts, now).with_indent(2).print_to(out)?;
        }
        if let Some(text) = self.parked.as_ref().and_then(|parked| describe_parked(parked, now)) {
            out.print_line(format_args!("\n{WARNING}waiting{WARNING:#}: {text}"))?;
        }
        Ok(())
    }
}

/// `None` if nothing is parked.
fn describe_parked(parked: &ParkedSummary, now: Timestamp) -> Option<String> {
    let requests = match parked.count {
        0 => return None,
        1 => "1 request waits".to_owned(),
        MAX_COUNTED => format!("{MAX_COUNTED} or more requests wait"),
        count => format!("{count} requests wait"),
    };
    let since = parked.oldest.map(|oldest| format!(", the first one for {}", format_age(oldest, now)));
    Some(format!("{requests} for SageMaker's quota{}", since.unwrap_or_default()))
}

fn print_model(model: &ModelRow, jobs: &[JobRow], now: Timestamp, out: &mut CliOutput) -> Result<(), CliError> {
    let (uri, version) = (model.source.to_uri(), model.source.version());
    let uri = escape_line(&uri);
    let rule = model.rule.as_deref().map(|rule| format!(", rule {rule}")).unwrap_or_default();
    let is_replay = model.source.as_upload().is_some_and(|upload| upload.replayed_at.is_some());
    let planned = format!("{} {}", if is_replay { "replayed" } else { "planned" }, format_age(model.planned_at, now));
    out.print_line(format_args!("{uri} {FAINT}version {version}{rule}, {planned} ago{FAINT:#}"))?;
    for problem in &model.problems {
        let (what, fix) = (escape_line(&problem.problem), escape_line(&problem.remedy));
        out.print_line(format_args!("  {ERROR}rejected{ERROR:#}: {what} [{}]", problem.code))?;
        out.print_line(format_args!("    Fix: {fix}"))?;
    }
    if !jobs.is_empty() {
        build_job_table(jobs, now).with_indent(2).print_to(out)?;
    }
    out.print_line("")
}

fn build_job_table(jobs: &[JobRow], now: Timestamp) -> TextTable {
    let mut table =
        TextTable::new(["target", "options", "status", "attempt", "duration", "job", "result"]).with_details(2);
    for job in jobs {
        let attempt = job.request.as_ref().filter(|request| request.attempt > 1);
        table.add_row([
            job.target.as_str().into(),
            job.options().to_string().into(),
            status_cell(job.status),
            attempt.map(|request| request.attempt.to_string()).unwrap_or_default().into(),
            format_duration(job, now).into(),
            job.name.as_str().into(),
            job.artifact.as_deref().or(job.failure_reason.as_deref()).unwrap_or_default().into(),
        ]);
    }
    table
}

/// Prints one job with all statuses it has had.
fn print_job(job: &JobRow, now: Timestamp, out: &mut CliOutput) -> Result<(), CliError> {
    build_job_table(std::slice::from_ref(job), now).print_to(out)?;
    out.print_line("")?;
    let mut statuses = TextTable::new(["observed", "status"]);
    for observed in &job.statuses {
        statuses.add_row([observed.at.strftime("%F %T UTC").to_string().into(), status_cell(observed.status)]);
    }
    statuses.print_to(out)?;
    if let Some(seconds) = job.billed_seconds() {
        out.print_line(format_args!("\n{seconds} s billed"))?;
    }
    if job.status == JobStatus::Failed {
        let request = job.request.as_ref();
        let source = request.map(|request| &request.source);
        let reason = job.failure_reason.as_deref().unwrap_or_default();
        let fix = suggest_failure_fix(reason, request.map(|request| request.rule.as_str()), source);
        out.print_line(format_args!("\nFix: {}", escape_line(&fix)))?;
    }
    Ok(())
}

fn status_cell(status: JobStatus) -> TableCell {
    let style = match status {
        JobStatus::Completed => GOOD,
        JobStatus::Failed | JobStatus::Rejected => ERROR,
        JobStatus::Stopped | JobStatus::Stopping => WARNING,
        _ => anstyle::Style::new(),
    };
    TableCell::with_style(status.to_string(), style)
}

/// Time from the creation of a job to its end, or to now.
fn format_duration(job: &JobRow, now: Timestamp) -> String {
    let since = job.created_at.or_else(|| job.statuses.first().map(|observed| observed.at));
    since.map(|since| format_age(since, job.ended_at.unwrap_or(now))).unwrap_or_default()
}
