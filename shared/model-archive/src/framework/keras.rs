//! Keras: the input layers in the `model_config` of an HDF5 file.

mod config;
mod hdf5;
mod known_layers;

use self::hdf5::{Hdf5Error, RootAttributes};
use crate::{
    container::member::MemberReader,
    error::FileError,
    framework::format_facts::{BoundedInputs, FormatFacts, find_composite_inputs},
    inspection::{Dim, ModelInput},
    limits::Limits,
    problem::{Problem, Warning, quote_name, shorten_name},
};

/// Maximum length of `model_config`, in bytes. `EfficientNetB7`'s has half a megabyte.
const MAX_CONFIG: u64 = 2 << 20;

/// The newest version of Keras that AWS documents for Neo (developer guide, "Supported Instance
/// Types and Frameworks").
const LOADER: &str = "2.2.4";

/// The attributes that Keras writes to the root group.
const CONFIG: &str = "model_config";
const VERSION: &str = "keras_version";
const TRAINING_CONFIG: &str = "training_config";
/// Only `save_weights` writes this one to the root group.
const LAYER_NAMES: &str = "layer_names";

pub(crate) fn is_hdf5(head: &[u8]) -> bool {
    head.starts_with(hdf5::SIGNATURE)
}

/// Whether a zip file is in the format of Keras 3: its first entry is about the model.
pub(crate) fn is_keras_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
        && head.get(30..).is_some_and(|name| name.starts_with(b"metadata.json") || name.starts_with(b"config.json"))
}

/// Reads a `.h5` file.
pub(crate) fn read_keras(content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<FormatFacts, FileError> {
    let head = content.peek_bytes(hdf5::SIGNATURE.len())?;
    if head.starts_with(b"PK") {
        return Ok(FormatFacts::from_problem(Problem::new(
            "keras-zip",
            "the file is in the .keras format of Keras 3, which SageMaker Neo cannot load",
            SAVE,
        )));
    }
    if !is_hdf5(head) {
        return Err(FileError::malformed_at(0, "the signature of an HDF5 file is missing"));
    }
    match RootAttributes::read_attributes(content, limits, &[CONFIG, VERSION], MAX_CONFIG) {
        Ok(attributes) => convert_attributes(content, &attributes, limits),
        Err(Hdf5Error::Archive(error)) => Err(FileError::Archive(error)),
        Err(Hdf5Error::Malformed { at, cause }) => Err(FileError::malformed_at(at, cause)),
        Err(Hdf5Error::Unsupported(cause)) => Ok(warn_inputs_not_read(&cause)),
    }
}

/// The loader knows no functional model that Keras 3 saved as HDF5.
const SAVE: &str = "save the whole model: in Keras 2 as HDF5, model.save(\"model.h5\"); in Keras 3 as a SavedModel, \
                    model.export(\"export\"), then `tar -czf model.tar.gz -C export .`";

fn warn_inputs_not_read(cause: &str) -> FormatFacts {
    FormatFacts::from_warning(Warning::new("inputs-not-read", format!("the inputs were not read: {cause}")))
}

fn convert_attributes(
    content: &MemberReader<'_, '_>,
    attributes: &RootAttributes,
    limits: &Limits,
) -> Result<FormatFacts, FileError> {
    let Some(config) = attributes.get(CONFIG) else {
        return Ok(FormatFacts::from_problem(if attributes.has_name(LAYER_NAMES) {
            Problem::new(
                "keras-weights-only",
                "the file contains the weights of a Keras model but not the model itself",
                SAVE,
            )
        } else {
            Problem::new(
                "keras-no-config",
                "the file is HDF5 but not a complete Keras model: its root group has no `model_config`, as in a file \
                 with weights only",
                SAVE,
            )
        }));
    };
    let malformed = |cause: String| FileError::malformed_at(content.position(), cause);
    let config = config::parse_config(config)
        .map_err(|error| malformed(format!("its `model_config` is not a valid model configuration: {error}")))?;
    let found = match config.inputs {
        Ok(found) => found,
        Err(cause) => return Ok(warn_inputs_not_read(cause)),
    };
    // Each layer specifies where its channels are; if one has them first, the whole model does.
    let channels_last = !config.channels_first;
    let mut inputs = BoundedInputs::new(limits);
    for input in found {
        inputs.push(if channels_last { move_channels_first(input) } else { input }).map_err(malformed)?;
    }
    let inputs = inputs.into_vec();
    let fix = "save a model that takes dense tensors: Input(…) without sparse or ragged";
    let mut problems: Vec<_> = find_composite_inputs(&inputs, fix).into_iter().collect();
    if inputs.is_empty() {
        problems.push(Problem::new(
            "inputs-none",
            "the Keras model has no input layer with a shape: it was saved before it was built",
            "specify an input shape for its first layer, or call the model once, and save it again",
        ));
    }
    let version = attributes.get(VERSION);
    let warnings = find_loader_warnings(&config.unknown_layers.0, version, attributes.has_name(TRAINING_CONFIG));
    let producer = version.map(|version| format!("keras {version}"));
    Ok(FormatFacts { producer, inputs, read: true, problems, warnings, ..FormatFacts::default() })
}

/// What the loader of Keras 2.2.4, the newest version that AWS documents, does not accept.
fn find_loader_warnings(unknown_layers: &[String], version: Option<&str>, has_training_config: bool) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let [first, ..] = unknown_layers {
        let names: Vec<_> = unknown_layers.iter().map(|name| quote_name(name)).collect();
        let (names, first) = (names.join(", "), shorten_name(first));
        warnings.push(Warning::new(
            "keras-layer-unknown",
            format!(
                "the model has layers that Keras {LOADER}, the newest version that AWS documents for SageMaker Neo, does \
                 not have: {names}. Its loader fails with \"Unknown layer: {first}\". Fix: build and save the model with \
                 Keras 2.2, or archive it as a SavedModel: model.export(\"export\") in Keras 3, otherwise \
                 tf.saved_model.save(model, \"export\")"
            ),
        ));
    }
    // It names losses and metrics in a form that changed in Keras 2.3.
    let numbers = version.and_then(|version| {
        let mut numbers = version.split('.').map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    if let (true, Some(version)) = (has_training_config && numbers >= Some((2, 3)), version) {
        let version = shorten_name(version);
        warnings.push(Warning::new(
            "keras-training-config",
            format!(
                "the file has the training configuration of Keras {version}, which Keras {LOADER} may not load. Fix: save \
                 the model without it: model.save(\"model.h5\", include_optimizer=False)"
            ),
        ));
    }
    warnings
}

/// The file has images as NHWC, and `DataInputConfig` must have them as NCHW (developer guide,
/// "Prepare Model").
fn move_channels_first(mut input: ModelInput) -> ModelInput {
    if let Some(dims) = input.dims.as_mut().filter(|dims| matches!(dims.len(), 4 | 5)) {
        let channels = dims.pop().unwrap_or(Dim::Unknown);
        dims.insert(1, channels);
    }
    input
}

#[cfg(test)]
mod tests {
    use super::find_loader_warnings;

    #[test]
    fn keras_loader_warnings_depend_on_the_version() {
        for (version, has_training_config, codes) in [
            (Some("2.15.0"), true, &["keras-training-config"][..]),
            (Some("2.3.0-tf"), true, &["keras-training-config"]),
            (Some("2.15.0"), false, &[]),
            (Some("2.2.4"), true, &[]),
            (None, true, &[]),
        ] {
            let warnings = find_loader_warnings(&[], version, has_training_config);
            let found: Vec<_> = warnings.iter().map(|warning| warning.code.as_ref()).collect();
            assert_eq!(found, codes, "{version:?}");
        }
        let unknown = find_loader_warnings(&["Functional".to_owned(), "Rescaling".to_owned()], None, false);
        assert!(unknown[0].warning.contains("`Functional`, `Rescaling`"), "{}", unknown[0].warning);
    }
}
