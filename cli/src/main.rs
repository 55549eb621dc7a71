//! `automation`: what the stack would do with a model, before it is uploaded.

use std::process::ExitCode;

use automation_cli::{Args, run};
use clap::Parser;

fn main() -> ExitCode {
    run(Args::parse())
}
