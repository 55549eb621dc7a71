//! `automation redrive`

mod run;

use aws_sdk_sqs::Client;
use jiff::Timestamp;
use maintenance::time_format::format_age;
use run::{RedriveAction, RedriveOutcome, RedriveRun, redrive_queue};
use serde_json::{Value, json};
use worker::{
    dead_letters::{DeadLetter, DeadLetterQueue},
    error::{CallError, CallErrorKind},
};

use crate::{
    args::RedriveArgs,
    aws::{call_report::explain_call, session::AwsSession},
    confirmation::{confirm_change, require_confirmation},
    dead_letter_queues::{output_name, resolve_queue},
    error::CliError,
    output::{CliOutput, ERROR, GOOD, WARNING, format_count},
    table::{TableCell, TextTable},
    verdict::Verdict,
};

/// Maximum number of characters of a cause in the table.
const MAX_CAUSE: usize = 60;

/// Maximum number of characters of a message body in the table.
const MAX_BODY: usize = 80;

pub(crate) fn redrive_messages(args: &RedriveArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(redrive_and_report(args, out))
}

async fn redrive_and_report(args: &RedriveArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let action = match args {
        RedriveArgs { dry_run: true, .. } => RedriveAction::List,
        RedriveArgs { delete: true, .. } => RedriveAction::Delete,
        _ => RedriveAction::Redrive,
    };
    let asks = action != RedriveAction::List && !args.yes;
    if asks {
        require_confirmation(false, "--dry-run")?;
    }
    let session = AwsSession::open_stack(&args.stack).await?;
    let client = Client::new(session.config());
    let name = resolve_queue(&args.queue, |output| session.find_output(output));
    let queue = DeadLetterQueue::open(client, &name).await.map_err(|error| explain_open_error(&args.queue, error))?;
    let started = Timestamp::now();
    if asks {
        // Messages that arrive while the user decides were not listed, and are left alone.
        let listed = redrive_queue(&queue, args, RedriveAction::List, started).await?;
        if listed.messages.is_empty() || !confirm_listed(&session, args, &listed, out).await? {
            let is_empty = listed.messages.is_empty();
            report_run(args, action, &queue, &listed, out)?;
            return Ok(if is_empty && listed.is_complete() { Verdict::Good } else { Verdict::Bad });
        }
    }
    let run = redrive_queue(&queue, args, action, started).await?;
    if !args.output.json && !asks {
        print_messages(&run, Timestamp::now(), out)?;
    }
    report_run(args, action, &queue, &run, out)?;
    Ok(if run.is_complete() { Verdict::Good } else { Verdict::Bad })
}

/// Lists the messages and asks whether to redrive or delete them.
async fn confirm_listed(
    session: &AwsSession,
    args: &RedriveArgs,
    listed: &RedriveRun,
    out: &mut CliOutput,
) -> Result<bool, CliError> {
    if !args.output.json {
        print_messages(listed, Timestamp::now(), out)?;
    }
    let place = session.describe_place(None).await?;
    let messages = format_count(listed.messages.len(), "message");
    let verb = if args.delete { "Delete" } else { "Redrive" };
    confirm_change(&place, &format!("{verb} {messages} of the dead-letter queue {}?", args.queue))
}

/// Prints what was done: as JSON, or the errors and the counts.
fn report_run(
    args: &RedriveArgs,
    action: RedriveAction,
    queue: &DeadLetterQueue,
    run: &RedriveRun,
    out: &mut CliOutput,
) -> Result<(), CliError> {
    if !args.output.json {
        print_errors(run, out)?;
        return print_summary(args, action, run, out);
    }
    let now = Timestamp::now();
    let messages: Vec<_> = run.messages.iter().map(|(message, outcome)| to_json(message, outcome, now)).collect();
    let unreleased =
        run.unreleased.iter().map(|(id, error)| json!({ "correlation_id": id, "error": explain_call(error).message }));
    out.print_json(&json!({
        "queue": queue.url(),
        "letters": messages,
        "not_matching": run.not_matched,
        "meanwhile": run.arrived_later,
        "not_given_back": unreleased.collect::<Vec<_>>(),
        "read": run.read_count(),
        "stopped": run.stopped,
    }))
}

fn explain_open_error(queue: &str, error: CallError) -> CliError {
    match error.kind {
        CallErrorKind::NotFound => CliError::UnknownQueue { queue: queue.to_owned(), output: output_name(queue) },
        _ => error.into(),
    }
}

fn print_messages(run: &RedriveRun, now: Timestamp, out: &mut CliOutput) -> Result<(), CliError> {
    if run.messages.is_empty() {
        return Ok(());
    }
    let header = ["first sent", "age", "function", "cause", "correlation ID", "body"];
    let mut table = TextTable::new(header).with_details(4);
    for (message, _) in &run.messages {
        table.add_row([
            message.first_seen().map(|time| time.strftime("%F %T UTC").to_string()).unwrap_or_default().into(),
            message.sent_at().map(|sent| format_age(sent, now)).unwrap_or_default().into(),
            message.function().unwrap_or_default().into(),
            shorten_text(&message.cause(), MAX_CAUSE).into(),
            message.correlation_id().into(),
            TableCell::from(shorten_text(message.body(), MAX_BODY)),
        ]);
    }
    table.print_to(out)?;
    out.print_line("")
}

fn print_errors(run: &RedriveRun, out: &mut CliOutput) -> Result<(), CliError> {
    for (message, outcome) in &run.messages {
        let id = message.correlation_id();
        match outcome {
            RedriveOutcome::Listed | RedriveOutcome::Sent | RedriveOutcome::Discarded => {}
            RedriveOutcome::NotDeleted(error) => {
                let cause = explain_call(error).message;
                out.print_line(format_args!("{WARNING}sent, but not deleted{WARNING:#} {id}: {cause}"))?;
            }
            RedriveOutcome::NotSent(error) => {
                out.print_line(format_args!("{ERROR}not sent{ERROR:#} {id}: {}", explain_call(error).message))?;
            }
            RedriveOutcome::NotDiscarded(error) => {
                out.print_line(format_args!("{ERROR}not deleted{ERROR:#} {id}: {}", explain_call(error).message))?;
            }
        }
    }
    for (id, error) in &run.unreleased {
        let cause = explain_call(error).message;
        out.print_line(format_args!("{WARNING}not released, visible again in five minutes{WARNING:#} {id}: {cause}"))?;
    }
    if let Some(cause) = &run.stopped {
        out.print_line(format_args!("{ERROR}stopped before the end of the queue{ERROR:#}: {cause}"))?;
    }
    Ok(())
}

fn print_summary(
    args: &RedriveArgs,
    action: RedriveAction,
    run: &RedriveRun,
    out: &mut CliOutput,
) -> Result<(), CliError> {
    if run.arrived_later > 0 {
        out.print_line(format_args!("{} arrived during the redrive (new or failed again)", run.arrived_later))?;
    }
    if !args.filters.is_empty() {
        out.print_line(format_args!("{} read", format_count(run.read_count(), "message")))?;
    }
    let found = run.messages.len();
    let is_listed = run.messages.iter().all(|(_, outcome)| matches!(outcome, RedriveOutcome::Listed));
    let done = run.messages.iter().filter(|(_, outcome)| outcome.is_done()).count();
    let messages = format_count(found, "message");
    let rest = match run.not_matched {
        0 => String::new(),
        count => format!("; {count} not matched, left in the queue"),
    };
    let (verb, participle) = match action {
        RedriveAction::List | RedriveAction::Redrive => ("redrive", "redriven"),
        RedriveAction::Delete => ("delete", "deleted"),
    };
    match (found, action) {
        (0, _) => out.print_line(format_args!("No messages to {verb}{rest}"))?,
        (_, RedriveAction::List) => out.print_line(format_args!("{messages} would be redriven{rest}"))?,
        _ if is_listed => out.print_line("Nothing was changed.")?,
        _ if done == found => out.print_line(format_args!("{GOOD}{messages} {participle}{GOOD:#}{rest}"))?,
        _ => out.print_line(format_args!("{done} of {messages} {participle}{rest}"))?,
    }
    if run.read_count() == args.limit {
        let limit = args.limit;
        out.print_line(format_args!("There may be more messages: only {limit} were read; use --limit to read more"))?;
    }
    Ok(())
}

fn to_json(message: &DeadLetter, outcome: &RedriveOutcome, now: Timestamp) -> Value {
    let (outcome, error) = match outcome {
        RedriveOutcome::Listed => ("shown", None),
        RedriveOutcome::Sent => ("sent", None),
        RedriveOutcome::Discarded => ("deleted", None),
        RedriveOutcome::NotDeleted(error) => ("not_deleted", Some(explain_call(error).message)),
        RedriveOutcome::NotSent(error) | RedriveOutcome::NotDiscarded(error) => {
            ("failed", Some(explain_call(error).message))
        }
    };
    json!({
        "cause": message.cause(),
        "function": message.function(),
        "first_seen": message.first_seen(),
        "correlation_id": message.correlation_id(),
        "age_seconds": message.sent_at().map(|sent| now.as_second() - sent.as_second()),
        "body": message.body(),
        "outcome": outcome,
        "error": error,
    })
}

/// Joins the lines of a text and cuts it.
fn shorten_text(text: &str, max_characters: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shortened: String = line.chars().take(max_characters).collect();
    if shortened.len() < line.len() {
        shortened.push('…');
    }
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shortened() {
        assert_eq!(shorten_text("one\n  two three", 7), "one two…");
    }
}
