//! Prints what differs between two states.

use maintenance::Change;

use crate::{
    error::CliError,
    output::{ADDED, CliOutput, REMOVED, WARNING},
};

/// Prints a change behind its symbol: what is added, changed or removed.
pub(crate) fn print_change(indent: &str, change: &Change, out: &mut CliOutput) -> Result<(), CliError> {
    let (symbol, style) = match (&change.from, &change.to) {
        (None, _) => ("+", ADDED),
        (Some(_), Some(_)) => ("~", WARNING),
        (Some(_), None) => ("-", REMOVED),
    };
    out.print_line(format_args!("{indent}{style}{symbol}{style:#} {change}"))
}
