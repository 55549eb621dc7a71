//! The command line tool `automation`: checks models and configuration before upload, follows
//! compilation jobs, and operates the stack.

#![cfg_attr(not(feature = "aws"), allow(dead_code, reason = "only the commands that call AWS use it"))]

mod archive;
mod args;
#[cfg(feature = "aws")]
mod aws;
mod changes;
mod commands;
mod config_file;
#[cfg(feature = "aws")]
mod confirmation;
mod dead_letter_queues;
mod error;
mod error_report;
mod output;
mod problems;
mod schema;
mod stack_description;
mod stack_lookup;
mod table;
mod upload_location;
mod verdict;

use std::{env, process::ExitCode};

pub use args::CliArgs;
pub use schema::generate_schema;

use args::CliCommand;
use clap::Parser;
use error::CliError;
use error_report::{ErrorReport, iterate_causes};
use output::{CliOutput, ERROR, FAINT};
use verdict::Verdict;

/// Exit status of a command that failed, or found problems.
const FAILED: u8 = 1;

/// Exit status of a wrong command line, as clap uses it.
const USAGE: u8 = 2;

/// Exit status of `--detailed-exitcode` if there are changes, as Terraform uses it.
const CHANGES: u8 = 2;

/// Parses the command line, runs the command and prints to the terminal.
pub fn run_command() -> ExitCode {
    let args = match CliArgs::try_parse() {
        Ok(args) => args,
        Err(error) => return report_usage(&error),
    };
    output::choose_colors(args.color);
    let mut out = CliOutput::stdout();
    let (is_json, is_verbose) = (args.command.is_json(), args.verbose);
    match dispatch_command(args.command, &mut out) {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(FAILED),
        Ok(Verdict::Changes) => ExitCode::from(CHANGES),
        // The reader of the output closed it, as `head` does.
        Err(CliError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // If the output is closed, the exit status has to do.
            let _ = print_error(&error, is_json, is_verbose, &mut out);
            ExitCode::from(if error.is_usage() { USAGE } else { FAILED })
        }
    }
}

fn dispatch_command(command: CliCommand, out: &mut CliOutput) -> Result<Verdict, CliError> {
    match command {
        CliCommand::Inspect(args) => commands::inspect::inspect_model(&args, out),
        CliCommand::Plan(args) => commands::plan::show_plan(&args, out),
        CliCommand::Validate(args) => commands::validate::validate_config(&args, out),
        CliCommand::Explain(args) => commands::explain::explain_code(&args, out),
        CliCommand::Targets(args) => commands::targets::list_targets(&args, out),
        CliCommand::Schema => commands::schema::print_schema(out),
        CliCommand::Completions { shell } => commands::completions::generate_completions(shell, out),
        #[cfg(feature = "aws")]
        CliCommand::Maintain(args) => commands::maintain::maintain_resources(&args, out),
        #[cfg(feature = "aws")]
        CliCommand::Status(args) => commands::status::show_status(&args, out),
        #[cfg(feature = "aws")]
        CliCommand::Config(args) => commands::config::show_config(&args, out),
        #[cfg(feature = "aws")]
        CliCommand::Doctor(args) => commands::doctor::diagnose_stack(&args, out),
        #[cfg(feature = "aws")]
        CliCommand::Redrive(args) => commands::redrive::redrive_messages(&args, out),
        #[cfg(feature = "aws")]
        CliCommand::Replay(args) => commands::replay::replay_uploads(&args, out),
        #[cfg(feature = "aws")]
        CliCommand::Upload(args) => commands::upload::upload_model(*args, out),
        #[cfg(not(feature = "aws"))]
        _ => Err(CliError::NoAws),
    }
}

/// Prints an error: as JSON to stdout if the command prints JSON, otherwise as text to stderr.
fn print_error(error: &CliError, is_json: bool, is_verbose: bool, stdout: &mut CliOutput) -> Result<(), CliError> {
    let report = error.to_report();
    let mut stderr = CliOutput::stderr();
    if is_json {
        stdout.print_json(&report.to_json())?;
    } else {
        stderr.print_line(format_args!("{ERROR}error{ERROR:#}: {}", report.message))?;
        if let Some(fix) = report.fix {
            stderr.print_line(format_args!("  Fix: {fix}"))?;
        }
    }
    if is_verbose {
        for cause in iterate_causes(error) {
            stderr.print_line(format_args!("  {FAINT}Cause: {cause}{FAINT:#}"))?;
        }
    }
    Ok(())
}

/// Prints what clap says about a wrong command line, or the help that was requested.
fn report_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && env::args_os().any(|arg| arg == "--json") {
        let text = error.render().to_string();
        let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let report = ErrorReport::new("usage", message).with_fix("run the command with --help");
        // If stdout is closed, the exit status has to do.
        let _ = CliOutput::stdout().print_json(&report.to_json());
        return ExitCode::from(USAGE);
    }
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}
