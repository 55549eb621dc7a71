//! Times as people read them.

use jiff::Timestamp;

/// How long ago, in its largest unit.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = (now.as_second() - then.as_second()).max(0);
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_rounded_down() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ages = [59, 61, 7_200, 90_000].map(|ago| age(Timestamp::from_second(1_000_000 - ago).unwrap(), now));
        assert_eq!(ages, ["59 s", "1 min", "2 h", "1 d"]);
    }
}
