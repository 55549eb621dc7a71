//! What earlier runs recorded of an app: how long it ran which version, and which updates were
//! requested.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    AppStatus, ObservedApp, PartnerApp,
    update::{FailedAttempts, PendingAppUpdate, ShownRequest, UpdateOutcome, describe_success, shown_state},
};
use crate::{
    update_calls::{GRACE, MissingEffect, shorten_reason},
    upgrade::is_same_version,
};

/// Versions of an app that are remembered.
const MAX_RUNS: usize = 10;

/// The record of an app; the default is that of an app seen for the first time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppHistory {
    /// The versions it was seen running, oldest first.
    #[serde(rename = "ran")]
    pub runs: Vec<VersionRun>,
    /// The requested update whose result is not known yet.
    pub pending: Option<PendingAppUpdate>,
    /// Failed attempts of the last update that failed.
    pub failures: Option<FailedAttempts>,
}

/// A period in which an app was seen running a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRun {
    pub version: String,
    pub since: Timestamp,
    /// `None` if it still runs the version.
    pub until: Option<Timestamp>,
}

impl AppHistory {
    /// How long the app has run a version in total, even if it runs another one now; `None` if it
    /// never did.
    pub fn total_run_time(&self, version: &str, now: Timestamp) -> Option<SignedDuration> {
        let runs = self.runs.iter().filter(|run| is_same_version(&run.version, version));
        runs.map(|run| run.until.unwrap_or(now).duration_since(run.since)).reduce(|a, b| a + b)
    }

    /// The failed attempts to update to this version, or to these settings.
    pub fn find_failures(&self, update_id: &str) -> Option<&FailedAttempts> {
        self.failures.as_ref().filter(|failures| failures.update_id == update_id)
    }

    /// Returns the history with the observed state added, and the result of the pending update once
    /// that is known. `declared` is `None` for an app that is only waited for; `config` is the
    /// version of the configuration.
    #[must_use]
    pub fn record_observation(
        &self,
        declared: Option<&PartnerApp>,
        app: &ObservedApp,
        config: Option<&str>,
        now: Timestamp,
    ) -> (Self, Option<UpdateOutcome>) {
        let mut history = self.clone();
        history.start_over_after_config_change(config);
        let changed = history.record_version(app, now);
        let outcome = if let Some(pending) = history.pending.clone() {
            history.resolve_pending(&pending, declared, app, now)
        } else {
            history.start_over_if_declared(declared, app);
            changed.map(|(from, to)| UpdateOutcome::Upgraded { from, to, took: None })
        };
        history.start_over_after_config_change(config);
        (history, outcome)
    }

    /// Returns the history with a failed attempt in place of the pending update, because SageMaker
    /// refused it. Returns the failure too, unless the attempt before was refused for the same
    /// reason.
    #[must_use]
    pub fn record_refusal(&self, reason: &str, config: Option<&str>, now: Timestamp) -> (Self, Option<UpdateOutcome>) {
        let mut history = self.clone();
        let Some(pending) = self.pending.clone() else { return (history, None) };
        let reason = shorten_reason(reason);
        let earlier = self.find_failures(pending.update_id()).filter(|earlier| earlier.attempts() > 0);
        let is_known = earlier.is_some_and(|earlier| earlier.refused && earlier.reason == reason);
        let outcome = history.record_failure(&pending, &reason, true, now);
        history.start_over_after_config_change(config);
        (history, (!is_known).then_some(outcome))
    }

    /// The history with a request that is made now: another call of the pending one if that asks
    /// for the same. `until` is when the window closes.
    #[must_use]
    pub fn with_request(
        &self,
        requested: PendingAppUpdate,
        until: Timestamp,
        modified_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let earlier = self.pending.clone().filter(|earlier| earlier.update_id() == requested.update_id());
        let pending = earlier.unwrap_or_else(|| requested.shorten_changes());
        let calls = pending.calls().with_call(now, Some(until), modified_at);
        Self { pending: Some(pending.with_calls(calls)), ..self.clone() }
    }

    /// The history with the response to the last call.
    #[must_use]
    pub fn with_response(&self, response: Result<(), Option<&str>>) -> Self {
        let pending = self.pending.clone().map(|pending| {
            let calls = pending.calls().with_response(response);
            pending.with_calls(calls)
        });
        Self { pending, ..self.clone() }
    }

    /// Attempts under another version of the configuration do not count towards the limit.
    fn start_over_after_config_change(&mut self, config: Option<&str>) {
        let (Some(failures), Some(config)) = (&mut self.failures, config) else { return };
        if failures.config.as_deref().is_some_and(|then| then != config) {
            failures.earlier = failures.count;
        }
        failures.config = Some(config.to_owned());
    }

    /// Attempts before the app had the declared settings, even if set by hand, do not count towards
    /// the limit: what differs later is another matter.
    fn start_over_if_declared(&mut self, declared: Option<&PartnerApp>, app: &ObservedApp) {
        let (Some(failures), Some(declared)) = (&mut self.failures, declared) else { return };
        if failures.update_id == declared.settings.compute_digest() && declared.settings.list_changes(app).is_empty() {
            failures.earlier = failures.count;
        }
    }

    /// Returns the previous and the current version if the version changed.
    fn record_version(&mut self, app: &ObservedApp, now: Timestamp) -> Option<(String, String)> {
        let version = app.version.as_ref().filter(|_| app.status.is_available())?;
        let current = self.runs.last_mut().filter(|run| run.until.is_none());
        let before = match current {
            Some(run) if run.version == *version => return None,
            Some(run) => {
                run.until = Some(now);
                Some(run.version.clone())
            }
            None => None,
        };
        // An app that is seen for the first time has run its version at least since its last
        // change.
        let since = if before.is_some() { now } else { app.modified_at.map_or(now, |at| at.min(now)) };
        self.runs.push(VersionRun { version: version.clone(), since, until: None });
        let surplus = self.runs.len().saturating_sub(MAX_RUNS);
        self.runs.drain(..surplus);
        before.map(|from| (from, version.clone()))
    }

    fn resolve_pending(
        &mut self,
        pending: &PendingAppUpdate,
        declared: Option<&PartnerApp>,
        app: &ObservedApp,
        now: Timestamp,
    ) -> Option<UpdateOutcome> {
        let (calls, requested_at) = (pending.calls(), pending.requested_at());
        let reason = app.error.clone().unwrap_or_else(|| "SageMaker gave no reason".to_owned());
        match app.status {
            AppStatus::Failed | AppStatus::Deleting | AppStatus::Deleted => {
                let reason = format!("the app's status is {}: {reason}", app.status);
                return Some(self.record_failure(pending, &reason, false, now));
            }
            status if !status.is_available() => return None,
            _ => {}
        }
        let shown = shown_state(pending, declared, app);
        if shown == ShownRequest::Complete {
            (self.pending, self.failures) = (None, None);
            return Some(describe_success(pending, app, now.duration_since(requested_at)));
        }
        if app.status == AppStatus::UpdateFailed && calls.owns_failure(requested_at, app.modified_at, now) {
            return Some(self.record_failure(pending, &reason, false, now));
        }
        if shown == ShownRequest::Superseded && calls.time_waited(requested_at, now) >= GRACE {
            self.pending = None;
            return None;
        }
        match calls.judge_missing_effect(requested_at, now) {
            MissingEffect::Wait | MissingEffect::CallAgain => None,
            MissingEffect::Failed(reason) => Some(self.record_failure(pending, &reason, false, now)),
        }
    }

    fn record_failure(
        &mut self,
        pending: &PendingAppUpdate,
        reason: &str,
        refused: bool,
        now: Timestamp,
    ) -> UpdateOutcome {
        let update_id = pending.update_id();
        let (count, earlier, config) = match self.find_failures(update_id) {
            Some(failures) => (failures.count, failures.earlier, failures.config.clone()),
            None => (0, 0, None),
        };
        let failures = FailedAttempts {
            update_id: update_id.to_owned(),
            count: count + 1,
            last: now,
            reason: shorten_reason(reason),
            earlier,
            config,
            refused,
        };
        (self.pending, self.failures) = (None, Some(failures.clone()));
        match pending {
            PendingAppUpdate::Upgrade { from, to, .. } => {
                UpdateOutcome::UpgradeFailed { from: from.clone(), to: to.clone(), failures }
            }
            PendingAppUpdate::Settings { changes, .. } => {
                UpdateOutcome::SettingsFailed { changes: changes.clone(), failures }
            }
        }
    }
}
