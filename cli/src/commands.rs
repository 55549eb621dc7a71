//! The commands, each with what it prints.

pub(crate) mod completions;
pub(crate) mod inspect;
pub(crate) mod maintain;
pub(crate) mod plan;
pub(crate) mod redrive;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod targets;
pub(crate) mod validate;

use model_archive::{Problem, Warning};

use crate::{
    error::CliError,
    output::{ERROR, Output, WARNING},
};

/// Problems with their remedies, and warnings.
fn told(out: &mut Output, indent: &str, problems: &[Problem], warnings: &[Warning]) -> Result<(), CliError> {
    for Problem { code, problem, remedy, .. } in problems {
        out.line(format_args!("{indent}{ERROR}problem{ERROR:#} {code}: {problem}"))?;
        out.line(format_args!("{indent}        {remedy}"))?;
    }
    for Warning { code, warning, .. } in warnings {
        out.line(format_args!("{indent}{WARNING}warning{WARNING:#} {code}: {warning}"))?;
    }
    Ok(())
}
