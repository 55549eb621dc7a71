//! TensorFlow Lite: the inputs of the first subgraph of a `FlatBuffer`.
//!
//! Tables are found by offsets, and weights may lie between them. Of a large file, only the head
//! and the tail are kept (`Limits::head_bytes`, `Limits::tail_bytes`): converters write the tables
//! there.

mod objects;

use crate::{
    container::member::MemberReader,
    element_type::ElementType,
    encoding::{
        flat_buffer::{FlatBuffer, FlatTable},
        head_and_tail::{HeadAndTail, OutOfRange},
    },
    error::FileError,
    framework::format_facts::{BoundedInputs, FormatFacts},
    inspection::{Dim, ModelInput},
    limits::Limits,
    problem::{Problem, Warning},
};

/// Maximum length of a name or description, in bytes.
const MAX_TEXT: u64 = 4096;

/// Maximum number of dimensions of a tensor; the interpreter's operators take up to 8.
const MAX_DIMS: u64 = 64;

/// The name of the metadata with the earliest version of the runtime.
const RUNTIME_VERSION: &str = "min_runtime_version";

/// Maximum number of metadata entries that are read. Converters write two to four.
const MAX_METADATA: u64 = 64;

/// Maximum length of a version, in bytes: converters write 16, padded with zeros.
const MAX_VERSION: u64 = 16;

/// Field numbers in schema.fbs.
mod field {
    pub const MODEL_VERSION: u64 = 0;
    pub const MODEL_SUBGRAPHS: u64 = 2;
    pub const MODEL_DESCRIPTION: u64 = 3;
    pub const MODEL_BUFFERS: u64 = 4;
    pub const MODEL_METADATA: u64 = 6;
    pub const BUFFER_DATA: u64 = 0;
    pub const METADATA_NAME: u64 = 0;
    pub const METADATA_BUFFER: u64 = 1;
    pub const SUBGRAPH_TENSORS: u64 = 0;
    pub const SUBGRAPH_INPUTS: u64 = 1;
    pub const TENSOR_SHAPE: u64 = 0;
    pub const TENSOR_TYPE: u64 = 1;
    pub const TENSOR_NAME: u64 = 3;
    pub const TENSOR_SHAPE_SIGNATURE: u64 = 7;
    pub const TENSOR_HAS_RANK: u64 = 8;
}

/// `TensorType`, by number.
const ELEMENT_TYPES: [&str; 19] = [
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16",
];

/// Whether a file is a `FlatBuffer` of TensorFlow Lite.
pub(crate) fn is_tflite(head: &[u8]) -> bool {
    head.get(4..8) == Some(b"TFL3")
}

pub(crate) fn read_tflite(content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<FormatFacts, FileError> {
    if !is_tflite(content.peek_bytes(8)?) {
        return Err(FileError::malformed_at(4, "the identifier TFL3 is missing"));
    }
    let ends = HeadAndTail::read_member(content, limits)?;
    let mut inputs = BoundedInputs::new(limits);
    let mut facts = FormatFacts::default();
    match read_model(&FlatBuffer(&ends), &mut inputs, &mut facts) {
        Ok(()) => facts.read = true,
        Err(TfliteError::OutOfRange(cause @ OutOfRange::Skipped(_))) => {
            facts.warnings.push(Warning::new("inputs-not-read", format!("the inputs were not read: {cause}")));
            return Ok(facts);
        }
        Err(TfliteError::OutOfRange(cause)) => return Err(FileError::malformed_at(0, cause.to_string())),
        Err(TfliteError::Malformed(cause)) => return Err(FileError::malformed_at(0, cause)),
    }
    facts.inputs = inputs.into_vec();
    match facts.inputs.len() {
        0 => facts.problems.push(Problem::new(
            "inputs-none",
            "the model has no inputs and therefore no input shape",
            "convert the model again with its inputs",
        )),
        1 => {}
        count => facts.warnings.push(Warning::new(
            "inputs-several",
            format!("the model has {count} inputs; AWS documents only TensorFlow Lite models with one input"),
        )),
    }
    Ok(facts)
}

#[derive(Debug, thiserror::Error)]
enum TfliteError {
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    #[error("{0}")]
    Malformed(String),
}

fn read_model(buffer: &FlatBuffer<'_>, inputs: &mut BoundedInputs, facts: &mut FormatFacts) -> Result<(), TfliteError> {
    let model = buffer.read_table(buffer.follow_offset(0)?)?;
    if let Some(at) = buffer.find_field(model, field::MODEL_VERSION)? {
        facts.format_version = Some(format!("TFLite {}", buffer.read_u32(at)?));
    }
    if let Some(at) = buffer.find_field(model, field::MODEL_DESCRIPTION)? {
        // If the description is in the skipped middle of the file, the inputs may still be
        // readable.
        facts.producer = read_text(buffer, at).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    }
    // It is not needed to read the inputs.
    facts.runtime_version = read_runtime_version(buffer, model).ok().flatten();
    let subgraphs = buffer.read_vector(model, field::MODEL_SUBGRAPHS)?;
    if subgraphs.length == 0 {
        return Err(TfliteError::Malformed("it has no subgraph".to_owned()));
    }
    let subgraph = buffer.read_table(buffer.follow_offset(subgraphs.start)?)?;
    let tensors = buffer.read_vector(subgraph, field::SUBGRAPH_TENSORS)?;
    let numbers = buffer.read_vector(subgraph, field::SUBGRAPH_INPUTS)?;
    for position in 0..numbers.length {
        let number = u64::from(buffer.read_u32(numbers.start + 4 * position)?);
        if number >= tensors.length {
            return Err(TfliteError::Malformed(format!("input {position} is tensor {number} of {}", tensors.length)));
        }
        let tensor = buffer.read_table(buffer.follow_offset(tensors.start + 4 * number)?)?;
        inputs.push(read_input(buffer, tensor)?).map_err(TfliteError::Malformed)?;
    }
    objects::check_model(buffer)
}

/// The entry of the metadata that the converter writes.
fn read_runtime_version(buffer: &FlatBuffer<'_>, model: FlatTable) -> Result<Option<String>, TfliteError> {
    let (metadata, buffers) =
        (buffer.read_vector(model, field::MODEL_METADATA)?, buffer.read_vector(model, field::MODEL_BUFFERS)?);
    for position in 0..metadata.length.min(MAX_METADATA) {
        let entry = buffer.read_table(buffer.follow_offset(metadata.start + 4 * position)?)?;
        let Some(name) = buffer.find_field(entry, field::METADATA_NAME)? else { continue };
        if read_text(buffer, name)? != RUNTIME_VERSION {
            continue;
        }
        let number = match buffer.find_field(entry, field::METADATA_BUFFER)? {
            Some(at) => u64::from(buffer.read_u32(at)?),
            None => 0,
        };
        if number >= buffers.length {
            return Ok(None);
        }
        let table = buffer.read_table(buffer.follow_offset(buffers.start + 4 * number)?)?;
        let data = buffer.read_vector(table, field::BUFFER_DATA)?;
        let text = buffer.0.slice_at(data.start, data.length.min(MAX_VERSION))?;
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        let is_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let version = String::from_utf8_lossy(text).into_owned();
        return Ok((!text.is_empty() && text.iter().all(is_version)).then_some(version));
    }
    Ok(None)
}

fn read_text(buffer: &FlatBuffer<'_>, at: u64) -> Result<String, TfliteError> {
    let text = buffer.read_vector_at(at)?;
    if text.length > MAX_TEXT {
        let cause = format!("a name has {} bytes; the maximum is {MAX_TEXT}", text.length);
        return Err(TfliteError::Malformed(cause));
    }
    Ok(String::from_utf8_lossy(buffer.0.slice_at(text.start, text.length)?).into_owned())
}

fn read_input(buffer: &FlatBuffer<'_>, tensor: FlatTable) -> Result<ModelInput, TfliteError> {
    let name = match buffer.find_field(tensor, field::TENSOR_NAME)? {
        Some(at) => read_text(buffer, at)?,
        None => String::new(),
    };
    let number = match buffer.find_field(tensor, field::TENSOR_TYPE)? {
        Some(at) => buffer.0.array_at::<1>(at)?[0],
        None => 0,
    };
    let element_type = ELEMENT_TYPES.get(usize::from(number));
    let element_type = element_type
        .map_or_else(|| ElementType::Other(format!("tflite type {number}")), |name| ElementType::from(*name));
    // The shape that the interpreter starts with: a dynamic dimension has size 1 in it, and -1 in
    // the signature, which files without dynamic dimensions do not have.
    let has_shape = buffer.find_field(tensor, field::TENSOR_SHAPE)?.is_some();
    let has_rank = match buffer.find_field(tensor, field::TENSOR_HAS_RANK)? {
        Some(at) => buffer.0.array_at::<1>(at)?[0] != 0,
        None => false,
    };
    let shape = buffer.read_vector(tensor, field::TENSOR_SHAPE)?;
    if shape.length > MAX_DIMS {
        return Err(TfliteError::Malformed(format!("an input has {} dimensions", shape.length)));
    }
    let signature = buffer.read_vector(tensor, field::TENSOR_SHAPE_SIGNATURE)?;
    let shape = if signature.length == shape.length { signature } else { shape };
    let mut dims = Vec::new();
    for position in 0..shape.length {
        let size = i32::from_le_bytes(buffer.0.array_at(shape.start + 4 * position)?);
        dims.push(Dim::from(i64::from(size)));
    }
    Ok(ModelInput { name, element_type, dims: (has_shape || has_rank).then_some(dims), tensor: None })
}
