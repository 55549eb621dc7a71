//! `GraphDef`: the placeholders of a frozen graph.

use super::{
    dims, element_type, is_text,
    schema::{Attribute, Shape, Versions},
    text,
};
use crate::{
    Dim, ElementType, Input, Limits, Problem,
    content::Content,
    fault::Halt,
    problem::quoted,
    reading::{Inputs, Reading},
    wire::{Value, Wire},
};

/// Longest name of a node or attribute that is read, in bytes.
const MAX_NAME: u64 = 4096;

/// The operations that stand for an input.
const PLACEHOLDERS: [&str; 2] = ["Placeholder", "PlaceholderV2"];

/// That of an input that need not be given.
const WITH_DEFAULT: &str = "PlaceholderWithDefault";

/// The operations of variables, whose values a graph does not hold: freezing makes constants of them.
const VARIABLES: [&str; 3] = ["Variable", "VariableV2", "VarHandleOp"];

/// Up to this version a scalar's shape stood for an unknown one as well (`Placeholder` in `array_ops.cc`).
const SCALAR_IS_UNKNOWN: i32 = 21;

/// What is known of a node.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub name: String,
    pub op: String,
    pub element_type: Option<ElementType>,
    pub dims: Option<Vec<Dim>>,
}

/// Reads a `.pb` or `.pbtxt` that is a graph.
pub(crate) fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    let mut graph = Graph::new(limits);
    if is_text(content)? {
        text::graph(content, &mut graph)?;
    } else {
        binary(content, limits, &mut graph)?;
    }
    if graph.nodes == 0 {
        return Err(Halt::malformed(content.position(), "it ends without a node"));
    }
    Ok(graph.finish())
}

/// Collects the placeholders.
pub(super) struct Graph {
    inputs: Inputs,
    nodes: u64,
    variable: Option<String>,
    with_default: Option<String>,
    /// The version of TensorFlow's graphs that it was written as.
    pub producer: Option<i32>,
}

impl Graph {
    fn new(limits: &Limits) -> Self {
        Self { inputs: Inputs::new(limits), nodes: 0, variable: None, with_default: None, producer: None }
    }

    pub fn node(&mut self, node: Node) -> Result<(), String> {
        self.nodes += 1;
        if self.variable.is_none() && VARIABLES.contains(&node.op.as_str()) {
            self.variable = Some(node.name);
            return Ok(());
        }
        if node.op == WITH_DEFAULT {
            self.with_default = Some(node.name);
            return Ok(());
        }
        if !PLACEHOLDERS.contains(&node.op.as_str()) {
            return Ok(());
        }
        let element_type = node.element_type.unwrap_or_else(ElementType::unknown);
        self.inputs.add(Input { name: node.name, element_type, dims: node.dims, tensor: None })
    }

    fn finish(self) -> Reading {
        let mut inputs = self.inputs.into_vec();
        if self.producer.unwrap_or_default() <= SCALAR_IS_UNKNOWN {
            for input in &mut inputs {
                input.dims.take_if(|dims| dims.is_empty());
            }
        }
        let mut problems = Vec::new();
        if inputs.is_empty() {
            let found = match &self.with_default {
                Some(name) => format!(", only inputs that have a default, such as {}", quoted(name)),
                None => String::new(),
            };
            problems.push(Problem::new(
                "inputs-none",
                format!("the graph has no Placeholder node{found}, so there is no shape to compile it for"),
                "freeze the graph again from a session with its placeholders",
            ));
        }
        if let Some(variable) = self.variable {
            problems.push(Problem::new(
                "graph-not-frozen",
                format!("the graph has variables, such as {}, whose values it does not hold", quoted(&variable)),
                "freeze it: tf.compat.v1.graph_util.convert_variables_to_constants, or archive a SavedModel instead",
            ));
        }
        let format_version = self.producer.map(|version| format!("GraphDef {version}"));
        Reading { format_version, inputs, read: true, problems, ..Reading::default() }
    }
}

fn binary(content: &mut Content<'_, '_>, limits: &Limits, graph: &mut Graph) -> Result<(), Halt> {
    let mut wire = Wire::new(content);
    let end = wire.end();
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Bytes(length)) => {
                let end = wire.end_of(length);
                let node = node(&mut wire, end, limits)?;
                graph.node(node).map_err(|cause| wire.malformed(cause))?;
            }
            (4, Value::Bytes(length)) => {
                let versions = wire.message::<Versions>("version", length, MAX_NAME)?;
                graph.producer = Some(versions.producer);
            }
            (_, value) => wire.skip_value(value)?,
        }
    }
    Ok(())
}

/// `NodeDef`
fn node(wire: &mut Wire<'_, '_, '_>, end: u64, limits: &Limits) -> Result<Node, Halt> {
    let mut node = Node::default();
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Bytes(length)) => node.name = wire.text("node's name", length, MAX_NAME)?,
            (2, Value::Bytes(length)) => node.op = wire.text("node's operation", length, MAX_NAME)?,
            (5, Value::Bytes(length)) => {
                let end = wire.end_of(length);
                attribute(wire, end, limits, &mut node)?;
            }
            (_, value) => wire.skip_value(value)?,
        }
    }
    Ok(node)
}

/// An entry of `NodeDef.attr`. Its value is read only where the key, which comes before it, asks for it: others hold
/// the weights.
fn attribute(wire: &mut Wire<'_, '_, '_>, end: u64, limits: &Limits, node: &mut Node) -> Result<(), Halt> {
    let mut key = String::new();
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Bytes(length)) => key = wire.text("attribute's name", length, MAX_NAME)?,
            (2, Value::Bytes(length)) if key == "dtype" || key == "shape" => {
                let value = wire.message::<Attribute>("attribute", length, limits.input_bytes)?;
                if key == "dtype" {
                    node.element_type = Some(element_type(value.element_type));
                } else {
                    node.dims = value.shape.and_then(|shape: Shape| dims(shape));
                }
            }
            (_, value) => wire.skip_value(value)?,
        }
    }
    Ok(())
}
