//! `automation status`

mod query;
mod view;

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use query::{StatusQuery, read_status};
use worker::CallErrorKind;

use crate::{
    args::StatusArgs,
    aws::session::AwsSession,
    error::CliError,
    output::{CliOutput, WARNING},
    verdict::Verdict,
};

/// Pause between two refreshes of `--watch`.
const REFRESH_INTERVAL: Duration = Duration::from_secs(2);

/// How long `--watch` waits for an upload to be picked up, or for AWS to respond: longer than it
/// usually takes to plan an upload.
const MAX_WAIT: Duration = Duration::from_mins(15);

/// Clears the terminal and moves the cursor to the top left.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(crate) fn show_status(args: &StatusArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(watch_status(args, out))
}

/// Shows the status once; with `--watch`, until all jobs have finished.
async fn watch_status(args: &StatusArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let session = AwsSession::open_stack(&args.stack).await?;
    let table = session.find_ledger_table(args.table.as_deref())?;
    let ledger = session.aws().ledger(&table);
    let s3 = aws_sdk_s3::Client::new(session.config());
    let mut query = StatusQuery::from_args(args);
    let (mut has_succeeded, mut last_success) = (false, Instant::now());
    let mut last_planned = Instant::now();
    let mut last_cause = String::new();
    loop {
        match read_status(&query, &ledger, &s3).await {
            Ok(view) => {
                if args.output.json {
                    out.print_json(&view.to_json())?;
                } else {
                    if args.watch && io::stdout().is_terminal() {
                        out.print_line(CLEAR)?;
                    }
                    view.print_to(Timestamp::now(), out)?;
                }
                if !args.watch || !view.has_unfinished(Timestamp::now()) {
                    return Ok(if args.exit_status && view.has_failed() { Verdict::Bad } else { Verdict::Good });
                }
                match view.unplanned {
                    None => last_planned = Instant::now(),
                    Some(unplanned) if last_planned.elapsed() >= MAX_WAIT => {
                        return Err(CliError::UnplannedVersion { uri: unplanned.uri, version: unplanned.version });
                    }
                    Some(_) => {}
                }
                // A job that finishes is no longer among the running ones.
                if let StatusQuery::Running = query {
                    query = StatusQuery::Jobs(view.jobs.into_iter().map(|job| job.name).collect());
                }
                (has_succeeded, last_success) = (true, Instant::now());
                last_cause.clear();
            }
            Err(error) if args.watch && is_temporary(&error, has_succeeded) && last_success.elapsed() < MAX_WAIT => {
                let cause = match &error {
                    CliError::UnknownModel(uri) => format!("Waiting until {uri} is planned."),
                    error => format!("{WARNING}retrying{WARNING:#}: {}", error.to_report().message),
                };
                if cause != last_cause {
                    CliOutput::stderr().print_line(&cause)?;
                    last_cause = cause;
                }
            }
            Err(error) => return Err(explain_error(table, error)),
        }
        tokio::time::sleep(REFRESH_INTERVAL).await;
    }
}

/// Whether `--watch` retries. If no call has succeeded so far, an error without a response is more
/// likely a missing permission than a temporary one.
fn is_temporary(error: &CliError, has_succeeded: bool) -> bool {
    match error {
        CliError::UnknownModel(_) => true,
        CliError::Call(call) => match call.kind {
            CallErrorKind::Throttled | CallErrorKind::Contended => true,
            CallErrorKind::Unanswered => has_succeeded,
            CallErrorKind::Quota
            | CallErrorKind::Invalid
            | CallErrorKind::Denied
            | CallErrorKind::NotFound
            | CallErrorKind::Conflict => false,
        },
        _ => false,
    }
}

fn explain_error(table: String, error: CliError) -> CliError {
    match error {
        CliError::Call(call) if call.kind == CallErrorKind::NotFound => CliError::UnknownTable(table),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use worker::CallError;

    use super::*;

    #[test]
    fn temporary_errors_are_retried() {
        for (kind, at_first, later) in [
            (CallErrorKind::Throttled, true, true),
            (CallErrorKind::Contended, true, true),
            (CallErrorKind::Unanswered, false, true),
            (CallErrorKind::NotFound, false, false),
            (CallErrorKind::Invalid, false, false),
        ] {
            let error = CliError::Call(CallError::new("Query", kind, "no"));
            assert_eq!((is_temporary(&error, false), is_temporary(&error, true)), (at_first, later), "{kind:?}");
        }
        assert!(is_temporary(&CliError::UnknownModel(String::new()), false));
        assert!(!is_temporary(&CliError::UnknownJob(String::new()), true));
    }
}
