//! `*-symbol.json`: nodes without an operation are the arguments of the graph.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{
    container::member::MemberReader,
    element_type::ElementType,
    encoding::json_stream::decode_json,
    error::FileError,
    framework::format_facts::{BoundedInputs, FormatFacts},
    inspection::{Dim, ModelInput},
    limits::Limits,
};

/// Maximum number of dimensions of an argument.
const MAX_DIMS: usize = 64;

/// `mshadow::TypeFlag`, by number.
const ELEMENT_TYPES: [&str; 8] = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"];

/// Whether a file of any name starts like a symbol file. A graph that TVM compiled has the same
/// form, but operations of its own.
pub(crate) fn is_symbol(head: &[u8]) -> bool {
    let has = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
    head.trim_ascii_start().starts_with(b"{")
        && [&b"\"nodes\""[..], b"\"op\"", b"\"null\"", b"\"inputs\""].iter().all(|text| has(text))
        && !has(b"\"tvm_op\"")
}

/// Reads a symbol file. Its inputs are all arguments, until the parameters are known.
pub(crate) fn read_symbol(content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<FormatFacts, FileError> {
    let symbol: Symbol = decode_json(content)?;
    let Some(ArgumentNodes(arguments)) = symbol.nodes else {
        return Err(FileError::malformed_at(content.position(), "it has no `nodes`"));
    };
    let mut inputs = BoundedInputs::new(limits);
    for argument in arguments {
        inputs.push(argument).map_err(|cause| FileError::malformed_at(content.position(), cause))?;
    }
    let version = symbol.attrs.and_then(|attrs| attrs.mxnet_version).map(|MxnetVersion(version)| version);
    let producer =
        version.map(|version| format!("mxnet {}.{}.{}", version / 10_000, version / 100 % 100, version % 100));
    Ok(FormatFacts { producer, inputs: inputs.into_vec(), ..FormatFacts::default() })
}

#[derive(Deserialize)]
struct Symbol {
    nodes: Option<ArgumentNodes>,
    attrs: Option<GraphAttributes>,
}

#[derive(Deserialize)]
struct GraphAttributes {
    mxnet_version: Option<MxnetVersion>,
}

/// `["int", 10900]`
struct MxnetVersion(u64);

impl<'de> Deserialize<'de> for MxnetVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <(String, u64)>::deserialize(deserializer).map(|(_, version)| Self(version))
    }
}

/// The nodes without an operation; the others are dropped while they are read.
struct ArgumentNodes(Vec<ModelInput>);

#[derive(Deserialize)]
struct SymbolNode {
    op: String,
    name: String,
    /// Parameters of the operation and attributes of the user, since MXNet 1.0; before, they were
    /// `param` and `attr`.
    #[serde(default)]
    attrs: ArgumentAttributes,
    #[serde(default)]
    attr: ArgumentAttributes,
}

#[derive(Deserialize, Default)]
struct ArgumentAttributes {
    #[serde(rename = "__shape__")]
    shape: Option<String>,
    #[serde(rename = "__dtype__")]
    dtype: Option<String>,
}

impl<'de> Deserialize<'de> for ArgumentNodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Arguments;

        impl<'de> Visitor<'de> for Arguments {
            type Value = ArgumentNodes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of nodes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ArgumentNodes, A::Error> {
                let mut arguments = BoundedInputs::new(&Limits::default());
                while let Some(node) = seq.next_element::<SymbolNode>()? {
                    if node.op == "null" {
                        arguments.push(argument_input(node)).map_err(serde::de::Error::custom)?;
                    }
                }
                Ok(ArgumentNodes(arguments.into_vec()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ArgumentNodes, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Err(serde::de::Error::custom("`nodes` is not a list"))
            }
        }

        deserializer.deserialize_seq(Arguments)
    }
}

fn argument_input(SymbolNode { name, attrs, attr, .. }: SymbolNode) -> ModelInput {
    let number = attrs.dtype.or(attr.dtype).and_then(|number| number.trim().parse::<usize>().ok());
    let element_type = match number {
        // The default is float.
        None => "float32",
        Some(number) => ELEMENT_TYPES.get(number).copied().unwrap_or("unknown"),
    };
    let dims = attrs.shape.or(attr.shape).and_then(|text| parse_shape(&text));
    ModelInput { name, element_type: ElementType::from(element_type), dims, tensor: None }
}

/// Parses a shape as Python writes it: `(1, 3, 224, 224)`. 0 and -1 stand for an unknown size.
fn parse_shape(text: &str) -> Option<Vec<Dim>> {
    let inner = text.trim().strip_prefix(['(', '['])?.strip_suffix([')', ']'])?;
    let sizes = inner.split(',').map(str::trim).filter(|size| !size.is_empty()).take(MAX_DIMS);
    let dims: Option<Vec<Dim>> =
        sizes.map(|size| size.trim_end_matches('L').parse::<i64>().ok().map(Dim::from)).collect();
    // MXNet writes an unknown rank as an empty shape.
    dims.filter(|dims| !dims.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_shapes_are_parsed() {
        let cases = [
            ("(1,3,224,224)", Some(vec![Dim::Known(1), Dim::Known(3), Dim::Known(224), Dim::Known(224)])),
            ("(0, 3L, -1)", Some(vec![Dim::Unknown, Dim::Known(3), Dim::Unknown])),
            ("[5]", Some(vec![Dim::Known(5)])),
            ("(5,)", Some(vec![Dim::Known(5)])),
            ("()", None),
            ("None", None),
            ("(a, b)", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_shape(text), expected, "{text}");
        }
    }
}
