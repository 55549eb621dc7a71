//! One look at all declared apps: what became of what was asked, what is to be told, what is to be asked now.

use std::collections::BTreeMap;

use automation::{
    Clock,
    batch::Failure,
    call::CallError,
    config::{Config, ConfigSource},
    event::Event,
    ledger::{Ledger, Rest, Table},
    notification::Notification,
    objects::Objects,
    partner_apps::{self, PartnerApps},
    reconcile::{self, Outcome as Applied},
    topic::Topic,
};
use jiff::Timestamp;
use maintenance::partner_app::{
    AppHistory, AppView, Observed, Outcome, PartnerAppAction, Pending, next_look, plan, view,
};
use maintenance::upgrade::{Policy, Verdict};
use serde_json::{Value, json};
use tracing::{info, warn};

/// Problems that pass by themselves: people are not told.
const PASSING: &str = "app-unreadable";

/// Brings partner apps to what is declared.
pub struct Maintainer<A, O, T, N> {
    /// SageMaker's partner apps.
    pub apps: A,
    /// The configuration in force.
    pub config: ConfigSource<O>,
    /// The ledger.
    pub ledger: Ledger<T>,
    /// The Notifications topic.
    pub topic: N,
    /// The time.
    pub clock: Clock,
}

impl<A: PartnerApps, O: Objects, T: Table, N: Topic> Maintainer<A, O, T, N> {
    /// The schedule's wake-up. Outside all windows, with nothing under way, this reads the configuration and one row.
    pub async fn scheduled(&self) -> Result<Value, Failure> {
        let Some(config) = self.load().await? else { return Ok(json!({ "idle": "no configuration" })) };
        let now = (self.clock)();
        let rest = self.ledger.rest().await?;
        let rests = |rest: &Rest| rest.until > now && rest.config.as_deref() == config.version();
        if let Some(rest) = rest.filter(rests) {
            info!(until = %rest.until, "nothing to look at yet");
            return Ok(json!({ "idle": "outside all windows", "until": rest.until }));
        }
        self.maintain(&config, now).await
    }

    /// An event of the queue: the configuration changed.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        let Event::ObjectsCreated(_) = event else {
            return Err(Failure::terminal("this is no event of the configuration"));
        };
        if let Some(config) = self.load().await? {
            self.maintain(&config, (self.clock)()).await?;
        }
        Ok(())
    }

    async fn load(&self) -> Result<Option<Config>, Failure> {
        self.config.in_force(&self.ledger, &self.topic, (self.clock)()).await
    }

    async fn maintain(&self, config: &Config, now: Timestamp) -> Result<Value, Failure> {
        let declared = &config.document.declared.partner_apps;
        if declared.is_empty() {
            return Ok(json!({ "idle": "no apps are declared" }));
        }
        let reading = partner_apps::read(&self.apps, declared).await?;
        let observed = &reading.observed;
        let known = self.histories(observed).await?;
        let (histories, outcomes) = observe(&known, observed, now);
        let views = view(declared, observed, &histories, now);
        for (arn, outcome) in &outcomes {
            self.tell_outcome(&views, arn, outcome, known.get(arn), now).await?;
        }
        let none = AppHistory::default();
        // After it is told: whoever dies in between tells it again, under the same id.
        for (arn, history) in &histories {
            self.ledger.note_app(arn, known.get(arn).unwrap_or(&none), history).await?;
        }
        for view in &views {
            self.tell_standing(view, config, now).await?;
        }
        let plan = plan(&views, now);
        for (view, item) in views.iter().zip(&plan.items) {
            if let Some(problem) = item.problem.as_ref().filter(|problem| problem.code != PASSING) {
                self.tell(&Notification::app_blocked(view, problem, config.version(), now)).await?;
            }
        }
        let asks = plan.has_actions();
        let (histories, views) = (&histories, &views);
        let applied = reconcile::apply(plan, |action| self.act(action, histories, views, now)).await;
        reconcile::report("partner app", &applied, now);
        let mut summary = reconcile::summary(&applied);
        summary["read_calls"] = reading.calls.into();
        info!(read_calls = reading.calls, apps = declared.len(), "looked at all declared apps");
        // Whatever was asked is followed; whatever failed is tried again.
        let settled = !asks && applied.iter().all(|done| !matches!(done.outcome, Applied::Later(_)));
        let until = if settled { next_look(views, now) } else { now };
        self.ledger.note_rest(&Rest { config: config.version().map(str::to_owned), until }).await?;
        Ok(summary)
    }

    async fn histories(&self, observed: &[Observed]) -> Result<BTreeMap<String, AppHistory>, CallError> {
        let read = observed.iter().filter(|app| matches!(app, Observed::Read(_)));
        self.ledger.app_histories(&read.map(Observed::arn).collect::<Vec<_>>()).await
    }

    async fn tell(&self, notification: &Notification) -> Result<(), Failure> {
        self.ledger.once(&notification.id, self.topic.publish(notification)).await.map(drop)
    }

    async fn tell_outcome(
        &self,
        views: &[AppView<'_>],
        arn: &str,
        outcome: &Outcome,
        before: Option<&AppHistory>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        // An app that others wait for and that is not declared itself is followed, but not told of.
        let is_it = |view: &&AppView<'_>| view.standing.as_ref().is_ok_and(|app| app.arn == arn);
        let Some(view) = views.iter().find(is_it) else { return Ok(()) };
        let asked_at = before.and_then(|history| history.pending.as_ref()).map_or(now, Pending::asked_at);
        self.tell(&Notification::app_outcome(view, outcome, asked_at, now)).await
    }

    /// Tells what is known of an app; of each thing once.
    async fn tell_standing(&self, view: &AppView<'_>, config: &Config, now: Timestamp) -> Result<(), Failure> {
        if let Some(pending) = &view.history.pending
            && let Some(started) = Notification::upgrade_started(view, pending, now)
        {
            self.tell(&started).await?;
        }
        // What is blocked is told as that.
        let offered = view.declared.upgrade != Policy::Off && !matches!(view.verdict, Verdict::Blocked(_));
        if offered
            && view.history.pending.is_none()
            && let Some(available) = Notification::upgrade_available(view, now)
        {
            self.tell(&available).await?;
        }
        if let Some(warning) = Notification::eol_warning(view, now) {
            self.tell(&warning).await?;
        }
        info!(app = view.declared.app.as_str(), config = config.version(), verdict = ?view.verdict, "looked at");
        Ok(())
    }

    /// One call.
    async fn act(
        &self,
        action: PartnerAppAction,
        histories: &BTreeMap<String, AppHistory>,
        views: &[AppView<'_>],
        now: Timestamp,
    ) -> Result<(), CallError> {
        let Some(pending) = partner_apps::ask(&self.apps, &self.ledger, &action, histories, now).await? else {
            return Ok(());
        };
        let is_it = |view: &&AppView<'_>| view.standing.as_ref().is_ok_and(|app| app.arn == action.arn());
        let started = views.iter().find(is_it).and_then(|view| Notification::upgrade_started(view, &pending, now));
        if let Some(started) = started
            && let Err(failure) = self.tell(&started).await
        {
            warn!(arn = action.arn(), %failure, "the start could not be told; the next run tells it");
        }
        Ok(())
    }
}

/// What became of what was asked of each app, by ARN.
fn observe(
    known: &BTreeMap<String, AppHistory>,
    observed: &[Observed],
    now: Timestamp,
) -> (BTreeMap<String, AppHistory>, Vec<(String, Outcome)>) {
    let (mut histories, mut outcomes) = (known.clone(), Vec::new());
    for standing in observed {
        let Observed::Read(standing) = standing else { continue };
        let (history, outcome) = known.get(&standing.arn).cloned().unwrap_or_default().observe(standing, now);
        histories.insert(standing.arn.clone(), history);
        outcomes.extend(outcome.map(|outcome| (standing.arn.clone(), outcome)));
    }
    (histories, outcomes)
}
