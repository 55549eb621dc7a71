//! Prints the problems and warnings of an inspection or a plan.

use model_archive::{Problem, Warning};

use crate::{
    error::CliError,
    output::{CliOutput, ERROR, WARNING},
};

/// Prints problems as errors with their fixes.
pub(crate) fn print_problems(out: &mut CliOutput, indent: &str, problems: &[Problem]) -> Result<(), CliError> {
    for Problem { code, problem, remedy, .. } in problems {
        out.print_line(format_args!("{indent}{ERROR}error{ERROR:#}: {problem} [{code}]"))?;
        out.print_line(format_args!("{indent}  Fix: {remedy}"))?;
    }
    Ok(())
}

pub(crate) fn print_warnings<'a>(
    out: &mut CliOutput,
    indent: &str,
    warnings: impl IntoIterator<Item = &'a Warning>,
) -> Result<(), CliError> {
    for Warning { code, warning, .. } in warnings {
        out.print_line(format_args!("{indent}{WARNING}warning{WARNING:#}: {warning} [{code}]"))?;
    }
    Ok(())
}
