//! `automation status`

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use automation::{
    call::{CallError, Kind},
    job::JobStatus,
    ledger::{DynamoTable, JobRow, Ledger, ModelRow, ModelState},
    objects::{Objects, S3},
};
use jiff::Timestamp;
use neo::{JobName, ModelId};
use serde_json::{Value, json};

use crate::{
    Verdict,
    args::StatusArgs,
    error::CliError,
    output::{ERROR, FAINT, GOOD, Output, WARNING},
    table::{Cell, Table},
    time::age,
};

/// Pause between two looks of `--watch`.
const PAUSE: Duration = Duration::from_secs(2);

/// Versions of one key that are shown.
const VERSIONS: usize = 10;

/// Models among which a package is looked for: the ledger has no list of packages.
const MODELS: usize = 500;

/// Running jobs that are shown.
const RUNNING: usize = 200;

/// Clears a terminal and goes to its upper left corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// What is shown.
#[derive(Debug, Default)]
struct View {
    /// Model versions with their jobs.
    models: Vec<(ModelRow, Vec<JobRow>)>,
    /// Jobs by themselves.
    jobs: Vec<JobRow>,
}

pub(crate) fn run(args: &StatusArgs, out: &mut Output) -> Result<Verdict, CliError> {
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(status(args, out))
}

async fn status(args: &StatusArgs, out: &mut Output) -> Result<Verdict, CliError> {
    let aws = automation::aws::config().await;
    let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), args.table.clone());
    let ledger = Ledger::new(table, Timestamp::now);
    let objects = S3::new(aws_sdk_s3::Client::new(&aws));
    loop {
        let view = look(args, &ledger, &objects).await.map_err(|error| no_table(args, error))?;
        if args.json {
            out.json(&view.to_json())?;
        } else {
            if args.watch && io::stdout().is_terminal() {
                out.line(CLEAR)?;
            }
            view.write(Timestamp::now(), out)?;
        }
        if !args.watch || !view.is_moving() {
            return Ok(if view.has_failed() { Verdict::Bad } else { Verdict::Good });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn no_table(args: &StatusArgs, error: CliError) -> CliError {
    match error {
        CliError::Call(call) if call.kind == Kind::NotFound => CliError::NoTable(args.table.clone()),
        other => other,
    }
}

async fn look(args: &StatusArgs, ledger: &Ledger<DynamoTable>, objects: &S3) -> Result<View, CliError> {
    match args.what.as_deref() {
        Some(uri) if uri.starts_with("s3://") => by_upload(uri, ledger, objects).await,
        Some(arn) if arn.starts_with("arn:") => by_package(arn, ledger).await,
        Some(name) => match ledger.job(&JobName::from(name.to_owned())).await? {
            Some(job) => Ok(View { jobs: vec![job], ..View::default() }),
            None => Err(CliError::NoJob(name.to_owned())),
        },
        None if args.running => Ok(View { jobs: ledger.running_jobs(None, RUNNING).await?, ..View::default() }),
        None => {
            let models = ledger.recent_models(args.recent.unwrap_or(VERSIONS)).await?;
            Ok(View { models: with_jobs(models, ledger).await?, ..View::default() })
        }
    }
}

/// The versions of an upload, newest first.
async fn by_upload(uri: &str, ledger: &Ledger<DynamoTable>, objects: &S3) -> Result<View, CliError> {
    let place = uri.strip_prefix("s3://").and_then(|place| place.split_once('/'));
    let Some((bucket, key)) = place.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()) else {
        return Err(CliError::NoObject(uri.to_owned()));
    };
    let mut models = Vec::new();
    for version in objects.versions(bucket, key).await?.into_iter().take(VERSIONS) {
        models.extend(ledger.model(&ModelId::new(bucket, key, &version)).await?);
    }
    if models.is_empty() {
        return Err(CliError::NoModel(uri.to_owned()));
    }
    Ok(View { models: with_jobs(models, ledger).await?, ..View::default() })
}

/// What was asked of a version of a model package, newest first.
async fn by_package(arn: &str, ledger: &Ledger<DynamoTable>) -> Result<View, CliError> {
    let mut models = ledger.recent_models(MODELS).await?;
    models.retain(|model| model.source.uri() == arn);
    if models.is_empty() {
        return Err(CliError::NoModel(arn.to_owned()));
    }
    Ok(View { models: with_jobs(models, ledger).await?, ..View::default() })
}

async fn with_jobs(
    models: Vec<ModelRow>,
    ledger: &Ledger<DynamoTable>,
) -> Result<Vec<(ModelRow, Vec<JobRow>)>, CallError> {
    let mut shown = Vec::with_capacity(models.len());
    for model in models {
        let mut jobs = ledger.jobs(&model.jobs).await?;
        jobs.sort_by(|a, b| a.target.cmp(&b.target));
        shown.push((model, jobs));
    }
    Ok(shown)
}

impl View {
    fn all_jobs(&self) -> impl Iterator<Item = &JobRow> {
        self.models.iter().flat_map(|(_, jobs)| jobs).chain(&self.jobs)
    }

    fn is_moving(&self) -> bool {
        self.all_jobs().any(|job| !job.status.is_terminal())
            || self.models.iter().any(|(model, _)| model.state == ModelState::Planned)
    }

    /// Whether what is shown ended otherwise than it should.
    fn has_failed(&self) -> bool {
        self.all_jobs().any(|job| matches!(job.status, JobStatus::Failed | JobStatus::Rejected))
            || self.models.iter().any(|(model, _)| !model.problems.is_empty())
    }

    fn to_json(&self) -> Value {
        let models = self.models.iter().map(|(model, jobs)| json!({ "model": model, "jobs": jobs }));
        json!({ "models": models.collect::<Vec<_>>(), "jobs": self.jobs })
    }

    fn write(&self, now: Timestamp, out: &mut Output) -> Result<(), CliError> {
        for (model, jobs) in &self.models {
            let (uri, version) = (model.source.uri(), model.source.version());
            let rule = model.rule.as_deref().map(|rule| format!(", rule {rule}")).unwrap_or_default();
            let planned = age(model.planned_at, now);
            out.line(format_args!("{uri} {FAINT}version {version}{rule}, {planned} ago{FAINT:#}"))?;
            for problem in &model.problems {
                out.line(format_args!("  {ERROR}rejected{ERROR:#} {}", problem.problem))?;
                out.line(format_args!("           {}", problem.remedy))?;
            }
            if !jobs.is_empty() {
                table(jobs, now).indented(2).write(out)?;
            }
            out.line("")?;
        }
        match (&self.jobs[..], self.models.is_empty()) {
            ([], true) => out.line("nothing to show"),
            ([], false) => Ok(()),
            ([job], _) => one(job, now, out),
            (jobs, _) => table(jobs, now).write(out),
        }
    }
}

fn table(jobs: &[JobRow], now: Timestamp) -> Table {
    let mut table = Table::new(["target", "state", "attempt", "took", "job", "artifact or reason"]);
    for job in jobs {
        let attempt = job.request.as_ref().filter(|request| request.attempt > 1);
        table.row([
            job.target.as_str().into(),
            state(job.status),
            attempt.map(|request| request.attempt.to_string()).unwrap_or_default().into(),
            took(job, now).into(),
            job.name.as_str().into(),
            job.artifact.as_deref().or(job.failure_reason.as_deref()).unwrap_or_default().into(),
        ]);
    }
    table
}

/// One job, with the times of its states.
fn one(job: &JobRow, now: Timestamp, out: &mut Output) -> Result<(), CliError> {
    table(std::slice::from_ref(job), now).write(out)?;
    out.line("")?;
    let mut states = Table::new(["seen", "state"]);
    for seen in &job.states {
        states.row([seen.at.strftime("%F %T UTC").to_string().into(), state(seen.status)]);
    }
    states.write(out)?;
    if let Some(seconds) = job.billed_seconds() {
        out.line(format_args!("\n{seconds} s billed"))?;
    }
    if let Some(class) = job.failure_class() {
        let request = job.request.as_ref();
        let source = request.map(|request| &request.source);
        let remedy = class.remedy(request.map(|request| request.rule.as_str()), source);
        out.line(format_args!("\nremedy: {remedy}"))?;
    }
    Ok(())
}

fn state(status: JobStatus) -> Cell {
    let style = match status {
        JobStatus::Completed => GOOD,
        JobStatus::Failed | JobStatus::Rejected => ERROR,
        JobStatus::Stopped | JobStatus::Stopping => WARNING,
        _ => anstyle::Style::new(),
    };
    Cell::styled(status.to_string(), style)
}

fn took(job: &JobRow, now: Timestamp) -> String {
    let since = job.created_at.or_else(|| job.states.first().map(|seen| seen.at));
    since.map(|since| age(since, job.ended_at.unwrap_or(now))).unwrap_or_default()
}
