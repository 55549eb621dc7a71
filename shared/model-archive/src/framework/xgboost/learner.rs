//! What the three formats contain about a model.

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LearnerFacts {
    pub features: Option<u64>,
    pub version: Option<String>,
    /// Whether it has no trees or weights, as in what `Booster.save_config()` returns.
    pub configuration_only: bool,
}
