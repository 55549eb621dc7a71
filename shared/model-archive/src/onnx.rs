//! ONNX: the inputs of `ModelProto.graph` that are not weights, read in one pass that skips the weights.

mod inputs;
mod schema;

use std::fmt::Write as _;

use schema::{Entry, OperatorSet};

use crate::{
    Limits, Problem,
    content::Content,
    fault::Halt,
    reading::Reading,
    wire::{Value, Wire},
};

use self::inputs::GraphInputs;

/// Longest text that is read of a model's producer or an operator set's name, in bytes. Real ones have about 20.
const MAX_TEXT: u64 = 4096;

/// Most operator sets that are named. Models have one to five.
const MAX_OPSETS: usize = 16;

/// Most files of external data that are remembered. Exporters write one, or one per weight; Neo takes none.
const MAX_EXTERNAL: usize = 8;

/// Reads an `.onnx` file.
pub(crate) fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    let mut model = ModelReader::new(limits);
    let mut wire = Wire::new(content);
    let end = wire.end();
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Varint(version)) => model.ir_version = Some(version),
            (2, Value::Bytes(length)) => model.producer = text(&mut wire, "producer", length)?,
            (3, Value::Bytes(length)) => model.producer_version = text(&mut wire, "producer version", length)?,
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
    ir_version: Option<u64>,
    producer: String,
    producer_version: String,
    opsets: Vec<OperatorSet>,
    has_graph: bool,
    inputs: GraphInputs<'l>,
    external: Vec<String>,
    external_count: u64,
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
            external_count: 0,
            limits,
        }
    }

    /// `GraphProto`
    fn graph(&mut self, wire: &mut Wire<'_, '_, '_>, end: u64) -> Result<(), Halt> {
        self.has_graph = true;
        while let Some(field) = wire.field(end)? {
            match (field.number, field.value) {
                (5, Value::Bytes(length)) => {
                    let end = wire.end_of(length);
                    self.initializer(wire, end)?;
                }
                (11, Value::Bytes(length)) => {
                    let input = wire.message("input", length, self.limits.input_bytes)?;
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

    /// `TensorProto`: only its name, and where its bytes are if not here.
    fn initializer(&mut self, wire: &mut Wire<'_, '_, '_>, end: u64) -> Result<(), Halt> {
        let mut external = Vec::new();
        let mut is_external = false;
        while let Some(field) = wire.field(end)? {
            match (field.number, field.value) {
                (8, Value::Bytes(length)) => {
                    let name = wire.bytes("initializer's name", length, self.limits.input_bytes)?;
                    self.inputs.initializer(&name).map_err(|cause| wire.malformed(cause))?;
                }
                (13, Value::Bytes(length)) => {
                    let entry = wire.message::<Entry>("external data", length, self.limits.input_bytes)?;
                    if entry.key == "location" {
                        external.push(entry.value);
                    }
                }
                (14, Value::Varint(location)) => is_external = location == 1,
                (_, value) => wire.skip_value(value)?,
            }
            external.truncate(1);
        }
        if is_external {
            self.external_count += 1;
            for location in external {
                if self.external.len() < MAX_EXTERNAL && !self.external.contains(&location) {
                    self.external.push(location);
                }
            }
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
