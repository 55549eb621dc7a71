//! Plans the API calls for each declared app.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model_archive::Problem;
use serde::Serialize;

use super::{AppStatus, AppView, ApplicationConfig, FailedAttempts, ObservedApp, PendingAppUpdate};
use crate::{
    change::tag_changes,
    digest::hash_parts,
    plan::{Change, PlanItem, ResourcePlan},
    time_format::{format_date, format_days, format_time},
    upgrade::{
        AppVersion, MAX_ATTEMPTS, UpgradeDecision, UpgradePolicy, WaitReason, format_wait_reasons, no_window_problem,
    },
    window::{MaintenanceWindow, WeekTime, WindowOpening, WindowState},
};

/// An API call for an app.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartnerAppAction {
    /// `AddTags`.
    AddTags { arn: String, tags: BTreeMap<String, String> },
    /// `UpdatePartnerApp` with settings.
    Update(Box<SettingsUpdate>),
    /// `UpdatePartnerApp` with a version.
    Upgrade(Box<VersionUpgrade>),
}

impl PartnerAppAction {
    /// The ARN of the app.
    pub fn arn(&self) -> &str {
        match self {
            Self::AddTags { arn, .. } => arn,
            Self::Update(update) => &update.arn,
            Self::Upgrade(upgrade) => &upgrade.arn,
        }
    }
}

/// Settings for `UpdatePartnerApp`; a setting that is `None` is not sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingsUpdate {
    /// The ARN of the app.
    pub arn: String,
    /// `MaintenanceConfig.MaintenanceWindowStart`.
    pub maintenance_window_start: Option<WeekTime>,
    /// `Tier`.
    pub tier: Option<String>,
    /// `EnableAutoMinorVersionUpgrade`.
    pub auto_minor_upgrade: Option<bool>,
    /// `EnableIamSessionBasedIdentity`.
    pub iam_session_identity: Option<bool>,
    /// `ApplicationConfig`, complete.
    pub application: Option<ApplicationConfig>,
    /// `ClientToken`.
    pub client_token: String,
    /// Identifies the declared settings.
    pub digest: String,
    pub changes: Vec<Change>,
    /// When this opening of the window ends.
    pub until: Timestamp,
    /// `LastModifiedTime` of the app.
    #[serde(skip)]
    pub modified_at: Option<Timestamp>,
}

/// A version for `UpdatePartnerApp`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VersionUpgrade {
    /// The ARN of the app.
    pub arn: String,
    /// The running version.
    pub from: String,
    /// `AppVersion`.
    pub to: String,
    /// `ClientToken`.
    pub client_token: String,
    pub release_notes: Vec<String>,
    pub window: MaintenanceWindow,
    /// When this opening of the window ends.
    pub until: Timestamp,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// Why the waiting period (`after`) was skipped.
    pub forced: Option<String>,
    /// `LastModifiedTime` of the app.
    #[serde(skip)]
    pub modified_at: Option<Timestamp>,
}

/// Derives the `ClientToken` of a call, at most 36 letters, digits and dashes. It is the same when
/// an attempt is repeated, so that SageMaker carries it out once.
pub fn derive_client_token(arn: &str, update_id: &str, opening: WindowOpening, attempt: u32) -> String {
    format!("mnt-{}", hash_parts([arn, update_id, &opening.since.to_string(), &attempt.to_string()]))
}

/// Plans every app, in the order of the views.
pub fn plan_apps(views: &[AppView<'_>], now: Timestamp) -> ResourcePlan<PartnerAppAction> {
    ResourcePlan { items: views.iter().map(|view| plan_app(view, now)).collect() }
}

fn plan_app(view: &AppView<'_>, now: Timestamp) -> PlanItem<PartnerAppAction> {
    let mut item = PlanItem::unchanged(view.declared.app.as_str());
    let app = match &view.observed {
        Ok(app) => *app,
        Err(problem) => {
            item.problem = Some(problem.clone());
            return item;
        }
    };
    if !view.tags.is_empty() {
        item.changes.extend(tag_changes(&view.tags, app.tags.as_ref().unwrap_or(&BTreeMap::new())));
        item.actions.push(PartnerAppAction::AddTags { arn: app.arn.clone(), tags: view.tags.clone() });
    }
    item.notes.extend(view.history.pending.as_ref().map(|pending| pending_note(pending, app)));
    let settings_differ = plan_settings(&mut item, view, app, now);
    plan_upgrade(&mut item, view, app, settings_differ, now);
    // Make the possible calls now. A problem that remains is reported by the next run.
    if !item.actions.is_empty()
        && let Some(problem) = item.problem.take()
    {
        item.notes.push(format!("{}; {}", problem.problem, problem.remedy));
    }
    item.notes.extend(end_of_life_note(view, app));
    item
}

fn pending_note(pending: &PendingAppUpdate, app: &ObservedApp) -> String {
    let since = format_time(pending.requested_at());
    match pending {
        PendingAppUpdate::Upgrade { to, .. } if has_started(pending, app) => {
            format!("upgrade to {to} has been in progress since {since}")
        }
        PendingAppUpdate::Upgrade { to, .. } => format!("upgrade to {to} was requested on {since}; no response yet"),
        PendingAppUpdate::Settings { .. } => {
            format!("settings were sent on {since}; the app does not show them yet")
        }
    }
}

/// Whether SageMaker has begun to carry out a requested update, as far as is known.
pub(super) fn has_started(pending: &PendingAppUpdate, app: &ObservedApp) -> bool {
    pending.calls().accepted || app.status == AppStatus::Updating
}

fn end_of_life_note(view: &AppView<'_>, app: &ObservedApp) -> Option<String> {
    let eol = view.eol?;
    let (version, date) = (app.version_or_default(), format_date(eol.at));
    Some(if eol.stage == 0 {
        format!("{version} has been out of support since {date}")
    } else {
        format!("{version} reaches end of life on {date} (in {})", format_days(eol.days))
    })
}

/// Plans the settings. Returns whether they differ: then an upgrade has to wait for them.
fn plan_settings(item: &mut PlanItem<PartnerAppAction>, view: &AppView<'_>, app: &ObservedApp, now: Timestamp) -> bool {
    if view.changes.is_empty() {
        return false;
    }
    let digest = view.declared.settings.compute_digest();
    item.changes.extend(view.changes.iter().cloned());
    let failures = view.history.find_failures(&digest);
    item.problem = settings_problem(view, app, failures);
    let (Some(window), None) = (view.window, &item.problem) else { return true };
    let waiting_for = |reason: WaitReason| format!("settings are waiting for {reason}");
    if !app.status.is_available() {
        item.notes.push(waiting_for(WaitReason::AppStatus(app.status)));
        return true;
    }
    if !may_request(view.history.pending.as_ref(), &digest, now) {
        // The note about the pending update says what they wait for.
        return true;
    }
    match window.state_at(now) {
        WindowState::Closed { opens_at } => {
            item.notes.push(waiting_for(WaitReason::WindowClosed { opens_at, now }));
        }
        // Another attempt in this opening would have the client token of the failed one.
        WindowState::Open(opening) if failures.is_some_and(|failures| failures.last >= opening.since) => {
            item.notes
                .push("settings: an attempt failed in this window; the next attempt is in the next window".to_owned());
        }
        WindowState::Open(opening) => {
            let attempt = failures.map_or(0, |failures| failures.count) + 1;
            // The settings can be changed back in the same opening, which is another update.
            let update_id = app.modified_at.map_or_else(|| digest.clone(), |at| format!("{digest} {at}"));
            let client_token = derive_client_token(&app.arn, &update_id, opening, attempt);
            let update = settings_update(view, app, digest, client_token, opening.until);
            item.actions.push(PartnerAppAction::Update(Box::new(update)));
        }
    }
    true
}

fn settings_problem(view: &AppView<'_>, app: &ObservedApp, failures: Option<&FailedAttempts>) -> Option<Problem> {
    let problem = match view.window {
        None => Some(no_window_problem()),
        Some(_) => failures.filter(|failures| failures.attempts() >= MAX_ATTEMPTS).map(|failures| {
            let (attempts, reason) = (failures.attempts(), &failures.reason);
            Problem::new(
                "settings-failed-too-often",
                format!("the settings update failed {attempts} times; last error: {reason}"),
                "fix the cause, or correct the settings; then upload the configuration again: they are sent again",
            )
        }),
    };
    problem.or_else(|| view.declared.settings.application.find_uncovered_group(&app.application))
}

fn settings_update(
    view: &AppView<'_>,
    app: &ObservedApp,
    digest: String,
    client_token: String,
    until: Timestamp,
) -> SettingsUpdate {
    let declared = &view.declared.settings;
    let differs = |field: &str| view.changes.iter().any(|change| change.field == field);
    SettingsUpdate {
        arn: app.arn.clone(),
        maintenance_window_start: declared.maintenance_window_start.filter(|_| differs("maintenance_window_start")),
        tier: declared.tier.clone().filter(|_| differs("tier")),
        auto_minor_upgrade: declared.auto_minor_upgrade.filter(|_| differs("auto_minor_upgrade")),
        iam_session_identity: declared.iam_session_identity.filter(|_| differs("iam_session_identity")),
        application: declared.application.merge_for_update(&app.application),
        client_token,
        digest,
        changes: view.changes.clone(),
        until,
        modified_at: app.modified_at,
    }
}

fn plan_upgrade(
    item: &mut PlanItem<PartnerAppAction>,
    view: &AppView<'_>,
    app: &ObservedApp,
    settings_differ: bool,
    now: Timestamp,
) {
    let Some(available) = &app.available_upgrade else { return };
    let from = app.version.clone().unwrap_or_default();
    let to = available.version;
    match &view.decision {
        UpgradeDecision::UpToDate => {}
        UpgradeDecision::Manual { .. } if view.declared.upgrade == UpgradePolicy::Off => {}
        UpgradeDecision::Manual { reason } => {
            item.notes.push(format!("upgrade to {to} is available, but is not applied automatically: {reason}"));
        }
        UpgradeDecision::Wait { reasons, .. } => {
            item.changes.push(version_change(&from, to));
            item.notes.push(format!("upgrade to {to} is waiting for {}", format_wait_reasons(reasons)));
        }
        UpgradeDecision::Blocked(problem) => item.problem = item.problem.take().or_else(|| Some(problem.clone())),
        UpgradeDecision::Upgrade { .. } if !may_request(view.history.pending.as_ref(), &to.to_string(), now) => {}
        // SageMaker carries out one update of an app at a time, and a request starts one.
        UpgradeDecision::Upgrade { .. } if settings_differ && item.problem.is_none() => {
            item.notes.push(format!("upgrade to {to}: starts after the settings change"));
        }
        UpgradeDecision::Upgrade { opening, attempt, forced } => {
            let Some(window) = view.window else { return };
            item.changes.push(version_change(&from, to));
            item.notes.extend(forced.clone());
            item.actions.push(PartnerAppAction::Upgrade(Box::new(VersionUpgrade {
                arn: app.arn.clone(),
                client_token: derive_client_token(&app.arn, &to.to_string(), *opening, *attempt),
                from,
                to: to.to_string(),
                release_notes: available.release_notes.clone(),
                window,
                until: opening.until,
                attempt: *attempt,
                forced: forced.clone(),
                modified_at: app.modified_at,
            })));
        }
    }
}

/// Whether no other update is pending, and no call for this one that may still take effect.
fn may_request(pending: Option<&PendingAppUpdate>, update_id: &str, now: Timestamp) -> bool {
    pending.is_none_or(|pending| pending.update_id() == update_id && pending.is_lost(now))
}

fn version_change(from: &str, to: AppVersion) -> Change {
    Change { field: "version".to_owned(), from: Some(from.to_owned()), to: Some(to.to_string()) }
}
