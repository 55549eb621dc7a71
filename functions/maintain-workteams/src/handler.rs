//! Reconciles work teams with the configuration.

use std::time::Duration;

use automation::{
    ConfigSource,
    config::Config,
    event::Event,
    objects::Objects,
    reconcile::{self, APPLY_LIMIT, ItemFailures},
};
use jiff::Timestamp;
use ledger::{Ledger, LedgerTable, RequestAnswer, UpdatedKind};
use maintenance::{
    ApplyOutcome, PlanItem, Reconciled, ResourcePlan, UpdateHistory,
    workteam::{
        UNREADABLE, UPDATE_FAILED, Workteam, WorkteamAction, WorkteamHistories, WorkteamPart, hold_requests,
        plan_workteams,
    },
};
use notifications::{Channel, Notification, notifier::Notifier};
use sagemaker::workteams::{Workteams, read_teams};
use serde_json::Value;
use tracing::info;
use worker::{CallError, CallErrorKind, Clock, Failure};

/// Problems that another notification reports, or that disappear without a fix.
const NOT_NOTIFIED: [&str; 2] = [UPDATE_FAILED, UNREADABLE];

/// Keeps work teams in the desired state.
#[derive(Debug)]
pub struct WorkteamMaintainer<O, W, T, N> {
    pub config: ConfigSource<O>,
    /// SageMaker's work teams.
    pub workteams: W,
    pub notifier: Notifier<T, N>,
    pub ledger: Ledger<T>,
    /// ARN of the topic that `notifications: stack` stands for.
    pub stack_topic: String,
    /// How long the tags of the teams may be read. A run reads them before and after it changes
    /// teams: half of [`sagemaker::READ_LIMIT`].
    pub read_limit: Duration,
    pub clock: Clock,
}

/// What the steps of a run share.
struct TeamRun<'r> {
    declared: &'r [Workteam],
    config: &'r Config,
    failures: ItemFailures,
}

/// The result of a run.
#[derive(Default)]
struct TeamResult {
    reconciled: Vec<Reconciled<WorkteamAction>>,
    /// A team for which a later run has to do more soon.
    unsettled: Option<String>,
}

impl<O: Objects, W: Workteams, T: LedgerTable, N: Channel> WorkteamMaintainer<O, W, T, N> {
    /// Handles the schedule; returns how many teams had each outcome.
    pub async fn handle_schedule(&self) -> Result<Value, Failure> {
        let result = self.reconcile_teams().await;
        reconcile::finish_scheduled_run(result.map(|result| reconcile::summarize_outcomes(&result.reconciled)))
    }

    /// Handles one event of the function's queue: the configuration has changed. The event is
    /// retried until no team waits: the schedule runs once a day only.
    pub async fn handle_event(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::ObjectsCreated(_) => match self.reconcile_teams().await?.unsettled {
                Some(team) => Err(Failure::busy(format!("work team {team} is not updated yet"))),
                None => Ok(()),
            },
            Event::S3Test => Ok(()),
            _ => Err(Failure::terminal("not a configuration change")),
        }
    }

    async fn reconcile_teams(&self) -> Result<TeamResult, Failure> {
        let Some(config) = self.config.load_or_report(&self.notifier, (self.clock)()).await? else {
            info!("Work teams not reconciled: there is no valid configuration");
            return Ok(TeamResult::default());
        };
        let declared = config.document.declared.workteams.as_slice();
        if declared.is_empty() {
            info!("Work teams not reconciled: none is declared");
            return Ok(TeamResult::default());
        }
        let run = TeamRun { declared, config: &config, failures: ItemFailures::default() };
        let (plan, known) = self.observe_teams(&run).await?;
        let now = (self.clock)();
        let plan = hold_requests(plan, &known, now);
        let reconciled =
            reconcile::apply_plan(plan, APPLY_LIMIT, |action| Box::pin(self.request_action(action, &known, &run)))
                .await;
        reconcile::report_outcomes("work team", &reconciled, now);
        // SageMaker updates a team at once: the results can be observed now.
        let is_requested = reconciled.iter().any(|done| done.outcome == ApplyOutcome::Applied);
        let known = if is_requested { self.observe_teams(&run).await?.1 } else { known };
        for done in &reconciled {
            self.publish_difference(done, &known, &run).await;
        }
        let is_unsettled = |done: &&Reconciled<WorkteamAction>| {
            done.is_deferred() || has_problem(&done.item, UNREADABLE) || known.is_pending(&done.item.name)
        };
        let unsettled = reconciled.iter().find(is_unsettled).map(|done| done.item.name.clone());
        run.failures.into_result().map(|()| TeamResult { reconciled, unsettled })
    }

    /// Plans every team, and records the results of earlier requests.
    async fn observe_teams(
        &self,
        run: &TeamRun<'_>,
    ) -> Result<(ResourcePlan<WorkteamAction>, WorkteamHistories), Failure> {
        let observed = read_teams(&self.workteams, run.declared, self.read_limit).await?;
        let plan = plan_workteams(run.declared, &observed, Some(&self.stack_topic));
        let names: Vec<_> = run.declared.iter().map(|team| team.name.as_str()).collect();
        let mut known = WorkteamHistories {
            properties: self.ledger.read_update_histories(UpdatedKind::Workteam, &names).await?,
            tags: self.ledger.read_update_histories(UpdatedKind::WorkteamTags, &names).await?,
        };
        // Nothing is known about a team that could not be read.
        for (team, item) in run.declared.iter().zip(&plan.items).filter(|(_, item)| !has_problem(item, UNREADABLE)) {
            let created_at = observed.iter().find(|current| current.name == team.name).and_then(|team| team.created_at);
            for part in [WorkteamPart::Properties, WorkteamPart::Tags] {
                self.observe_part(part, team, item, created_at, &mut known, run).await;
            }
        }
        Ok((plan, known))
    }

    /// Records the result of an earlier request for a part of a team. `created_at` is `None` if
    /// there is no such team.
    async fn observe_part(
        &self,
        part: WorkteamPart,
        team: &Workteam,
        item: &PlanItem<WorkteamAction>,
        created_at: Option<Timestamp>,
        known: &mut WorkteamHistories,
        run: &TeamRun<'_>,
    ) {
        let before = known.find_history(part, &team.name);
        let (topic, config, now) = (Some(self.stack_topic.as_str()), run.config.version(), (self.clock)());
        let current = before.of_resource(created_at);
        let (after, settled) = team.record_observation(part, &current, item, topic, config, now);
        let requested_at = current.pending.as_ref().map_or(now, |pending| pending.requested_at);
        let notification =
            settled.and_then(|settled| Notification::workteam_settled(&team.name, &settled, requested_at, now));
        if self.publish_and_record(row_kind(part), &team.name, notification, &before, &after, run).await {
            known.insert_history(part, &team.name, after);
        }
    }

    /// Publishes a result before recording it: if the function crashes in between, the notification
    /// is republished with the same id. Returns whether the history is recorded.
    async fn publish_and_record(
        &self,
        kind: UpdatedKind,
        team: &str,
        notification: Option<Notification>,
        before: &UpdateHistory,
        after: &UpdateHistory,
        run: &TeamRun<'_>,
    ) -> bool {
        if let Some(notification) = notification
            && run.failures.record_result(team, self.notifier.publish_once(&notification).await).is_none()
        {
            return false;
        }
        let recorded = self.ledger.record_update_history(kind, team, before, after).await;
        run.failures.record_result(team, recorded.map_err(Failure::from)).is_some()
    }

    /// Requests one change, and reports a refusal.
    async fn request_action(
        &self,
        action: WorkteamAction,
        known: &WorkteamHistories,
        run: &TeamRun<'_>,
    ) -> Result<(), CallError> {
        let (call, kind, now) = (action.call().clone(), row_kind(action.part()), (self.clock)());
        let read = known.find_history(action.part(), &call.name);
        let requested = read.with_request(&call.digest, &call.changes, None, now);
        let request = Box::pin(self.apply_action(action));
        let answer = self.ledger.request_resource_update(kind, &call.name, &read, requested, request).await?;
        let RequestAnswer::Refused { requested, error } = answer else { return Ok(()) };
        let (after, settled) =
            requested.record_failure(&self.explain_refusal(&call.name, &error, run), run.config.version(), now);
        let requested_at = requested.pending.as_ref().map_or(now, |pending| pending.requested_at);
        let notification =
            settled.and_then(|settled| Notification::workteam_settled(&call.name, &settled, requested_at, now));
        self.publish_and_record(kind, &call.name, notification, &requested, &after, run).await;
        Err(error)
    }

    /// The reason of a refusal, with the fix if a permission is missing that the template gives
    /// only on request: SageMaker reads and updates the user pool of a team with the caller's
    /// permissions.
    fn explain_refusal(&self, team: &str, error: &CallError, run: &TeamRun<'_>) -> String {
        let is_own_permission = error.message.contains("sagemaker:");
        let declared = run.declared.iter().find(|declared| declared.name == team);
        match declared.and_then(|team| team.user_pool_arn(&self.stack_topic)) {
            Some(pool) if error.kind == CallErrorKind::Denied && !is_own_permission => format!(
                "{}; SageMaker needs the stack's permissions for the user pool: add {pool} to the template parameter \
                 WorkteamUserPoolArns and update the stack",
                error.message
            ),
            _ => error.message.clone(),
        }
    }

    /// Makes one call. A conflict is transient, unless SageMaker refuses to create a team because
    /// its name is taken but does not list that team: then a retry cannot succeed.
    async fn apply_action(&self, action: WorkteamAction) -> Result<(), CallError> {
        let created = match &action {
            WorkteamAction::Create(call) => Some(call.name.clone()),
            WorkteamAction::Update(_) | WorkteamAction::AddTags(_) => None,
        };
        match (self.workteams.apply_action(action).await, created) {
            (Err(mut error), Some(name)) if error.kind == CallErrorKind::Conflict => {
                let is_listed = self.workteams.list_teams().await?.iter().any(|team| team.name == name);
                if !is_listed {
                    error.kind = CallErrorKind::Invalid;
                }
                Err(error)
            }
            (result, _) => result,
        }
    }

    /// Notifies about a team that differs and is not updated. The results of updates are published
    /// when they are observed.
    async fn publish_difference(
        &self,
        done: &Reconciled<WorkteamAction>,
        known: &WorkteamHistories,
        run: &TeamRun<'_>,
    ) {
        let is_reported = match &done.outcome {
            ApplyOutcome::Planned => !known.is_pending(&done.item.name),
            ApplyOutcome::Failed(_) => {
                let problem = done.item.problem.as_ref();
                problem.is_some_and(|problem| !NOT_NOTIFIED.contains(&problem.code.as_ref()))
            }
            ApplyOutcome::Unchanged | ApplyOutcome::Applied | ApplyOutcome::Deferred(_) => false,
        };
        if !is_reported {
            return;
        }
        if let Some(notification) = Notification::workteam_reconciled(done, (self.clock)()) {
            run.failures.record_result(&done.item.name, self.notifier.publish_once(&notification).await);
        }
    }
}

fn has_problem(item: &PlanItem<WorkteamAction>, code: &str) -> bool {
    item.problem.as_ref().is_some_and(|problem| problem.code == code)
}

fn row_kind(part: WorkteamPart) -> UpdatedKind {
    match part {
        WorkteamPart::Properties => UpdatedKind::Workteam,
        WorkteamPart::Tags => UpdatedKind::WorkteamTags,
    }
}

#[cfg(test)]
mod tests;
