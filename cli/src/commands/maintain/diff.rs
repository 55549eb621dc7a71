//! A plan as people read it: like a diff, removed lines before added ones.

use maintenance::{Change, Item, Plan};

use super::Kind;
use crate::{
    commands::told,
    error::CliError,
    output::{ADDED, FAINT, HEADER, Output, REMOVED},
};

pub(super) fn write<A>(kind: &Kind<A>, plan: &Plan<A>, out: &mut Output) -> Result<(), CliError> {
    for item in &plan.items {
        let what = heading(kind, item);
        out.line(format_args!("{HEADER}{}{HEADER:#}: {what}", item.name))?;
        for Change { field, from, to } in &item.changes {
            if let Some(from) = from {
                out.line(format_args!("  {REMOVED}- {field}: {from}{REMOVED:#}"))?;
            }
            if let Some(to) = to {
                out.line(format_args!("  {ADDED}+ {field}: {to}{ADDED:#}"))?;
            }
        }
        told(out, "  ", item.problem.as_slice(), &[])?;
        for note in &item.notes {
            out.line(format_args!("  {FAINT}{note}{FAINT:#}"))?;
        }
    }
    let count = |holds: fn(&Item<A>) -> bool| plan.items.iter().filter(|item| holds(item)).count();
    let same = count(|item| item.changes.is_empty() && item.actions.is_empty() && item.problem.is_none());
    let (changed, stopped) = (count(|item| !item.actions.is_empty()), count(|item| item.problem.is_some()));
    let left = plan.items.len() - same - changed - stopped;
    let all = plan.items.len();
    let plural = if all == 1 { "" } else { "s" };
    let parts = [(changed, "to change"), (left, "left as it is"), (stopped, "with a problem"), (same, "as declared")];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let parts = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
    out.line(format_args!("{HEADER}{all} {}{plural} declared{HEADER:#}: {parts}", kind.name))
}

fn heading<A>(kind: &Kind<A>, item: &Item<A>) -> &'static str {
    match item.actions.first() {
        _ if item.problem.is_some() => "cannot be brought to what is declared",
        Some(action) => (kind.verb)(action),
        None if item.changes.is_empty() => "as declared",
        None => "differs",
    }
}
