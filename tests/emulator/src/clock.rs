//! The emulator's clock: the system clock, which tests can shift or pause.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Follows the system clock until it is paused. It can be advanced.
#[derive(Debug, Default)]
pub(crate) struct EmulatorClock {
    ahead: SignedDuration,
    paused_at: Option<Timestamp>,
}

impl EmulatorClock {
    pub fn now(&self) -> Timestamp {
        self.paused_at.unwrap_or_else(|| add_duration(Timestamp::now(), self.ahead))
    }

    /// Real time until the clock reaches `at`; `None` while the clock is paused.
    pub fn duration_until(&self, at: Timestamp) -> Option<Duration> {
        let now = self.now();
        if at <= now {
            return Some(Duration::ZERO);
        }
        // Positive because `at` is later than `now`.
        self.paused_at.is_none().then(|| at.duration_since(now).unsigned_abs())
    }

    pub fn pause(&mut self) {
        self.paused_at = Some(self.now());
    }

    pub fn resume(&mut self) {
        if let Some(at) = self.paused_at.take() {
            self.ahead = at.duration_since(Timestamp::now());
        }
    }

    pub fn advance(&mut self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        match &mut self.paused_at {
            Some(at) => *at = add_duration(*at, by),
            None => self.ahead = self.ahead.saturating_add(by),
        }
    }

    pub fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }
}

/// Adds a duration; saturates at `Timestamp::MAX`.
pub(crate) fn add_duration(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Adds milliseconds; saturates at `Timestamp::MAX`.
pub(crate) fn add_millis(at: Timestamp, millis: u64) -> Timestamp {
    add_duration(at, SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_clock_moves_only_when_advanced() {
        let mut clock = EmulatorClock::default();
        clock.pause();
        let start = clock.now();
        assert_eq!(clock.duration_until(add_millis(start, 1)), None);
        clock.advance(Duration::from_mins(1));
        assert_eq!(clock.now(), add_millis(start, 60_000));
        assert_eq!(clock.duration_until(add_millis(start, 1)), Some(Duration::ZERO));
        clock.resume();
        let ahead = clock.now().duration_since(Timestamp::now());
        assert!((55..=60).contains(&ahead.as_secs()), "{ahead}");
    }

    #[test]
    fn advance_saturates_at_the_latest_timestamp() {
        let mut clock = EmulatorClock::default();
        clock.pause();
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
