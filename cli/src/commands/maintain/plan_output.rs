//! Prints a plan like Terraform's: a symbol per resource and per field, and one line of conclusion.

use maintenance::{Change, PlanItem, ResourcePlan};

use crate::{
    changes::print_change,
    error::CliError,
    output::{CliOutput, FAINT, HEADER},
    problems::print_problems,
};

/// How the plan of a resource type is worded.
pub(super) struct ResourceTexts<A> {
    /// The resource type, such as `images`.
    pub plural: &'static str,
    /// What an action does, such as `to be created`.
    pub describe_action: fn(&A) -> &'static str,
    /// Whether an action creates the resource.
    pub is_creation: fn(&A) -> bool,
    /// What happens now to a resource that differs, but has no action: it is `waiting` or
    /// `skipped`.
    pub without_action: &'static str,
}

/// What a plan does with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ItemState {
    Add,
    Change,
    Wait,
    Fail,
    Unchanged,
}

impl ItemState {
    fn from_item<A>(texts: &ResourceTexts<A>, item: &PlanItem<A>) -> Self {
        match item.actions.first() {
            _ if item.problem.is_some() => Self::Fail,
            Some(action) if (texts.is_creation)(action) => Self::Add,
            Some(_) => Self::Change,
            None if item.changes.is_empty() => Self::Unchanged,
            None => Self::Wait,
        }
    }

    const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Change => "~",
            Self::Wait => "…",
            Self::Fail => "!",
            Self::Unchanged => " ",
        }
    }
}

pub(super) fn print_plan<A>(
    texts: &ResourceTexts<A>,
    plan: &ResourcePlan<A>,
    out: &mut CliOutput,
) -> Result<(), CliError> {
    let states: Vec<_> = plan.items.iter().map(|item| ItemState::from_item(texts, item)).collect();
    print_legend(texts, &states, plan, out)?;
    for (item, state) in plan.items.iter().zip(&states) {
        let (symbol, heading) = (state.symbol(), describe_item(texts, item, *state));
        out.print_line(format_args!("{symbol} {HEADER}{}{HEADER:#}: {heading}", item.name))?;
        for change in &item.changes {
            print_change("    ", change, out)?;
        }
        print_problems(out, "    ", item.problem.as_slice())?;
        for note in &item.notes {
            out.print_line(format_args!("    {FAINT}{note}{FAINT:#}"))?;
        }
    }
    if plan.items.is_empty() {
        return out.print_line(format_args!("The configuration declares no {}.", texts.plural));
    }
    out.print_line("")?;
    out.print_line(format_args!("{HEADER}Plan:{HEADER:#} {}.", count_items(texts, &states)))
}

/// Explains the symbols that the plan has.
fn print_legend<A>(
    texts: &ResourceTexts<A>,
    states: &[ItemState],
    plan: &ResourcePlan<A>,
    out: &mut CliOutput,
) -> Result<(), CliError> {
    let has = |state: ItemState| states.contains(&state);
    let any_change = |is: fn(&Change) -> bool| plan.items.iter().flat_map(|item| &item.changes).any(is);
    let waiting = format!("… {}", texts.without_action);
    let legend = [
        ("+ add", has(ItemState::Add) || any_change(|change| change.from.is_none())),
        ("~ change", has(ItemState::Change) || any_change(|change| change.from.is_some() && change.to.is_some())),
        ("- remove", any_change(|change| change.to.is_none())),
        (waiting.as_str(), has(ItemState::Wait)),
        ("! cannot be updated", has(ItemState::Fail)),
    ];
    let used: Vec<_> = legend.iter().filter(|(_, is_used)| *is_used).map(|(text, _)| *text).collect();
    if used.is_empty() {
        return Ok(());
    }
    out.print_line(format_args!("{FAINT}{}{FAINT:#}", used.join("   ")))?;
    out.print_line("")
}

fn describe_item<A>(texts: &ResourceTexts<A>, item: &PlanItem<A>, state: ItemState) -> &'static str {
    match state {
        ItemState::Add | ItemState::Change => item.actions.first().map_or("", texts.describe_action),
        ItemState::Wait => texts.without_action,
        ItemState::Fail => "cannot be updated",
        ItemState::Unchanged => "up to date",
    }
}

fn count_items<A>(texts: &ResourceTexts<A>, states: &[ItemState]) -> String {
    let count = |state: ItemState| states.iter().filter(|known| **known == state).count();
    let counts = [
        (count(ItemState::Add), "to add", false),
        (count(ItemState::Change), "to change", true),
        (count(ItemState::Wait), texts.without_action, false),
        (count(ItemState::Fail), "cannot be updated", false),
        (count(ItemState::Unchanged), "unchanged", true),
    ];
    let shown = counts.iter().filter(|(count, _, is_always_shown)| *count > 0 || *is_always_shown);
    shown.map(|(count, text, _)| format!("{count} {text}")).collect::<Vec<_>>().join(", ")
}
