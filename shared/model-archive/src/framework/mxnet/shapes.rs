//! `model-shapes.json`, which SageMaker's MXNet containers write beside the symbol file: the shapes
//! that the model was trained with.

use serde::Deserialize;

use crate::{
    container::member::MemberReader,
    error::ReadError,
    inspection::{Dim, ModelInput},
};

/// The name of the file.
pub(crate) const MODEL_SHAPES: &str = "model-shapes.json";

/// Maximum length of the file, in bytes. It has one short line for each input.
const MAX_SHAPES: u64 = 64 * 1024;

/// Maximum numbers of shapes that are used, and of their dimensions.
const MAX_INPUTS: usize = 100;
const MAX_DIMS: usize = 64;

/// The shapes of a model's inputs, by name.
#[derive(Debug, Default)]
pub(crate) struct ModelShapes(Vec<TrainedShape>);

#[derive(Debug, Deserialize)]
struct TrainedShape {
    name: String,
    shape: Vec<i64>,
}

impl ModelShapes {
    /// Reads the file; a file of another form has no shapes.
    pub fn read_member(content: &mut MemberReader<'_, '_>) -> Result<Self, ReadError> {
        if content.size() > MAX_SHAPES {
            return Ok(Self::default());
        }
        let mut text = vec![0; usize::try_from(content.size()).unwrap_or_default()];
        content.fill_buffer(&mut text)?;
        Ok(Self(serde_json::from_slice(&text).unwrap_or_default()))
    }

    /// Adds the shapes of inputs that have none. The batch size of training is not kept: the model
    /// takes any.
    pub fn complete_inputs(&self, inputs: &mut [ModelInput]) {
        for trained in self.0.iter().take(MAX_INPUTS).filter(|trained| trained.shape.len() <= MAX_DIMS) {
            let known = inputs.iter_mut().find(|input| input.name == trained.name);
            let Some(input) = known.filter(|input| input.dims.is_none()) else { continue };
            let size = |(at, size): (usize, &i64)| if at == 0 && *size > 1 { Dim::Unknown } else { Dim::from(*size) };
            input.dims = Some(trained.shape.iter().enumerate().map(size).collect());
        }
    }
}
