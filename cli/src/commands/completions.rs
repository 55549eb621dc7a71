//! `automation completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{Args, Verdict, error::CliError, output::Output};

pub(crate) fn run(shell: Shell, out: &mut Output) -> Result<Verdict, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "automation", &mut script);
    out.bytes(&script)?;
    Ok(Verdict::Good)
}
