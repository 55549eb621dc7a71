//! Keras: the input layers in the `model_config` of an HDF5 file.

mod config;
mod hdf5;

use crate::{
    Dim, Input, Limits, Problem, Warning,
    content::Content,
    fault::Halt,
    reading::{Inputs, Reading},
};
use hdf5::{Attributes, Failure};

/// Longest `model_config` that is read, in bytes. `EfficientNetB7`'s has half a megabyte.
const MAX_CONFIG: u64 = 2 << 20;

/// The attributes of the root group that Keras writes.
const CONFIG: &str = "model_config";
const VERSION: &str = "keras_version";
/// Only `save_weights` writes this one to the root group.
const LAYER_NAMES: &str = "layer_names";

/// Whether a file is HDF5.
pub(crate) fn recognise(head: &[u8]) -> bool {
    head.starts_with(hdf5::SIGNATURE)
}

/// Reads a `.h5` file.
pub(crate) fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    let head = content.peek(hdf5::SIGNATURE.len())?;
    if head.starts_with(b"PK") {
        return Ok(refused(Problem::new(
            "keras-zip",
            "the file is in the .keras format of Keras 3, which SageMaker Neo cannot load",
            SAVE,
        )));
    }
    if !recognise(head) {
        return Err(Halt::malformed(0, "it lacks the signature of an HDF5 file"));
    }
    match Attributes::read(content, limits, &[CONFIG, VERSION], MAX_CONFIG) {
        Ok(attributes) => reading(content, &attributes, limits),
        Err(Failure::Fault(fault)) => Err(Halt::Fault(fault)),
        Err(Failure::Malformed { at, cause }) => Err(Halt::malformed(at, cause)),
        Err(Failure::Unsupported(cause)) => Ok(unread(&cause)),
    }
}

const SAVE: &str = "save the whole model as HDF5: model.save(\"model.h5\")";

fn unread(cause: &str) -> Reading {
    let warning = Warning::new("inputs-not-read", format!("its inputs were not read: {cause}"));
    Reading { warnings: vec![warning], ..Reading::default() }
}

fn refused(problem: Problem) -> Reading {
    Reading { problems: vec![problem], ..Reading::default() }
}

fn reading(content: &Content<'_, '_>, attributes: &Attributes, limits: &Limits) -> Result<Reading, Halt> {
    let Some(config) = attributes.get(CONFIG) else {
        return Ok(refused(if attributes.has(LAYER_NAMES) {
            Problem::new(
                "keras-weights-only",
                "the file holds the weights of a Keras model but not the model itself",
                SAVE,
            )
        } else {
            Problem::new(
                "keras-no-config",
                "the file is HDF5 but no whole Keras model: its root has no `model_config`, as where weights alone are saved",
                SAVE,
            )
        }));
    };
    let malformed = |cause: String| Halt::malformed(content.position(), cause);
    let config =
        config::parse(config).map_err(|error| malformed(format!("its `model_config` is not as expected: {error}")))?;
    let found = match config.inputs {
        Ok(found) => found,
        Err(cause) => return Ok(unread(cause)),
    };
    // Layers say where their channels are; one that has them first has the whole model so.
    let channels_last = !config.channels_first;
    let mut inputs = Inputs::new(limits);
    for input in found {
        inputs.add(if channels_last { channels_first(input) } else { input }).map_err(malformed)?;
    }
    let inputs = inputs.into_vec();
    let mut problems = Vec::new();
    if inputs.is_empty() {
        problems.push(Problem::new(
            "inputs-none",
            "the Keras model has no input layer with a shape: it was saved before it was built",
            "give its first layer an input shape, or call it once, and save it again",
        ));
    }
    let producer = attributes.get(VERSION).map(|version| format!("keras {version}"));
    Ok(Reading { producer, inputs, read: true, problems, ..Reading::default() })
}

/// The file has images as NHWC, and `DataInputConfig` must have them as NCHW (developer guide, "Prepare Model").
fn channels_first(mut input: Input) -> Input {
    if let Some(dims) = input.dims.as_mut().filter(|dims| matches!(dims.len(), 4 | 5)) {
        let channels = dims.pop().unwrap_or(Dim::Unknown);
        dims.insert(1, channels);
    }
    input
}
