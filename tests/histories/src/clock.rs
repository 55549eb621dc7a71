//! A clock of this thread's own.

use std::cell::Cell;

use jiff::Timestamp;

/// Some day in 2026.
const START: i64 = 1_790_000_000;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(START) };
}

/// The time.
pub(crate) fn now() -> Timestamp {
    NOW.with(|now| Timestamp::from_second(now.get()).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Moves the clock.
pub fn advance(seconds: i64) {
    NOW.with(|now| now.set(now.get() + seconds));
}
