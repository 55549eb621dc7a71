//! `automation redrive`

mod round;

use std::env;

use automation::{
    batch::chain,
    call::{CallError, Kind},
    dead_letters::{DeadLetter, DeadLetters},
};
use aws_sdk_sqs::Client;
use globset::{GlobBuilder, GlobMatcher};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    Verdict,
    args::RedriveArgs,
    error::CliError,
    output::{ERROR, GOOD, Output, WARNING},
    table::{Cell, Table},
    time::age,
};
use round::{Outcome, Round};

/// Characters of a cause in the table.
const CAUSE: usize = 60;

/// Characters of a body in the table.
const BODY: usize = 80;

/// The short names of the dead-letter queues, from the names of the template's outputs.
pub(crate) const QUEUES: [&str; 9] = [
    "uploads",
    "requests",
    "job-states",
    "workteam",
    "maintain-partner-apps",
    "maintain-images",
    "maintain-workteams",
    "events",
    "schedules",
];

/// The part of a template output's name that every dead-letter queue's has.
const OUTPUT: &str = "DeadLetterQueueUrl";

pub(crate) fn run(args: &RedriveArgs, out: &mut Output) -> Result<Verdict, CliError> {
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(redrive(args, out))
}

async fn redrive(args: &RedriveArgs, out: &mut Output) -> Result<Verdict, CliError> {
    let client = Client::new(&automation::aws::config().await);
    let name = named(&args.queue, |variable| env::var(variable).ok());
    let queue = DeadLetters::open(client, &name).await.map_err(|error| not_opened(&args.queue, error))?;
    let round = Round::go(&queue, args, Timestamp::now()).await?;
    let now = Timestamp::now();
    if args.json {
        let shown: Vec<_> = round.letters.iter().map(|(letter, outcome)| as_json(letter, outcome, now)).collect();
        let held = round.held.iter().map(|(id, error)| json!({ "correlation_id": id, "error": chain(error) }));
        out.json(&json!({
            "queue": queue.url(),
            "letters": shown,
            "not_matching": round.others,
            "meanwhile": round.meanwhile,
            "not_given_back": held.collect::<Vec<_>>(),
            "stopped": round.stopped.as_ref().map(|error| chain(error)),
        }))?;
    } else {
        write(args, &round, now, out)?;
    }
    Ok(if round.is_good() { Verdict::Good } else { Verdict::Bad })
}

/// The queue that is meant: a URL and a queue's own name stand for themselves, `job-states` for the URL that the stack's output
/// `JobStatesDeadLetterQueueUrl` says, if it is in the environment.
fn named(queue: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    variable(&output_of(queue)).filter(|url| !url.is_empty()).unwrap_or_else(|| queue.to_owned())
}

fn output_of(queue: &str) -> String {
    let words = queue.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    words.chain([OUTPUT.to_owned()]).collect()
}

fn not_opened(queue: &str, error: CallError) -> CliError {
    match error.kind {
        Kind::NotFound => CliError::NoQueue { queue: queue.to_owned(), output: output_of(queue) },
        _ => error.into(),
    }
}

fn write(args: &RedriveArgs, round: &Round, now: Timestamp, out: &mut Output) -> Result<(), CliError> {
    let letters = &round.letters;
    let mut table = Table::new(["cause", "function", "first sent", "correlation id", "age", "body"]);
    for (letter, _) in letters {
        table.row([
            beginning(&letter.cause(), CAUSE).into(),
            letter.function().unwrap_or_default().into(),
            letter.first_seen().map(|time| time.strftime("%F %T UTC").to_string()).unwrap_or_default().into(),
            letter.correlation_id().into(),
            letter.sent_at().map(|sent| age(sent, now)).unwrap_or_default().into(),
            Cell::from(beginning(letter.body(), BODY)),
        ]);
    }
    if !letters.is_empty() {
        table.write(out)?;
        out.line("")?;
    }
    for (letter, outcome) in letters {
        let id = letter.correlation_id();
        match outcome {
            Outcome::Shown | Outcome::Sent => {}
            Outcome::NotDeleted(error) => {
                out.line(format_args!("{WARNING}sent, not deleted{WARNING:#} {id}: {}", chain(error)))?;
            }
            Outcome::NotSent(error) => out.line(format_args!("{ERROR}not sent{ERROR:#} {id}: {}", chain(error)))?,
        }
    }
    for (id, error) in &round.held {
        out.line(format_args!("{WARNING}hidden for five minutes{WARNING:#} {id}: {}", chain(error)))?;
    }
    if let Some(error) = &round.stopped {
        out.line(format_args!("{ERROR}stopped before the end{ERROR:#}: {}", chain(error)))?;
    }
    if round.meanwhile > 0 {
        out.line(format_args!("{} that came meanwhile: new, or dead again", round.meanwhile))?;
    }
    let sent = letters.iter().filter(|(_, outcome)| outcome.is_sent()).count();
    let found = letters.len();
    let others = if round.others > 0 { format!("; {} that do not match stay", round.others) } else { String::new() };
    match (found, args.dry_run) {
        (0, _) => out.line(format_args!("no dead letters{others}"))?,
        (_, true) => out.line(format_args!("{found} would be sent back{others}"))?,
        (_, false) if sent == found => out.line(format_args!("{GOOD}{sent} sent back{GOOD:#}{others}"))?,
        (_, false) => out.line(format_args!("{sent} of {found} sent back{others}"))?,
    }
    if found + round.others == args.limit {
        out.line(format_args!("there may be more: only {} were looked at, --limit says how many", args.limit))?;
    }
    Ok(())
}

fn as_json(letter: &DeadLetter, outcome: &Outcome, now: Timestamp) -> Value {
    let (outcome, error) = match outcome {
        Outcome::Shown => ("shown", None),
        Outcome::Sent => ("sent", None),
        Outcome::NotDeleted(error) => ("not_deleted", Some(chain(error))),
        Outcome::NotSent(error) => ("failed", Some(chain(error))),
    };
    json!({
        "cause": letter.cause(),
        "function": letter.function(),
        "first_seen": letter.first_seen(),
        "correlation_id": letter.correlation_id(),
        "age_seconds": letter.sent_at().map(|sent| now.as_second() - sent.as_second()),
        "body": letter.body(),
        "outcome": outcome,
        "error": error,
    })
}

/// The beginning of a text, on one line.
fn beginning(text: &str, characters: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = line.chars().take(characters).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

/// Which letters are meant.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    field: Field,
    pattern: GlobMatcher,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Cause,
    Function,
    CorrelationId,
}

impl Filter {
    /// Reads `cause=throttl`: a part of the text, or a pattern with `*` and `?` for the whole of it; upper and lower case are one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = "write cause=…, function=… or correlation_id=…";
        let (field, wanted) = text.split_once('=').ok_or(known)?;
        let field = match field.replace('-', "_").as_str() {
            "cause" => Field::Cause,
            "function" => Field::Function,
            "correlation_id" => Field::CorrelationId,
            _ => return Err(known.to_owned()),
        };
        let is_pattern = wanted.contains(['*', '?']);
        let pattern = if is_pattern { wanted.to_owned() } else { format!("*{}*", globset::escape(wanted)) };
        let glob = GlobBuilder::new(&pattern).case_insensitive(true).literal_separator(false).build();
        Ok(Self { field, pattern: glob.map_err(|error| error.to_string())?.compile_matcher() })
    }

    fn matches(&self, letter: &DeadLetter) -> bool {
        match self.field {
            Field::Cause => self.pattern.is_match(letter.cause()),
            Field::Function => self.pattern.is_match(letter.function().unwrap_or_default()),
            Field::CorrelationId => self.pattern.is_match(letter.correlation_id()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_what_the_stacks_output_says() {
        let outputs = |name: &str| (name == "JobStatesDeadLetterQueueUrl").then(|| "https://sqs/1/states".to_owned());
        assert_eq!(named("job-states", outputs), "https://sqs/1/states");
        assert_eq!(named("uploads", outputs), "uploads");
        assert_eq!(named("https://sqs/1/x", outputs), "https://sqs/1/x");
    }

    #[test]
    fn the_short_names_are_those_of_the_template_and_of_the_runbook() {
        let template = include_str!("../../../template.yaml");
        let outputs = template.split_once("\nOutputs:\n").unwrap().1.lines();
        let outputs: Vec<_> =
            outputs.filter_map(|line| line.trim().strip_suffix(':')).filter(|name| name.ends_with(OUTPUT)).collect();
        assert_eq!(QUEUES.map(output_of).as_slice(), outputs);
        let runbook = include_str!("../../../docs/OPERATIONS.md");
        for queue in QUEUES {
            assert!(runbook.contains(&format!("`{queue}`")), "docs/OPERATIONS.md does not name {queue}");
        }
    }

    #[test]
    fn filters_match_a_part_or_a_pattern() {
        for (filter, text, matches) in [
            ("cause=throttl", "CreateCompilationJob: ThrottlingException", true),
            ("cause=List: *", "List: connection/reset", true),
            ("cause=reset*", "connection reset", false),
            ("cause=[x]", "an [x] in it", true),
            ("correlation-id=abc", "xABCx", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().pattern.is_match(text), matches, "{filter} {text}");
        }
        assert!(Filter::parse("colour=red").is_err() && Filter::parse("cause").is_err());
    }

    #[test]
    fn texts_are_cut() {
        assert_eq!(beginning("one\n  two three", 7), "one two…");
    }
}
