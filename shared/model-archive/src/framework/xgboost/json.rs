//! The JSON format.

use serde::Deserialize;

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
}

#[derive(Deserialize)]
struct LearnerParameters {
    num_feature: String,
}

pub(super) fn read_json(content: &mut MemberReader<'_, '_>) -> Result<LearnerFacts, FileError> {
    let model: JsonModel = decode_json(content)?;
    let features = model.learner.learner_model_param.num_feature.parse().ok();
    let version = model.version.map(|(major, minor, patch)| format!("{major}.{minor}.{patch}"));
    Ok(LearnerFacts { features, version })
}
