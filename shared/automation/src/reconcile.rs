//! Applies the plan for declared resources: its actions are executed in order, one item after the
//! other.
//!
//! A reconciler observes the current state, plans the difference to the desired state
//! ([`ResourcePlan`]), applies the plan with [`apply_plan`], and reports the outcomes.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use maintenance::{ApplyOutcome, Reconciled, ResourcePlan};
use serde_json::{Value, json};
use tracing::{error, info, warn};
use worker::{CallError, Failure, metrics};

/// How long after the first item a function begins to apply another one. Together with the limit
/// for reading, a run ends before the shortest timeout of these functions (template.yaml), however
/// slow SageMaker is.
pub const APPLY_LIMIT: Duration = Duration::from_secs(20);

/// Applies a plan; `execute` makes one call. A call that fails keeps back no other one, neither of
/// its item nor of others. An item that is not begun within `time_limit` is left to the next run.
pub async fn apply_plan<A, F>(
    plan: ResourcePlan<A>,
    time_limit: Duration,
    execute: impl Fn(A) -> F,
) -> Vec<Reconciled<A>>
where
    A: Clone,
    F: Future<Output = Result<(), CallError>>,
{
    let started = Instant::now();
    let mut reconciled = Vec::with_capacity(plan.items.len());
    for item in plan.items {
        let (outcome, waiting) = match &item.problem {
            Some(problem) => (ApplyOutcome::Failed(problem.problem.clone()), None),
            None if item.actions.is_empty() && item.changes.is_empty() => (ApplyOutcome::Unchanged, None),
            None if item.actions.is_empty() => (ApplyOutcome::Planned, None),
            None if started.elapsed() >= time_limit => {
                (ApplyOutcome::Deferred("the calls for other resources took too long".to_owned()), None)
            }
            None => execute_actions(&item.actions, &execute).await,
        };
        reconciled.push(Reconciled { item, outcome, waiting });
    }
    reconciled
}

/// Makes the calls for an item. Returns their outcome, and [`Reconciled::waiting`]: what SageMaker
/// refuses is an outcome even if another call has to wait.
async fn execute_actions<A, F>(actions: &[A], execute: &impl Fn(A) -> F) -> (ApplyOutcome, Option<String>)
where
    A: Clone,
    F: Future<Output = Result<(), CallError>>,
{
    let (mut deferred, mut failed) = (None, None);
    for action in actions {
        if let Err(error) = execute(action.clone()).await {
            let first = if is_temporary(&error) { &mut deferred } else { &mut failed };
            first.get_or_insert(error.to_string());
        }
    }
    match (deferred, failed) {
        (waiting, Some(reason)) => (ApplyOutcome::Failed(reason), waiting),
        (Some(reason), None) => (ApplyOutcome::Deferred(reason), None),
        (None, None) => (ApplyOutcome::Applied, None),
    }
}

/// Whether the call can succeed later without anyone acting: another update is in progress,
/// SageMaker throttles or does not respond, or the role was created a moment ago.
fn is_temporary(error: &CallError) -> bool {
    error.names_unassumable_role() || !error.kind.is_refusal()
}

/// Collects the failures of independent items: each item is processed, and the first failure is
/// returned at the end. An item that only has to wait does not hide the failure of another.
#[derive(Debug, Default)]
pub struct ItemFailures {
    first: Mutex<Option<Failure>>,
}

impl ItemFailures {
    /// Logs the failure of an item, and keeps it if it is the first one. Returns the value of an
    /// item that succeeded.
    pub fn record_result<T>(&self, item: &str, result: Result<T, Failure>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(failure) => {
                if matches!(failure, Failure::Deferred { .. }) {
                    warn!(item, cause = %failure, "Resource is waiting; the other resources are processed");
                } else {
                    error!(item, cause = %failure, "Resource could not be processed; the other resources are processed");
                }
                if let Ok(mut first) = self.first.lock() {
                    let is_waiting = matches!(*first, None | Some(Failure::Deferred { .. }));
                    if first.is_none() || (is_waiting && !matches!(failure, Failure::Deferred { .. })) {
                        *first = Some(failure);
                    }
                }
                None
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.first.lock().is_ok_and(|first| first.is_none())
    }

    /// The first failure, if there is one.
    pub fn into_result(self) -> Result<(), Failure> {
        self.first.into_inner().ok().flatten().map_or(Ok(()), Err)
    }
}

/// The result of a scheduled run. If it has to wait for something, such as another run, the next
/// scheduled run does the rest: this is not an error.
pub fn finish_scheduled_run(result: Result<Value, Failure>) -> Result<Value, Failure> {
    match result {
        Err(Failure::Deferred { cause, .. }) => {
            warn!(cause, "Scheduled run not finished; the next one continues");
            Ok(json!({ "later": cause }))
        }
        result => result,
    }
}

/// How many items had each outcome, by its name.
pub fn summarize_outcomes<A>(reconciled: &[Reconciled<A>]) -> Value {
    let mut summary = json!({});
    for name in ApplyOutcome::NAMES {
        summary[name] = count_outcome(reconciled, name).into();
    }
    summary
}

fn count_outcome<A>(reconciled: &[Reconciled<A>], name: &str) -> usize {
    reconciled.iter().filter(|done| done.outcome.as_str() == name).count()
}

/// Logs and counts the outcome of each item. `kind` is the resource type, such as `work team`.
pub fn report_outcomes<A>(kind: &str, reconciled: &[Reconciled<A>], now: Timestamp) {
    for Reconciled { item, outcome, waiting } in reconciled {
        let (name, reason) = (item.name.as_str(), outcome.reason());
        match outcome {
            ApplyOutcome::Unchanged => info!(kind, name, "Resource is up to date"),
            ApplyOutcome::Applied => info!(kind, name, changes = item.changes.len(), "Resource updated"),
            ApplyOutcome::Planned => {
                info!(
                    kind,
                    name,
                    changes = item.changes.len(),
                    "Resource differs from the configuration; not applied now"
                );
            }
            ApplyOutcome::Deferred(_) => warn!(kind, name, reason, "Resource not updated yet; the next run retries"),
            ApplyOutcome::Failed(_) if waiting.is_some() => {
                error!(kind, name, reason, waiting, "Resource could not be updated; the next run repeats another call");
            }
            ApplyOutcome::Failed(_) => error!(kind, name, reason, "Resource could not be updated"),
        }
    }
    let counts = [
        ("ResourcesUnchanged", count_outcome(reconciled, "unchanged")),
        ("ResourcesPlanned", count_outcome(reconciled, "planned")),
        ("ResourcesApplied", count_outcome(reconciled, "applied")),
        ("ResourcesLater", count_outcome(reconciled, "later")),
        ("ResourcesFailed", count_outcome(reconciled, "failed")),
    ];
    metrics::write_counts(&counts, now);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use maintenance::{Change, PlanItem};
    use model_archive::Problem;
    use worker::CallErrorKind;

    use super::*;

    fn item(name: &str, actions: &[&'static str]) -> PlanItem<&'static str> {
        let change = Change { field: "description".to_owned(), from: None, to: Some("new".to_owned()) };
        PlanItem { changes: vec![change], actions: actions.to_vec(), ..PlanItem::unchanged(name) }
    }

    #[test]
    fn waiting_scheduled_run_is_no_error() {
        let waits = finish_scheduled_run(Err(Failure::busy("another run holds the lock")));
        assert_eq!(waits.unwrap(), json!({ "later": "another run holds the lock" }));
        assert!(matches!(finish_scheduled_run(Err(Failure::terminal("broken"))), Err(Failure::Terminal(_))));
    }

    #[test]
    fn first_failure_of_the_items_is_returned() {
        let failures = ItemFailures::default();
        assert_eq!(failures.record_result("a", Ok(1)), Some(1));
        assert!(failures.is_empty());
        assert_eq!(failures.record_result::<()>("b", Err(Failure::busy("waiting"))), None);
        assert_eq!(failures.record_result::<()>("c", Err(Failure::terminal("first"))), None);
        assert_eq!(failures.record_result::<()>("d", Err(Failure::terminal("second"))), None);
        assert!(matches!(failures.into_result(), Err(Failure::Terminal(cause)) if cause.to_string() == "first"));
    }

    #[tokio::test]
    async fn item_is_not_begun_after_the_limit() {
        let plan = ResourcePlan { items: vec![item("late", &["never"]), PlanItem::unchanged("same")] };
        let execute = async |_| Err(CallError::local(CallErrorKind::Invalid, "expected no call"));
        let reconciled = apply_plan(plan, Duration::ZERO, execute).await;
        assert!(matches!(reconciled[0].outcome, ApplyOutcome::Deferred(_)), "{reconciled:?}");
        assert_eq!(reconciled[1].outcome, ApplyOutcome::Unchanged);
    }

    #[tokio::test]
    async fn items_are_independent_and_their_calls_are_in_order() {
        let problem = Some(Problem::new("of-a-vendor", "it is owned by a vendor", "use another name"));
        let plan = ResourcePlan {
            items: vec![
                PlanItem::unchanged("same"),
                item("notify", &[]),
                item("good", &["first", "second"]),
                item("busy", &["conflict", "second"]),
                item("slow", &["throttled"]),
                item("silent", &["unanswered"]),
                item("young", &["role"]),
                item("wrong", &["invalid"]),
                item("partly", &["invalid", "throttled"]),
                PlanItem { problem, ..item("problem", &["never"]) },
                item("last", &["third"]),
            ],
        };
        let calls = Mutex::new(Vec::new());
        let execute = |action: &'static str| {
            calls.lock().unwrap().push(action);
            async move {
                let kind = match action {
                    "conflict" => CallErrorKind::Conflict,
                    "throttled" => CallErrorKind::Throttled,
                    "unanswered" => CallErrorKind::Unanswered,
                    "invalid" => CallErrorKind::Invalid,
                    // A role that was created a moment ago.
                    "role" => return Err(CallError::new("Update", CallErrorKind::Invalid, "Could not assume role x")),
                    _ => return Ok(()),
                };
                Err(CallError::new("Update", kind, action))
            }
        };
        let reconciled = apply_plan(plan, APPLY_LIMIT, execute).await;
        let outcomes: Vec<_> = reconciled.iter().map(|done| (done.item.name.as_str(), done.outcome.clone())).collect();
        let reason = |text: &str| text.to_owned();
        assert_eq!(
            outcomes,
            [
                ("same", ApplyOutcome::Unchanged),
                ("notify", ApplyOutcome::Planned),
                ("good", ApplyOutcome::Applied),
                ("busy", ApplyOutcome::Deferred(reason("Update: conflict"))),
                ("slow", ApplyOutcome::Deferred(reason("Update: throttled"))),
                ("silent", ApplyOutcome::Deferred(reason("Update: unanswered"))),
                ("young", ApplyOutcome::Deferred(reason("Update: Could not assume role x"))),
                ("wrong", ApplyOutcome::Failed(reason("Update: invalid"))),
                ("partly", ApplyOutcome::Failed(reason("Update: invalid"))),
                ("problem", ApplyOutcome::Failed(reason("it is owned by a vendor"))),
                ("last", ApplyOutcome::Applied),
            ]
        );
        assert_eq!(
            *calls.lock().unwrap(),
            [
                "first", "second", "conflict", "second", "throttled", "unanswered", "role", "invalid", "invalid",
                "throttled", "third"
            ]
        );
        let waiting: Vec<_> = reconciled.iter().filter_map(|done| done.waiting.as_deref()).collect();
        assert_eq!(waiting, ["Update: throttled"], "of the item of which another call was refused");
        let counts = json!({ "unchanged": 1, "planned": 1, "applied": 2, "later": 4, "failed": 3 });
        assert_eq!(summarize_outcomes(&reconciled), counts);
        assert_eq!(
            serde_json::to_value(&reconciled[3]).unwrap(),
            json!({
                "name": "busy", "changes": [{ "field": "description", "to": "new" }], "actions": ["conflict", "second"],
                "outcome": "later", "reason": "Update: conflict",
            })
        );
    }
}
