//! The labeling jobs that tests start. The emulator does not support `CreateLabelingJob`.

use serde::Deserialize;

/// Default availability of objects for a private work team: 30 days
/// (`TaskAvailabilityLifetimeInSeconds`).
const DEFAULT_AVAILABILITY_MS: u64 = 30 * 24 * 3_600_000;

/// A labeling job to start, or objects to add to a running job. Durations are milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelingJobScript {
    pub name: String,
    /// Name of the work team. Ignored for a running job.
    #[serde(default)]
    pub workteam: String,
    /// Number of objects to add.
    pub objects: u64,
    /// Number of added objects that are already labeled.
    #[serde(default)]
    pub labeled: u64,
    /// Number of workers who label each object.
    #[serde(default = "default_workers")]
    pub workers_per_object: u32,
    /// Time the job stays in the status `Initializing`.
    #[serde(default)]
    pub initializing_ms: u64,
    /// Time to label one object; 0 means that no objects are labeled.
    #[serde(default)]
    pub per_object_ms: u64,
    /// Time after which unlabeled objects expire.
    #[serde(default = "default_availability_ms")]
    pub available_ms: u64,
}

impl LabelingJobScript {
    /// A job that is in progress immediately and whose objects are not labeled.
    pub fn new(name: &str, workteam: &str, objects: u64) -> Self {
        Self {
            name: name.to_owned(),
            workteam: workteam.to_owned(),
            objects,
            labeled: 0,
            workers_per_object: default_workers(),
            initializing_ms: 0,
            per_object_ms: 0,
            available_ms: default_availability_ms(),
        }
    }
}

fn default_workers() -> u32 {
    1
}

fn default_availability_ms() -> u64 {
    DEFAULT_AVAILABILITY_MS
}
