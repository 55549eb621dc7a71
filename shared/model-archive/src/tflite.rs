//! TensorFlow Lite: the inputs of the first subgraph of a `FlatBuffer`.
//!
//! The tables are found by offsets, and the weights may lie between them: only both ends of a large file are kept, which
//! is where its writers put the tables (`Limits::head_bytes`, `Limits::tail_bytes`).

use crate::{
    Dim, ElementType, Input, Limits, Problem, Warning,
    content::Content,
    ends::{Ends, Lack},
    fault::Halt,
    reading::{Inputs, Reading},
};

/// Longest name or description that is read, in bytes.
const MAX_TEXT: u64 = 4096;

/// Most dimensions of a tensor that are read; the interpreter's operators take up to 8.
const MAX_DIMS: u64 = 64;

/// Field numbers in schema.fbs.
mod field {
    pub const MODEL_VERSION: u64 = 0;
    pub const MODEL_SUBGRAPHS: u64 = 2;
    pub const MODEL_DESCRIPTION: u64 = 3;
    pub const SUBGRAPH_TENSORS: u64 = 0;
    pub const SUBGRAPH_INPUTS: u64 = 1;
    pub const TENSOR_SHAPE: u64 = 0;
    pub const TENSOR_TYPE: u64 = 1;
    pub const TENSOR_NAME: u64 = 3;
    pub const TENSOR_HAS_RANK: u64 = 8;
}

/// `TensorType`, by number.
const ELEMENT_TYPES: [&str; 19] = [
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16",
];

/// Whether a file is a `FlatBuffer` of TensorFlow Lite.
pub(crate) fn recognise(head: &[u8]) -> bool {
    head.get(4..8) == Some(b"TFL3")
}

/// Reads a `.tflite` file.
pub(crate) fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    if !recognise(content.peek(8)?) {
        return Err(Halt::malformed(4, "it lacks the identifier TFL3"));
    }
    let ends = Ends::read(content, limits)?;
    let mut inputs = Inputs::new(limits);
    let mut reading = Reading::default();
    match model(&Buffer(&ends), &mut inputs, &mut reading) {
        Ok(()) => reading.read = true,
        Err(Refusal::Lack(lack @ Lack::Skipped(_))) => {
            reading.warnings.push(Warning::new("inputs-not-read", format!("its inputs were not read: {lack}")));
            return Ok(reading);
        }
        Err(Refusal::Lack(lack)) => return Err(Halt::malformed(0, lack.to_string())),
        Err(Refusal::Other(cause)) => return Err(Halt::malformed(0, cause)),
    }
    reading.inputs = inputs.into_vec();
    match reading.inputs.len() {
        0 => reading.problems.push(Problem::new(
            "inputs-none",
            "the model has no inputs, so there is no shape to compile it for",
            "convert the model again with its inputs",
        )),
        1 => {}
        count => reading.warnings.push(Warning::new(
            "inputs-several",
            format!("the model has {count} inputs; SageMaker Neo documents TensorFlow Lite models with one"),
        )),
    }
    Ok(reading)
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Lack(#[from] Lack),
    #[error("{0}")]
    Other(String),
}

fn model(buffer: &Buffer<'_>, inputs: &mut Inputs, reading: &mut Reading) -> Result<(), Refusal> {
    let model = buffer.table(buffer.follow(0)?)?;
    if let Some(at) = buffer.field(model, field::MODEL_VERSION)? {
        reading.format_version = Some(format!("TFLite {}", buffer.u32(at)?));
    }
    if let Some(at) = buffer.field(model, field::MODEL_DESCRIPTION)? {
        // The description may be in the middle of the file; the inputs may still be had.
        reading.producer = buffer.text(at).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    }
    let subgraphs = buffer.vector(model, field::MODEL_SUBGRAPHS)?;
    if subgraphs.length == 0 {
        return Err(Refusal::Other("it has no subgraph".to_owned()));
    }
    let subgraph = buffer.table(buffer.follow(subgraphs.start)?)?;
    let tensors = buffer.vector(subgraph, field::SUBGRAPH_TENSORS)?;
    let numbers = buffer.vector(subgraph, field::SUBGRAPH_INPUTS)?;
    for position in 0..numbers.length {
        let number = u64::from(buffer.u32(numbers.start + 4 * position)?);
        if number >= tensors.length {
            return Err(Refusal::Other(format!("input {position} is tensor {number} of {}", tensors.length)));
        }
        let tensor = buffer.table(buffer.follow(tensors.start + 4 * number)?)?;
        inputs.add(input(buffer, tensor)?).map_err(Refusal::Other)?;
    }
    Ok(())
}

fn input(buffer: &Buffer<'_>, tensor: Table) -> Result<Input, Refusal> {
    let name = match buffer.field(tensor, field::TENSOR_NAME)? {
        Some(at) => buffer.text(at)?,
        None => String::new(),
    };
    let number = match buffer.field(tensor, field::TENSOR_TYPE)? {
        Some(at) => buffer.0.array::<1>(at)?[0],
        None => 0,
    };
    let element_type = ELEMENT_TYPES.get(usize::from(number));
    let element_type = element_type
        .map_or_else(|| ElementType::Other(format!("tflite type {number}")), |name| ElementType::from(*name));
    // The shape the interpreter starts with; a dimension that may change has size 1 in it.
    let has_shape = buffer.field(tensor, field::TENSOR_SHAPE)?.is_some();
    let has_rank = match buffer.field(tensor, field::TENSOR_HAS_RANK)? {
        Some(at) => buffer.0.array::<1>(at)?[0] != 0,
        None => false,
    };
    let shape = buffer.vector(tensor, field::TENSOR_SHAPE)?;
    if shape.length > MAX_DIMS {
        return Err(Refusal::Other(format!("an input has {} dimensions", shape.length)));
    }
    let mut dims = Vec::new();
    for position in 0..shape.length {
        let size = i32::from_le_bytes(buffer.0.array(shape.start + 4 * position)?);
        dims.push(u64::try_from(size).ok().filter(|size| *size > 0).map_or(Dim::Unknown, Dim::Known));
    }
    Ok(Input { name, element_type, dims: (has_shape || has_rank).then_some(dims), tensor: None })
}

/// Where a table and its list of fields are.
#[derive(Clone, Copy)]
struct Table {
    start: u64,
    fields: u64,
}

#[derive(Clone, Copy)]
struct Vector {
    start: u64,
    length: u64,
}

/// The encoding of `FlatBuffers` ("`FlatBuffer` Internals"): all offsets are relative to where they stand.
struct Buffer<'e>(&'e Ends);

impl Buffer<'_> {
    fn u32(&self, at: u64) -> Result<u32, Lack> {
        Ok(u32::from_le_bytes(self.0.array(at)?))
    }

    fn u16(&self, at: u64) -> Result<u64, Lack> {
        Ok(u64::from(u16::from_le_bytes(self.0.array(at)?)))
    }

    fn follow(&self, at: u64) -> Result<u64, Lack> {
        Ok(at + u64::from(self.u32(at)?))
    }

    fn table(&self, start: u64) -> Result<Table, Lack> {
        let back = i64::from(i32::from_le_bytes(self.0.array(start)?));
        let fields = start.checked_add_signed(-back).ok_or(Lack::Outside(start))?;
        Ok(Table { start, fields })
    }

    /// Where a field's value is; none if it has its default.
    fn field(&self, table: Table, number: u64) -> Result<Option<u64>, Lack> {
        let slot = 4 + 2 * number;
        if slot + 2 > self.u16(table.fields)? {
            return Ok(None);
        }
        let offset = self.u16(table.fields + slot)?;
        Ok((offset != 0).then(|| table.start + offset))
    }

    /// A field's vector, which is empty if it has none.
    fn vector(&self, table: Table, number: u64) -> Result<Vector, Lack> {
        let Some(at) = self.field(table, number)? else { return Ok(Vector { start: 0, length: 0 }) };
        let start = self.follow(at)?;
        Ok(Vector { start: start + 4, length: u64::from(self.u32(start)?) })
    }

    fn text(&self, at: u64) -> Result<String, Refusal> {
        let start = self.follow(at)?;
        let length = u64::from(self.u32(start)?);
        if length > MAX_TEXT {
            return Err(Refusal::Other(format!("a name has {length} bytes; at most {MAX_TEXT} are read")));
        }
        Ok(String::from_utf8_lossy(self.0.bytes(start + 4, length)?).into_owned())
    }
}
