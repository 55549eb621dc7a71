//! ONNX: the inputs of `ModelProto.graph` that are not weights, read in one pass that skips the
//! weights.

mod inputs;
mod schema;

use std::{collections::BTreeMap, fmt::Write as _};

use prost::Message as _;

use self::{
    inputs::GraphInputs,
    schema::{OperatorSet, StringEntry, ValueInfo},
};

use crate::{
    container::member::MemberReader,
    encoding::{
        protobuf::{ProtobufReader, WireValue},
        protobuf_head::{HeadField, HeadFields, HeadValue, is_name},
    },
    error::FileError,
    framework::format_facts::FormatFacts,
    limits::Limits,
    problem::Problem,
};

/// Maximum length of a model's producer or an operator set's name, in bytes. Real ones have about
/// 20.
const MAX_TEXT: u64 = 4096;

/// Maximum number of operator sets that are reported. Models have one to five.
const MAX_OPSETS: usize = 16;

/// Maximum memory for the paths of external data, in bytes. Exporters write one file, or one per
/// weight; Neo accepts none.
const MAX_EXTERNAL: usize = 256 * 1024;

/// Maximum nesting of graphs within the attributes of nodes (`If`, `Loop`, `Scan`) that is searched
/// for external data.
const MAX_GRAPHS: u32 = 16;

pub(crate) fn read_onnx(content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<FormatFacts, FileError> {
    let mut model = OnnxReader::new(limits);
    let mut reader = ProtobufReader::new(content);
    let end = reader.end_position();
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (1, WireValue::Varint(version)) => model.ir_version = Some(version.cast_signed()),
            (2, WireValue::Bytes(length)) if length <= MAX_TEXT => {
                model.producer = read_short_text(&mut reader, "producer", length)?;
            }
            (3, WireValue::Bytes(length)) if length <= MAX_TEXT => {
                model.producer_version = read_short_text(&mut reader, "producer version", length)?;
            }
            (7, WireValue::Bytes(length)) => {
                let end = reader.end_of(length);
                model.read_graph(&mut reader, end)?;
            }
            (8, WireValue::Bytes(length)) => {
                let opset = reader.decode_message::<OperatorSet>("operator set", length, MAX_TEXT)?;
                if model.opsets.len() < MAX_OPSETS {
                    model.opsets.push(opset);
                }
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    if !model.has_graph {
        return Err(reader.malformed_error("it ends without a graph"));
    }
    Ok(model.into_facts())
}

/// Whether a file starts like ONNX: with an IR version, then another field of `ModelProto`. IR
/// versions 1 and 2 do not count: a TensorFlow `SavedModel` starts the same way, and they predate
/// ONNX 1.0. Core ML starts with a version as well, but its second field is not text.
pub(crate) fn is_onnx(head: &[u8]) -> bool {
    let mut fields = HeadFields::new(head);
    let version = fields.next();
    if !matches!(version, Some(HeadField { number: 1, value: HeadValue::Varint(3..=32) })) {
        return false;
    }
    fields.next().is_some_and(|field| match (field.number, field.value) {
        (2 | 3 | 4 | 6, HeadValue::Bytes(text)) => is_name(text),
        (5, HeadValue::Varint(_)) | (7 | 8 | 14, HeadValue::Bytes(_)) => true,
        _ => false,
    })
}

fn read_short_text(reader: &mut ProtobufReader<'_, '_, '_>, what: &str, length: u64) -> Result<String, FileError> {
    reader.read_text(what, length, MAX_TEXT)
}

struct OnnxReader<'l> {
    ir_version: Option<i64>,
    producer: String,
    producer_version: String,
    opsets: Vec<OperatorSet>,
    has_graph: bool,
    inputs: GraphInputs<'l>,
    external: BTreeMap<String, u64>,
    external_bytes: usize,
    limits: &'l Limits,
}

impl<'l> OnnxReader<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            ir_version: None,
            producer: String::new(),
            producer_version: String::new(),
            opsets: Vec::new(),
            has_graph: false,
            inputs: GraphInputs::new(limits),
            external: BTreeMap::new(),
            external_bytes: 0,
            limits,
        }
    }

    /// `GraphProto`
    fn read_graph(&mut self, reader: &mut ProtobufReader<'_, '_, '_>, end: u64) -> Result<(), FileError> {
        self.has_graph = true;
        while let Some(field) = reader.next_field(end)? {
            match (field.number, field.value) {
                (1, WireValue::Bytes(length)) => {
                    let end = reader.end_of(length);
                    self.read_node(reader, end, 0)?;
                }
                (5, WireValue::Bytes(length)) => {
                    let end = reader.end_of(length);
                    self.read_initializer(reader, end)?;
                }
                (11, WireValue::Bytes(length)) => {
                    let end = reader.end_of(length);
                    let input = self.read_input(reader, end)?;
                    self.inputs.add_input(input).map_err(|cause| reader.malformed_error(cause))?;
                }
                (15, WireValue::Bytes(length)) => {
                    let end = reader.end_of(length);
                    self.read_sparse_initializer(reader, end)?;
                }
                (_, value) => reader.skip_value(value)?,
            }
        }
        Ok(())
    }

    /// `ValueInfoProto`, without its documentation.
    fn read_input(&self, reader: &mut ProtobufReader<'_, '_, '_>, end: u64) -> Result<ValueInfo, FileError> {
        let mut input = ValueInfo::default();
        while let Some(field) = reader.next_field(end)? {
            match (field.number, field.value) {
                (1, WireValue::Bytes(length)) => {
                    input.name = reader.read_text("input's name", length, self.limits.input_bytes)?;
                }
                (2, WireValue::Bytes(length)) => {
                    let start = reader.position();
                    let bytes = reader.read_bytes("input", length, self.limits.input_bytes)?;
                    // A message that occurs twice is the merge of both.
                    let merged = input.value_type.get_or_insert_default().merge(bytes.as_slice());
                    merged
                        .map_err(|error| FileError::malformed_at(start, format!("its input is malformed ({error})")))?;
                }
                (_, value) => reader.skip_value(value)?,
            }
        }
        Ok(input)
    }

    /// `NodeProto`: the tensors and graphs in its attributes may have external data too.
    fn read_node(&mut self, reader: &mut ProtobufReader<'_, '_, '_>, end: u64, depth: u32) -> Result<(), FileError> {
        while let Some(field) = reader.next_field(end)? {
            match (field.number, field.value) {
                (5, WireValue::Bytes(length)) => {
                    let end = reader.end_of(length);
                    self.read_attribute(reader, end, depth)?;
                }
                (_, value) => reader.skip_value(value)?,
            }
        }
        Ok(())
    }

    /// `AttributeProto`
    fn read_attribute(
        &mut self,
        reader: &mut ProtobufReader<'_, '_, '_>,
        end: u64,
        depth: u32,
    ) -> Result<(), FileError> {
        while let Some(field) = reader.next_field(end)? {
            match (field.number, field.value) {
                (5 | 10, WireValue::Bytes(length)) => {
                    let end = reader.end_of(length);
                    self.read_tensor(reader, end)?;
                }
                (6 | 11, WireValue::Bytes(length)) if depth < MAX_GRAPHS => {
                    let end = reader.end_of(length);
                    self.read_inner_graph(reader, end, depth + 1)?;
                }
                (_, value) => reader.skip_value(value)?,
            }
        }
        Ok(())
    }

    /// `GraphProto` in an attribute: its inputs are not inputs of the model.
    fn read_inner_graph(
        &mut self,
        reader: &mut ProtobufReader<'_, '_, '_>,
        end: u64,
        depth: u32,
    ) -> Result<(), FileError> {
        while let Some(field) = reader.next_field(end)? {
            match (field.number, field.value) {
                (1, WireValue::Bytes(length)) => {
                    let end = reader.end_of(length);
                    self.read_node(reader, end, depth)?;
                }
                (5, WireValue::Bytes(length)) => {
                    let end = reader.end_of(length);
                    self.read_tensor(reader, end)?;
                }
                (_, value) => reader.skip_value(value)?,
            }
        }
        Ok(())
    }

    fn read_initializer(&mut self, reader: &mut ProtobufReader<'_, '_, '_>, end: u64) -> Result<(), FileError> {
        if let Some(name) = self.read_tensor(reader, end)? {
            self.inputs.add_initializer(&name).map_err(|cause| reader.malformed_error(cause))?;
        }
        Ok(())
    }

    /// `TensorProto`: reads only its name, and the file of its bytes if they are external.
    fn read_tensor(&mut self, reader: &mut ProtobufReader<'_, '_, '_>, end: u64) -> Result<Option<Vec<u8>>, FileError> {
        let (mut name, mut location, mut is_external, mut size) = (None, None, false, 0_u64);
        while let Some(field) = reader.next_field(end)? {
            match (field.number, field.value) {
                (8, WireValue::Bytes(length)) => {
                    name = Some(reader.read_bytes("initializer's name", length, self.limits.input_bytes)?);
                }
                (13, WireValue::Bytes(length)) => {
                    let entry =
                        reader.decode_message::<StringEntry>("external data", length, self.limits.input_bytes)?;
                    match entry.key.as_str() {
                        "location" => location = Some(entry.value),
                        // Together they are the end of its bytes.
                        "offset" | "length" => {
                            size = entry.value.parse().unwrap_or(0_u64).saturating_add(size);
                        }
                        _ => {}
                    }
                }
                (14, WireValue::Varint(place)) => is_external = place == 1,
                (_, value) => reader.skip_value(value)?,
            }
        }
        if let Some(location) = location.filter(|_| is_external) {
            self.add_external_file(location, size).map_err(|cause| reader.malformed_error(cause))?;
        }
        Ok(name)
    }

    /// Adds a file that has at least this many bytes.
    fn add_external_file(&mut self, location: String, size: u64) -> Result<(), String> {
        if let Some(known) = self.external.get_mut(&location) {
            *known = size.max(*known);
            return Ok(());
        }
        self.external_bytes += size_of::<(String, u64)>() + location.capacity();
        if self.external_bytes > MAX_EXTERNAL {
            return Err(format!("the paths of its external data take more than {MAX_EXTERNAL} bytes"));
        }
        self.external.insert(location, size);
        Ok(())
    }

    /// `SparseTensorProto`: its name is that of its values.
    fn read_sparse_initializer(&mut self, reader: &mut ProtobufReader<'_, '_, '_>, end: u64) -> Result<(), FileError> {
        while let Some(field) = reader.next_field(end)? {
            match (field.number, field.value) {
                (1, WireValue::Bytes(length)) => {
                    let end = reader.end_of(length);
                    self.read_initializer(reader, end)?;
                }
                (_, value) => reader.skip_value(value)?,
            }
        }
        Ok(())
    }

    fn into_facts(self) -> FormatFacts {
        let format_version = self.format_version();
        let producer = format!("{} {}", self.producer, self.producer_version).trim().to_owned();
        let (inputs, mut problems) = self.inputs.finish_inputs();
        if inputs.is_empty() {
            problems.push(Problem::new(
                "inputs-none",
                "the graph has no inputs other than its weights, so the model has no input shape",
                "export the model again with its inputs",
            ));
        }
        FormatFacts {
            format_version,
            producer: (!producer.is_empty()).then_some(producer),
            inputs,
            read: true,
            external: self.external,
            problems,
            ..FormatFacts::default()
        }
    }

    fn format_version(&self) -> Option<String> {
        let mut version = self.ir_version.map(|version| format!("IR {version}")).unwrap_or_default();
        for OperatorSet { domain, version: opset } in &self.opsets {
            let comma = if version.is_empty() { "" } else { ", " };
            let domain = if matches!(domain.as_str(), "" | "ai.onnx") { "opset" } else { domain };
            // Writing to a `String` cannot fail.
            let _ = write!(version, "{comma}{domain} {opset}");
        }
        (!version.is_empty()).then_some(version)
    }
}
