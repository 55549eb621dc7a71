//! How long a record waits before it is processed again.

use std::time::Duration;

/// Longest delay SQS accepts for a message (API reference, `DelaySeconds`).
pub(crate) const MAX_DELAY: Duration = Duration::from_mins(15);

/// Maximum number of delays of a record: two weeks at the longest delay.
pub(crate) const MAX_DELAYS: u32 = 14 * 24 * 4;

/// Waits between the deliveries of a record that fails: most failures pass within seconds, and an
/// outage of a service usually within half an hour. The source queues allow one delivery more than
/// there are waits (`maxReceiveCount` in template.yaml).
pub const RETRY_WAITS: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_mins(1), Duration::from_mins(8), Duration::from_mins(25)];

/// First delay of a record whose call was throttled or met a quota.
pub(crate) const THROTTLE_DELAY: Duration = Duration::from_secs(5);

/// First delay of a record whose lock another invocation holds: a publication takes less.
pub(crate) const BUSY_DELAY: Duration = Duration::from_secs(1);

/// How long a deferred record waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// Exponential backoff, starting at this delay: it is unknown when the record can be processed.
    Exponential(Duration),
    /// This delay, however often the record was delayed before: it is known when the record can be
    /// processed.
    Fixed(Duration),
}

/// The next delay of a record, and the number of exponential delays to store with it.
pub(crate) fn next_backoff(backoff: Backoff, earlier_delays: u32, message_id: &str) -> (Duration, u32) {
    match backoff {
        Backoff::Exponential(first) => (next_delay(first, earlier_delays, message_id), earlier_delays + 1),
        Backoff::Fixed(delay) => (delay.min(MAX_DELAY), earlier_delays),
    }
}

/// The wait before the next delivery of a record of which `failures` deliveries failed before this
/// one. The last wait repeats, in case a queue allows more deliveries.
pub(crate) fn next_retry(failures: u32, message_id: &str) -> Duration {
    let last = RETRY_WAITS.len() - 1;
    let index = usize::try_from(failures).unwrap_or(last).min(last);
    spread_delay(RETRY_WAITS[index], message_id)
}

/// The delay after `earlier_delays` others: twice as long each time.
fn next_delay(first: Duration, earlier_delays: u32, message_id: &str) -> Duration {
    let delay = first.saturating_mul(2_u32.saturating_pow(earlier_delays)).min(MAX_DELAY);
    spread_delay(delay, message_id)
}

/// Takes off up to a tenth, derived from the message's id, so that a burst of messages spreads.
fn spread_delay(delay: Duration, message_id: &str) -> Duration {
    let spread = message_id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 100;
    delay.saturating_sub(delay * spread / 1000)
}

/// SQS counts whole seconds: a fraction is rounded up.
pub(crate) fn whole_seconds(delay: Duration) -> i32 {
    delay.as_millis().div_ceil(1000).try_into().unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_longest_and_spread() {
        let first = Duration::from_secs(5);
        let spread: Vec<_> = ["a", "b", "c", "d"].iter().map(|id| next_delay(first, 0, id)).collect();
        assert!(spread.iter().all(|delay| (first * 9 / 10..=first).contains(delay)), "{spread:?}");
        assert!(spread.windows(2).any(|pair| pair[0] != pair[1]));
        assert!(next_delay(first, 3, "a") > next_delay(first, 2, "a"));
        assert!((MAX_DELAY * 9 / 10..=MAX_DELAY).contains(&next_delay(first, 40, "a")));
    }

    #[test]
    fn retry_waits_grow_and_last_half_an_hour() {
        let ids = ["", "a", "b", "m-17", "059f36b4-87a3-44ab-83d2-661970000001"];
        for id in ids.into_iter().map(str::to_owned).chain((0..500).map(|n| format!("m{n}"))) {
            let waits: Vec<_> = (0..4).map(|failures| next_retry(failures, &id)).collect();
            assert!(waits.is_sorted(), "{id}: {waits:?}");
            assert!(waits.iter().sum::<Duration>() >= Duration::from_mins(30), "{id}: {waits:?}");
        }
        assert_eq!(next_retry(40, "a"), next_retry(3, "a"), "the last wait repeats");
    }

    #[test]
    fn a_fixed_delay_neither_grows_nor_counts() {
        let minute = Duration::from_mins(1);
        assert_eq!(next_backoff(Backoff::Fixed(minute), 3, "a"), (minute, 3));
        let (grown, count) = next_backoff(Backoff::Exponential(minute), 3, "a");
        assert!(grown > minute * 7 && count == 4, "{grown:?} {count}");
    }

    #[test]
    fn fractions_of_a_second_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::from_millis(900)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(5)), 5);
    }
}
