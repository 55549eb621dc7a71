//! Reconciles partner apps with the configuration, inside their maintenance windows.
//!
//! The pure [`review_apps`] decides what to announce and what to request. The handler only does it
//! in the right order.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use automation::{
    config::{Config, ConfigSource},
    event::Event,
    objects::Objects,
    reconcile::{self, APPLY_LIMIT, ItemFailures},
};
use jiff::Timestamp;
use ledger::{IdleUntil, Ledger, LedgerTable, RequestAnswer};
use maintenance::{
    partner_app::{
        Announcement, AppHistory, AppObservation, AppReview, PartnerAppAction, PendingAppUpdate, review_apps,
    },
    tags_refused_problem,
};
use notifications::{Channel, Notification, notifier::Notifier};
use sagemaker::partner_apps::{self, PartnerApps};
use serde_json::{Value, json};
use tracing::info;
use worker::{CallError, Clock, Failure};

/// Keeps partner apps in the desired state.
pub struct AppMaintainer<A, O, T, N> {
    /// SageMaker's partner apps.
    pub apps: A,
    pub config: ConfigSource<O>,
    pub ledger: Ledger<T>,
    pub notifier: Notifier<T, N>,
    /// How long a run may read resources: [`sagemaker::READ_LIMIT`].
    pub read_limit: Duration,
    pub clock: Clock,
}

/// What the steps of a run share.
struct AppRun<'r> {
    review: &'r AppReview<'r>,
    config: &'r Config,
    failures: ItemFailures,
    /// Whether an update was requested, whose result a later run observes.
    is_requested: AtomicBool,
}

impl<A: PartnerApps, O: Objects, T: LedgerTable, N: Channel> AppMaintainer<A, O, T, N> {
    /// Handles the schedule. While the apps are idle, it reads only the configuration and one
    /// ledger row.
    pub async fn handle_schedule(&self) -> Result<Value, Failure> {
        reconcile::finish_scheduled_run(self.reconcile_unless_idle().await)
    }

    async fn reconcile_unless_idle(&self) -> Result<Value, Failure> {
        let Some(config) = self.config.load_or_report(&self.notifier, (self.clock)()).await? else {
            return Ok(json!({ "idle": "no configuration" }));
        };
        let now = (self.clock)();
        let idle = self.ledger.read_idle_until().await?;
        let is_idle = |idle: &IdleUntil| idle.until > now && idle.config.as_deref() == config.version();
        if let Some(idle) = idle.filter(is_idle) {
            info!(until = %idle.until, "Partner apps are idle until the next review");
            return Ok(json!({ "idle": "outside all windows", "until": idle.until }));
        }
        self.reconcile_apps(&config, now).await
    }

    /// Handles a change of the configuration.
    pub async fn handle_event(&self, event: Event) -> Result<(), Failure> {
        let Event::ObjectsCreated(_) = event else {
            return Err(Failure::terminal("not a configuration change"));
        };
        if let Some(config) = self.config.load_or_report(&self.notifier, (self.clock)()).await? {
            self.reconcile_apps(&config, (self.clock)()).await?;
        }
        Ok(())
    }

    /// Compares every declared app with its observed state, and applies what its window allows.
    async fn reconcile_apps(&self, config: &Config, now: Timestamp) -> Result<Value, Failure> {
        let declared = &config.document.declared.partner_apps;
        if declared.is_empty() {
            info!("Partner apps not reconciled: none is declared");
            return Ok(json!({ "idle": "no apps are declared" }));
        }
        let reading = partner_apps::read_apps(&self.apps, declared, self.read_limit).await?;
        let recorded = self.read_histories(&reading.observed).await?;
        let review = review_apps(declared, &reading.observed, &recorded, config.version(), now);
        let run =
            AppRun { review: &review, config, failures: ItemFailures::default(), is_requested: AtomicBool::default() };

        self.record_results(&recorded, &run, now).await;
        for announcement in review.announcements() {
            self.publish_announcement(&announcement, &run, now).await;
        }
        for view in &review.views {
            let app = view.declared.app.as_str();
            info!(app, config = config.version(), decision = ?view.decision, "Partner app reviewed");
        }

        let applied =
            reconcile::apply_plan(review.plan.clone(), APPLY_LIMIT, |action| Box::pin(self.apply_action(action, &run)))
                .await;
        reconcile::report_outcomes("partner app", &applied, now);
        let mut summary = reconcile::summarize_outcomes(&applied);
        summary["read_calls"] = reading.calls.into();
        info!(read_calls = reading.calls, apps = declared.len(), "Declared partner apps reconciled");
        // What failed is done by the next run.
        let is_settled = run.failures.is_empty() && !run.is_requested.load(Ordering::Relaxed);
        let until = if is_settled { review.idle_until(&applied) } else { now };
        self.ledger.record_idle_until(&IdleUntil { config: config.version().map(str::to_owned), until }).await?;
        run.failures.into_result().map(|()| summary)
    }

    async fn read_histories(&self, observed: &[AppObservation]) -> Result<BTreeMap<String, AppHistory>, CallError> {
        let described = observed.iter().filter(|app| matches!(app, AppObservation::Described(_)));
        self.ledger.read_app_histories(&described.map(AppObservation::arn).collect::<Vec<_>>()).await
    }

    /// Publishes the results of each app before it records its history. A crash in between
    /// publishes the same ids again, which the notifier suppresses; the other way round, a result
    /// could be recorded and never published.
    async fn record_results(&self, recorded: &BTreeMap<String, AppHistory>, run: &AppRun<'_>, now: Timestamp) {
        let none = AppHistory::default();
        let finished = run.review.finished_updates();
        for (arn, history) in &run.review.histories {
            let results = finished.iter().filter(|result| result.app().shows_app(arn));
            let mut is_published = true;
            for result in results {
                is_published &= self.publish_announcement(result, run, now).await;
            }
            if is_published {
                let before = recorded.get(arn).unwrap_or(&none);
                let result = self.ledger.record_app_history(arn, before, history).await;
                run.failures.record_result(arn, result.map_err(Failure::from));
            }
        }
    }

    /// Publishes an announcement, unless its id was published before. Returns whether it is
    /// published now.
    async fn publish_announcement(&self, announcement: &Announcement<'_>, run: &AppRun<'_>, now: Timestamp) -> bool {
        let notification = Notification::from_announcement(announcement, run.config.version(), now);
        let Some(notification) = notification else { return true };
        let published = self.notifier.publish_once(&notification).await;
        run.failures.record_result(announcement.app().display_name(), published).is_some()
    }

    /// Requests one change, and announces the upgrade that it starts, or that SageMaker refused it.
    async fn apply_action(&self, action: PartnerAppAction, run: &AppRun<'_>) -> Result<(), CallError> {
        // The window may close between the calls for two apps.
        let now = (self.clock)();
        let arn = action.arn();
        let answer = partner_apps::request_update(&self.apps, &self.ledger, &action, &run.review.histories, now).await;
        match answer {
            Ok(None) => Ok(()),
            Ok(Some(RequestAnswer::Accepted(history))) => {
                run.is_requested.store(true, Ordering::Relaxed);
                let started = history.pending.as_ref().and_then(|pending| run.review.announce_start(arn, pending));
                if let Some(started) = started {
                    self.publish_announcement(&started, run, now).await;
                }
                Ok(())
            }
            Ok(Some(RequestAnswer::Refused { requested, error })) => {
                self.record_refusal(arn, &requested, &error, run, now).await?;
                Err(error)
            }
            Err(error) => {
                if let (PartnerAppAction::AddTags { .. }, true) = (&action, error.kind.is_refusal())
                    && let Some(app) = run.review.find_view(arn)
                {
                    let problem = tags_refused_problem(app.display_name(), &error.message);
                    self.publish_announcement(&Announcement::Blocked { app, problem: &problem }, run, now).await;
                }
                Err(error)
            }
        }
    }

    /// Reports a refusal before recording it: if the function crashes in between, the next run
    /// repeats the request, and the refusal has the same id.
    async fn record_refusal(
        &self,
        arn: &str,
        requested: &AppHistory,
        error: &CallError,
        run: &AppRun<'_>,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let (after, outcome) = requested.record_refusal(&error.message, run.config.version(), now);
        let requested_at = requested.pending.as_ref().map_or(now, PendingAppUpdate::requested_at);
        if let (Some(outcome), Some(app)) = (&outcome, run.review.find_view(arn)) {
            let refused = Announcement::UpdateFinished { app, outcome, requested_at };
            if !self.publish_announcement(&refused, run, now).await {
                return Ok(());
            }
        }
        self.ledger.record_app_history(arn, requested, &after).await
    }
}
