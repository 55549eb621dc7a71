//! `SavedModel`: the inputs of the signature that serves, in binary or as text.
//!
//! An input is known by its name in the signature; the tensor that it feeds is read too.

use super::{
    meta_graph::{MetaGraph, select_signature},
    placeholders::VARIABLE_OPERATIONS,
    schema::{InputEntry, TensorInfo},
    text::{has_text_format, read_saved_model_text, text_fields},
    types::{convert_shape, element_type_by_number},
};
use crate::{
    container::member::MemberReader,
    element_type::ElementType,
    encoding::{
        protobuf::{ProtobufReader, WireValue},
        protobuf_head::{HeadFields, is_name},
    },
    error::FileError,
    framework::format_facts::{BoundedInputs, COMPOSITE_TENSOR, FormatFacts},
    inspection::ModelInput,
    limits::Limits,
};

/// Maximum length of a tag or version, in bytes.
const MAX_TEXT: u64 = 4096;

/// Maximum number of graphs of a model, and of tags of each graph. Training and serving are two.
const MAX_GRAPHS: usize = 16;

/// `MetaGraphDef.object_graph_def`.
const LAST_FIELD: u64 = 7;

/// Whether a file starts like a `SavedModel`: with schema version 1, then its first graph. A Core
/// ML file of version 1 has the description of an input there, which starts with a name.
pub(crate) fn is_saved_model(head: &[u8]) -> bool {
    if let Some(text) = text_fields(head) {
        return text.starts_with(b"saved_model_schema_version:");
    }
    let first_of = |message| HeadFields::new(message).next()?.bytes_of(1);
    let is_graph = |graph| HeadFields::new(graph).next().is_none_or(|first| first.number <= LAST_FIELD);
    head.strip_prefix(b"\x08\x01").is_some_and(|rest| {
        let graph = HeadFields::new(rest).next().and_then(|field| field.bytes_of(2));
        graph.is_some_and(|graph| is_graph(graph) && !first_of(graph).and_then(first_of).is_some_and(is_name))
    })
}

pub(crate) fn read_saved_model(content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<FormatFacts, FileError> {
    let (schema, graphs) = if has_text_format(content)? {
        read_saved_model_text(content, limits)?
    } else {
        read_saved_model_binary(content, limits)?
    };
    if graphs.is_empty() {
        return Err(FileError::malformed_at(content.position(), "it ends without a graph"));
    }
    Ok(select_signature(schema, graphs))
}

fn read_saved_model_binary(
    content: &mut MemberReader<'_, '_>,
    limits: &Limits,
) -> Result<(Option<u64>, Vec<MetaGraph>), FileError> {
    let mut reader = ProtobufReader::new(content);
    let end = reader.end_position();
    let (mut schema, mut graphs, mut spent) = (None, Vec::new(), 0);
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (1, WireValue::Varint(version)) => schema = Some(version),
            (1, WireValue::Bytes(_)) => {
                return Err(reader.malformed_error(
                    "it starts like a frozen graph; give a frozen graph another name, such as model.pb",
                ));
            }
            (2, WireValue::Bytes(length)) if graphs.len() < MAX_GRAPHS => {
                let end = reader.end_of(length);
                graphs.push(read_meta_graph(&mut reader, end, limits, &mut spent)?);
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    Ok((schema, graphs))
}

/// `MetaGraphDef`
fn read_meta_graph(
    reader: &mut ProtobufReader<'_, '_, '_>,
    end: u64,
    limits: &Limits,
    spent: &mut usize,
) -> Result<MetaGraph, FileError> {
    let mut graph = MetaGraph::default();
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (1, WireValue::Bytes(length)) => {
                let end = reader.end_of(length);
                read_meta_info(reader, end, &mut graph)?;
            }
            (2, WireValue::Bytes(length)) => {
                let end = reader.end_of(length);
                graph.has_variables |= find_variables(reader, end)?;
            }
            (5, WireValue::Bytes(length)) => {
                let end = reader.end_of(length);
                let (key, inputs) = read_signature(reader, end, limits, *spent)?;
                *spent = inputs.spent_bytes();
                graph.signatures.push((key, inputs));
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    Ok(graph)
}

/// `GraphDef`: whether a node is a variable.
fn find_variables(reader: &mut ProtobufReader<'_, '_, '_>, end: u64) -> Result<bool, FileError> {
    let mut found = false;
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (1, WireValue::Bytes(length)) => {
                let end = reader.end_of(length);
                found |= is_variable(reader, end)?;
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    Ok(found)
}

/// `NodeDef`: whether its operation is that of a variable.
fn is_variable(reader: &mut ProtobufReader<'_, '_, '_>, end: u64) -> Result<bool, FileError> {
    let mut found = false;
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (2, WireValue::Bytes(length)) if length <= MAX_TEXT => {
                let operation = reader.read_bytes("node's operation", length, MAX_TEXT)?;
                found |= VARIABLE_OPERATIONS.iter().any(|variable| operation == variable.as_bytes());
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    Ok(found)
}

/// An entry of `MetaGraphDef.signature_def`.
fn read_signature(
    reader: &mut ProtobufReader<'_, '_, '_>,
    end: u64,
    limits: &Limits,
    spent: usize,
) -> Result<(String, BoundedInputs), FileError> {
    let (mut key, mut inputs) = (String::new(), BoundedInputs::with_spent(spent, limits));
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (1, WireValue::Bytes(length)) => key = reader.read_text("signature's name", length, MAX_TEXT)?,
            (2, WireValue::Bytes(length)) => {
                let end = reader.end_of(length);
                read_signature_inputs(reader, end, limits, &mut inputs)?;
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    inputs.charge_bytes(key.len()).map_err(|cause| reader.malformed_error(cause))?;
    Ok((key, inputs))
}

/// `SignatureDef`: skips the outputs, and the values of the defaults, which may be large.
fn read_signature_inputs(
    reader: &mut ProtobufReader<'_, '_, '_>,
    end: u64,
    limits: &Limits,
    inputs: &mut BoundedInputs,
) -> Result<(), FileError> {
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (1, WireValue::Bytes(length)) => {
                let entry = reader.decode_message::<InputEntry>("input", length, limits.input_bytes)?;
                let input = convert_input(entry.key, entry.value.unwrap_or_default());
                inputs.push(input).map_err(|cause| reader.malformed_error(cause))?;
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    Ok(())
}

/// `MetaGraphDef.MetaInfoDef`
fn read_meta_info(reader: &mut ProtobufReader<'_, '_, '_>, end: u64, graph: &mut MetaGraph) -> Result<(), FileError> {
    while let Some(field) = reader.next_field(end)? {
        match (field.number, field.value) {
            (4, WireValue::Bytes(length)) if graph.tags.len() < MAX_GRAPHS => {
                graph.tags.push(reader.read_text("tag", length, MAX_TEXT)?);
            }
            (5, WireValue::Bytes(length)) => {
                graph.version = reader.read_text("TensorFlow version", length, MAX_TEXT)?;
            }
            (_, value) => reader.skip_value(value)?,
        }
    }
    Ok(())
}

fn convert_input(name: String, info: TensorInfo) -> ModelInput {
    let tensor = (info.name != name && !info.name.is_empty()).then_some(info.name);
    let is_composite = info.sparse.is_some() || info.composite.is_some();
    let element_type =
        if is_composite { ElementType::from(COMPOSITE_TENSOR) } else { element_type_by_number(info.element_type) };
    ModelInput { name, element_type, dims: info.shape.and_then(convert_shape), tensor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::tensorflow::schema::CompositeTensor;

    #[test]
    fn sparse_inputs_are_a_problem() {
        let composite = Some(CompositeTensor {});
        for (info, codes) in [
            (TensorInfo { sparse: composite.clone(), ..TensorInfo::default() }, &["input-not-tensor"][..]),
            (TensorInfo { composite, ..TensorInfo::default() }, &["input-not-tensor"]),
            (TensorInfo { name: "x:0".to_owned(), ..TensorInfo::default() }, &[]),
        ] {
            let mut inputs = BoundedInputs::new(&Limits::default());
            inputs.push(convert_input("x".to_owned(), info)).unwrap();
            let graph = MetaGraph { signatures: vec![("serving_default".to_owned(), inputs)], ..MetaGraph::default() };
            let facts = select_signature(Some(1), vec![graph]);
            let found: Vec<_> = facts.problems.iter().map(|problem| problem.code.as_ref()).collect();
            assert_eq!(found, codes);
        }
    }
}
