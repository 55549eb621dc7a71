//! ONNX: the inputs of `ModelProto.graph` that are not weights, read in one pass that skips the weights.

mod inputs;
mod schema;

use std::fmt::Write as _;

use prost::Message as _;

use schema::{Entry, OperatorSet, ValueInfo};

use crate::{
    Limits, Problem,
    content::Content,
    fault::Halt,
    names::Names,
    reading::Reading,
    wire::{Value, Wire},
};

use self::inputs::GraphInputs;

/// Longest text that is read of a model's producer or an operator set's name, in bytes. Real ones have about 20.
const MAX_TEXT: u64 = 4096;

/// Most operator sets that are named. Models have one to five.
const MAX_OPSETS: usize = 16;

/// Most memory for the places of external data, in bytes. Exporters write one file, or one per weight; Neo takes none.
const MAX_EXTERNAL: usize = 256 * 1024;

/// Deepest nesting of graphs within the attributes of nodes (`If`, `Loop`, `Scan`) that is searched for external data.
const MAX_GRAPHS: u32 = 16;

/// Reads an `.onnx` file.
pub(crate) fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    let mut model = ModelReader::new(limits);
    let mut wire = Wire::new(content);
    let end = wire.end();
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Varint(version)) => model.ir_version = Some(version.cast_signed()),
            (2, Value::Bytes(length)) if length <= MAX_TEXT => model.producer = text(&mut wire, "producer", length)?,
            (3, Value::Bytes(length)) if length <= MAX_TEXT => {
                model.producer_version = text(&mut wire, "producer version", length)?;
            }
            (7, Value::Bytes(length)) => {
                let end = wire.end_of(length);
                model.graph(&mut wire, end)?;
            }
            (8, Value::Bytes(length)) => {
                let opset = wire.message::<OperatorSet>("operator set", length, MAX_TEXT)?;
                if model.opsets.len() < MAX_OPSETS {
                    model.opsets.push(opset);
                }
            }
            (_, value) => wire.skip_value(value)?,
        }
    }
    if !model.has_graph {
        return Err(wire.malformed("it ends without a graph"));
    }
    Ok(model.finish())
}

/// Whether a file that is not called `.onnx` begins like one: an IR version, then another field of `ModelProto`. IR
/// versions 1 and 2 are left out: a TensorFlow `SavedModel` begins like them, and they predate ONNX 1.0.
pub(crate) fn recognise(head: &[u8]) -> bool {
    matches!(head, [0x08, 3..=32, 0x12 | 0x1a | 0x22 | 0x32 | 0x3a | 0x42, ..])
}

fn text(wire: &mut Wire<'_, '_, '_>, what: &str, length: u64) -> Result<String, Halt> {
    wire.text(what, length, MAX_TEXT)
}

struct ModelReader<'l> {
    ir_version: Option<i64>,
    producer: String,
    producer_version: String,
    opsets: Vec<OperatorSet>,
    has_graph: bool,
    inputs: GraphInputs<'l>,
    external: Vec<String>,
    external_known: Names,
    external_bytes: usize,
    limits: &'l Limits,
}

impl<'l> ModelReader<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            ir_version: None,
            producer: String::new(),
            producer_version: String::new(),
            opsets: Vec::new(),
            has_graph: false,
            inputs: GraphInputs::new(limits),
            external: Vec::new(),
            external_known: Names::default(),
            external_bytes: 0,
            limits,
        }
    }

    /// `GraphProto`
    fn graph(&mut self, wire: &mut Wire<'_, '_, '_>, end: u64) -> Result<(), Halt> {
        self.has_graph = true;
        while let Some(field) = wire.field(end)? {
            match (field.number, field.value) {
                (1, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    self.node(wire, end, 0)?;
                }
                (5, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    self.initializer(wire, end)?;
                }
                (11, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    let input = self.input(wire, end)?;
                    self.inputs.input(input).map_err(|cause| wire.malformed(cause))?;
                }
                (15, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    self.sparse_initializer(wire, end)?;
                }
                (_, value) => wire.skip_value(value)?,
            }
        }
        Ok(())
    }

    /// `ValueInfoProto`, without its documentation.
    fn input(&self, wire: &mut Wire<'_, '_, '_>, end: u64) -> Result<ValueInfo, Halt> {
        let mut input = ValueInfo::default();
        while let Some(field) = wire.field(end)? {
            match (field.number, field.value) {
                (1, Value::Bytes(length)) => {
                    input.name = wire.text("input's name", length, self.limits.input_bytes)?;
                }
                (2, Value::Bytes(length)) => {
                    let start = wire.position();
                    let bytes = wire.bytes("input", length, self.limits.input_bytes)?;
                    // Given twice, a message is the sum of both.
                    let merged = input.value_type.get_or_insert_default().merge(bytes.as_slice());
                    merged.map_err(|error| Halt::malformed(start, format!("its input is malformed ({error})")))?;
                }
                (_, value) => wire.skip_value(value)?,
            }
        }
        Ok(input)
    }

    /// `NodeProto`: the tensors and graphs in its attributes may have external data too.
    fn node(&mut self, wire: &mut Wire<'_, '_, '_>, end: u64, depth: u32) -> Result<(), Halt> {
        while let Some(field) = wire.field(end)? {
            match (field.number, field.value) {
                (5, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    self.attribute(wire, end, depth)?;
                }
                (_, value) => wire.skip_value(value)?,
            }
        }
        Ok(())
    }

    /// `AttributeProto`
    fn attribute(&mut self, wire: &mut Wire<'_, '_, '_>, end: u64, depth: u32) -> Result<(), Halt> {
        while let Some(field) = wire.field(end)? {
            match (field.number, field.value) {
                (5 | 10, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    self.tensor(wire, end)?;
                }
                (6 | 11, Value::Bytes(length)) if depth < MAX_GRAPHS => {
                    let end = wire.end_of(length);
                    self.inner_graph(wire, end, depth + 1)?;
                }
                (_, value) => wire.skip_value(value)?,
            }
        }
        Ok(())
    }

    /// `GraphProto` in an attribute: its inputs are not the model's.
    fn inner_graph(&mut self, wire: &mut Wire<'_, '_, '_>, end: u64, depth: u32) -> Result<(), Halt> {
        while let Some(field) = wire.field(end)? {
            match (field.number, field.value) {
                (1, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    self.node(wire, end, depth)?;
                }
                (5, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    self.tensor(wire, end)?;
                }
                (_, value) => wire.skip_value(value)?,
            }
        }
        Ok(())
    }

    fn initializer(&mut self, wire: &mut Wire<'_, '_, '_>, end: u64) -> Result<(), Halt> {
        if let Some(name) = self.tensor(wire, end)? {
            self.inputs.initializer(&name).map_err(|cause| wire.malformed(cause))?;
        }
        Ok(())
    }

    /// `TensorProto`: only its name, and where its bytes are if not here.
    fn tensor(&mut self, wire: &mut Wire<'_, '_, '_>, end: u64) -> Result<Option<Vec<u8>>, Halt> {
        let (mut name, mut location, mut is_external) = (None, None, false);
        while let Some(field) = wire.field(end)? {
            match (field.number, field.value) {
                (8, Value::Bytes(length)) => {
                    name = Some(wire.bytes("initializer's name", length, self.limits.input_bytes)?);
                }
                (13, Value::Bytes(length)) => {
                    let entry = wire.message::<Entry>("external data", length, self.limits.input_bytes)?;
                    if entry.key == "location" {
                        location = Some(entry.value);
                    }
                }
                (14, Value::Varint(place)) => is_external = place == 1,
                (_, value) => wire.skip_value(value)?,
            }
        }
        if let Some(location) = location.filter(|_| is_external) {
            self.external(location).map_err(|cause| wire.malformed(cause))?;
        }
        Ok(name)
    }

    fn external(&mut self, location: String) -> Result<(), String> {
        if self.external_known.insert(location.as_bytes()) {
            self.external_bytes += size_of::<String>() + location.capacity();
            if self.external_bytes > MAX_EXTERNAL {
                return Err(format!("the names of its files of external data take more than {MAX_EXTERNAL} bytes"));
            }
            self.external.push(location);
        }
        Ok(())
    }

    /// `SparseTensorProto`: its name is that of its values.
    fn sparse_initializer(&mut self, wire: &mut Wire<'_, '_, '_>, end: u64) -> Result<(), Halt> {
        while let Some(field) = wire.field(end)? {
            match (field.number, field.value) {
                (1, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    self.initializer(wire, end)?;
                }
                (_, value) => wire.skip_value(value)?,
            }
        }
        Ok(())
    }

    fn finish(self) -> Reading {
        let format_version = self.format_version();
        let producer = format!("{} {}", self.producer, self.producer_version).trim().to_owned();
        let (inputs, mut problems) = self.inputs.finish();
        if inputs.is_empty() {
            problems.push(Problem::new(
                "inputs-none",
                "the graph has no inputs besides its weights, so there is no shape to compile it for",
                "export the model again with its inputs",
            ));
        }
        Reading {
            format_version,
            producer: (!producer.is_empty()).then_some(producer),
            inputs,
            read: true,
            external: self.external,
            problems,
            ..Reading::default()
        }
    }

    fn format_version(&self) -> Option<String> {
        let mut version = self.ir_version.map(|version| format!("IR {version}")).unwrap_or_default();
        for OperatorSet { domain, version: opset } in &self.opsets {
            let comma = if version.is_empty() { "" } else { ", " };
            let domain = if matches!(domain.as_str(), "" | "ai.onnx") { "opset" } else { domain };
            // Writing to a String cannot fail.
            let _ = write!(version, "{comma}{domain} {opset}");
        }
        (!version.is_empty()).then_some(version)
    }
}
