//! `automation`: the command line tool. See the library for its commands.

use std::process::ExitCode;

use automation_cli::{CliArgs, run_command};
use clap::Parser;

fn main() -> ExitCode {
    run_command(CliArgs::parse())
}
