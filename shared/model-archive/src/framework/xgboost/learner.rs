//! What the three formats contain about a model.

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LearnerFacts {
    pub features: Option<u64>,
    pub version: Option<String>,
}
