//! How long things take and how much is allowed; all of it can be changed while the emulator runs.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::faults::When;

/// Durations and limits. Durations are milliseconds of the emulator's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long a compilation job stays STARTING.
    pub starting_ms: u64,
    /// How long a compilation job stays INPROGRESS.
    pub in_progress_ms: u64,
    /// How long a compilation job stays STOPPING.
    pub stopping_ms: u64,
    /// How long a partner app or an image is being created or updated.
    pub updating_ms: u64,
    /// How far a job's durations lie from those above, up or down; a job's name decides, so a run repeats exactly.
    pub jitter_percent: u8,
    /// Compilation jobs that may be in no terminal state at a time; more are answered with `ResourceLimitExceeded`.
    pub max_running: Option<usize>,
    /// Requests that are answered within a second; more are answered with `ThrottlingException`.
    pub max_rps: Option<usize>,
    /// Share of the requests that are answered with `ThrottlingException`.
    pub throttled_percent: u8,
    /// Share of the requests that get no answer, half of them after they took effect.
    pub dropped_percent: u8,
}

impl Default for Settings {
    /// Fast enough for a demonstration, slow enough to be watched.
    fn default() -> Self {
        Self {
            starting_ms: 500,
            in_progress_ms: 2_000,
            stopping_ms: 500,
            updating_ms: 2_000,
            jitter_percent: 20,
            max_running: None,
            max_rps: None,
            throttled_percent: 0,
            dropped_percent: 0,
        }
    }
}

impl Settings {
    /// A duration of the job `name`, spread by `jitter_percent`.
    pub(crate) fn spread(&self, name: &str, millis: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let percent = u64::from(self.jitter_percent.min(100));
        // Of 2 × percent + 1 equally likely shares from 100 − percent to 100 + percent.
        let share = 100 - percent + hasher.finish() % (2 * percent + 1);
        millis.saturating_mul(share) / 100
    }
}

/// What becomes of a request by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chance {
    Handled,
    Throttled,
    Dropped(When),
}

impl Settings {
    /// What becomes of the request of this number; the number decides, so a run repeats.
    pub(crate) fn chance(&self, sequence: u64) -> Chance {
        let mut hasher = DefaultHasher::new();
        sequence.hash(&mut hasher);
        let hash = hasher.finish();
        let (percent, throttled) = (hash % 100, u64::from(self.throttled_percent));
        if percent < throttled {
            Chance::Throttled
        } else if percent < throttled + u64::from(self.dropped_percent) {
            Chance::Dropped(if (hash / 100).is_multiple_of(2) { When::Before } else { When::After })
        } else {
            Chance::Handled
        }
    }
}

/// Whose the resources are: the account and Region in every ARN.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The Region.
    pub region: String,
    /// The account.
    pub account: String,
}

impl Default for Owner {
    /// The Region of the environment, as the SDKs read it, and the account that local AWS emulators use.
    fn default() -> Self {
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| std::env::var(name).ok());
        Self { region: region.unwrap_or_else(|| "us-east-1".to_owned()), account: "000000000000".to_owned() }
    }
}

impl Owner {
    pub(crate) fn arn(&self, resource: &str) -> String {
        format!("arn:aws:sagemaker:{}:{}:{resource}", self.region, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_as_frequent_as_set() {
        let settings = Settings { throttled_percent: 10, dropped_percent: 5, ..Settings::default() };
        let all: Vec<Chance> = (0..10_000).map(|number| settings.chance(number)).collect();
        for (chance, wanted) in
            [(Chance::Throttled, 1_000), (Chance::Dropped(When::Before), 250), (Chance::Dropped(When::After), 250)]
        {
            let count = all.iter().filter(|one| **one == chance).count();
            assert!(count.abs_diff(wanted) < wanted / 4, "{chance:?}: {count}");
        }
        assert!((0..1_000).all(|number| Settings::default().chance(number) == Chance::Handled));
    }

    #[test]
    fn jitter_stays_in_its_bounds_repeats_and_spreads() {
        let settings = Settings { jitter_percent: 20, ..Settings::default() };
        let all: Vec<u64> = (0..200).map(|job| settings.spread(&format!("job-{job}"), 1_000)).collect();
        assert!(all.iter().all(|millis| (800..=1_200).contains(millis)), "{all:?}");
        assert!(all.iter().collect::<std::collections::BTreeSet<_>>().len() > 20);
        assert_eq!(settings.spread("job-1", 1_000), all[1]);
        assert_eq!(Settings { jitter_percent: 0, ..settings }.spread("job-1", 1_000), 1_000);
    }
}
