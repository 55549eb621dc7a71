//! Reconciles work teams with the configuration.

use automation::{ConfigSource, event::Event, objects::Objects, reconcile};
use ledger::LedgerTable;
use maintenance::{
    ApplyOutcome, Reconciled,
    workteam::{WorkteamAction, plan_workteams},
};
use notifications::{Notification, notifier::Notifier, sns::Topic};
use sagemaker::workteams::Workteams;
use serde_json::Value;
use tracing::{error, info};
use worker::{CallError, CallErrorKind, Clock, Failure};

/// Keeps work teams in the desired state.
#[derive(Debug)]
pub struct WorkteamMaintainer<O, W, T, N> {
    pub config: ConfigSource<O>,
    /// SageMaker's work teams.
    pub workteams: W,
    pub notifier: Notifier<T, N>,
    /// ARN of the topic that `notifications: stack` stands for.
    pub stack_topic: String,
    pub clock: Clock,
}

impl<O: Objects, W: Workteams, T: LedgerTable, N: Topic> WorkteamMaintainer<O, W, T, N> {
    /// Handles the schedule; returns how many teams had each outcome.
    pub async fn handle_schedule(&self) -> Result<Value, Failure> {
        Ok(reconcile::summarize_outcomes(&self.reconcile_teams().await?))
    }

    /// Handles one event of the function's queue: the configuration has changed.
    pub async fn handle_event(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::ObjectsCreated(_) => {
                let reconciled = self.reconcile_teams().await?;
                match reconciled.iter().find(|done| matches!(done.outcome, ApplyOutcome::Deferred(_))) {
                    // The schedule runs once a day only: the event of the configuration is retried.
                    Some(later) => Err(Failure::busy(format!("work team {} is not updated yet", later.item.name))),
                    None => Ok(()),
                }
            }
            Event::S3Test => Ok(()),
            _ => Err(Failure::terminal("not a configuration change")),
        }
    }

    async fn reconcile_teams(&self) -> Result<Vec<Reconciled<WorkteamAction>>, Failure> {
        let now = (self.clock)();
        let Some(config) = self.config.load_or_report(&self.notifier, now).await? else {
            info!("Work teams not reconciled: there is no valid configuration");
            return Ok(Vec::new());
        };
        let declared = &config.document.declared.workteams;
        if declared.is_empty() {
            return Ok(Vec::new());
        }
        let plan = plan_workteams(declared, &self.workteams.list_teams().await?, Some(&self.stack_topic));
        let reconciled = reconcile::apply_plan(plan, |action| self.apply_action(action)).await;
        reconcile::report_outcomes("work team", &reconciled, now);
        self.publish_outcomes(&reconciled).await?;
        Ok(reconciled)
    }

    /// Requests one change. A conflict is transient, unless SageMaker refuses to create a team
    /// because its name is taken but does not list that team: then a retry cannot succeed.
    async fn apply_action(&self, action: WorkteamAction) -> Result<(), CallError> {
        let created = match &action {
            WorkteamAction::Create(call) => Some(call.name.clone()),
            WorkteamAction::Update(_) => None,
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

    /// Notifies about every team; a failure for one team does not block the others.
    async fn publish_outcomes(&self, reconciled: &[Reconciled<WorkteamAction>]) -> Result<(), Failure> {
        let mut published = Ok(());
        for done in reconciled {
            let Some(notification) = Notification::workteam_reconciled(done, (self.clock)()) else { continue };
            if let Err(failure) = self.notifier.publish_once(&notification).await {
                error!(cause = %failure, text = notification.text, "Notification about a work team not published");
                published = Err(failure);
            }
        }
        published
    }
}

#[cfg(test)]
mod tests;
