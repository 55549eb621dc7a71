//! What a model consists of: a file that was cut short lacks the end of something. The fields are
//! those of `schema.fbs` of TensorFlow 2.20.

use crate::{
    encoding::{
        flat_buffer::{FlatBuffer, ObjectField, RefersTo},
        head_and_tail::OutOfRange,
    },
    framework::tflite::{TfliteError, field},
};

/// Maximum number of tables that are checked. Large models have ten thousands.
const MAX_OBJECTS: u32 = 500_000;

const BYTES: RefersTo = RefersTo::Values { size: 1 };
const INTS: RefersTo = RefersTo::Values { size: 4 };
const LONGS: RefersTo = RefersTo::Values { size: 8 };

const fn refers(number: u64, refers_to: RefersTo) -> ObjectField {
    ObjectField { number, refers_to }
}

const MODEL: &[ObjectField] = &[
    refers(1, RefersTo::Objects(OPERATOR_CODE)),
    refers(field::MODEL_SUBGRAPHS, RefersTo::Objects(SUBGRAPH)),
    refers(field::MODEL_DESCRIPTION, BYTES),
    refers(field::MODEL_BUFFERS, RefersTo::Objects(BUFFER)),
    refers(5, INTS),
    refers(field::MODEL_METADATA, RefersTo::Objects(METADATA)),
    refers(7, RefersTo::Objects(SIGNATURE)),
];
const OPERATOR_CODE: &[ObjectField] = &[refers(1, BYTES)];
const BUFFER: &[ObjectField] = &[refers(field::BUFFER_DATA, BYTES)];
const METADATA: &[ObjectField] = &[refers(field::METADATA_NAME, BYTES)];
const SIGNATURE: &[ObjectField] =
    &[refers(0, RefersTo::Objects(NAMED_TENSOR)), refers(1, RefersTo::Objects(NAMED_TENSOR)), refers(2, BYTES)];
const NAMED_TENSOR: &[ObjectField] = &[refers(0, BYTES)];
const SUBGRAPH: &[ObjectField] = &[
    refers(field::SUBGRAPH_TENSORS, RefersTo::Objects(TENSOR)),
    refers(field::SUBGRAPH_INPUTS, INTS),
    refers(2, INTS),
    refers(3, RefersTo::Objects(OPERATOR)),
    refers(4, BYTES),
];
const TENSOR: &[ObjectField] = &[
    refers(field::TENSOR_SHAPE, INTS),
    refers(field::TENSOR_NAME, BYTES),
    refers(4, RefersTo::Object(QUANTIZATION)),
    refers(field::TENSOR_SHAPE_SIGNATURE, INTS),
];
/// Lowest, highest, scales and zero points.
const QUANTIZATION: &[ObjectField] = &[refers(0, INTS), refers(1, INTS), refers(2, INTS), refers(3, LONGS)];
/// Inputs, outputs, options of a known operator and of a custom one.
const OPERATOR: &[ObjectField] =
    &[refers(1, INTS), refers(2, INTS), refers(4, RefersTo::Object(&[])), refers(5, BYTES), refers(8, INTS)];

/// Checks that every part of the model ends within the file.
pub(super) fn check_model(buffer: &FlatBuffer<'_>) -> Result<(), TfliteError> {
    let mut budget = MAX_OBJECTS;
    buffer.check_object(buffer.follow_offset(0)?, MODEL, &mut budget).map_err(|outside| match outside {
        OutOfRange::Outside(at) => TfliteError::Malformed(format!(
            "what begins at byte {at} goes on beyond its end; it was probably cut short"
        )),
        skipped @ OutOfRange::Skipped(_) => skipped.into(),
    })
}
