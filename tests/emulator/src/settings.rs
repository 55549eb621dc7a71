//! Durations, limits and random faults. All of them can be changed while the emulator runs.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::faults::DropTiming;

/// Durations, limits and random faults. Durations are milliseconds of the emulator's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmulatorSettings {
    /// Time a compilation job stays in the status `STARTING`.
    pub starting_ms: u64,
    /// Time a compilation job stays in the status `INPROGRESS`.
    pub in_progress_ms: u64,
    /// Time a compilation job stays in the status `STOPPING`.
    pub stopping_ms: u64,
    /// Time it takes to create or update a partner app or an image.
    pub updating_ms: u64,
    /// How long a `Describe` operation still returns the state before a change; a new compilation
    /// job is not found.
    pub lag_ms: u64,
    /// Maximum deviation of a job's durations from those above, in percent. It is derived from the
    /// job name, so that runs are reproducible.
    pub jitter_percent: u8,
    /// Maximum number of compilation jobs in a non-terminal status; further ones fail with
    /// `ResourceLimitExceeded`.
    pub max_running: Option<usize>,
    /// Maximum number of requests per second; further ones fail with `ThrottlingException`.
    pub max_rps: Option<usize>,
    /// Maximum number of requests per second to each list operation other than `ListTags`; further
    /// ones fail with `ThrottlingException`.
    pub max_list_rps: Option<usize>,
    /// Percentage of requests that fail with `ThrottlingException`.
    pub throttled_percent: u8,
    /// Percentage of requests that get no response. Half of them take effect.
    pub dropped_percent: u8,
}

impl Default for EmulatorSettings {
    /// Fast enough for a demo, slow enough to watch; without lag, for tests in one process.
    fn default() -> Self {
        Self {
            starting_ms: 500,
            in_progress_ms: 2_000,
            stopping_ms: 500,
            updating_ms: 2_000,
            lag_ms: 0,
            jitter_percent: 20,
            max_running: None,
            max_rps: None,
            // aws-solutions/deepracer-on-aws issue 87: not adjustable.
            max_list_rps: Some(2),
            throttled_percent: 0,
            dropped_percent: 0,
        }
    }
}

impl EmulatorSettings {
    /// Varies a duration of the job `name` by up to `jitter_percent`.
    pub(crate) fn spread_duration(&self, name: &str, millis: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let percent = u64::from(self.jitter_percent.min(100));
        // One of 2 × percent + 1 equally likely factors from 100 − percent to 100 + percent.
        let share = 100 - percent + hasher.finish() % (2 * percent + 1);
        millis.saturating_mul(share) / 100
    }
}

/// A random fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RandomFault {
    NoFault,
    Throttled,
    Dropped(DropTiming),
}

impl EmulatorSettings {
    /// Draws a random fault. It is derived from the request number, so that runs are reproducible.
    pub(crate) fn draw_fault(&self, sequence: u64) -> RandomFault {
        let mut hasher = DefaultHasher::new();
        sequence.hash(&mut hasher);
        let hash = hasher.finish();
        let (percent, throttled) = (hash % 100, u64::from(self.throttled_percent));
        if percent < throttled {
            RandomFault::Throttled
        } else if percent < throttled + u64::from(self.dropped_percent) {
            RandomFault::Dropped(if (hash / 100).is_multiple_of(2) { DropTiming::Before } else { DropTiming::After })
        } else {
            RandomFault::NoFault
        }
    }
}

/// The account and Region in ARNs and events.
#[derive(Debug, Clone)]
pub struct Owner {
    pub region: String,
    /// The 12-digit account ID.
    pub account: String,
}

impl Default for Owner {
    /// The Region from the environment variables of the SDKs, and the account ID that local AWS
    /// emulators use.
    fn default() -> Self {
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| std::env::var(name).ok());
        Self { region: region.unwrap_or_else(|| "us-east-1".to_owned()), account: "000000000000".to_owned() }
    }
}

impl Owner {
    pub(crate) fn build_arn(&self, resource: &str) -> String {
        format!("arn:aws:sagemaker:{}:{}:{resource}", self.region, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_faults_occur_at_the_configured_rates() {
        let settings = EmulatorSettings { throttled_percent: 10, dropped_percent: 5, ..EmulatorSettings::default() };
        let all: Vec<RandomFault> = (0..10_000).map(|number| settings.draw_fault(number)).collect();
        for (chance, wanted) in [
            (RandomFault::Throttled, 1_000),
            (RandomFault::Dropped(DropTiming::Before), 250),
            (RandomFault::Dropped(DropTiming::After), 250),
        ] {
            let count = all.iter().filter(|one| **one == chance).count();
            assert!(count.abs_diff(wanted) < wanted / 4, "{chance:?}: {count}");
        }
        assert!((0..1_000).all(|number| EmulatorSettings::default().draw_fault(number) == RandomFault::NoFault));
    }

    #[test]
    fn jitter_is_bounded_reproducible_and_varied() {
        let settings = EmulatorSettings { jitter_percent: 20, ..EmulatorSettings::default() };
        let all: Vec<u64> = (0..200).map(|job| settings.spread_duration(&format!("job-{job}"), 1_000)).collect();
        assert!(all.iter().all(|millis| (800..=1_200).contains(millis)), "{all:?}");
        assert!(all.iter().collect::<std::collections::BTreeSet<_>>().len() > 20);
        assert_eq!(settings.spread_duration("job-1", 1_000), all[1]);
        assert_eq!(EmulatorSettings { jitter_percent: 0, ..settings }.spread_duration("job-1", 1_000), 1_000);
    }
}
