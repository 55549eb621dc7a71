//! Why an upgrade has to wait.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::{AppVersion, UpgradeContext};
use crate::{
    partner_app::{AppStatus, ObservedApp},
    time_format::{DurationStyle, format_date, format_days, format_duration, format_time_ahead},
};

/// One thing that an upgrade is waiting for. Displays as the object of "waiting for".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// The pause after a failed attempt.
    Retry { failed_attempts: u32, error: String, left: SignedDuration },
    /// The app that `after` names has to run the version first.
    WaitingPeriod { app: String, state: WaitingPeriodState },
    /// SageMaker accepts an update only if the app is available.
    AppStatus(AppStatus),
    /// The maintenance window is closed.
    WindowClosed { opens_at: Timestamp, now: Timestamp },
}

/// What the app that `after` names still has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingPeriodState {
    /// The account and Region have no such app.
    Missing,
    /// The app could not be read.
    Unreadable,
    /// It has not run the version yet.
    NotStarted { version: AppVersion, running: Option<String> },
    /// It has run the version for some of the days.
    Running { version: AppVersion, days: u16, days_so_far: i64 },
    /// Its status casts doubt on the version.
    Doubtful(AppStatus),
}

impl WaitReason {
    pub fn is_window(&self) -> bool {
        matches!(self, Self::WindowClosed { .. })
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry { failed_attempts, error, left } => {
                let left = format_duration(*left, DurationStyle::Schedule);
                write!(f, "the next attempt, in {left} at the earliest (attempt {failed_attempts} failed: {error})")
            }
            Self::WaitingPeriod { app, state } => match state {
                WaitingPeriodState::Missing => {
                    write!(f, "{app}, which is not an app of this account and Region (`after`)")
                }
                WaitingPeriodState::Unreadable => write!(f, "{app}, which could not be read (`after`)"),
                WaitingPeriodState::NotStarted { version, running: None } => {
                    write!(f, "{app} to run {version} first (`after`)")
                }
                WaitingPeriodState::NotStarted { version, running: Some(running) } => {
                    write!(f, "{app} to run {version} first (`after`; it runs {running} now)")
                }
                WaitingPeriodState::Running { version, days, days_so_far } => {
                    let (days, so_far) = (format_days(i64::from(*days)), format_days(*days_so_far));
                    write!(f, "{app} to run {version} for {days} (`after`; {so_far} so far)")
                }
                WaitingPeriodState::Doubtful(status) => {
                    write!(f, "{app} to become available (`after`; its status is {status})")
                }
            },
            Self::AppStatus(status) => write!(f, "the app to become available (its status is {status})"),
            Self::WindowClosed { opens_at, now } => {
                write!(f, "the maintenance window, which opens on {}", format_time_ahead(*opens_at, *now))
            }
        }
    }
}

/// Joins reasons for display after "waiting for".
pub fn format_wait_reasons<'a>(reasons: impl IntoIterator<Item = &'a WaitReason>) -> String {
    reasons.into_iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// How far the app that `after` names has got with the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingPeriodProgress {
    /// The account and Region have no such app.
    Missing,
    /// The app could not be read.
    Unreadable,
    /// It does not run, and has not run, the version.
    NotStarted {
        /// The version it runs.
        running: Option<String>,
    },
    /// It has run the version.
    Ran {
        total: SignedDuration,
        /// Whether it still does, so that the total grows.
        is_running: bool,
        /// Its status, if that casts doubt on the version.
        doubt: Option<AppStatus>,
    },
}

/// Collects reasons to wait, and the first time at which none of those that pass with time holds.
pub(super) struct WaitReasons {
    pub(super) reasons: Vec<WaitReason>,
    /// `None` if a reason passes only by something other than time.
    pub(super) not_before: Option<Timestamp>,
}

impl WaitReasons {
    pub(super) fn new() -> Self {
        Self { reasons: Vec::new(), not_before: Some(Timestamp::MIN) }
    }

    /// Adds a reason that passes at `ready`, unless that is over.
    pub(super) fn wait_until(&mut self, now: Timestamp, ready: Timestamp, reason: WaitReason) {
        if ready > now {
            self.reasons.push(reason);
        }
        self.not_before = self.not_before.map(|at| at.max(ready));
    }

    /// Adds a reason that something other than time has to end.
    fn wait_indefinitely(&mut self, reason: WaitReason) {
        self.reasons.push(reason);
        self.not_before = None;
    }

    /// Adds the waiting period (`after`). Returns why it is skipped if the end of life is so near
    /// that it does not count (`force_before_eol_days`).
    pub(super) fn add_waiting_period(&mut self, context: &UpgradeContext<'_>, version: AppVersion) -> Option<String> {
        let UpgradeContext { declared, observed, now, .. } = *context;
        let (period, progress) = (declared.after.as_ref()?, context.waiting_period?);
        let (app, days) = (period.app.as_str(), period.days);
        if let Some(limit) = declared.force_before_eol_days
            && let Some(eol) = observed.eol
            && eol.duration_since(now) <= days_to_duration(limit)
        {
            return Some(format_skip_reason(observed, eol, app));
        }
        let reason = |state| WaitReason::WaitingPeriod { app: app.to_owned(), state };
        match progress {
            WaitingPeriodProgress::Missing => self.wait_indefinitely(reason(WaitingPeriodState::Missing)),
            WaitingPeriodProgress::Unreadable => self.wait_indefinitely(reason(WaitingPeriodState::Unreadable)),
            WaitingPeriodProgress::NotStarted { running } => {
                self.wait_indefinitely(reason(WaitingPeriodState::NotStarted { version, running: running.clone() }));
            }
            WaitingPeriodProgress::Ran { doubt: Some(status), .. } => {
                self.wait_indefinitely(reason(WaitingPeriodState::Doubtful(*status)));
            }
            WaitingPeriodProgress::Ran { total, .. } if *total >= days_to_duration(days) => {}
            WaitingPeriodProgress::Ran { total, is_running, doubt: None } => {
                let state = WaitingPeriodState::Running { version, days, days_so_far: total.as_hours() / 24 };
                if *is_running {
                    self.wait_until(now, now + (days_to_duration(days) - *total), reason(state));
                } else {
                    self.wait_indefinitely(reason(state));
                }
            }
        }
        None
    }
}

fn days_to_duration(days: u16) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}

fn format_skip_reason(observed: &ObservedApp, eol: Timestamp, awaited: &str) -> String {
    let version = observed.version_or_default();
    format!("{version} reaches end of life on {}, so the upgrade does not wait for {awaited}", format_date(eol))
}
