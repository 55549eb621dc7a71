//! `GraphDef`: a frozen graph, in binary or as text.

use super::{
    placeholders::{GraphNode, PlaceholderGraph},
    schema::{GraphVersions, NodeAttribute},
    text::{has_text_format, is_text_format, read_graph_text, text_fields},
    types::{convert_shape, element_type_by_number},
};
use crate::{
    container::member::MemberReader,
    encoding::{
        protobuf::{ProtobufReader, WireValue},
        protobuf_head::{HeadFields, is_name},
    },
    error::FileError,
    framework::format_facts::FormatFacts,
    limits::Limits,
};

/// Maximum length of the name of a node or attribute, in bytes.
const MAX_NAME: u64 = 4096;

/// Whether a file starts like a `GraphDef` in the text format: with a node, a library or a version.
pub(crate) fn starts_with_graph_text(head: &[u8]) -> bool {
    is_text_format(head)
        && [&b"node"[..], b"versions", b"library"].iter().any(|field| head.trim_ascii_start().starts_with(field))
}

/// Whether a file of any name starts like a `GraphDef`: with a node that has a name and an
/// operation.
pub(crate) fn starts_with_node(head: &[u8]) -> bool {
    if let Some(text) = text_fields(head) {
        let has = |field: &[u8]| text.windows(field.len()).any(|window| window == field);
        return text.starts_with(b"node") && has(b"name:") && has(b"op:");
    }
    let Some(node) = HeadFields::new(head).next().and_then(|field| field.bytes_of(1)) else { return false };
    let mut fields = HeadFields::new(node);
    let name = fields.next().and_then(|field| field.bytes_of(1));
    let operation = fields.next().and_then(|field| field.bytes_of(2));
    let is_operation = |name: &[u8]| {
        name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'>'))
    };
    name.is_some_and(is_name) && operation.is_some_and(is_operation)
}

pub(crate) fn read_graph_def(content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<FormatFacts, FileError> {
    let mut graph = PlaceholderGraph::new(limits);
    if has_text_format(content)? {
        read_graph_text(content, &mut graph)?;
    } else {
        read_graph_binary(content, limits, &mut graph)?;
    }
    if !graph.has_nodes() {
        return Err(FileError::malformed_at(content.position(), "it ends without a node"));
    }
    Ok(graph.into_facts())
}

fn read_graph_binary(
    content: &mut MemberReader<'_, '_>,
    limits: &Limits,
    graph: &mut PlaceholderGraph,
) -> Result<(), FileError> {
    let mut reader = ProtobufReader::new(content);
    let end = reader.end_position();
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (1, WireValue::Bytes(length)) => {
                let end = reader.end_of(length);
                let node = read_node(&mut reader, end, limits)?;
                graph.add_node(node).map_err(|cause| reader.malformed_error(cause))?;
            }
            (4, WireValue::Bytes(length)) => {
                let versions = reader.decode_message::<GraphVersions>("version", length, MAX_NAME)?;
                graph.producer = Some(versions.producer);
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    Ok(())
}

/// `NodeDef`
fn read_node(reader: &mut ProtobufReader<'_, '_, '_>, end: u64, limits: &Limits) -> Result<GraphNode, FileError> {
    let mut node = GraphNode::default();
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (1, WireValue::Bytes(length)) => node.name = reader.read_text("node's name", length, MAX_NAME)?,
            (2, WireValue::Bytes(length)) => node.op = reader.read_text("node's operation", length, MAX_NAME)?,
            (5, WireValue::Bytes(length)) => {
                let end = reader.end_of(length);
                read_attribute(reader, end, limits, &mut node)?;
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    Ok(node)
}

/// An entry of `NodeDef.attr`. Its value is read only for some keys, which precede it: other values
/// hold the weights.
fn read_attribute(
    reader: &mut ProtobufReader<'_, '_, '_>,
    end: u64,
    limits: &Limits,
    node: &mut GraphNode,
) -> Result<(), FileError> {
    let mut key = String::new();
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (1, WireValue::Bytes(length)) => key = reader.read_text("attribute's name", length, MAX_NAME)?,
            (2, WireValue::Bytes(length)) if key == "dtype" || key == "shape" => {
                let value = reader.decode_message::<NodeAttribute>("attribute", length, limits.input_bytes)?;
                if key == "dtype" {
                    node.element_type = Some(element_type_by_number(value.element_type));
                } else {
                    node.dims = value.shape.and_then(convert_shape);
                }
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    Ok(())
}
