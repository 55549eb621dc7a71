//! Reconciles partner apps with the configuration, inside their maintenance windows.
//!
//! The pure [`review_apps`] decides what to announce and what to request. The handler only does it
//! in the right order.

use std::collections::BTreeMap;

use automation::{
    config::{Config, ConfigSource},
    event::Event,
    objects::Objects,
    reconcile,
};
use jiff::Timestamp;
use ledger::{IdleUntil, Ledger, LedgerTable};
use maintenance::partner_app::{Announcement, AppHistory, AppObservation, AppReview, PartnerAppAction, review_apps};
use notifications::{Notification, notifier::Notifier, sns::Topic};
use sagemaker::partner_apps::{self, PartnerApps};
use serde_json::{Value, json};
use tracing::{info, warn};
use worker::{CallError, Clock, Failure};

/// Keeps partner apps in the desired state.
pub struct AppMaintainer<A, O, T, N> {
    /// SageMaker's partner apps.
    pub apps: A,
    pub config: ConfigSource<O>,
    pub ledger: Ledger<T>,
    pub notifier: Notifier<T, N>,
    pub clock: Clock,
}

impl<A: PartnerApps, O: Objects, T: LedgerTable, N: Topic> AppMaintainer<A, O, T, N> {
    /// Handles the schedule. While the apps are idle, it reads only the configuration and one
    /// ledger row.
    pub async fn handle_schedule(&self) -> Result<Value, Failure> {
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
            return Ok(json!({ "idle": "no apps are declared" }));
        }
        let reading = partner_apps::read_apps(&self.apps, declared).await?;
        let recorded = self.read_histories(&reading.observed).await?;
        let review = review_apps(declared, &reading.observed, &recorded, now);

        // Publish before recording. A crash in between publishes the same ids again, which the
        // notifier suppresses; the other way round, an outcome could be recorded and never
        // published.
        self.publish_all(&review.finished_updates(), config, now).await?;
        self.record_histories(&recorded, &review).await?;
        self.publish_all(&review.announcements(), config, now).await?;
        for view in &review.views {
            let app = view.declared.app.as_str();
            info!(app, config = config.version(), decision = ?view.decision, "Partner app reviewed");
        }

        let execute = |action| self.apply_action(action, &review, config, now);
        let applied = reconcile::apply_plan(review.plan.clone(), execute).await;
        reconcile::report_outcomes("partner app", &applied, now);
        let mut summary = reconcile::summarize_outcomes(&applied);
        summary["read_calls"] = reading.calls.into();
        info!(read_calls = reading.calls, apps = declared.len(), "Declared partner apps reconciled");
        let until = review.idle_until(&applied);
        self.ledger.record_idle_until(&IdleUntil { config: config.version().map(str::to_owned), until }).await?;
        Ok(summary)
    }

    async fn read_histories(&self, observed: &[AppObservation]) -> Result<BTreeMap<String, AppHistory>, CallError> {
        let described = observed.iter().filter(|app| matches!(app, AppObservation::Described(_)));
        self.ledger.read_app_histories(&described.map(AppObservation::arn).collect::<Vec<_>>()).await
    }

    async fn record_histories(
        &self,
        recorded: &BTreeMap<String, AppHistory>,
        review: &AppReview<'_>,
    ) -> Result<(), CallError> {
        let none = AppHistory::default();
        for (arn, history) in &review.histories {
            self.ledger.record_app_history(arn, recorded.get(arn).unwrap_or(&none), history).await?;
        }
        Ok(())
    }

    async fn publish_all(
        &self,
        announcements: &[Announcement<'_>],
        config: &Config,
        now: Timestamp,
    ) -> Result<(), Failure> {
        for announcement in announcements {
            self.publish_announcement(announcement, config, now).await?;
        }
        Ok(())
    }

    /// Publishes an announcement, unless its id was published before.
    async fn publish_announcement(
        &self,
        announcement: &Announcement<'_>,
        config: &Config,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let notification = Notification::from_announcement(announcement, config.version(), now);
        let Some(notification) = notification else { return Ok(()) };
        self.notifier.publish_once(&notification).await
    }

    /// Requests one change, and announces the upgrade that it starts.
    async fn apply_action(
        &self,
        action: PartnerAppAction,
        review: &AppReview<'_>,
        config: &Config,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let requested = partner_apps::request_update(&self.apps, &self.ledger, &action, &review.histories, now).await?;
        let Some(pending) = requested else { return Ok(()) };
        let Some(started) = review.announce_start(action.arn(), &pending) else { return Ok(()) };
        if let Err(failure) = self.publish_announcement(&started, config, now).await {
            let arn = action.arn();
            warn!(arn, %failure, "Start of the upgrade could not be published; the next run publishes it");
        }
        Ok(())
    }
}
