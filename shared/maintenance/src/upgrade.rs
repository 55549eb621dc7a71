//! Decides whether an app is upgraded now: only to the version that SageMaker offers, one step at a
//! time, and only inside the maintenance window.

mod version;
mod wait;

use jiff::{SignedDuration, Timestamp};
use model_archive::Problem;

pub(crate) use version::is_same_version;
pub use version::{AppVersion, AppVersionError};
pub use wait::{WaitReason, WaitingPeriodProgress, WaitingPeriodState, format_wait_reasons};

use crate::{
    partner_app::{AppHistory, ObservedApp, PartnerApp},
    window::{MaintenanceWindow, WindowOpening, WindowState},
};
use wait::WaitReasons;

/// Failed attempts of an update after which it is not tried again.
pub const MAX_ATTEMPTS: u32 = 3;

/// Shortest pause after the first failed attempt; doubles with each further one.
const BACK_OFF: SignedDuration = SignedDuration::from_hours(24);

/// Days before the end of life of a version at which a warning is due, each more urgent than the
/// last.
const EOL_STAGES: [i64; 3] = [90, 30, 7];

/// The configuration key `upgrade`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradePolicy {
    /// Upgrade as soon as the maintenance window and the waiting period allow.
    Auto,
    /// Do not upgrade, but notify about available versions.
    Notify,
    /// Neither upgrade nor notify.
    Off,
}

/// How near the end of life of a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndOfLife {
    pub at: Timestamp,
    /// Whole days left; zero or negative if it is over.
    pub days: i64,
    /// The smallest of 90, 30 and 7 that is at least the days left; 0 if it is over.
    pub stage: i64,
}

impl EndOfLife {
    /// `None` if it is more than 90 days away, or not known.
    pub fn from_app(app: &ObservedApp, now: Timestamp) -> Option<Self> {
        let at = app.eol?;
        let left = at.duration_since(now);
        if left.is_negative() || left.is_zero() {
            return Some(Self { at, days: left.as_hours() / 24, stage: 0 });
        }
        let is_within = |days: &i64| left <= SignedDuration::from_hours(days * 24);
        let stage = EOL_STAGES.into_iter().filter(is_within).min()?;
        Some(Self { at, days: left.as_hours() / 24, stage })
    }
}

/// What an upgrade decision is based on.
#[derive(Debug, Clone, Copy)]
pub struct UpgradeContext<'a> {
    pub declared: &'a PartnerApp,
    pub observed: &'a ObservedApp,
    pub history: &'a AppHistory,
    /// The progress of the app that `after` names; `None` without `after`.
    pub waiting_period: Option<&'a WaitingPeriodProgress>,
    /// The window that applies: the declared one, or the app's own.
    pub window: Option<MaintenanceWindow>,
    pub now: Timestamp,
}

/// What to do about the available upgrade.
#[derive(Debug, Clone, PartialEq)]
pub enum UpgradeDecision {
    /// SageMaker offers no upgrade.
    UpToDate,
    /// Upgrade now.
    Upgrade {
        /// The opening of the window that the upgrade starts in.
        opening: WindowOpening,
        /// The number of this attempt, from 1.
        attempt: u32,
        /// Why the waiting period (`after`) is skipped.
        forced: Option<String>,
    },
    /// Upgrade later.
    Wait {
        reasons: Vec<WaitReason>,
        /// The earliest time of the upgrade; `None` if it depends on more than time.
        earliest: Option<Timestamp>,
    },
    /// The configuration leaves the upgrade to people.
    Manual {
        /// The setting that says so, and what to do.
        reason: String,
    },
    /// The upgrade is not possible until the problem is fixed.
    Blocked(Problem),
}

/// Decides what to do about the upgrade that SageMaker offers.
pub fn decide_upgrade(context: UpgradeContext<'_>) -> UpgradeDecision {
    let UpgradeContext { declared, observed, history, window, now, .. } = context;
    let Some(available) = &observed.available_upgrade else { return UpgradeDecision::UpToDate };
    let version = available.version;
    if let Some(reason) = manual_reason(declared, version) {
        return UpgradeDecision::Manual { reason };
    }
    if let Some(problem) = downgrade_problem(observed, version) {
        return UpgradeDecision::Blocked(problem);
    }
    let failures = history.find_failures(&version.to_string());
    if let Some(failures) = failures.filter(|failures| failures.attempts() >= MAX_ATTEMPTS) {
        let (attempts, reason) = (failures.attempts(), &failures.reason);
        return UpgradeDecision::Blocked(Problem::new(
            "upgrade-failed-too-often",
            format!("the upgrade to {version} failed {attempts} times; last error: {reason}"),
            "fix the cause, or contact AWS Support about the app; then upload the configuration again: the upgrade is \
             tried again",
        ));
    }
    let Some(window) = window else { return UpgradeDecision::Blocked(no_window_problem()) };
    let mut waits = WaitReasons::new();
    if let Some(failures) = failures {
        let failed_attempts = failures.attempts().max(1);
        let ready = failures.last + BACK_OFF.saturating_mul(1 << (failed_attempts - 1).min(8));
        let error = failures.reason.clone();
        waits.wait_until(now, ready, WaitReason::Retry { failed_attempts, error, left: ready.duration_since(now) });
    }
    let forced = waits.add_waiting_period(&context, version);
    if !observed.status.is_available() {
        waits.reasons.push(WaitReason::AppStatus(observed.status));
    }
    match window.state_at(now) {
        WindowState::Open(opening) if waits.reasons.is_empty() => {
            let attempt = failures.map_or(0, |failures| failures.count) + 1;
            return UpgradeDecision::Upgrade { opening, attempt, forced };
        }
        WindowState::Open(_) => {}
        WindowState::Closed { opens_at } => waits.reasons.push(WaitReason::WindowClosed { opens_at, now }),
    }
    let earliest = waits.not_before.map(|ready| window.first_open_time(ready.max(now)));
    UpgradeDecision::Wait { reasons: waits.reasons, earliest: earliest.filter(|earliest| *earliest > now) }
}

/// The setting that keeps the stack from upgrading the app, if any.
fn manual_reason(declared: &PartnerApp, version: AppVersion) -> Option<String> {
    match declared.upgrade {
        UpgradePolicy::Notify => return Some("`upgrade` is `notify`; upgrade it manually".to_owned()),
        UpgradePolicy::Off => return Some("`upgrade` is `off`".to_owned()),
        UpgradePolicy::Auto => {}
    }
    let max_version = declared.max_version.filter(|max_version| version > *max_version)?;
    Some(format!("`max_version` is {max_version}"))
}

pub(crate) fn no_window_problem() -> Problem {
    Problem::new(
        "no-window",
        "neither the configuration nor the app defines a maintenance window, and changes are only made inside one",
        "add window: { start: \"TUE:03:30\", minutes: 120 } to the app",
    )
}

/// Rejects an available upgrade that is not newer than the running version.
fn downgrade_problem(observed: &ObservedApp, version: AppVersion) -> Option<Problem> {
    if observed.running_version().is_some_and(|running| version > running) {
        return None;
    }
    let running = observed.version.as_deref().unwrap_or("unknown");
    Some(Problem::new(
        "offer-leads-back",
        format!("the app runs version {running}, and the version that SageMaker offers, {version}, is not newer"),
        "check the app in the SageMaker console; it is upgraded once SageMaker offers a newer version",
    ))
}
