//! Random histories of settings updates of an app, against a model of SageMaker.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use common::{RunFault, any_run_fault, at, observed_app, parse_apps};
use jiff::{SignedDuration, Timestamp};
use maintenance::{
    UpdateCalls,
    partner_app::{
        Announcement, AppHistory, AppObservation, ObservedApp, PartnerAppAction, PendingAppUpdate, UpdateOutcome,
        review_apps,
    },
};
use proptest::prelude::*;

/// The window opens every Tuesday at 03:30 for an hour.
const TIER: &str = "  - { app: prod, window: { start: TUE:03:30, minutes: 60 }, tier: large }";

/// The first opening of the window.
const OPENING: &str = "2026-12-01T03:30:00Z";

/// Runs that fall into one opening.
const RUNS_OF_OPENING: i64 = 4;

/// The app in SageMaker, and what is recorded and announced of it.
struct AppModel {
    tier: String,
    config: &'static str,
    recorded: BTreeMap<String, AppHistory>,
    /// Time of each call.
    calls: Vec<Timestamp>,
    /// How many successes were announced while the app showed other settings.
    false_successes: usize,
}

impl AppModel {
    fn new() -> Self {
        let recorded = BTreeMap::new();
        Self { tier: "small".to_owned(), config: "1", recorded, calls: Vec::new(), false_successes: 0 }
    }

    fn run(&mut self, fault: RunFault, now: Timestamp) {
        let declared = parse_apps(TIER);
        let mut app = observed_app("arn:prod".to_owned(), "prod", "1.3", None);
        app.tier = Some(self.tier.clone());
        let observed = [AppObservation::Described(Box::new(app))];
        let review = review_apps(&declared, &observed, &self.recorded, Some(self.config), now);
        let is_success = |announcement: &Announcement<'_>| {
            matches!(announcement, Announcement::UpdateFinished { outcome: UpdateOutcome::SettingsUpdated { .. }, .. })
        };
        if self.tier != "large" {
            self.false_successes += review.finished_updates().iter().filter(|result| is_success(result)).count();
        }
        let mut history = review.histories["arn:prod"].clone();
        for action in &review.plan.items[0].actions {
            let PartnerAppAction::Update(update) = action else { panic!("{action:?}") };
            assert!(now < update.until);
            assert_eq!((update.tier.as_deref(), update.auto_minor_upgrade), (Some("large"), None));
            self.calls.push(now);
            let pending = PendingAppUpdate::Settings {
                digest: update.digest.clone(),
                changes: update.changes.clone(),
                requested_at: now,
                calls: UpdateCalls::default(),
            };
            let requested = history.with_request(pending, update.until, None, now);
            let (after, takes_effect) = match fault {
                RunFault::NoFault => (requested.with_response(Ok(())), true),
                RunFault::Normalised => (requested.with_response(Ok(())), false),
                RunFault::Lost { took_effect } => (requested.with_response(Err(None)), took_effect),
                RunFault::Crashed { took_effect } => (requested, took_effect),
                RunFault::Refused => (requested.record_refusal("refused", Some(self.config), now).0, false),
            };
            history = after;
            if takes_effect {
                "large".clone_into(&mut self.tier);
            }
        }
        self.recorded.insert("arn:prod".to_owned(), history);
    }
}

/// SageMaker accepts the update and shows it only after the opening.
#[test]
fn accepted_update_is_not_sent_again() {
    let mut model = AppModel::new();
    for run in 0..RUNS_OF_OPENING {
        model.run(RunFault::Normalised, at(OPENING) + SignedDuration::from_mins(15 * run));
    }
    assert_eq!(model.calls, [at(OPENING)]);
}

/// The update is refused in three openings, someone sets the declared tier by hand, and later
/// another one: that is corrected like any drift.
#[test]
fn drift_after_failures_and_a_fix_by_hand_is_corrected() {
    let mut model = AppModel::new();
    let week = SignedDuration::from_hours(7 * 24);
    for opening in 0..4 {
        model.run(RunFault::Refused, at(OPENING) + week * opening);
    }
    assert_eq!(model.calls.len(), 3);
    "large".clone_into(&mut model.tier);
    model.run(RunFault::NoFault, at(OPENING) + week * 4);
    "small".clone_into(&mut model.tier);
    model.run(RunFault::NoFault, at(OPENING) + week * 5);
    assert_eq!((model.calls.len(), model.tier.as_str()), (4, "large"));
}

/// SageMaker carries out each client token once.
#[test]
fn settings_changed_back_in_the_same_opening_are_sent_again() {
    let declared = parse_apps(TIER);
    let tokens = [0, 15].map(|minute| {
        let now = at(OPENING) + SignedDuration::from_mins(minute);
        let app = observed_app("arn:prod".to_owned(), "prod", "1.3", None);
        let app = ObservedApp { modified_at: Some(now), ..app };
        let observed = [AppObservation::Described(Box::new(app))];
        let review = review_apps(&declared, &observed, &BTreeMap::new(), Some("1"), now);
        let [PartnerAppAction::Update(update)] = &review.plan.items[0].actions[..] else { panic!("{review:?}") };
        update.client_token.clone()
    });
    assert_ne!(tokens[0], tokens[1]);
}

proptest! {
    /// A success is announced only of an app that shows it, no more than three calls are made in an
    /// opening and no calls in more than three openings, and once the faults have passed, a new
    /// version of the configuration is applied.
    #[test]
    fn every_history_ends_with_the_declared_settings(
        weeks in prop::collection::vec(prop::collection::vec(any_run_fault(), 4..5), 0..6),
        drifts_in_week in 0usize..12,
    ) {
        let mut model = AppModel::new();
        let mut now = at(OPENING);
        let mut openings_in_a_row = 0;
        for (week, faults) in weeks.into_iter().enumerate() {
            let before = model.calls.len();
            for (run, fault) in (0..RUNS_OF_OPENING).zip(faults) {
                model.run(fault, now + SignedDuration::from_mins(15 * run));
            }
            let calls = model.calls.len() - before;
            prop_assert!(calls <= 3, "{calls} calls in one opening");
            // A later run observes the result.
            model.run(RunFault::NoFault, now + SignedDuration::from_hours(48));
            openings_in_a_row = if model.tier == "large" { 0 } else { openings_in_a_row + usize::from(calls > 0) };
            prop_assert!(openings_in_a_row <= 3);
            if week == drifts_in_week {
                "small".clone_into(&mut model.tier);
                openings_in_a_row = 0;
            }
            now += SignedDuration::from_hours(7 * 24);
        }
        model.config = "2";
        for run in 0..2 * RUNS_OF_OPENING {
            model.run(RunFault::NoFault, now + SignedDuration::from_mins(15 * (run % RUNS_OF_OPENING)));
            if run == RUNS_OF_OPENING - 1 {
                now += SignedDuration::from_hours(7 * 24);
            }
        }
        prop_assert_eq!(&model.tier, "large");
        prop_assert_eq!(model.false_successes, 0);
    }
}
