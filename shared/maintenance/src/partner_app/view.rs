//! Combines the desired state of each app with its observed state and its history, and holds what
//! is decided from them.

use std::collections::BTreeMap;

use document::arn::ArnScope;
use jiff::{SignedDuration, Timestamp};
use model_archive::Problem;

use super::{
    AppHistory, AppObservation, AppRef, AppStatus, DEFAULT_WINDOW_MINUTES, ObservedApp, PartnerApp, WaitingPeriod,
};
use crate::{
    change::missing_tags,
    plan::Change,
    upgrade::{
        EndOfLife, UpgradeContext, UpgradeDecision, WaitReason, WaitingPeriodProgress, WaitingPeriodState,
        decide_upgrade, is_same_version,
    },
    window::MaintenanceWindow,
};

/// Longest time between two reviews outside all windows. Within it, new versions and changes by
/// others are noticed.
const MAX_IDLE: SignedDuration = SignedDuration::from_hours(6);

/// The code of the problem of an app that could not be described. It is temporary: the next run
/// reads the app again.
pub(super) const UNREADABLE: &str = "app-unreadable";

/// The code of the problem of an app that SageMaker refused to describe.
const READ_REFUSED: &str = "app-not-readable";

/// A declared app with everything that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AppView<'a> {
    pub declared: &'a PartnerApp,
    /// The observed state, or why it is not known.
    pub observed: Result<&'a ObservedApp, Problem>,
    /// The history, with the current observation recorded.
    pub history: AppHistory,
    /// The window that applies: the declared one, or the app's own.
    pub window: Option<MaintenanceWindow>,
    /// The decision about the available upgrade.
    pub decision: UpgradeDecision,
    /// Settings that differ from the declared ones.
    pub changes: Vec<Change>,
    /// Declared tags that are missing or have another value.
    pub tags: BTreeMap<String, String>,
    /// The end of life of the running version, once it is near.
    pub eol: Option<EndOfLife>,
}

impl AppView<'_> {
    /// SageMaker's name of the app, or the configuration's if the app could not be read.
    pub fn display_name(&self) -> &str {
        self.observed.as_ref().map_or(self.declared.app.as_str(), |app| app.name.as_str())
    }

    /// Whether this is a view of the app with that ARN, and the app could be read.
    pub fn shows_app(&self, arn: &str) -> bool {
        self.observed.as_ref().is_ok_and(|app| app.arn == arn)
    }
}

/// Builds the view of each declared app, in their order. `histories` are by ARN and include the
/// current observation ([`AppHistory::record_observation`]).
pub fn build_views<'a>(
    declared: &'a [PartnerApp],
    observed: &'a [AppObservation],
    histories: &BTreeMap<String, AppHistory>,
    now: Timestamp,
) -> Vec<AppView<'a>> {
    declared.iter().map(|app| build_view(app, declared, observed, histories, now)).collect()
}

fn build_view<'a>(
    declared: &'a PartnerApp,
    all_declared: &[PartnerApp],
    observed: &'a [AppObservation],
    histories: &BTreeMap<String, AppHistory>,
    now: Timestamp,
) -> AppView<'a> {
    let all = observed;
    let observed = find_app(&declared.app, all).and_then(|app| match find_second_entry(app, declared, all_declared) {
        Some(other) => Err(declared_twice_problem(&declared.app, &other.app)),
        None => Ok(app),
    });
    let app = observed.as_ref().ok().copied();
    let history = app.and_then(|app| histories.get(&app.arn)).cloned().unwrap_or_default();
    let own_start = app.and_then(|app| app.maintenance_window_start);
    let start = declared.settings.maintenance_window_start.or(own_start);
    let own_window = start.map(|start| MaintenanceWindow { start, minutes: DEFAULT_WINDOW_MINUTES });
    let window = declared.window.or(own_window);
    let progress = declared.after.as_ref().map(|period| measure_progress(period, app, all, histories, now));
    let decision = match &observed {
        Ok(app) => decide_upgrade(UpgradeContext {
            declared,
            observed: app,
            history: &history,
            waiting_period: progress.as_ref(),
            window,
            now,
        }),
        Err(problem) => UpgradeDecision::Blocked(problem.clone()),
    };
    let changes = app.map_or(Vec::new(), |app| declared.settings.list_changes(app));
    let tags = app.and_then(|app| app.tags.as_ref());
    let tags = tags.map(|tags| missing_tags(&declared.tags, tags)).unwrap_or_default();
    let eol = app.and_then(|app| EndOfLife::from_app(app, now));
    AppView { declared, observed, history, window, decision, changes, tags, eol }
}

fn find_app<'a>(app: &AppRef, observed: &'a [AppObservation]) -> Result<&'a ObservedApp, Problem> {
    let name = app.as_str();
    match observed.iter().find(|known| app.matches_app(known.name(), known.arn())) {
        Some(AppObservation::Described(app)) => Ok(app),
        Some(AppObservation::Unreadable { cause, refused: true, .. }) => Err(Problem::new(
            READ_REFUSED,
            format!("SageMaker refused to describe {name}: {cause}"),
            "give the function MaintainPartnerApps the permission that SageMaker names",
        )),
        Some(AppObservation::Unreadable { cause, refused: false, .. }) => Err(Problem::new(
            UNREADABLE,
            format!("{name} could not be read: {cause}"),
            "no action needed if this is temporary: the next run reads the app again",
        )),
        None => Err(unknown_app_problem(app, observed)),
    }
}

/// Another entry for the same app: one by its name, the other by its ARN.
fn find_second_entry<'d>(app: &ObservedApp, entry: &PartnerApp, declared: &'d [PartnerApp]) -> Option<&'d PartnerApp> {
    declared.iter().find(|other| other.app != entry.app && other.app.matches_app(&app.name, &app.arn))
}

fn declared_twice_problem(entry: &AppRef, other: &AppRef) -> Problem {
    Problem::new(
        "declared-twice",
        format!("`{}` and `{}` are the same app", entry.as_str(), other.as_str()),
        "merge the two entries; the app is not changed until then",
    )
}

fn unknown_app_problem(app: &AppRef, observed: &[AppObservation]) -> Problem {
    let name = app.as_str();
    let ours = observed.first().and_then(|known| ArnScope::from_arn(known.arn()));
    if let (AppRef::Arn(arn), Some(ours)) = (app, ours)
        && let Some(theirs) = ArnScope::from_arn(arn).filter(|theirs| *theirs != ours)
    {
        return Problem::new(
            "app-elsewhere",
            format!(
                "{name} belongs to account {} in {}; this stack runs in account {} in {}",
                theirs.account, theirs.region, ours.account, ours.region
            ),
            "use an app of this account and Region, or declare it in a stack in the app's own account and Region",
        );
    }
    let mut names: Vec<_> = observed.iter().map(AppObservation::name).collect();
    names.sort_unstable();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Problem::new(
        "unknown-app",
        format!("there is no partner app {name} in this account and Region"),
        format!("correct the name, or remove the entry; existing apps: {known}"),
    )
}

/// How far the app that `after` names has got with the version that is available to `app`.
fn measure_progress(
    period: &WaitingPeriod,
    app: Option<&ObservedApp>,
    observed: &[AppObservation],
    histories: &BTreeMap<String, AppHistory>,
    now: Timestamp,
) -> WaitingPeriodProgress {
    let awaited = match find_app(&period.app, observed) {
        Ok(awaited) => awaited,
        Err(problem) if is_unreadable(&problem) => return WaitingPeriodProgress::Unreadable,
        Err(_) => return WaitingPeriodProgress::Missing,
    };
    let not_started = || WaitingPeriodProgress::NotStarted { running: awaited.version.clone() };
    let Some(available) = app.and_then(|app| app.available_upgrade.as_ref()) else { return not_started() };
    let version = available.version.to_string();
    let total = histories.get(&awaited.arn).and_then(|history| history.total_run_time(&version, now));
    let Some(total) = total else { return not_started() };
    WaitingPeriodProgress::Ran {
        total,
        is_running: awaited.version.as_deref().is_some_and(|running| is_same_version(running, &version)),
        doubt: matches!(awaited.status, AppStatus::Failed | AppStatus::Deleting | AppStatus::Deleted)
            .then_some(awaited.status),
    }
}

/// When the next review is due: at once while an update is in progress, a window is open, or an app
/// could not be read, otherwise when the next window opens, but at most six hours from now.
pub fn next_review_at(views: &[AppView<'_>], now: Timestamp) -> Timestamp {
    let earliest = |view: &AppView<'_>| {
        let is_urgent = match &view.observed {
            Ok(app) => view.history.pending.is_some() || !app.status.is_available() || awaits_unreadable_app(view),
            // An app of which nothing is known may have to be updated now.
            Err(problem) => is_unreadable(problem),
        };
        if is_urgent { now } else { view.window.map_or(Timestamp::MAX, |window| window.first_open_time(now)) }
    };
    views.iter().map(earliest).min().unwrap_or(Timestamp::MAX).min(now + MAX_IDLE)
}

fn is_unreadable(problem: &Problem) -> bool {
    [UNREADABLE, READ_REFUSED].contains(&problem.code.as_ref())
}

fn awaits_unreadable_app(view: &AppView<'_>) -> bool {
    let is_unreadable =
        |reason: &WaitReason| matches!(reason, WaitReason::WaitingPeriod { state: WaitingPeriodState::Unreadable, .. });
    matches!(&view.decision, UpgradeDecision::Wait { reasons, .. } if reasons.iter().any(is_unreadable))
}
