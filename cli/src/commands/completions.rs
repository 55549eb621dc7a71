//! `automation completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::CliArgs, error::CliError, output::CliOutput, verdict::Verdict};

pub(crate) fn generate_completions(shell: Shell, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CliArgs::command(), "automation", &mut script);
    out.write_bytes(&script)?;
    Ok(Verdict::Good)
}
