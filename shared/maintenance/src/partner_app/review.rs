//! Reviews the declared apps: what people are notified about, what is recorded, and what is
//! requested.
//!
//! Pure, so that the rules are tested without AWS. The caller carries a review out in this order,
//! which survives a crash between any two steps:
//!
//! 1. Publish [`AppReview::finished_updates`].
//! 2. Record [`AppReview::histories`]. After a crash before this step the next run publishes the
//!    same notifications again, and their ids suppress them. In the other order a result could be
//!    recorded and never published.
//! 3. Publish [`AppReview::announcements`].
//! 4. Apply [`AppReview::plan`]. Publish [`AppReview::announce_start`] after each call; if that
//!    fails, the next run announces it.
//! 5. Record [`AppReview::idle_until`].

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Announcement, AppHistory, AppObservation, AppView, PartnerApp, PartnerAppAction, PendingAppUpdate, UpdateOutcome,
    build_views, next_review_at,
    plan::{has_started, plan_apps},
    view::UNREADABLE,
};
use crate::{
    plan::{ApplyOutcome, Reconciled, ResourcePlan},
    upgrade::{UpgradeDecision, UpgradePolicy},
};

/// The result of [`review_apps`].
#[derive(Debug, Clone, PartialEq)]
pub struct AppReview<'a> {
    /// The declared apps, in the order of the configuration.
    pub views: Vec<AppView<'a>>,
    /// The histories to record, by ARN.
    pub histories: BTreeMap<String, AppHistory>,
    /// The calls to make.
    pub plan: ResourcePlan<PartnerAppAction>,
    finished: Vec<FinishedUpdate>,
    now: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
struct FinishedUpdate {
    arn: String,
    outcome: UpdateOutcome,
    requested_at: Timestamp,
}

/// Compares every declared app with its observed state. `recorded` are the histories of the
/// described apps, by ARN, as earlier runs recorded them; `config` is the version of the
/// configuration.
pub fn review_apps<'a>(
    declared: &'a [PartnerApp],
    observed: &'a [AppObservation],
    recorded: &BTreeMap<String, AppHistory>,
    config: Option<&str>,
    now: Timestamp,
) -> AppReview<'a> {
    let (mut histories, mut finished) = (recorded.clone(), Vec::new());
    for observation in observed {
        let AppObservation::Described(app) = observation else { continue };
        let before = recorded.get(&app.arn).cloned().unwrap_or_default();
        let declared = declared.iter().find(|declared| declared.app.matches_app(&app.name, &app.arn));
        let (history, outcome) = before.record_observation(declared, app, config, now);
        histories.insert(app.arn.clone(), history);
        // A change that was not requested here is identified by the run of the version before it:
        // the next run repeats the notification under the same id if this one cannot record the
        // history.
        let changed_at = before.runs.last().map_or(now, |run| run.since);
        let requested_at = before.pending.as_ref().map_or(changed_at, PendingAppUpdate::requested_at);
        finished.extend(outcome.map(|outcome| FinishedUpdate { arn: app.arn.clone(), outcome, requested_at }));
    }
    let views = build_views(declared, observed, &histories, now);
    let plan = plan_apps(&views, now);
    AppReview { views, histories, plan, finished, now }
}

impl AppReview<'_> {
    /// Results of updates, to publish before the histories are recorded.
    pub fn finished_updates(&self) -> Vec<Announcement<'_>> {
        let mut announcements = Vec::new();
        for FinishedUpdate { arn, outcome, requested_at } in &self.finished {
            // An app that only `after` names is followed, but not announced.
            let Some(app) = self.find_view(arn) else { continue };
            announcements.push(Announcement::UpdateFinished { app, outcome, requested_at: *requested_at });
        }
        announcements
    }

    /// Everything else that is announced, to publish before the plan is applied.
    pub fn announcements(&self) -> Vec<Announcement<'_>> {
        let of_state = self.views.iter().flat_map(announce_state);
        let items = self.views.iter().zip(&self.plan.items);
        let blocked = items.filter_map(|(app, item)| {
            let problem = item.problem.as_ref().filter(|problem| problem.code != UNREADABLE)?;
            Some(Announcement::Blocked { app, problem })
        });
        of_state.chain(blocked).collect()
    }

    /// The announcement of an upgrade that was requested for the app with that ARN; `None` for
    /// settings.
    pub fn announce_start<'r>(&'r self, arn: &str, pending: &'r PendingAppUpdate) -> Option<Announcement<'r>> {
        announce_upgrade_start(self.find_view(arn)?, pending)
    }

    /// Until when no run has to review the apps again. A run that called SageMaker, or had to put a
    /// call off, is followed by the next one.
    pub fn idle_until(&self, applied: &[Reconciled<PartnerAppAction>]) -> Timestamp {
        let is_moving = |done: &Reconciled<_>| done.outcome == ApplyOutcome::Applied || done.is_deferred();
        if applied.iter().any(is_moving) { self.now } else { next_review_at(&self.views, self.now) }
    }

    /// The view of the declared app with that ARN.
    pub fn find_view(&self, arn: &str) -> Option<&AppView<'_>> {
        self.views.iter().find(|view| view.shows_app(arn))
    }
}

/// What an app's state gives reason to announce: an upgrade in progress, otherwise an available
/// one, and the end of life of its version.
fn announce_state<'r>(app: &'r AppView<'r>) -> impl Iterator<Item = Announcement<'r>> {
    let pending = app.history.pending.as_ref();
    let has_started = |pending: &&PendingAppUpdate| app.observed.as_ref().is_ok_and(|app| has_started(pending, app));
    let started = pending.filter(has_started).and_then(|pending| announce_upgrade_start(app, pending));
    // A blocked upgrade is announced with its problem.
    let is_blocked = matches!(app.decision, UpgradeDecision::Blocked(_));
    let is_wanted = app.declared.upgrade != UpgradePolicy::Off && !is_blocked && pending.is_none();
    let upgrade = app.observed.as_ref().ok().and_then(|app| app.available_upgrade.as_ref());
    let available =
        upgrade.filter(|_| is_wanted).map(|upgrade| Announcement::UpgradeAvailable { app, to: upgrade.version });
    let eol = app.eol.map(|eol| Announcement::EndOfLife { app, eol });
    started.into_iter().chain(available).chain(eol)
}

fn announce_upgrade_start<'r>(app: &'r AppView<'r>, pending: &'r PendingAppUpdate) -> Option<Announcement<'r>> {
    match pending {
        PendingAppUpdate::Upgrade { from, to, requested_at, .. } => {
            Some(Announcement::UpgradeStarted { app, from, to, requested_at: *requested_at })
        }
        PendingAppUpdate::Settings { .. } => None,
    }
}
