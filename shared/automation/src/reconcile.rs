//! The one way declared resources are brought to what is declared: the plan's actions in order, one item after the other.
//!
//! A kind of resource reads all that stands, compares, plans (`maintenance::Plan`), has the plan carried out here, and reports.

use std::fmt;

use jiff::Timestamp;
use maintenance::{Item, Plan};
use serde::Serialize;
use serde_json::{Value, json};
use tracing::{error, info, warn};

use crate::{
    call::{CallError, Kind},
    metrics,
};

/// What became of one declared resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "reason")]
pub enum Outcome {
    /// It is as it is declared.
    Unchanged,
    /// It differs, and the configuration says not to touch it, or not now: the item's notes say why.
    Planned,
    /// It was brought to what is declared.
    Applied,
    /// Not now, and through no fault of the configuration: the next run tries again.
    Later(String),
    /// It could not be brought there.
    Failed(String),
}

impl Outcome {
    /// Every outcome's name.
    pub const NAMES: [&'static str; 5] = ["unchanged", "planned", "applied", "later", "failed"];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Planned => "planned",
            Self::Applied => "applied",
            Self::Later(_) => "later",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it is not as it is declared, where there is more to say than its name.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Later(reason) | Self::Failed(reason) => Some(reason),
            Self::Unchanged | Self::Planned | Self::Applied => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An item of the plan, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reconciled<A> {
    /// The item, as it was planned.
    #[serde(flatten)]
    pub item: Item<A>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Carries a plan out: `act` makes one call. The first call of an item that fails ends this item, and no other.
pub async fn apply<A, F>(plan: Plan<A>, act: impl Fn(A) -> F) -> Vec<Reconciled<A>>
where
    A: Clone,
    F: Future<Output = Result<(), CallError>>,
{
    let mut reconciled = Vec::with_capacity(plan.items.len());
    for item in plan.items {
        let outcome = match &item.problem {
            Some(problem) => Outcome::Failed(problem.problem.clone()),
            None if item.actions.is_empty() && item.changes.is_empty() => Outcome::Unchanged,
            None if item.actions.is_empty() => Outcome::Planned,
            None => carry_out(&item.actions, &act).await,
        };
        reconciled.push(Reconciled { item, outcome });
    }
    reconciled
}

async fn carry_out<A, F>(actions: &[A], act: &impl Fn(A) -> F) -> Outcome
where
    A: Clone,
    F: Future<Output = Result<(), CallError>>,
{
    for action in actions {
        if let Err(error) = act(action.clone()).await {
            let reason = error.to_string();
            return match error.kind {
                // Something else is at it, or SageMaker wants fewer calls: nobody has to do anything.
                Kind::Throttled | Kind::Contended | Kind::Conflict => Outcome::Later(reason),
                Kind::Quota | Kind::Invalid | Kind::NotFound | Kind::Unanswered => Outcome::Failed(reason),
            };
        }
    }
    Outcome::Applied
}

/// How many items had each outcome, by its name.
pub fn summary<A>(reconciled: &[Reconciled<A>]) -> Value {
    let counts = Outcome::NAMES.map(|name| (name, count(reconciled, name)));
    let mut summary = json!({});
    for (name, count) in counts {
        summary[name] = count.into();
    }
    summary
}

fn count<A>(reconciled: &[Reconciled<A>], name: &str) -> usize {
    reconciled.iter().filter(|done| done.outcome.name() == name).count()
}

/// Writes what became of each item to the log, and counts it. `kind` is the resource's name, such as `work team`.
pub fn report<A>(kind: &str, reconciled: &[Reconciled<A>], now: Timestamp) {
    for Reconciled { item, outcome } in reconciled {
        let (name, reason) = (item.name.as_str(), outcome.reason());
        match outcome {
            Outcome::Unchanged => info!(kind, name, "as declared"),
            Outcome::Applied => info!(kind, name, changes = item.changes.len(), "brought to what is declared"),
            Outcome::Planned => info!(kind, name, changes = item.changes.len(), "differs, and is left so"),
            Outcome::Later(_) => warn!(kind, name, reason, "not now; the next run tries again"),
            Outcome::Failed(_) => error!(kind, name, reason, "could not be brought to what is declared"),
        }
    }
    let counts = [
        ("ResourcesUnchanged", count(reconciled, "unchanged")),
        ("ResourcesPlanned", count(reconciled, "planned")),
        ("ResourcesApplied", count(reconciled, "applied")),
        ("ResourcesLater", count(reconciled, "later")),
        ("ResourcesFailed", count(reconciled, "failed")),
    ];
    metrics::count(&counts, now);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use maintenance::Change;
    use model_archive::Problem;

    use super::*;

    fn item(name: &str, actions: &[&'static str]) -> Item<&'static str> {
        let change = Change { field: "description".to_owned(), from: None, to: Some("new".to_owned()) };
        Item { changes: vec![change], actions: actions.to_vec(), ..Item::unchanged(name) }
    }

    #[tokio::test]
    async fn each_item_ends_by_itself_and_its_calls_are_made_in_order() {
        let problem = Some(Problem::new("of-a-vendor", "it is a vendor's", "name another"));
        let plan = Plan {
            items: vec![
                Item::unchanged("same"),
                item("notify", &[]),
                item("good", &["first", "second"]),
                item("busy", &["conflict", "never"]),
                item("slow", &["throttled"]),
                item("wrong", &["invalid", "never"]),
                Item { problem, ..item("problem", &["never"]) },
                item("last", &["third"]),
            ],
        };
        let calls = Mutex::new(Vec::new());
        let act = |action: &'static str| {
            calls.lock().unwrap().push(action);
            async move {
                let kind = match action {
                    "conflict" => Kind::Conflict,
                    "throttled" => Kind::Throttled,
                    "invalid" => Kind::Invalid,
                    _ => return Ok(()),
                };
                Err(CallError::other("Update", kind, action))
            }
        };
        let reconciled = apply(plan, act).await;
        let outcomes: Vec<_> = reconciled.iter().map(|done| (done.item.name.as_str(), done.outcome.clone())).collect();
        let reason = |text: &str| text.to_owned();
        assert_eq!(
            outcomes,
            [
                ("same", Outcome::Unchanged),
                ("notify", Outcome::Planned),
                ("good", Outcome::Applied),
                ("busy", Outcome::Later(reason("Update: conflict"))),
                ("slow", Outcome::Later(reason("Update: throttled"))),
                ("wrong", Outcome::Failed(reason("Update: invalid"))),
                ("problem", Outcome::Failed(reason("it is a vendor's"))),
                ("last", Outcome::Applied),
            ]
        );
        assert_eq!(*calls.lock().unwrap(), ["first", "second", "conflict", "throttled", "invalid", "third"]);
        let counts = json!({ "unchanged": 1, "planned": 1, "applied": 2, "later": 2, "failed": 2 });
        assert_eq!(summary(&reconciled), counts);
        assert_eq!(
            serde_json::to_value(&reconciled[3]).unwrap(),
            json!({
                "name": "busy", "changes": [{ "field": "description", "to": "new" }], "actions": ["conflict", "never"],
                "outcome": "later", "reason": "Update: conflict",
            })
        );
    }
}
