//! Weekly maintenance windows, in UTC.

use std::{fmt, str::FromStr};

use document::ConfigFinding;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The days of the week as the service writes them (service model 2017-07-24,
/// `WeeklyScheduleTimeFormat`).
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Seconds of a week.
const WEEK: i64 = 7 * 24 * 60 * 60;

/// Minutes of a week: the longest window.
pub const WEEK_MINUTES: u16 = 7 * 24 * 60;

/// The first Monday after the epoch, in seconds: 5 January 1970, 00:00 UTC.
const MONDAY: i64 = 4 * 24 * 60 * 60;

/// A minute of the week, in UTC: `Tue:03:30`.
// The digest of partner app settings contains the `Debug` text of this type: a rename changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WeekTime(u16);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "expected a time of the week such as TUE:03:30 (a day, an hour from 00 to 23, a minute from 00 to 59), found `{0}`"
)]
pub struct WeekTimeError(String);

impl From<WeekTimeError> for ConfigFinding {
    fn from(error: WeekTimeError) -> Self {
        Self::new(error.to_string(), "write a day and a time in UTC, such as \"TUE:03:30\"")
    }
}

impl WeekTime {
    fn seconds_since_monday(self) -> i64 {
        i64::from(self.0) * 60
    }
}

impl FromStr for WeekTime {
    type Err = WeekTimeError;

    /// Accepts days in any case: the documentation writes `TUE`, the service model `Tue`.
    fn from_str(text: &str) -> Result<Self, WeekTimeError> {
        let read = || {
            let mut parts = text.split(':');
            let (day, hour, minute) = (parts.next()?, parts.next()?, parts.next()?);
            let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            if parts.next().is_some() || !two_digits(hour) || !two_digits(minute) {
                return None;
            }
            let day = u16::try_from(DAYS.iter().position(|known| known.eq_ignore_ascii_case(day))?).ok()?;
            let hour = hour.parse::<u16>().ok().filter(|hour| *hour < 24)?;
            let minute = minute.parse::<u16>().ok().filter(|minute| *minute < 60)?;
            Some(Self((day * 24 + hour) * 60 + minute))
        };
        read().ok_or_else(|| WeekTimeError(text.to_owned()))
    }
}

impl TryFrom<String> for WeekTime {
    type Error = WeekTimeError;

    fn try_from(text: String) -> Result<Self, WeekTimeError> {
        text.parse()
    }
}

impl From<WeekTime> for String {
    fn from(time: WeekTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for WeekTime {
    /// Writes the format of the service model.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = DAYS.get(usize::from(self.0 / (24 * 60))).copied().unwrap_or_default();
        write!(f, "{day}:{:02}:{:02}", self.0 / 60 % 24, self.0 % 60)
    }
}

/// A window that opens every week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    /// When it opens.
    pub start: WeekTime,
    /// Length in minutes: 1 to [`WEEK_MINUTES`].
    pub minutes: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    Open(WindowOpening),
    Closed {
        /// When it opens next.
        opens_at: Timestamp,
    },
}

/// One opening of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowOpening {
    /// When it opens (inclusive).
    pub since: Timestamp,
    /// When it closes (exclusive).
    pub until: Timestamp,
}

impl MaintenanceWindow {
    /// Whether the window is open. It includes its start time and excludes its end time.
    pub fn state_at(self, now: Timestamp) -> WindowState {
        let opening = self.last_opening(now);
        if now < opening.until {
            WindowState::Open(opening)
        } else {
            WindowState::Closed { opens_at: self.next_opening_time(now) }
        }
    }

    /// When the window opens next, after `now`.
    pub fn next_opening_time(self, now: Timestamp) -> Timestamp {
        self.last_opening(now).since + SignedDuration::from_secs(WEEK)
    }

    /// The first time at which the window is open, `from` itself included.
    pub fn first_open_time(self, from: Timestamp) -> Timestamp {
        match self.state_at(from) {
            WindowState::Open(_) => from,
            WindowState::Closed { opens_at } => opens_at,
        }
    }

    /// The opening that began last, whether or not it is over.
    fn last_opening(self, now: Timestamp) -> WindowOpening {
        let into_week = (now.as_second() - MONDAY).rem_euclid(WEEK);
        let since_start = (into_week - self.start.seconds_since_monday()).rem_euclid(WEEK);
        let since =
            now - SignedDuration::from_secs(since_start) - SignedDuration::from_nanos(now.subsec_nanosecond().into());
        WindowOpening { since, until: since + SignedDuration::from_mins(i64::from(self.minutes)) }
    }
}

impl fmt::Display for MaintenanceWindow {
    /// Writes `Tue 03:30 UTC, 120 min`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start.to_string();
        let (day, time) = start.split_once(':').unwrap_or((&start, ""));
        write!(f, "{day} {time} UTC, {} min", self.minutes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(start: &str, minutes: u16) -> MaintenanceWindow {
        MaintenanceWindow { start: start.parse().unwrap(), minutes }
    }

    #[test]
    fn parses_any_case_and_writes_the_format_of_the_service() {
        for (text, written) in [
            ("TUE:03:30", Some("Tue:03:30")),
            ("tue:03:30", Some("Tue:03:30")),
            ("Sun:23:59", Some("Sun:23:59")),
            ("mon:00:00", Some("Mon:00:00")),
            ("TUE:25:00", None),
            ("TUE:24:00", None),
            ("TUE:03:60", None),
            ("TUE:3:30", None),
            ("TUE:03:30:00", None),
            ("TUE:+3:30", None),
            ("TUE 03:30", None),
            ("DIE:03:30", None),
            ("03:30", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<WeekTime>().ok().map(|time| time.to_string()).as_deref(), written, "{text}");
        }
    }

    /// 2026-12-01 is a Tuesday.
    #[test]
    fn includes_the_start_and_excludes_the_end() {
        let night = window("TUE:03:30", 120);
        let over_midnight = window("MON:23:00", 120);
        let over_the_week = window("SUN:23:30", 60);
        let always = window("WED:12:00", WEEK_MINUTES);
        for (window, now, since) in [
            (night, "2026-12-01T03:29:59.999Z", None),
            (night, "2026-12-01T03:30:00Z", Some("2026-12-01T03:30:00Z")),
            (night, "2026-12-01T03:30:00.5Z", Some("2026-12-01T03:30:00Z")),
            (night, "2026-12-01T05:29:59.999Z", Some("2026-12-01T03:30:00Z")),
            (night, "2026-12-01T05:30:00Z", None),
            (night, "2026-12-02T04:00:00Z", None),
            (over_midnight, "2026-12-01T00:59:00Z", Some("2026-11-30T23:00:00Z")),
            (over_midnight, "2026-12-01T01:00:00Z", None),
            (over_the_week, "2026-11-30T00:29:00Z", Some("2026-11-29T23:30:00Z")),
            (over_the_week, "2026-11-30T00:30:00Z", None),
            // The week of New Year.
            (window("THU:23:30", 60), "2027-01-01T00:15:00Z", Some("2026-12-31T23:30:00Z")),
            (always, "2026-12-01T00:00:00Z", Some("2026-11-25T12:00:00Z")),
            (always, "2026-12-02T12:00:00Z", Some("2026-12-02T12:00:00Z")),
        ] {
            let open = match window.state_at(at(now)) {
                WindowState::Open(opening) => Some(opening.since),
                WindowState::Closed { .. } => None,
            };
            assert_eq!(open, since.map(at), "{window} at {now}");
        }
        assert_eq!(
            night.state_at(at("2026-12-01T05:30:00Z")),
            WindowState::Closed { opens_at: at("2026-12-08T03:30:00Z") }
        );
        assert_eq!(
            night.state_at(at("2026-11-29T23:26:00Z")),
            WindowState::Closed { opens_at: at("2026-12-01T03:30:00Z") }
        );
    }

    proptest! {
        /// Over all minutes of a week, the window is open for exactly its length, and a closed
        /// window opens within a week.
        #[test]
        fn is_open_for_its_length_each_week(start in 0..WEEK_MINUTES, minutes in 1..=WEEK_MINUTES, week in 2_900i64..3_000) {
            let window = MaintenanceWindow { start: WeekTime(start), minutes };
            prop_assert_eq!(window.start.to_string().parse::<WeekTime>().unwrap(), window.start);
            let monday = Timestamp::from_second(MONDAY + week * WEEK).unwrap();
            let mut open = 0;
            for minute in 0..i64::from(WEEK_MINUTES) {
                let now = monday + SignedDuration::from_mins(minute);
                match window.state_at(now) {
                    WindowState::Open(opening) => {
                        open += 1;
                        prop_assert!(opening.since <= now && now < opening.until);
                        prop_assert_eq!(opening.until.duration_since(opening.since).as_mins(), i64::from(minutes));
                    }
                    WindowState::Closed { opens_at } => {
                        prop_assert!(opens_at > now && opens_at <= now + SignedDuration::from_secs(WEEK));
                        prop_assert!(matches!(window.state_at(opens_at), WindowState::Open(opening) if opening.since == opens_at));
                    }
                }
            }
            prop_assert_eq!(open, i64::from(minutes));
        }
    }
}
