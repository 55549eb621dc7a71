//! The model's inputs as a person or a model states them: shapes, and what Core ML takes beside.

mod layout;
mod model;

use std::fmt;

use document::{At, Node, Reader, Value};
use indexmap::IndexMap;
use serde::Serialize;

pub use layout::NamedLayout;
pub(crate) use layout::misplaced;
pub use model::data_input_config;
pub(crate) use model::{differences, from_model, not_read};

/// Largest extent of a dimension: Neo's compilers count in 32 bits.
const MAX_DIMENSION: u64 = i32::MAX as u64;

const SHAPES: &str = "shapes by input name, such as {data: [1, 3, 224, 224]}, or a list of shapes";
const SHAPE: &str = "a shape, such as [1, 3, 224, 224]";

/// Inputs as a person writes them. The order is kept: Neo reads several inputs by position for some frameworks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Inputs {
    /// `{data: [1, 3, 224, 224]}`
    Named(IndexMap<String, InputShape>),
    /// `[[1, 3, 224, 224]]`, which Neo takes for PyTorch.
    Positional(Vec<InputShape>),
}

/// The shape of one input.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum InputShape {
    /// `[1, 3, 224, 224]`
    Fixed(Vec<u64>),
    /// `{shape: ["1..10", 224, 224, 3], default_shape: [1, 224, 224, 3]}`, which Neo takes for Core ML.
    CoreMl(CoreMlInput),
}

/// An input of a Core ML model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoreMlInput {
    /// The shape or shapes it may have.
    pub shape: FlexibleShape,
    /// The shape it has if nothing else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_shape: Option<Vec<u64>>,
    /// What it holds; else a tensor.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<CoreMlType>,
    /// Added to each channel of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias: Option<Vec<f64>>,
    /// Multiplies an image's values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

/// The shapes that a Core ML input may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FlexibleShape {
    /// One, in which dimensions may have a range.
    One(Vec<Extent>),
    /// Several.
    Several(Vec<Vec<u64>>),
}

/// The extent of a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// A size.
    Fixed(u64),
    /// `"1..10"`
    Range(u64, u64),
}

impl Serialize for Extent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(size) => serializer.serialize_u64(*size),
            Self::Range(least, most) => serializer.collect_str(&format_args!("{least}..{most}")),
        }
    }
}

/// What a Core ML input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CoreMlType {
    /// An image: takes `bias` and `scale`.
    Image,
    /// A tensor.
    Tensor,
}

impl Inputs {
    /// Strict JSON, in the order written: what `DataInputConfig` takes.
    pub fn to_json(&self) -> String {
        // Numbers and texts only, so that nothing can fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Every shape with its input's name, or with its position.
    pub(crate) fn shapes(&self) -> Vec<(String, &InputShape)> {
        match self {
            Self::Named(shapes) => shapes.iter().map(|(name, shape)| (format!("`{name}`"), shape)).collect(),
            Self::Positional(shapes) => {
                shapes.iter().enumerate().map(|(index, shape)| (format!("number {}", index + 1), shape)).collect()
            }
        }
    }

    /// Reads the text of the metadata `neo-inputs`.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let node: Node = serde_json::from_str::<serde_json::Value>(json).map_err(|error| error.to_string())?.into();
        let mut reader = Reader::default();
        match read(&mut reader, &At { node: &node, path: "inputs".to_owned() }) {
            Some(inputs) if reader.faults().is_empty() => Ok(inputs),
            _ => Err(reader.faults().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        }
    }
}

impl fmt::Display for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

/// Reads inputs as a person writes them.
pub(crate) fn read(reader: &mut Reader, at: &At<'_>) -> Option<Inputs> {
    let inputs = if let Value::List(_) = at.node.value {
        let items = reader.items(at, SHAPES)?;
        Inputs::Positional(all(items.iter().map(|item| input(reader, item)))?)
    } else {
        let entries = reader.entries(at, SHAPES)?;
        let shapes = all(entries.iter().map(|(_, at)| input(reader, at)))?;
        Inputs::Named(entries.iter().map(|(key, _)| key.name.clone()).zip(shapes).collect())
    };
    if inputs.shapes().is_empty() {
        reader.fault(at, format!("is empty; allowed: {SHAPES}"));
        return None;
    }
    Some(inputs)
}

fn input(reader: &mut Reader, at: &At<'_>) -> Option<InputShape> {
    match at.node.value {
        Value::Map(_) => core_ml(reader, at).map(InputShape::CoreMl),
        _ => shape(reader, at).map(InputShape::Fixed),
    }
}

fn shape(reader: &mut Reader, at: &At<'_>) -> Option<Vec<u64>> {
    let items = reader.items(at, SHAPE)?;
    all(items.iter().map(|item| size(reader, item)))
}

fn size(reader: &mut Reader, at: &At<'_>) -> Option<u64> {
    match &at.node.value {
        Value::Null => {
            reader.fault(at, "found nothing; SageMaker Neo compiles for fixed shapes: name a size, such as 224");
            None
        }
        Value::Text(text) if text.contains("..") => {
            reader.fault(at, format!("found `{text}`; ranges are for coreml, as {{ shape: [\"{text}\", …] }}"));
            None
        }
        _ => reader.integer(at, &(1..=MAX_DIMENSION)),
    }
}

fn core_ml(reader: &mut Reader, at: &At<'_>) -> Option<CoreMlInput> {
    let fields = reader.fields(at, &["shape", "default_shape", "type", "bias", "scale"])?;
    let shape_at = reader.required(&fields, "shape", "[1, 224, 224, 3]")?;
    let read = CoreMlInput {
        shape: flexible(reader, &shape_at)?,
        default_shape: optional(fields.get("default_shape"), |at| shape(reader, at))?,
        kind: optional(fields.get("type"), |at| {
            reader.choice(at, &[("Image", CoreMlType::Image), ("Tensor", CoreMlType::Tensor)])
        })?,
        bias: optional(fields.get("bias"), |at| {
            let items = reader.items(at, "a list of numbers, such as [-1, -1, -1]")?;
            all(items.iter().map(|item| reader.number(item)))
        })?,
        scale: optional(fields.get("scale"), |at| reader.number(at))?,
    };
    if read.kind == Some(CoreMlType::Image) && (read.bias.is_none() || read.scale.is_none()) {
        reader.fault(at, "an input of type Image needs bias and scale, such as bias: [-1, -1, -1], scale: 0.0078");
        return None;
    }
    Some(read)
}

fn flexible(reader: &mut Reader, at: &At<'_>) -> Option<FlexibleShape> {
    let items = reader.items(at, "a shape, or a list of shapes")?;
    if items.iter().any(|item| matches!(item.node.value, Value::List(_))) {
        return all(items.iter().map(|item| shape(reader, item))).map(FlexibleShape::Several);
    }
    all(items.iter().map(|item| extent(reader, item))).map(FlexibleShape::One)
}

fn extent(reader: &mut Reader, at: &At<'_>) -> Option<Extent> {
    let Value::Text(text) = &at.node.value else { return size(reader, at).map(Extent::Fixed) };
    let range = text.split_once("..").and_then(|(least, most)| Some((least.parse().ok()?, most.parse().ok()?)));
    match range {
        Some((least, most)) if (1..=most).contains(&least) && most <= MAX_DIMENSION => Some(Extent::Range(least, most)),
        _ => {
            reader.fault(at, format!("found `{text}`; allowed: a size, or a range such as \"1..10\""));
            None
        }
    }
}

/// All of them, or nothing; each is read whatever became of those before it.
fn all<T>(read: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

/// The inner option is the value's, the outer one says whether it could be read.
#[expect(clippy::option_option, reason = "they say different things")]
fn optional<'n, T>(at: Option<&At<'n>>, read: impl FnOnce(&At<'n>) -> Option<T>) -> Option<Option<T>> {
    match at {
        None => Some(None),
        Some(at) => read(at).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_as_neo_takes_it() {
        for json in [
            r#"{"input_1":[1,3,224,224]}"#,
            r#"{"b":[1,2],"a":[3]}"#,
            "[[1,3,224,224],[1,3,224,224]]",
            r#"{"input_1":{"shape":["1..10",224,224,3],"default_shape":[1,224,224,3]}}"#,
            r#"{"input_1":{"shape":[[1,224,224,3],[1,160,160,3]],"default_shape":[1,224,224,3],"type":"Image","bias":[-1.0,-1.0,-1.0],"scale":0.007843137255}}"#,
            r#"[{"shape":[[1,3,224,224],[1,3,160,160]],"default_shape":[1,3,224,224]}]"#,
        ] {
            assert_eq!(Inputs::parse(json).unwrap().to_json(), json);
        }
    }

    #[test]
    fn mistakes_are_named_all_at_once() {
        let cases = [
            "3",
            "{}",
            "{",
            r#"{"data":3,"other":[1,"x"]}"#,
            r#"{"data":[1,0]}"#,
            r#"{"input":[1,3,null,null]}"#,
            r#"{"data":["1..10",3]}"#,
            r#"{"data":{"shape":["10..1"]}}"#,
            r#"{"data":{"shape":[1],"type":"Image"}}"#,
            r#"{"data":{"shpae":[1]}}"#,
            r#"{"data":{"shape":[1],"type":"image"}}"#,
        ];
        let said: Vec<_> = cases.iter().map(|json| format!("{json}\n  {}", Inputs::parse(json).unwrap_err())).collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
