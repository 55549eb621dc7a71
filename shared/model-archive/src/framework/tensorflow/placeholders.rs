//! Collects the placeholders of a frozen graph, from either encoding.

use super::meta_graph::find_handles;
use crate::{
    element_type::ElementType,
    framework::format_facts::{BoundedInputs, FormatFacts},
    inspection::{Dim, ModelInput},
    limits::Limits,
    problem::{Problem, quote_name},
};

/// The operations that represent an input.
const PLACEHOLDERS: [&str; 2] = ["Placeholder", "PlaceholderV2"];

/// The operation of an optional input.
const WITH_DEFAULT: &str = "PlaceholderWithDefault";

/// The operations of variables, whose values a graph does not contain: freezing turns them into
/// constants.
pub(super) const VARIABLE_OPERATIONS: [&str; 3] = ["Variable", "VariableV2", "VarHandleOp"];

/// Up to this version, an unknown shape was written like that of a scalar (`Placeholder` in
/// `array_ops.cc`).
const SCALAR_IS_UNKNOWN: i32 = 21;

#[derive(Debug, Default)]
pub(super) struct GraphNode {
    pub name: String,
    pub op: String,
    pub element_type: Option<ElementType>,
    pub dims: Option<Vec<Dim>>,
}

pub(super) struct PlaceholderGraph {
    inputs: BoundedInputs,
    nodes: u64,
    variable: Option<String>,
    with_default: Option<String>,
    /// The `GraphDef` version of the TensorFlow that wrote the graph.
    pub producer: Option<i32>,
}

impl PlaceholderGraph {
    pub fn new(limits: &Limits) -> Self {
        Self { inputs: BoundedInputs::new(limits), nodes: 0, variable: None, with_default: None, producer: None }
    }

    pub fn add_node(&mut self, node: GraphNode) -> Result<(), String> {
        self.nodes += 1;
        if self.variable.is_none() && VARIABLE_OPERATIONS.contains(&node.op.as_str()) {
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
        let element_type = node.element_type.unwrap_or_else(ElementType::unknown_type);
        self.inputs.push(ModelInput { name: node.name, element_type, dims: node.dims, tensor: None })
    }

    pub fn has_nodes(&self) -> bool {
        self.nodes > 0
    }

    pub fn into_facts(self) -> FormatFacts {
        let mut inputs = self.inputs.into_vec();
        if self.producer.unwrap_or_default() <= SCALAR_IS_UNKNOWN {
            for input in &mut inputs {
                input.dims.take_if(|dims| dims.is_empty());
            }
        }
        let mut problems = Vec::new();
        if inputs.is_empty() {
            let found = match &self.with_default {
                Some(name) => format!(", only inputs with a default, such as {}", quote_name(name)),
                None => String::new(),
            };
            problems.push(Problem::new(
                "inputs-none",
                format!("the graph has no Placeholder node{found}, so it has no input shape"),
                "freeze the graph again from a session with its placeholders",
            ));
        }
        problems.extend(find_handles(&inputs));
        if let Some(variable) = self.variable {
            problems.push(Problem::new(
                "graph-not-frozen",
                format!(
                    "the graph has variables, such as {}, but does not contain their values",
                    quote_name(&variable)
                ),
                "freeze it with tf.compat.v1.graph_util.convert_variables_to_constants, or archive a SavedModel instead",
            ));
        }
        let format_version = self.producer.map(|version| format!("GraphDef {version}"));
        FormatFacts { format_version, inputs, read: true, problems, ..FormatFacts::default() }
    }
}
