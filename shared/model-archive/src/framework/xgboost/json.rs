//! The JSON format.

use serde::{Deserialize, de::IgnoredAny};

use super::learner::LearnerFacts;
use crate::{container::member::MemberReader, encoding::json_stream::decode_json, error::FileError};

#[derive(Deserialize)]
struct JsonModel {
    learner: JsonLearner,
    #[serde(default)]
    version: Option<(u32, u32, u32)>,
}

#[derive(Deserialize)]
struct JsonLearner {
    learner_model_param: LearnerParameters,
    #[serde(default)]
    gradient_booster: BoosterParts,
}

/// Which parts the booster has.
#[derive(Deserialize, Default)]
struct BoosterParts {
    /// The trees, or the weights of a linear model.
    model: Option<IgnoredAny>,
    /// The trees of a `dart` booster.
    gbtree: Option<TreeParts>,
}

#[derive(Deserialize)]
struct TreeParts {
    model: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct LearnerParameters {
    num_feature: String,
}

pub(super) fn read_json(content: &mut MemberReader<'_, '_>) -> Result<LearnerFacts, FileError> {
    let model: JsonModel = decode_json(content)?;
    let features = model.learner.learner_model_param.num_feature.parse().ok();
    let version = model.version.map(|(major, minor, patch)| format!("{major}.{minor}.{patch}"));
    let booster = model.learner.gradient_booster;
    let has_trees = booster.model.is_some() || booster.gbtree.is_some_and(|trees| trees.model.is_some());
    Ok(LearnerFacts { features, version, configuration_only: !has_trees })
}
