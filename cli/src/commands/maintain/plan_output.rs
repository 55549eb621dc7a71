//! Prints a plan like a diff: removed values before added ones.

use maintenance::{Change, PlanItem, ResourcePlan};

use crate::{
    error::CliError,
    output::{ADDED, CliOutput, FAINT, HEADER, REMOVED, format_count},
    problems::print_problems,
};

/// How the plan of a resource type is worded.
pub(super) struct ResourceTexts<A> {
    /// Singular of the resource type, such as `work team`.
    pub noun: &'static str,
    /// What an action does, such as `to be created`.
    pub describe_action: fn(&A) -> &'static str,
    /// What happens now to a resource that differs, but has no action: it is `waiting` or
    /// `skipped`.
    pub without_action: &'static str,
}

pub(super) fn print_plan<A>(
    texts: &ResourceTexts<A>,
    plan: &ResourcePlan<A>,
    out: &mut CliOutput,
) -> Result<(), CliError> {
    for item in &plan.items {
        let heading = describe_item(texts, item);
        out.print_line(format_args!("{HEADER}{}{HEADER:#}: {heading}", item.name))?;
        for Change { field, from, to } in &item.changes {
            if let Some(from) = from {
                out.print_line(format_args!("  {REMOVED}- {field}: {from}{REMOVED:#}"))?;
            }
            if let Some(to) = to {
                out.print_line(format_args!("  {ADDED}+ {field}: {to}{ADDED:#}"))?;
            }
        }
        print_problems(out, "  ", item.problem.as_slice())?;
        for note in &item.notes {
            out.print_line(format_args!("  {FAINT}{note}{FAINT:#}"))?;
        }
    }
    let counts = count_items(texts, plan);
    let total = format_count(plan.items.len(), texts.noun);
    out.print_line(format_args!("{HEADER}Plan for {total}{HEADER:#}: {counts}"))
}

fn describe_item<A>(texts: &ResourceTexts<A>, item: &PlanItem<A>) -> &'static str {
    match item.actions.first() {
        _ if item.problem.is_some() => "cannot be updated",
        Some(action) => (texts.describe_action)(action),
        None if item.changes.is_empty() => "up to date",
        None => texts.without_action,
    }
}

fn count_items<A>(texts: &ResourceTexts<A>, plan: &ResourcePlan<A>) -> String {
    let count = |holds: fn(&PlanItem<A>) -> bool| plan.items.iter().filter(|item| holds(item)).count();
    let unchanged = count(|item| item.changes.is_empty() && item.actions.is_empty() && item.problem.is_none());
    let (changed, failed) = (count(|item| !item.actions.is_empty()), count(|item| item.problem.is_some()));
    let without_action = plan.items.len() - unchanged - changed - failed;
    let counts = [
        (changed, "to change"),
        (without_action, texts.without_action),
        (failed, "cannot be updated"),
        (unchanged, "unchanged"),
    ];
    let counts: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, text)| format!("{count} {text}")).collect();
    if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") }
}
