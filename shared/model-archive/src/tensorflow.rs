//! TensorFlow: a `SavedModel`'s signature, or the placeholders of a frozen graph.

mod graph;
mod saved_model;
mod schema;
mod text;

pub(crate) use graph::read as read_graph;
pub(crate) use saved_model::read as read_saved_model;

use crate::{Dim, ElementType, content::Content, fault::Fault, format::file_name};
use schema::Shape;

/// Files that Keras and TensorFlow write beside a `SavedModel` and that it loads without.
const COMPANIONS: [&str; 2] = ["keras_metadata.pb", "fingerprint.pb"];

/// The folder of a `SavedModel` that holds its weights.
pub(crate) const VARIABLES: &str = "variables";

/// Whether a file only accompanies a `SavedModel`.
pub(crate) fn is_companion(path: &str) -> bool {
    COMPANIONS.contains(&file_name(path).to_ascii_lowercase().as_str())
}

/// Whether a file not called `saved_model.pb` begins like one: schema version 1, then its first graph.
pub(crate) fn recognise_saved_model(head: &[u8]) -> bool {
    head.starts_with(b"\x08\x01\x12")
}

/// Whether a `.pb` or `.pbtxt` begins like a `GraphDef`: with a node that has a name, a library or a version.
pub(crate) fn recognise_graph(head: &[u8]) -> bool {
    if text::recognise(head) {
        let text = head.trim_ascii_start();
        return [&b"node"[..], b"versions", b"library"].iter().any(|field| text.starts_with(field));
    }
    matches!(head.first(), Some(0x0a | 0x12 | 0x22))
}

/// Whether a graph is written as text.
fn is_text(content: &mut Content<'_, '_>) -> Result<bool, Fault> {
    Ok(text::recognise(content.peek(crate::format::HEAD)?))
}

/// `DataType` (types.proto), by number; references to a type are numbered 100 higher.
const ELEMENT_TYPES: [&str; 34] = [
    "unknown",
    "float32",
    "float64",
    "int32",
    "uint8",
    "int16",
    "int8",
    "string",
    "complex64",
    "int64",
    "bool",
    "qint8",
    "quint8",
    "qint32",
    "bfloat16",
    "qint16",
    "quint16",
    "uint16",
    "complex128",
    "float16",
    "resource",
    "variant",
    "uint32",
    "uint64",
    "float8e5m2",
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e4m3b11fnuz",
    "float8e5m2fnuz",
    "int4",
    "uint4",
    "int2",
    "uint2",
    "float4e2m1fn",
];

/// The names the same types have in text, in the same order.
const TEXT_TYPES: [&str; 34] = [
    "DT_INVALID",
    "DT_FLOAT",
    "DT_DOUBLE",
    "DT_INT32",
    "DT_UINT8",
    "DT_INT16",
    "DT_INT8",
    "DT_STRING",
    "DT_COMPLEX64",
    "DT_INT64",
    "DT_BOOL",
    "DT_QINT8",
    "DT_QUINT8",
    "DT_QINT32",
    "DT_BFLOAT16",
    "DT_QINT16",
    "DT_QUINT16",
    "DT_UINT16",
    "DT_COMPLEX128",
    "DT_HALF",
    "DT_RESOURCE",
    "DT_VARIANT",
    "DT_UINT32",
    "DT_UINT64",
    "DT_FLOAT8_E5M2",
    "DT_FLOAT8_E4M3FN",
    "DT_FLOAT8_E4M3FNUZ",
    "DT_FLOAT8_E4M3B11FNUZ",
    "DT_FLOAT8_E5M2FNUZ",
    "DT_INT4",
    "DT_UINT4",
    "DT_INT2",
    "DT_UINT2",
    "DT_FLOAT4_E2M1FN",
];

fn element_type(number: i32) -> ElementType {
    let number = if number > 100 { number - 100 } else { number };
    let name = usize::try_from(number).ok().and_then(|number| ELEMENT_TYPES.get(number));
    name.map_or_else(|| ElementType::Other(format!("tensorflow type {number}")), |name| ElementType::from(*name))
}

fn element_type_of_text(name: &str) -> ElementType {
    // Text may have the number too.
    if let Ok(number) = name.parse() {
        return element_type(number);
    }
    let plain = name.strip_suffix("_REF").unwrap_or(name);
    let number = TEXT_TYPES.iter().position(|known| *known == plain);
    number.map_or_else(
        || ElementType::Other(name.to_ascii_lowercase()),
        |number| ElementType::from(ELEMENT_TYPES[number]),
    )
}

fn dims(shape: Shape) -> Option<Vec<Dim>> {
    (!shape.unknown_rank).then(|| shape.dims.into_iter().map(|dim| self::dim(dim.size, dim.name)).collect())
}

fn dim(size: i64, name: String) -> Dim {
    match u64::try_from(size) {
        Ok(size) if size > 0 => Dim::Known(size),
        _ if !name.is_empty() => Dim::Symbolic(name),
        _ => Dim::Unknown,
    }
}
