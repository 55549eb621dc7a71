//! Shows a plan, asks for confirmation, and applies it.

use std::time::Duration;

use automation::reconcile;
use maintenance::{ApplyOutcome, Reconciled, ResourcePlan};
use serde::Serialize;
use serde_json::json;
use worker::CallError;

use super::{
    configuration::DesiredState,
    plan_output::{ResourceTexts, print_plan},
    run::MaintainRun,
};
use crate::{
    confirmation::confirm_change,
    error::CliError,
    output::{CliOutput, ERROR, GOOD, WARNING},
    verdict::Verdict,
};

/// Shows a plan and applies it, unless the run only shows something. `execute` makes one API
/// call.
pub(super) async fn reconcile_resources<A, F>(
    run: &MaintainRun<'_>,
    desired: &DesiredState,
    texts: &ResourceTexts<A>,
    plan: ResourcePlan<A>,
    execute: impl Fn(A) -> F,
    out: &mut CliOutput,
) -> Result<Verdict, CliError>
where
    A: Clone + Serialize,
    F: Future<Output = Result<(), CallError>>,
{
    let args = run.args;
    if run.is_read_only() {
        if args.output.json {
            out.print_json(&plan)?;
        } else {
            print_plan(texts, &plan, out)?;
        }
        return Ok(judge_plan(&plan));
    }
    if !args.output.json {
        print_plan(texts, &plan, out)?;
    }
    if plan.has_actions()
        && !args.yes
        && !confirm_change(&run.describe_place(&desired.configuration).await?, "Apply this plan?")?
    {
        out.print_line("Nothing was changed.")?;
        return Ok(Verdict::Bad);
    }
    let reconciled = reconcile::apply_plan(plan, Duration::MAX, execute).await;
    if args.output.json {
        out.print_json(&json!({ "items": reconciled }))?;
    } else {
        print_outcomes(&reconciled, out)?;
    }
    Ok(judge_outcomes(&reconciled))
}

fn judge_plan<A>(plan: &ResourcePlan<A>) -> Verdict {
    if plan.items.iter().any(|item| item.problem.is_some()) {
        Verdict::Bad
    } else if plan.items.iter().any(|item| !item.changes.is_empty()) {
        Verdict::Changes
    } else {
        Verdict::Good
    }
}

fn judge_outcomes<A>(reconciled: &[Reconciled<A>]) -> Verdict {
    let any = |is: fn(&ApplyOutcome) -> bool| reconciled.iter().any(|done| is(&done.outcome));
    if any(|outcome| matches!(outcome, ApplyOutcome::Failed(_))) {
        Verdict::Bad
    } else if any(|outcome| matches!(outcome, ApplyOutcome::Deferred(_) | ApplyOutcome::Planned)) {
        Verdict::Changes
    } else {
        Verdict::Good
    }
}

fn print_outcomes<A>(reconciled: &[Reconciled<A>], out: &mut CliOutput) -> Result<(), CliError> {
    for Reconciled { item, outcome, waiting } in reconciled {
        let (style, label) = match outcome {
            // Shown in the plan.
            ApplyOutcome::Unchanged | ApplyOutcome::Planned => continue,
            ApplyOutcome::Applied => (GOOD, "applied"),
            ApplyOutcome::Deferred(_) => (WARNING, "waiting"),
            ApplyOutcome::Failed(_) => (ERROR, "failed"),
        };
        let reason = outcome.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
        out.print_line(format_args!("{style}{label}{style:#}  {}{reason}", item.name))?;
        if let Some(reason) = waiting {
            out.print_line(format_args!("{WARNING}waiting{WARNING:#}  {}: {reason}", item.name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use maintenance::{Change, PlanItem};
    use model_archive::Problem;

    use super::*;

    #[test]
    fn problem_outranks_changes_in_the_exit_status() {
        let change = Change { field: "tier".to_owned(), from: None, to: Some("large".to_owned()) };
        let changed = || PlanItem::<()> { changes: vec![change.clone()], ..PlanItem::unchanged("a") };
        let problem = Problem::new("unknown-app", "there is no such app", "correct the name");
        let broken = || PlanItem::<()> { problem: Some(problem.clone()), ..PlanItem::unchanged("b") };
        assert!(matches!(judge_plan(&ResourcePlan { items: vec![changed()] }), Verdict::Changes));
        assert!(matches!(judge_plan(&ResourcePlan { items: vec![changed(), broken()] }), Verdict::Bad));
    }

    #[test]
    fn outcomes_decide_the_exit_status() {
        let judge = |outcomes: &[ApplyOutcome]| {
            let done = |outcome: &ApplyOutcome| Reconciled::new(PlanItem::<()>::unchanged("a"), outcome.clone());
            judge_outcomes(&outcomes.iter().map(done).collect::<Vec<_>>())
        };
        let (waiting, failed) = (ApplyOutcome::Deferred("busy".to_owned()), ApplyOutcome::Failed("refused".to_owned()));
        assert!(matches!(judge(&[ApplyOutcome::Applied, ApplyOutcome::Unchanged]), Verdict::Good));
        assert!(matches!(judge(&[ApplyOutcome::Applied, ApplyOutcome::Planned]), Verdict::Changes));
        assert!(matches!(judge(std::slice::from_ref(&waiting)), Verdict::Changes));
        assert!(matches!(judge(&[waiting, failed]), Verdict::Bad));
    }
}
