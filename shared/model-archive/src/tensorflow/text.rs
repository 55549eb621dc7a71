//! The same two messages in protobuf's text format (`.pbtxt`), which older TensorFlow tools write.

use super::{
    dim, element_type_of_text,
    graph::{Graph, Node},
    saved_model,
};
use crate::{
    Dim, ElementType, Input, Limits,
    content::Content,
    fault::Halt,
    reading::Inputs,
    text_format::{self, Handler},
};

/// Most dimensions a tensor can have (`TensorShape::MaxDimensions` in `tensor_shape.h`).
const MAX_DIMS: usize = 254;

/// Most tags and graphs that are kept.
const MAX_PARTS: usize = 32;

/// Whether a file begins like text: a binary one begins with a field's tag, which is a control character.
pub(super) fn recognise(head: &[u8]) -> bool {
    let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || !byte.is_ascii();
    head.trim_ascii_start().first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'#')
        && head.iter().all(text)
}

pub(super) fn graph(content: &mut Content<'_, '_>, graph: &mut Graph) -> Result<(), Halt> {
    text_format::read(
        content,
        &mut GraphText { graph, node: Node::default(), key: String::new(), shape: Shape::default() },
    )
}

pub(super) fn saved_model(
    content: &mut Content<'_, '_>,
    limits: &Limits,
) -> Result<(Option<u64>, Vec<saved_model::Graph>), Halt> {
    let mut handler = SavedModelText {
        limits,
        schema: None,
        graphs: Vec::new(),
        signature: (String::new(), Inputs::new(limits)),
        input: None,
        dtype: ElementType::unknown(),
        tensor: String::new(),
        shape: Shape::default(),
        spent: 0,
    };
    text_format::read(content, &mut handler)?;
    Ok((handler.schema, handler.graphs))
}

/// A `TensorShapeProto` as it comes in.
#[derive(Debug, Default)]
struct Shape {
    given: bool,
    unknown_rank: bool,
    dims: Vec<Dim>,
    size: i64,
    name: String,
}

impl Shape {
    fn scalar(&mut self, in_dim: bool, name: &str, value: &str) {
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
        self.dims.push(dim(std::mem::take(&mut self.size), std::mem::take(&mut self.name)));
        Ok(())
    }

    fn take(&mut self) -> Option<Vec<Dim>> {
        let shape = std::mem::take(self);
        (shape.given && !shape.unknown_rank).then_some(shape.dims)
    }
}

struct GraphText<'g> {
    graph: &'g mut Graph,
    node: Node,
    key: String,
    shape: Shape,
}

impl Handler for GraphText<'_> {
    fn open(&mut self, path: &[String]) -> Result<(), String> {
        match path_of(path).as_slice() {
            ["node"] => self.node = Node::default(),
            ["node", "attr"] => self.key.clear(),
            ["node", "attr", "value", "shape"] if self.key == "shape" => self.shape.given = true,
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, path: &[String]) -> Result<(), String> {
        match path_of(path).as_slice() {
            ["node"] => self.graph.node(std::mem::take(&mut self.node)),
            ["node", "attr", "value", "shape", "dim"] if self.key == "shape" => self.shape.end_dim(),
            ["node", "attr", "value", "shape"] if self.key == "shape" => {
                self.node.dims = self.shape.take();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, path: &[String], name: &str, value: &str) -> Result<(), String> {
        match (path_of(path).as_slice(), name) {
            (["node"], "name") => value.clone_into(&mut self.node.name),
            (["node"], "op") => value.clone_into(&mut self.node.op),
            (["node", "attr"], "key") => value.clone_into(&mut self.key),
            (["node", "attr", "value"], "type") if self.key == "dtype" => {
                self.node.element_type = Some(element_type_of_text(value));
            }
            (["node", "attr", "value", "shape"], _) if self.key == "shape" => self.shape.scalar(false, name, value),
            (["node", "attr", "value", "shape", "dim"], _) if self.key == "shape" => {
                self.shape.scalar(true, name, value);
            }
            (["versions"], "producer") => self.graph.producer = value.parse().ok(),
            _ => {}
        }
        Ok(())
    }
}

struct SavedModelText<'l> {
    limits: &'l Limits,
    schema: Option<u64>,
    graphs: Vec<saved_model::Graph>,
    signature: (String, Inputs),
    input: Option<String>,
    dtype: ElementType,
    tensor: String,
    shape: Shape,
    /// Memory that the inputs of all signatures take.
    spent: usize,
}

const META: &str = "meta_graphs";
const SIGNATURE: &str = "signature_def";

impl Handler for SavedModelText<'_> {
    fn open(&mut self, path: &[String]) -> Result<(), String> {
        match path_of(path).as_slice() {
            [META] if self.graphs.len() < MAX_PARTS => self.graphs.push(saved_model::Graph::default()),
            [META] => return Err(format!("it has more than {MAX_PARTS} graphs")),
            [META, SIGNATURE] => {
                self.signature = (String::new(), Inputs::after(self.spent, self.limits));
            }
            [META, SIGNATURE, "value", "inputs"] => {
                self.input = None;
                self.dtype = ElementType::unknown();
                self.tensor.clear();
            }
            [META, SIGNATURE, "value", "inputs", "value", "tensor_shape"] => self.shape.given = true,
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, path: &[String]) -> Result<(), String> {
        match path_of(path).as_slice() {
            [META, SIGNATURE, "value", "inputs", "value", "tensor_shape", "dim"] => self.shape.end_dim()?,
            [META, SIGNATURE, "value", "inputs"] => {
                let name = self.input.take().unwrap_or_default();
                let tensor = std::mem::take(&mut self.tensor);
                let tensor = (tensor != name && !tensor.is_empty()).then_some(tensor);
                let dims = self.shape.take();
                self.signature.1.add(Input { name, element_type: self.dtype.clone(), dims, tensor })?;
            }
            [META, SIGNATURE] => {
                let none = (String::new(), Inputs::after(self.spent, self.limits));
                let (key, mut inputs) = std::mem::replace(&mut self.signature, none);
                inputs.charge(key.len())?;
                self.spent = inputs.spent();
                if let Some(graph) = self.graphs.last_mut() {
                    graph.signatures.push((key, inputs));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, path: &[String], name: &str, value: &str) -> Result<(), String> {
        let graph = self.graphs.last_mut();
        match (path_of(path).as_slice(), name) {
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
            ([META, SIGNATURE], "key") => value.clone_into(&mut self.signature.0),
            ([META, SIGNATURE, "value", "inputs"], "key") => self.input = Some(value.to_owned()),
            ([META, SIGNATURE, "value", "inputs", "value"], "name") => value.clone_into(&mut self.tensor),
            ([META, SIGNATURE, "value", "inputs", "value"], "dtype") => self.dtype = element_type_of_text(value),
            ([META, SIGNATURE, "value", "inputs", "value", "tensor_shape"], _) => self.shape.scalar(false, name, value),
            ([META, SIGNATURE, "value", "inputs", "value", "tensor_shape", "dim"], _) => {
                self.shape.scalar(true, name, value);
            }
            _ => {}
        }
        Ok(())
    }
}

fn path_of(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}
