//! `automation status`

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use automation::{
    call::{CallError, Kind},
    job::JobStatus,
    ledger::{DynamoTable, JobRow, Ledger, ModelRow, ModelState, Table as LedgerTable},
};
use aws_sdk_s3::{Client as S3, types::ObjectVersion};
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

/// How long `--watch` waits for what is not there yet, or not answered: longer than an upload is usually planned.
const PATIENCE: Duration = Duration::from_mins(15);

/// Versions of one key that are shown.
const VERSIONS: usize = 10;

/// Models among which a package is looked for: the ledger has no list of packages.
const MODELS: usize = 500;

/// Running jobs that are shown.
const RUNNING: usize = 200;

/// Ended jobs among which those that something else started are looked for.
const ENDED: usize = 200;

/// Clears a terminal and goes to its upper left corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// What is shown.
#[derive(Debug, Default)]
struct View {
    /// Model versions with their jobs.
    models: Vec<(ModelRow, Vec<JobRow>)>,
    /// Jobs by themselves.
    jobs: Vec<JobRow>,
    /// Jobs that something else started, and that have ended.
    others: Vec<JobRow>,
}

pub(crate) fn run(args: &StatusArgs, out: &mut Output) -> Result<Verdict, CliError> {
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(status(args, out))
}

async fn status(args: &StatusArgs, out: &mut Output) -> Result<Verdict, CliError> {
    let aws = automation::aws::config().await;
    let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), args.table.clone());
    let ledger = Ledger::new(table, Timestamp::now);
    let s3 = S3::new(&aws);
    let mut wanted = Wanted::of(args);
    let (mut answered, mut last_good) = (false, Instant::now());
    loop {
        match look(&wanted, &ledger, &s3).await {
            Ok(view) => {
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
                // A job that ends is no longer among those that run.
                if let Wanted::Running = wanted {
                    wanted = Wanted::Jobs(view.jobs.into_iter().map(|job| job.name).collect());
                }
                (answered, last_good) = (true, Instant::now());
            }
            Err(error) if args.watch && may_pass(&error, answered) && last_good.elapsed() < PATIENCE => {
                Output::stderr().line(format_args!("{WARNING}looking again{WARNING:#}: {error}"))?;
            }
            Err(error) => return Err(no_table(args, error)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether it is worth looking again. What was never answered is more likely a lack of permission than a moment's.
fn may_pass(error: &CliError, answered: bool) -> bool {
    match error {
        CliError::NoModel(_) => true,
        CliError::Call(call) => match call.kind {
            Kind::Throttled | Kind::Contended => true,
            Kind::Unanswered => answered,
            Kind::Quota | Kind::Invalid | Kind::NotFound | Kind::Conflict => false,
        },
        _ => false,
    }
}

fn no_table(args: &StatusArgs, error: CliError) -> CliError {
    match error {
        CliError::Call(call) if call.kind == Kind::NotFound => CliError::NoTable(args.table.clone()),
        other => other,
    }
}

/// What is asked for.
#[derive(Debug)]
enum Wanted {
    Upload(String),
    Package(String),
    Job(String),
    Running,
    /// The jobs that ran when they were first looked at.
    Jobs(Vec<JobName>),
    Recent(usize),
}

impl Wanted {
    fn of(args: &StatusArgs) -> Self {
        match args.what.as_deref() {
            Some(uri) if uri.starts_with("s3://") => Self::Upload(uri.to_owned()),
            Some(arn) if arn.starts_with("arn:") => Self::Package(arn.to_owned()),
            Some(name) => Self::Job(name.to_owned()),
            None if args.running => Self::Running,
            None => Self::Recent(args.recent.unwrap_or(VERSIONS)),
        }
    }
}

async fn look<T: LedgerTable>(wanted: &Wanted, ledger: &Ledger<T>, s3: &S3) -> Result<View, CliError> {
    match wanted {
        Wanted::Upload(uri) => by_upload(uri, ledger, s3).await,
        Wanted::Package(arn) => by_package(arn, ledger).await,
        Wanted::Job(name) => match ledger.job(&JobName::from(name.clone())).await? {
            Some(job) => Ok(View { jobs: vec![job], ..View::default() }),
            None => Err(CliError::NoJob(name.clone())),
        },
        Wanted::Running => Ok(View { jobs: ledger.running_jobs(None, RUNNING).await?, ..View::default() }),
        Wanted::Jobs(names) => Ok(View { jobs: ledger.jobs(names).await?, ..View::default() }),
        Wanted::Recent(count) => {
            let models = ledger.recent_models(*count).await?;
            let ended = ledger.ended_jobs(ENDED).await?.into_iter();
            let others = ended.filter(|job| job.models.is_empty()).take(*count).collect();
            Ok(View { models: with_jobs(models, ledger).await?, others, ..View::default() })
        }
    }
}

/// The versions of an upload, newest first.
async fn by_upload<T: LedgerTable>(uri: &str, ledger: &Ledger<T>, s3: &S3) -> Result<View, CliError> {
    let place = uri.strip_prefix("s3://").and_then(|place| place.split_once('/'));
    let Some((bucket, key)) = place.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()) else {
        return Err(CliError::NoObject(uri.to_owned()));
    };
    let mut models = Vec::new();
    let listed = s3.list_object_versions().bucket(bucket).prefix(key).send().await;
    let listed = listed.map_err(|error| CallError::new("ListObjectVersions", error))?;
    let versions = listed.versions().iter().filter(|version| version.key() == Some(key));
    for version in versions.filter_map(version_of).take(VERSIONS) {
        models.extend(ledger.model(&ModelId::new(bucket, key, version)).await?);
    }
    if models.is_empty() {
        return Err(CliError::NoModel(uri.to_owned()));
    }
    Ok(View { models: with_jobs(models, ledger).await?, ..View::default() })
}

/// What the ledger knows an upload by: its version, or its entity tag in a bucket without versions, where S3 lists it as `null`.
fn version_of(listed: &ObjectVersion) -> Option<&str> {
    let etag = listed.e_tag().map(|etag| etag.trim_matches('"'));
    listed.version_id().filter(|version| *version != "null").or(etag)
}

/// What was asked of a version of a model package, newest first.
async fn by_package<T: LedgerTable>(arn: &str, ledger: &Ledger<T>) -> Result<View, CliError> {
    let mut models = ledger.recent_models(MODELS).await?;
    models.retain(|model| model.source.uri() == arn);
    if models.is_empty() {
        return Err(CliError::NoModel(arn.to_owned()));
    }
    Ok(View { models: with_jobs(models, ledger).await?, ..View::default() })
}

async fn with_jobs<T: LedgerTable>(
    models: Vec<ModelRow>,
    ledger: &Ledger<T>,
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
        self.models.iter().flat_map(|(_, jobs)| jobs).chain(&self.jobs).chain(&self.others)
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
        json!({ "models": models.collect::<Vec<_>>(), "jobs": self.jobs, "others": self.others })
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
        if !self.others.is_empty() {
            out.line("started by something else")?;
            table(&self.others, now).indented(2).write(out)?;
        }
        match &self.jobs[..] {
            [] if self.models.is_empty() && self.others.is_empty() => out.line("nothing to show"),
            [] => Ok(()),
            [job] => one(job, now, out),
            jobs => table(jobs, now).write(out),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_without_a_version_is_known_by_its_entity_tag() {
        let listed = |version| ObjectVersion::builder().version_id(version).e_tag("\"c1\"").build();
        assert_eq!(version_of(&listed("null")), Some("c1"));
        assert_eq!(version_of(&listed("3HL4")), Some("3HL4"));
    }

    #[test]
    fn what_passes_is_looked_at_again() {
        for (kind, at_first, later) in [
            (Kind::Throttled, true, true),
            (Kind::Contended, true, true),
            (Kind::Unanswered, false, true),
            (Kind::NotFound, false, false),
            (Kind::Invalid, false, false),
        ] {
            let error = CliError::Call(CallError::other("Query", kind, "no"));
            assert_eq!((may_pass(&error, false), may_pass(&error, true)), (at_first, later), "{kind:?}");
        }
        assert!(may_pass(&CliError::NoModel(String::new()), false));
        assert!(!may_pass(&CliError::NoJob(String::new()), true));
    }
}
