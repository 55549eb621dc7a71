//! `automation`: the command line tool. See the library for its commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    automation_cli::run_command()
}
