//! `automation maintain`: the plan of one kind of resource, and its carrying out.

mod configuration;
mod diff;
mod images;
mod partner_apps;
mod workteams;

use std::io::{self, IsTerminal, Write};

use automation::{
    call::CallError,
    reconcile::{self, Outcome, Reconciled},
};
use maintenance::Plan;
use serde::Serialize;
use serde_json::json;

use crate::{
    Verdict,
    args::{MaintainArgs, Maintained},
    error::CliError,
    output::{ERROR, GOOD, Output, WARNING},
};

/// A kind of resource that is kept as declared.
struct Kind<A> {
    /// What its items are called, such as `work team`.
    name: &'static str,
    /// What an action does, such as `create`.
    verb: fn(&A) -> &'static str,
}

pub(crate) fn run(args: &MaintainArgs, out: &mut Output) -> Result<Verdict, CliError> {
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(async {
        let Some(declared) = configuration::read(args, out).await? else { return Ok(Verdict::Bad) };
        match args.kind {
            Maintained::Workteams => workteams::run(args, &declared.workteams, out).await,
            Maintained::PartnerApps => partner_apps::run(args, &declared.partner_apps, out).await,
            Maintained::Images => images::run(args, &declared.images, out).await,
        }
    })
}

/// Shows a plan and, unless only that was asked for, carries it out with `act`, which makes one call.
async fn follow<A, F>(
    args: &MaintainArgs,
    kind: &Kind<A>,
    plan: Plan<A>,
    act: impl Fn(A) -> F,
    out: &mut Output,
) -> Result<Verdict, CliError>
where
    A: Clone + Serialize,
    F: Future<Output = Result<(), CallError>>,
{
    if args.plan || args.at.is_some() {
        if args.json {
            out.json(&plan)?;
        } else {
            diff::write(kind, &plan, out)?;
        }
        return Ok(verdict(&plan));
    }
    if !args.json {
        diff::write(kind, &plan, out)?;
    }
    if plan.has_actions() && !args.yes && !agreed()? {
        out.line("Nothing was changed.")?;
        return Ok(Verdict::Changes);
    }
    let reconciled = reconcile::apply(plan, act).await;
    if args.json {
        out.json(&json!({ "items": reconciled }))?;
    } else {
        outcomes(&reconciled, out)?;
    }
    let failed = reconciled.iter().any(|done| matches!(done.outcome, Outcome::Failed(_)));
    Ok(if failed { Verdict::Bad } else { Verdict::Good })
}

fn verdict<A>(plan: &Plan<A>) -> Verdict {
    if plan.items.iter().any(|item| !item.changes.is_empty()) {
        Verdict::Changes
    } else if plan.items.iter().any(|item| item.problem.is_some()) {
        Verdict::Bad
    } else {
        Verdict::Good
    }
}

/// Whether whoever sits at the terminal agrees.
fn agreed() -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::NobodyToAsk);
    }
    // Beside the output, which may be read by something else.
    write!(io::stderr(), "Apply this plan? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn outcomes<A>(reconciled: &[Reconciled<A>], out: &mut Output) -> Result<(), CliError> {
    for Reconciled { item, outcome } in reconciled {
        let style = match outcome {
            // The plan said it.
            Outcome::Unchanged | Outcome::Planned => continue,
            Outcome::Applied => GOOD,
            Outcome::Later(_) => WARNING,
            Outcome::Failed(_) => ERROR,
        };
        let reason = outcome.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
        out.line(format_args!("{style}{outcome}{style:#}  {}{reason}", item.name))?;
    }
    Ok(())
}
