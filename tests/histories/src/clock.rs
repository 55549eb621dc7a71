//! A simulated clock per thread.

use std::cell::Cell;

use jiff::Timestamp;

/// A day in September 2026, in epoch seconds.
const START: i64 = 1_790_000_000;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(START) };
}

/// The simulated time of this thread.
pub fn now() -> Timestamp {
    NOW.with(|now| Timestamp::from_second(now.get()).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// `seconds` may be negative, to simulate clock skew.
pub fn advance_clock(seconds: i64) {
    NOW.with(|now| now.set(now.get() + seconds));
}

/// Sets the clock back to a time at which it was before.
pub(crate) fn restore_clock(time: Timestamp) {
    NOW.with(|now| now.set(time.as_second()));
}
