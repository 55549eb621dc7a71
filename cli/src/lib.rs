//! The command line tool `automation`: checks models and configuration before upload, follows
//! compilation jobs, and operates the stack.

mod archive;
mod args;
mod commands;
mod config_file;
mod dead_letter_queues;
mod error;
mod output;
mod problems;
mod schema;
mod table;
mod verdict;

use std::process::ExitCode;

pub use args::CliArgs;
pub use schema::generate_schema;

use args::CliCommand;
use error::CliError;
use output::{CliOutput, ERROR};
use verdict::Verdict;
use worker::error::format_chain;

/// Exit status of a command that found problems in its input.
const PROBLEMS: u8 = 1;

/// Exit status of a command that failed; clap uses it for a wrong command line, too.
const FAILED: u8 = 2;

/// Exit status of `maintain` if there are changes. If it fails, it exits with [`PROBLEMS`].
const CHANGES: u8 = 2;

/// Runs the command and prints to the terminal.
pub fn run_command(args: CliArgs) -> ExitCode {
    let mut out = CliOutput::stdout();
    let failed = if matches!(args.command, CliCommand::Maintain(_)) { PROBLEMS } else { FAILED };
    let verdict = match args.command {
        CliCommand::Inspect(args) => commands::inspect::inspect_model(&args, &mut out),
        CliCommand::Plan(args) => commands::plan::show_plan(&args, &mut out),
        CliCommand::Maintain(args) => commands::maintain::maintain_resources(&args, &mut out),
        CliCommand::Validate(args) => commands::validate::validate_config(&args, &mut out),
        CliCommand::Targets(args) => commands::targets::list_targets(&args, &mut out),
        CliCommand::Explain { code } => commands::explain::explain_code(&code, &mut out),
        CliCommand::Status(args) => commands::status::show_status(&args, &mut out),
        CliCommand::Redrive(args) => commands::redrive::redrive_messages(&args, &mut out),
        CliCommand::Schema => commands::schema::print_schema(&mut out),
        CliCommand::Completions { shell } => commands::completions::generate_completions(shell, &mut out),
    };
    match verdict {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(PROBLEMS),
        Ok(Verdict::Changes) => ExitCode::from(CHANGES),
        // The reader of the output closed it, as `head` does.
        Err(CliError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit status has to do.
            let _ = print_error(&error, &mut CliOutput::stderr());
            ExitCode::from(failed)
        }
    }
}

fn print_error(error: &CliError, stderr: &mut CliOutput) -> Result<(), CliError> {
    stderr.print_line(format_args!("{ERROR}error{ERROR:#}: {}", format_chain(error)))?;
    match error.suggest_fix() {
        Some(fix) => stderr.print_line(format_args!("  Fix: {fix}")),
        None => Ok(()),
    }
}
