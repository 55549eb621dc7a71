//! Times and durations as people read them.

use jiff::{SignedDuration, Timestamp};

/// A duration in its two largest units: `2 d 4 h`, `3 h 20 min`, `12 min`.
pub fn duration(duration: SignedDuration) -> String {
    let minutes = duration.as_mins().max(0);
    match (minutes / (24 * 60), minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// How long from one moment to a later one.
pub fn until(now: Timestamp, then: Timestamp) -> SignedDuration {
    then.duration_since(now)
}

/// A moment: `Tue 1 Dec 03:30 UTC`.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%a %-d %b %H:%M UTC").to_string()
}

/// A day: `1 Dec 2026`.
pub fn day(at: Timestamp) -> String {
    at.strftime("%-d %b %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_are_enough() {
        for (minutes, text) in [
            (0, "less than a minute"),
            (12, "12 min"),
            (60, "1 h"),
            (200, "3 h 20 min"),
            (24 * 60, "1 d"),
            (52 * 60 + 5, "2 d 4 h"),
        ] {
            assert_eq!(duration(SignedDuration::from_mins(minutes)), text);
        }
        assert_eq!(moment("2026-12-01T03:30:00Z".parse().unwrap()), "Tue 1 Dec 03:30 UTC");
    }
}
