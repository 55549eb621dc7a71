//! The emulator's clock: the machine's, shifted or stopped by tests.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A clock that runs with the machine's until it is paused, and can be put forward.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: SignedDuration,
    paused_at: Option<Timestamp>,
}

impl Clock {
    pub fn now(&self) -> Timestamp {
        self.paused_at.unwrap_or_else(|| later(Timestamp::now(), self.ahead))
    }

    /// How long to wait on this machine until the clock shows `at`; `None` while it stands still.
    pub fn wait_until(&self, at: Timestamp) -> Option<Duration> {
        let now = self.now();
        if at <= now {
            return Some(Duration::ZERO);
        }
        // Positive, as `at` is later.
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
            Some(at) => *at = later(*at, by),
            None => self.ahead = self.ahead.saturating_add(by),
        }
    }

    pub fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }
}

/// `at` moved by `by`, at most to the last moment a timestamp can hold.
pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at` moved by so many milliseconds.
pub(crate) fn after_millis(at: Timestamp, millis: u64) -> Timestamp {
    later(at, SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_clock_moves_only_when_advanced() {
        let mut clock = Clock::default();
        clock.pause();
        let start = clock.now();
        assert_eq!(clock.wait_until(after_millis(start, 1)), None);
        clock.advance(Duration::from_mins(1));
        assert_eq!(clock.now(), after_millis(start, 60_000));
        assert_eq!(clock.wait_until(after_millis(start, 1)), Some(Duration::ZERO));
        clock.resume();
        let ahead = clock.now().duration_since(Timestamp::now());
        assert!((55..=60).contains(&ahead.as_secs()), "{ahead}");
    }

    #[test]
    fn an_absurd_advance_stops_at_the_end_of_time() {
        let mut clock = Clock::default();
        clock.pause();
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
