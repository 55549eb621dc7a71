//! What a test says of a labeling job: the operation that creates one is not offered.

use serde::Deserialize;

/// How long objects are available to a private team unless its job says otherwise: 30 days
/// (`TaskAvailabilityLifetimeInSeconds`).
const AVAILABLE: u64 = 30 * 24 * 3_600_000;

/// A labeling job to be started, or objects that are added to one that runs. Durations are milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelingJob {
    /// The job's name.
    pub name: String,
    /// The name of its team; the team of a job that runs stays.
    #[serde(default)]
    pub workteam: String,
    /// How many objects come.
    pub objects: u64,
    /// How many of them are labeled already.
    #[serde(default)]
    pub labeled: u64,
    /// How many people label each object.
    #[serde(default = "one")]
    pub workers_per_object: u32,
    /// How long the job stays Initializing.
    #[serde(default)]
    pub initializing_ms: u64,
    /// How long people take for an object; 0: nobody works.
    #[serde(default)]
    pub per_object_ms: u64,
    /// After what time objects that nobody labeled expire.
    #[serde(default = "available")]
    pub available_ms: u64,
}

impl LabelingJob {
    /// A job that is in progress at once, at which nobody works.
    pub fn new(name: &str, workteam: &str, objects: u64) -> Self {
        Self {
            name: name.to_owned(),
            workteam: workteam.to_owned(),
            objects,
            labeled: 0,
            workers_per_object: one(),
            initializing_ms: 0,
            per_object_ms: 0,
            available_ms: available(),
        }
    }
}

fn one() -> u32 {
    1
}

fn available() -> u64 {
    AVAILABLE
}
