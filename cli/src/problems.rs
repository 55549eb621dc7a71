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
        let (warning, fix) = split_fix(&warning);
        out.print_line(format_args!("{indent}{WARNING}warning{WARNING:#}: {warning} [{code}]"))?;
        if let Some(fix) = fix {
            out.print_line(format_args!("{indent}  Fix: {fix}"))?;
        }
    }
    Ok(())
}

/// Separates a warning from its fix, which begins at the last `Fix: `: what is quoted before it may
/// contain anything.
fn split_fix(warning: &str) -> (&str, Option<&str>) {
    match warning.rsplit_once(". Fix: ") {
        Some((warning, fix)) => (warning, Some(fix)),
        None => (warning, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fix_of_a_warning_is_separated() {
        assert_eq!(split_fix("it is odd. Fix: rename it"), ("it is odd", Some("rename it")));
        assert_eq!(split_fix("`a. Fix: b` is odd. Fix: rename it"), ("`a. Fix: b` is odd", Some("rename it")));
        assert_eq!(split_fix("it is odd"), ("it is odd", None));
    }
}
