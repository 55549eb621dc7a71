//! The status of uploads and jobs, as text and as JSON.

use jiff::Timestamp;
use ledger::{JobRow, ModelRow, ModelState};
use maintenance::time_format::format_age;
use neo::{JobStatus, suggest_failure_fix};
use serde_json::{Value, json};

use crate::{
    error::CliError,
    output::{CliOutput, ERROR, FAINT, GOOD, WARNING},
    table::{TableCell, TextTable},
};

#[derive(Debug, Default)]
pub(super) struct StatusView {
    /// Model versions with their jobs.
    pub models: Vec<(ModelRow, Vec<JobRow>)>,
    /// Jobs without their model versions.
    pub jobs: Vec<JobRow>,
    /// Finished jobs not started by this stack.
    pub foreign_jobs: Vec<JobRow>,
}

impl StatusView {
    fn all_jobs(&self) -> impl Iterator<Item = &JobRow> {
        self.models.iter().flat_map(|(_, jobs)| jobs).chain(&self.jobs).chain(&self.foreign_jobs)
    }

    /// Whether a job is running, or requests are still being sent.
    pub fn has_unfinished(&self) -> bool {
        self.all_jobs().any(|job| !job.status.is_terminal())
            || self.models.iter().any(|(model, _)| model.state == ModelState::Planned)
    }

    /// Whether a job failed, or an upload has problems.
    pub fn has_failed(&self) -> bool {
        self.all_jobs().any(|job| matches!(job.status, JobStatus::Failed | JobStatus::Rejected))
            || self.models.iter().any(|(model, _)| !model.problems.is_empty())
    }

    pub fn to_json(&self) -> Value {
        let models = self.models.iter().map(|(model, jobs)| json!({ "model": model, "jobs": jobs }));
        json!({ "models": models.collect::<Vec<_>>(), "jobs": self.jobs, "others": self.foreign_jobs })
    }

    pub fn print_to(&self, now: Timestamp, out: &mut CliOutput) -> Result<(), CliError> {
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
        }
    }
}

fn print_model(model: &ModelRow, jobs: &[JobRow], now: Timestamp, out: &mut CliOutput) -> Result<(), CliError> {
    let (uri, version) = (model.source.to_uri(), model.source.version());
    let rule = model.rule.as_deref().map(|rule| format!(", rule {rule}")).unwrap_or_default();
    let planned = format_age(model.planned_at, now);
    out.print_line(format_args!("{uri} {FAINT}version {version}{rule}, planned {planned} ago{FAINT:#}"))?;
    for problem in &model.problems {
        out.print_line(format_args!("  {ERROR}rejected{ERROR:#}: {} [{}]", problem.problem, problem.code))?;
        out.print_line(format_args!("    Fix: {}", problem.remedy))?;
    }
    if !jobs.is_empty() {
        build_job_table(jobs, now).with_indent(2).print_to(out)?;
    }
    out.print_line("")
}

fn build_job_table(jobs: &[JobRow], now: Timestamp) -> TextTable {
    let mut table = TextTable::new(["target", "status", "attempt", "duration", "job", "artifact or failure reason"]);
    for job in jobs {
        let attempt = job.request.as_ref().filter(|request| request.attempt > 1);
        table.add_row([
            job.target.as_str().into(),
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
        out.print_line(format_args!("\nFix: {fix}"))?;
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
