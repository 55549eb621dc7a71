//! The JSON format.

use serde::Deserialize;

use super::Learner;
use crate::{content::Content, fault::Halt, json};

#[derive(Deserialize)]
struct Model {
    learner: ModelLearner,
    #[serde(default)]
    version: Option<(u32, u32, u32)>,
}

#[derive(Deserialize)]
struct ModelLearner {
    learner_model_param: Parameters,
}

#[derive(Deserialize)]
struct Parameters {
    num_feature: String,
}

pub(super) fn read(content: &mut Content<'_, '_>) -> Result<Learner, Halt> {
    let model: Model = json::read(content)?;
    let features = model.learner.learner_model_param.num_feature.parse().ok();
    let version = model.version.map(|(major, minor, patch)| format!("{major}.{minor}.{patch}"));
    Ok(Learner { features, version })
}
