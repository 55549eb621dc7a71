//! `GraphDef` and `SavedModel` in protobuf's text format (`.pbtxt`), which older TensorFlow tools
//! write.

use super::{
    meta_graph::MetaGraph,
    placeholders::{GraphNode, PlaceholderGraph, VARIABLE_OPERATIONS},
    types::{convert_dim, element_type_by_name},
};
use crate::{
    container::member::MemberReader,
    element_type::ElementType,
    encoding::protobuf_text::{TextFormatVisitor, read_text_format},
    error::{FileError, ReadError},
    framework::format_facts::BoundedInputs,
    inspection::{Dim, ModelInput},
    limits::{Limits, RECOGNITION_BYTES},
};

/// Maximum number of dimensions of a tensor (`TensorShape::MaxDimensions` in `tensor_shape.h`).
const MAX_DIMS: usize = 254;

/// Maximum number of tags and graphs.
const MAX_PARTS: usize = 32;

/// Whether a file starts like text: a binary one starts with the tag of a field, which is a control
/// character.
pub(super) fn is_text_format(head: &[u8]) -> bool {
    let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || !byte.is_ascii();
    head.trim_ascii_start().first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'#')
        && head.iter().all(text)
}

/// The fields of a file in the text format, after the comments before them; `None` if it has
/// another format.
pub(super) fn text_fields(head: &[u8]) -> Option<&[u8]> {
    let mut text = is_text_format(head).then(|| head.trim_ascii_start())?;
    while text.starts_with(b"#") {
        let end = text.iter().position(|byte| *byte == b'\n')?;
        text = text[end..].trim_ascii_start();
    }
    Some(text)
}

pub(super) fn has_text_format(content: &mut MemberReader<'_, '_>) -> Result<bool, ReadError> {
    Ok(is_text_format(content.peek_bytes(RECOGNITION_BYTES)?))
}

pub(super) fn read_graph_text(
    content: &mut MemberReader<'_, '_>,
    graph: &mut PlaceholderGraph,
) -> Result<(), FileError> {
    let mut visitor =
        GraphTextVisitor { graph, node: GraphNode::default(), key: String::new(), shape: TextShape::default() };
    read_text_format(content, &mut visitor)
}

pub(super) fn read_saved_model_text(
    content: &mut MemberReader<'_, '_>,
    limits: &Limits,
) -> Result<(Option<u64>, Vec<MetaGraph>), FileError> {
    let mut visitor = SavedModelTextVisitor {
        limits,
        schema: None,
        graphs: Vec::new(),
        signature: (String::new(), BoundedInputs::new(limits)),
        input: None,
        dtype: ElementType::unknown_type(),
        tensor: String::new(),
        shape: TextShape::default(),
        spent: 0,
    };
    read_text_format(content, &mut visitor)?;
    Ok((visitor.schema, visitor.graphs))
}

/// A `TensorShapeProto`, as far as it has been read.
#[derive(Debug, Default)]
struct TextShape {
    given: bool,
    unknown_rank: bool,
    dims: Vec<Dim>,
    size: i64,
    name: String,
}

impl TextShape {
    fn set_field(&mut self, in_dim: bool, name: &str, value: &str) {
        match (in_dim, name) {
            (true, "size") => self.size = value.parse().unwrap_or(0),
            (true, "name") => value.clone_into(&mut self.name),
            (false, "unknown_rank") => self.unknown_rank = value == "true",
            _ => {}
        }
    }

    fn end_dim(&mut self) -> Result<(), String> {
        if self.dims.len() == MAX_DIMS {
            return Err(format!("a shape has more than {MAX_DIMS} dimensions"));
        }
        self.dims.push(convert_dim(std::mem::take(&mut self.size), std::mem::take(&mut self.name)));
        Ok(())
    }

    fn take_dims(&mut self) -> Option<Vec<Dim>> {
        let shape = std::mem::take(self);
        (shape.given && !shape.unknown_rank).then_some(shape.dims)
    }
}

struct GraphTextVisitor<'g> {
    graph: &'g mut PlaceholderGraph,
    node: GraphNode,
    key: String,
    shape: TextShape,
}

impl TextFormatVisitor for GraphTextVisitor<'_> {
    fn open_message(&mut self, path: &[String]) -> Result<(), String> {
        match as_strs(path).as_slice() {
            ["node"] => self.node = GraphNode::default(),
            ["node", "attr"] => self.key.clear(),
            ["node", "attr", "value", "shape"] if self.key == "shape" => self.shape.given = true,
            _ => {}
        }
        Ok(())
    }

    fn close_message(&mut self, path: &[String]) -> Result<(), String> {
        match as_strs(path).as_slice() {
            ["node"] => self.graph.add_node(std::mem::take(&mut self.node)),
            ["node", "attr", "value", "shape", "dim"] if self.key == "shape" => self.shape.end_dim(),
            ["node", "attr", "value", "shape"] if self.key == "shape" => {
                self.node.dims = self.shape.take_dims();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn visit_scalar(&mut self, path: &[String], name: &str, value: &str) -> Result<(), String> {
        match (as_strs(path).as_slice(), name) {
            (["node"], "name") => value.clone_into(&mut self.node.name),
            (["node"], "op") => value.clone_into(&mut self.node.op),
            (["node", "attr"], "key") => value.clone_into(&mut self.key),
            (["node", "attr", "value"], "type") if self.key == "dtype" => {
                self.node.element_type = Some(element_type_by_name(value));
            }
            (["node", "attr", "value", "shape"], _) if self.key == "shape" => self.shape.set_field(false, name, value),
            (["node", "attr", "value", "shape", "dim"], _) if self.key == "shape" => {
                self.shape.set_field(true, name, value);
            }
            (["versions"], "producer") => self.graph.producer = value.parse().ok(),
            _ => {}
        }
        Ok(())
    }
}

struct SavedModelTextVisitor<'l> {
    limits: &'l Limits,
    schema: Option<u64>,
    graphs: Vec<MetaGraph>,
    signature: (String, BoundedInputs),
    input: Option<String>,
    dtype: ElementType,
    tensor: String,
    shape: TextShape,
    /// Memory that the inputs of all signatures take, in bytes.
    spent: usize,
}

const META: &str = "meta_graphs";
const SIGNATURE: &str = "signature_def";

impl TextFormatVisitor for SavedModelTextVisitor<'_> {
    fn open_message(&mut self, path: &[String]) -> Result<(), String> {
        match as_strs(path).as_slice() {
            [META] if self.graphs.len() < MAX_PARTS => self.graphs.push(MetaGraph::default()),
            [META] => return Err(format!("it has more than {MAX_PARTS} graphs")),
            [META, SIGNATURE] => {
                self.signature = (String::new(), BoundedInputs::with_spent(self.spent, self.limits));
            }
            [META, SIGNATURE, "value", "inputs"] => {
                self.input = None;
                self.dtype = ElementType::unknown_type();
                self.tensor.clear();
            }
            [META, SIGNATURE, "value", "inputs", "value", "tensor_shape"] => self.shape.given = true,
            _ => {}
        }
        Ok(())
    }

    fn close_message(&mut self, path: &[String]) -> Result<(), String> {
        match as_strs(path).as_slice() {
            [META, SIGNATURE, "value", "inputs", "value", "tensor_shape", "dim"] => self.shape.end_dim()?,
            [META, SIGNATURE, "value", "inputs"] => {
                let name = self.input.take().unwrap_or_default();
                let tensor = std::mem::take(&mut self.tensor);
                let tensor = (tensor != name && !tensor.is_empty()).then_some(tensor);
                let dims = self.shape.take_dims();
                self.signature.1.push(ModelInput { name, element_type: self.dtype.clone(), dims, tensor })?;
            }
            [META, SIGNATURE] => {
                let empty = (String::new(), BoundedInputs::with_spent(self.spent, self.limits));
                let (key, mut inputs) = std::mem::replace(&mut self.signature, empty);
                inputs.charge_bytes(key.len())?;
                self.spent = inputs.spent_bytes();
                if let Some(graph) = self.graphs.last_mut() {
                    graph.signatures.push((key, inputs));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_scalar(&mut self, path: &[String], name: &str, value: &str) -> Result<(), String> {
        let graph = self.graphs.last_mut();
        match (as_strs(path).as_slice(), name) {
            ([], "saved_model_schema_version") => self.schema = value.parse().ok(),
            ([META, "meta_info_def"], "tags") => {
                if let Some(graph) = graph.filter(|graph| graph.tags.len() < MAX_PARTS) {
                    graph.tags.push(value.to_owned());
                }
            }
            ([META, "meta_info_def"], "tensorflow_version") => {
                if let Some(graph) = graph {
                    value.clone_into(&mut graph.version);
                }
            }
            ([META, "graph_def", "node"], "op") => {
                if let Some(graph) = graph {
                    graph.has_variables |= VARIABLE_OPERATIONS.contains(&value);
                }
            }
            ([META, SIGNATURE], "key") => value.clone_into(&mut self.signature.0),
            ([META, SIGNATURE, "value", "inputs"], "key") => self.input = Some(value.to_owned()),
            ([META, SIGNATURE, "value", "inputs", "value"], "name") => value.clone_into(&mut self.tensor),
            ([META, SIGNATURE, "value", "inputs", "value"], "dtype") => self.dtype = element_type_by_name(value),
            ([META, SIGNATURE, "value", "inputs", "value", "tensor_shape"], _) => {
                self.shape.set_field(false, name, value);
            }
            ([META, SIGNATURE, "value", "inputs", "value", "tensor_shape", "dim"], _) => {
                self.shape.set_field(true, name, value);
            }
            _ => {}
        }
        Ok(())
    }
}

fn as_strs(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}
