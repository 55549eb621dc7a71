//! Element types and dimensions, as both encodings write them.

use super::schema::TensorShape;
use crate::{element_type::ElementType, inspection::Dim};

/// `DataType` (types.proto), by number; the number of a reference to a type is 100 higher.
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

/// The names of the same types in the text format, in the same order.
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

pub(super) fn element_type_by_number(number: i32) -> ElementType {
    let number = if number > 100 { number - 100 } else { number };
    let name = usize::try_from(number).ok().and_then(|number| ELEMENT_TYPES.get(number));
    name.map_or_else(|| ElementType::Other(format!("tensorflow type {number}")), |name| ElementType::from(*name))
}

pub(super) fn element_type_by_name(name: &str) -> ElementType {
    // The text format may contain the number instead.
    if let Ok(number) = name.parse() {
        return element_type_by_number(number);
    }
    let plain = name.strip_suffix("_REF").unwrap_or(name);
    let number = TEXT_TYPES.iter().position(|known| *known == plain);
    number.map_or_else(
        || ElementType::Other(name.to_ascii_lowercase()),
        |number| ElementType::from(ELEMENT_TYPES[number]),
    )
}

/// `None` if the rank is unknown.
pub(super) fn convert_shape(shape: TensorShape) -> Option<Vec<Dim>> {
    (!shape.unknown_rank).then(|| shape.dims.into_iter().map(|dim| convert_dim(dim.size, dim.name)).collect())
}

pub(super) fn convert_dim(size: i64, name: String) -> Dim {
    match Dim::from(size) {
        Dim::Unknown if !name.is_empty() => Dim::Symbolic(name),
        dim => dim,
    }
}
