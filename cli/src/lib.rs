//! Inspects archives, plans compilations, validates configurations and redrives dead letters from a terminal.

mod archive;
mod args;
mod commands;
mod error;
mod output;
mod schema;
mod table;
mod time;

use std::process::ExitCode;

pub use args::Args;
pub use schema::schema;

use args::Command;
use error::CliError;
use output::{ERROR, Output};

/// What a command found out.
enum Verdict {
    /// All is well.
    Good,
    /// The archive cannot be compiled, the configuration is not valid, or a dead letter could not be sent back.
    Bad,
    /// Something is not as it is declared.
    Changes,
}

/// Exit status where a command found something wrong with what it looked at.
const BAD: u8 = 1;

/// Exit status where a command could not look; that of a wrong command line as well.
const FAILED: u8 = 2;

/// Exit status of `maintain` where something is not as it is declared; where it could not look, it exits with [`BAD`].
const CHANGES: u8 = 2;

/// Does what the command line says, and writes to the terminal.
pub fn run(args: Args) -> ExitCode {
    let mut out = Output::stdout();
    let failed = if matches!(args.command, Command::Maintain(_)) { BAD } else { FAILED };
    let verdict = match args.command {
        Command::Inspect(args) => commands::inspect::run(&args, &mut out),
        Command::Plan(args) => commands::plan::run(&args, &mut out),
        Command::Maintain(args) => commands::maintain::run(&args, &mut out),
        Command::Validate(args) => commands::validate::run(&args, &mut out),
        Command::Targets(args) => commands::targets::run(&args, &mut out),
        Command::Status(args) => commands::status::run(&args, &mut out),
        Command::Redrive(args) => commands::redrive::run(&args, &mut out),
        Command::Schema => commands::schema::run(&mut out),
        Command::Completions { shell } => commands::completions::run(shell, &mut out),
    };
    match verdict {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(BAD),
        Ok(Verdict::Changes) => ExitCode::from(CHANGES),
        // Whoever reads the output has read enough.
        Err(CliError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            let mut stderr = Output::stderr();
            // There is nobody left to tell.
            let _ = stderr.line(format_args!("{ERROR}error{ERROR:#}: {text}"));
            ExitCode::from(failed)
        }
    }
}
