//! `*-symbol.json`: the nodes without an operation are the graph's arguments.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{
    Dim, ElementType, Input, Limits,
    content::Content,
    fault::Halt,
    json,
    reading::{Inputs, Reading},
};

/// Most dimensions of an argument that are read.
const MAX_DIMS: usize = 64;

/// `mshadow::TypeFlag`, by number.
const ELEMENT_TYPES: [&str; 8] = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"];

/// Reads a symbol file. Its inputs are all arguments until the parameters are known.
pub(crate) fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    let symbol: Symbol = json::read(content)?;
    let Some(Nodes(arguments)) = symbol.nodes else {
        return Err(Halt::malformed(content.position(), "it has no `nodes`"));
    };
    let mut inputs = Inputs::new(limits);
    for argument in arguments {
        inputs.add(argument).map_err(|cause| Halt::malformed(content.position(), cause))?;
    }
    let version = symbol.attrs.and_then(|attrs| attrs.mxnet_version).map(|MxnetVersion(version)| version);
    let producer =
        version.map(|version| format!("mxnet {}.{}.{}", version / 10_000, version / 100 % 100, version % 100));
    Ok(Reading { producer, inputs: inputs.into_vec(), ..Reading::default() })
}

#[derive(Deserialize)]
struct Symbol {
    nodes: Option<Nodes>,
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

/// The nodes without an operation; the others are dropped as they are read.
struct Nodes(Vec<Input>);

#[derive(Deserialize)]
struct Node {
    op: String,
    name: String,
    /// What the operation takes and what the user set, since MXNet 1.0; before that they were `param` and `attr`.
    #[serde(default)]
    attrs: Attributes,
    #[serde(default)]
    attr: Attributes,
}

#[derive(Deserialize, Default)]
struct Attributes {
    #[serde(rename = "__shape__")]
    shape: Option<String>,
    #[serde(rename = "__dtype__")]
    dtype: Option<String>,
}

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Arguments;

        impl<'de> Visitor<'de> for Arguments {
            type Value = Nodes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of nodes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Nodes, A::Error> {
                let mut arguments = Inputs::new(&Limits::default());
                while let Some(node) = seq.next_element::<Node>()? {
                    if node.op == "null" {
                        arguments.add(argument(node)).map_err(serde::de::Error::custom)?;
                    }
                }
                Ok(Nodes(arguments.into_vec()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Nodes, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Err(serde::de::Error::custom("`nodes` is not a list"))
            }
        }

        deserializer.deserialize_seq(Arguments)
    }
}

fn argument(Node { name, attrs, attr, .. }: Node) -> Input {
    let number = attrs.dtype.or(attr.dtype).and_then(|number| number.trim().parse::<usize>().ok());
    let element_type = match number {
        // Float is what an argument is unless it says otherwise.
        None => "float32",
        Some(number) => ELEMENT_TYPES.get(number).copied().unwrap_or("unknown"),
    };
    let dims = attrs.shape.or(attr.shape).and_then(|text| shape(&text));
    Input { name, element_type: ElementType::from(element_type), dims, tensor: None }
}

/// A shape as Python writes it: `(1, 3, 224, 224)`. Zero and -1 stand for what is not known.
fn shape(text: &str) -> Option<Vec<Dim>> {
    let inner = text.trim().strip_prefix(['(', '['])?.strip_suffix([')', ']'])?;
    let sizes = inner.split(',').map(str::trim).filter(|size| !size.is_empty()).take(MAX_DIMS);
    let dims: Option<Vec<Dim>> = sizes.map(|size| size.trim_end_matches('L').parse::<i64>().ok().map(dim)).collect();
    // MXNet writes an unknown rank as an empty shape.
    dims.filter(|dims| !dims.is_empty())
}

fn dim(size: i64) -> Dim {
    u64::try_from(size).ok().filter(|size| *size > 0).map_or(Dim::Unknown, Dim::Known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_as_python_writes_them() {
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
            assert_eq!(shape(text), expected, "{text}");
        }
    }
}
