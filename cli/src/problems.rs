//! Prints the problems and warnings of an inspection or a plan.

use document::escape_line;
use model_archive::{Problem, Warning};

use crate::{
    error::CliError,
    output::{CliOutput, ERROR, WARNING},
};

/// Prints problems as errors with their fixes.
pub(crate) fn print_problems(out: &mut CliOutput, indent: &str, problems: &[Problem]) -> Result<(), CliError> {
    for Problem { code, problem, remedy, .. } in problems {
        let (problem, remedy) = (escape_line(problem), escape_line(remedy));
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
        let warning = escape_line(warning);
        out.print_line(format_args!("{indent}{WARNING}warning{WARNING:#}: {warning} [{code}]"))?;
    }
    Ok(())
}
