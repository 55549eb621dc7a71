//! Whether an app is upgraded now: only to the version offered, one step at a time, only inside its window.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use model_archive::Problem;
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::{
    partner_app::{AppHistory, AppStanding, AppStatus, PartnerApp},
    span,
    window::{Opening, Window, WindowState},
};

/// Failed tries of an update after which it is left to people.
pub const MAX_ATTEMPTS: u32 = 3;

/// How long after a failed try the next one may be; after each further one twice as long.
const BACK_OFF: SignedDuration = SignedDuration::from_hours(24);

/// Days before the end of life of a version from which people are told, each more urgent than the one before.
const EOL_STAGES: [i64; 3] = [90, 30, 7];

/// Whether an app is upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// As soon as its window and its soak allow.
    Auto,
    /// Not, but people are told what is offered.
    Notify,
    /// Not, and nothing is told.
    Off,
}

/// Major and minor version (service model 2017-07-24, `MajorMinorVersion`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

/// Not a major and minor version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no version; write major and minor, such as \"1.4\"")]
pub struct VersionError(String);

impl Version {
    /// Major and minor of a version that may have more parts.
    pub fn leading(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (major, minor) = (parts.next()?, parts.next()?);
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::leading(text).filter(|version| version.to_string() == text).ok_or_else(|| VersionError(text.to_owned()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How near the end of life of a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndOfLife {
    /// When it is.
    pub at: Timestamp,
    /// Whole days until then; negative: it is over.
    pub days: i64,
    /// The smallest of 90, 30 and 7 that the days are within; 0: it is over.
    pub stage: i64,
}

impl EndOfLife {
    /// None as long as it is more than 90 days away.
    pub fn of(standing: &AppStanding, now: Timestamp) -> Option<Self> {
        let at = standing.eol?;
        let left = at.duration_since(now);
        if left.is_negative() || left.is_zero() {
            return Some(Self { at, days: left.as_hours() / 24, stage: 0 });
        }
        let within = |days: &i64| left <= SignedDuration::from_hours(days * 24);
        let stage = EOL_STAGES.into_iter().filter(within).min()?;
        Some(Self { at, days: left.as_hours() / 24, stage })
    }
}

/// How long another app has run the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Soaking {
    /// It is not there, or it cannot be read.
    Unknown {
        /// Why not.
        why: String,
    },
    /// It does not run, and has not run, the version.
    NotYet {
        /// What it runs.
        runs: Option<String>,
    },
    /// It has run the version.
    Ran {
        /// How long.
        long: SignedDuration,
        /// Whether it still does, so that the time grows.
        still: bool,
        /// Its state, if it is one that casts doubt on the version.
        doubt: Option<AppStatus>,
    },
}

/// What is known when it is decided.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What is declared.
    pub declared: &'a PartnerApp,
    /// What SageMaker shows.
    pub standing: &'a AppStanding,
    /// What is known from earlier.
    pub history: &'a AppHistory,
    /// How the app that goes first has fared; none if none goes first.
    pub soaking: Option<&'a Soaking>,
    /// The window in force.
    pub window: Option<Window>,
    /// The moment.
    pub now: Timestamp,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing is offered.
    UpToDate,
    /// It is upgraded now.
    Go {
        /// The opening of the window that this happens in.
        opening: Opening,
        /// Tries so far.
        attempt: u32,
        /// Why the soak was not waited for.
        forced: Option<String>,
    },
    /// It is upgraded, but not now.
    Wait {
        /// Why not.
        reasons: Vec<String>,
        /// When it can be at the earliest; none if that cannot be said.
        earliest: Option<Timestamp>,
    },
    /// It is left to people.
    People {
        /// Why.
        why: String,
    },
    /// It cannot be upgraded until somebody does something.
    Blocked(Problem),
}

/// Decides over the version that is offered.
pub fn decide(question: Question<'_>) -> Verdict {
    let Question { declared, standing, history, window, now, .. } = question;
    let Some(offer) = &standing.offer else { return Verdict::UpToDate };
    let offered = offer.version;
    match declared.upgrade {
        Policy::Auto => {}
        Policy::Notify => return Verdict::People { why: "`upgrade: notify`: upgrade it by hand".to_owned() },
        Policy::Off => return Verdict::People { why: "`upgrade: off`".to_owned() },
    }
    if let Some(most) = declared.max_version.filter(|most| offered > *most) {
        return Verdict::People { why: format!("`max_version` is {most}") };
    }
    if let Some(problem) = refuse(standing, offered) {
        return Verdict::Blocked(problem);
    }
    let failures = history.failures_of(&offered.to_string());
    if let Some(failures) = failures.filter(|failures| failures.count >= MAX_ATTEMPTS) {
        return Verdict::Blocked(Problem::new(
            "upgrade-failed-too-often",
            format!("the upgrade to {offered} failed {} times, at last with: {}", failures.count, failures.reason),
            "ask AWS Support about the app; upgrade it by hand once that is settled, or wait for another version",
        ));
    }
    let Some(window) = window else { return Verdict::Blocked(no_window()) };
    let mut waiting = Waiting::default();
    if let Some(failures) = failures {
        let pause = BACK_OFF.saturating_mul(1 << (failures.count - 1).min(8));
        waiting.until(now, failures.last + pause, |rest| {
            format!("try {} failed ({}); the next one is in {rest} at the earliest", failures.count, failures.reason)
        });
    }
    let forced = waiting.soak(&question, offered);
    if !standing.status.is_available() {
        waiting.reasons.push(format!("the app is in state {}", standing.status));
    }
    match window.at(now) {
        WindowState::Open(opening) if waiting.reasons.is_empty() => {
            return Verdict::Go { opening, attempt: failures.map_or(0, |failures| failures.count) + 1, forced };
        }
        WindowState::Open(_) => {}
        WindowState::Closed { opens } => waiting.reasons.push(format!(
            "window opens {}, in {}",
            span::moment(opens),
            span::duration(span::until(now, opens))
        )),
    }
    let earliest = waiting.not_before.map(|ready| window.first_open(ready.max(now)));
    Verdict::Wait { reasons: waiting.reasons, earliest: earliest.filter(|earliest| *earliest > now) }
}

/// Why a window is needed, and how to get one.
pub(crate) fn no_window() -> Problem {
    Problem::new(
        "no-window",
        "neither the configuration nor the app has a maintenance window, and changes are made inside one only",
        "add window: { start: \"TUE:03:30\", minutes: 120 } to the app",
    )
}

/// What SageMaker offers is taken only if it leads forward.
fn refuse(standing: &AppStanding, offered: Version) -> Option<Problem> {
    let version = standing.version.as_deref().unwrap_or("unknown");
    let running = standing.running();
    if running.is_some_and(|running| offered > running) {
        return None;
    }
    Some(Problem::new(
        "offer-leads-back",
        format!("the app runs {version}, and {offered} is offered: that is no upgrade"),
        "look at the app in the SageMaker console; nothing is done until a newer version is offered",
    ))
}

/// Reasons to wait, and the first moment at which none of those that time alone resolves holds.
struct Waiting {
    reasons: Vec<String>,
    /// None once something else than time has to happen.
    not_before: Option<Timestamp>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { reasons: Vec::new(), not_before: Some(Timestamp::MIN) }
    }
}

impl Waiting {
    fn until(&mut self, now: Timestamp, ready: Timestamp, reason: impl FnOnce(String) -> String) {
        if ready > now {
            self.reasons.push(reason(span::duration(span::until(now, ready))));
        }
        self.not_before = self.not_before.map(|at| at.max(ready));
    }

    fn open_end(&mut self, reason: String) {
        self.reasons.push(reason);
        self.not_before = None;
    }

    /// Waits for the app that goes first, unless the end of life is near; then says so.
    fn soak(&mut self, question: &Question<'_>, offered: Version) -> Option<String> {
        let Question { declared, standing, now, .. } = *question;
        let (soak, soaking) = (declared.after.as_ref()?, question.soaking?);
        let (app, days) = (soak.app.as_str(), soak.days);
        if let Some(limit) = declared.force_before_eol_days
            && let Some(eol) = standing.eol
            && eol.duration_since(now) <= SignedDuration::from_hours(i64::from(limit) * 24)
        {
            let version = standing.version.as_deref().unwrap_or("its version");
            return Some(format!("{version} ends on {}: not waiting for {app}", span::day(eol)));
        }
        let wanted = SignedDuration::from_hours(i64::from(days) * 24);
        match soaking {
            Soaking::Unknown { why } => self.open_end(format!("soak: {app} {why}")),
            Soaking::NotYet { runs } => {
                let runs = runs.as_ref().map_or(String::new(), |runs| format!(" (it runs {runs})"));
                self.open_end(format!("soak: {app} has not run {offered} yet{runs}"));
            }
            Soaking::Ran { doubt: Some(status), .. } => self.open_end(format!("soak: {app} is in state {status}")),
            Soaking::Ran { long, .. } if *long >= wanted => {}
            Soaking::Ran { long, still, doubt: None } => {
                let ran = long.as_hours() / 24;
                let reason = format!("soak: {app} has run {offered} for {ran} of {days} days");
                if *still {
                    self.until(now, now + (wanted - *long), |_| reason);
                } else {
                    self.open_end(reason);
                }
            }
        }
        None
    }
}
