//! Formats times and durations for people.

use jiff::{SignedDuration, Timestamp};

/// Lengths of the units in seconds, with their symbols, from the largest to the smallest.
const UNITS: [(i64, &str); 4] = [(24 * 60 * 60, "d"), (60 * 60, "h"), (60, "min"), (1, "s")];

/// Which units a duration is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationStyle {
    /// The two largest units from days to minutes, without a zero: `2 d 4 h`, `1 h`, `12 min`,
    /// `less than a minute`. For the time until something scheduled.
    Schedule,
    /// The two largest units from hours to seconds: `30 h 0 min`, `5 min 0 s`, `42 s`. For how long
    /// something took.
    Elapsed,
    /// The largest unit from days to seconds, rounded down: `3 d`, `59 s`. For how long ago
    /// something happened.
    Age,
}

impl DurationStyle {
    fn units(self) -> &'static [(i64, &'static str)] {
        match self {
            Self::Schedule => &UNITS[..3],
            Self::Elapsed => &UNITS[1..],
            Self::Age => &UNITS,
        }
    }
}

/// Formats a duration in the units of `style`; a negative one counts as zero.
pub fn format_duration(duration: SignedDuration, style: DurationStyle) -> String {
    let seconds = duration.as_secs().max(0);
    let units = style.units();
    let Some(largest) = units.iter().position(|(length, _)| seconds >= *length) else {
        return if style == DurationStyle::Schedule { "less than a minute".to_owned() } else { "0 s".to_owned() };
    };
    let (length, symbol) = units[largest];
    let first = format!("{} {symbol}", seconds / length);
    let second = units.get(largest + 1).filter(|_| style != DurationStyle::Age);
    match second.map(|(smaller, symbol)| (seconds % length / smaller, symbol)) {
        None => first,
        Some((0, _)) if style == DurationStyle::Schedule => first,
        Some((count, symbol)) => format!("{first} {count} {symbol}"),
    }
}

/// Formats a number of days: `1 day`, `7 days`.
pub(crate) fn format_days(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Formats how long ago `then` was, in whole seconds of the clock: `59 s`, `3 d`.
pub fn format_age(then: Timestamp, now: Timestamp) -> String {
    format_duration(SignedDuration::from_secs(now.as_second() - then.as_second()), DurationStyle::Age)
}

/// Formats a time as `Tue 1 Dec 03:30 UTC`.
pub fn format_time(at: Timestamp) -> String {
    at.strftime("%a %-d %b %H:%M UTC").to_string()
}

/// Formats a date as `1 Dec 2026`.
pub fn format_date(at: Timestamp) -> String {
    at.strftime("%-d %b %Y").to_string()
}

/// Formats a time with the time left until then: `Tue 1 Dec 03:30 UTC (in 2 d 4 h)`.
pub fn format_time_ahead(at: Timestamp, now: Timestamp) -> String {
    let left = format_duration(at.duration_since(now), DurationStyle::Schedule);
    format!("{} (in {left})", format_time(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_durations_in_each_style() {
        for (seconds, schedule, elapsed, age) in [
            (-5, "less than a minute", "0 s", "0 s"),
            (0, "less than a minute", "0 s", "0 s"),
            (59, "less than a minute", "59 s", "59 s"),
            (60, "1 min", "1 min 0 s", "1 min"),
            (61, "1 min", "1 min 1 s", "1 min"),
            (12 * 60, "12 min", "12 min 0 s", "12 min"),
            (3_599, "59 min", "59 min 59 s", "59 min"),
            (3_600, "1 h", "1 h 0 min", "1 h"),
            (7_200, "2 h", "2 h 0 min", "2 h"),
            (200 * 60 + 59, "3 h 20 min", "3 h 20 min", "3 h"),
            (86_399, "23 h 59 min", "23 h 59 min", "23 h"),
            (86_400, "1 d", "24 h 0 min", "1 d"),
            (90_000, "1 d 1 h", "25 h 0 min", "1 d"),
            (52 * 3_600 + 5 * 60, "2 d 4 h", "52 h 5 min", "2 d"),
        ] {
            for (style, text) in
                [(DurationStyle::Schedule, schedule), (DurationStyle::Elapsed, elapsed), (DurationStyle::Age, age)]
            {
                assert_eq!(format_duration(SignedDuration::from_secs(seconds), style), text, "{seconds} s, {style:?}");
            }
        }
    }

    #[test]
    fn ages_are_rounded_down() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ages = [-5, 59, 61, 7_200, 90_000].map(|ago| format_age(now - SignedDuration::from_secs(ago), now));
        assert_eq!(ages, ["0 s", "59 s", "1 min", "2 h", "1 d"]);
    }

    #[test]
    fn formats_times_and_dates() {
        let at: Timestamp = "2026-12-01T03:30:00Z".parse().unwrap();
        assert_eq!(format_time(at), "Tue 1 Dec 03:30 UTC");
        assert_eq!(format_date(at), "1 Dec 2026");
        let ahead = format_time_ahead(at, at - SignedDuration::from_mins(52 * 60 + 5));
        assert_eq!(ahead, "Tue 1 Dec 03:30 UTC (in 2 d 4 h)");
    }
}
