//! Input shapes as written in a rule or in metadata: shapes, and the additional settings of Core ML
//! inputs.

mod dimension_sizes;
mod dynamic_dimensions;
mod input_warnings;
mod layout;
mod model_inputs;
mod suggestion;

use std::fmt;

use document::{ConfigFinding, LocatedNode, Reader, YamlNode, YamlValue};
use indexmap::IndexMap;
use serde::Serialize;

pub use dimension_sizes::DimensionSizes;
pub use input_warnings::find_input_warnings;
pub use layout::{DeclaredLayout, find_layout_warnings};
pub(crate) use layout::{find_transposed_inputs, unusual_layout_warning};
pub use model_inputs::{ResolvedShapes, derive_data_input_config};
pub(crate) use model_inputs::{compare_with_model, resolve_model_shapes, unknown_shapes_problem};

/// Maximum size of a dimension: Neo compilers use 32-bit sizes.
const MAX_DIMENSION: u64 = i32::MAX as u64;

const SHAPES: &str = "a map of input names to shapes, such as {data: [1, 3, 224, 224]}, or a list of shapes";
const SHAPE: &str = "a shape, such as [1, 3, 224, 224]";

/// The shapes of all inputs. The order is kept: for some frameworks, Neo reads several inputs by
/// position.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum InputShapes {
    /// `{data: [1, 3, 224, 224]}`
    Named(IndexMap<String, InputShape>),
    /// `[[1, 3, 224, 224]]`, which Neo accepts for PyTorch.
    Positional(Vec<InputShape>),
}

/// The shape of one input.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum InputShape {
    /// `[1, 3, 224, 224]`
    Fixed(Vec<u64>),
    /// `{shape: ["1..10", 224, 224, 3], default_shape: [1, 224, 224, 3]}`, which Neo accepts for
    /// Core ML.
    CoreMl(CoreMlInputConfig),
}

/// An input of a Core ML model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoreMlInputConfig {
    /// The allowed shape or shapes.
    pub shape: CoreMlShape,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_shape: Option<Vec<u64>>,
    /// `None` for a tensor.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<CoreMlInputType>,
    /// Added to each channel of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias: Option<Vec<f64>>,
    /// Multiplies the values of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

/// The allowed shapes of a Core ML input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum CoreMlShape {
    /// One shape, whose dimensions may be ranges.
    One(Vec<CoreMlDimension>),
    /// A list of fixed shapes.
    Several(Vec<Vec<u64>>),
}

/// A dimension of a Core ML shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreMlDimension {
    Fixed(u64),
    /// `"1..10"`
    Range(u64, u64),
}

impl Serialize for CoreMlDimension {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(size) => serializer.serialize_u64(*size),
            Self::Range(least, most) => serializer.collect_str(&format_args!("{least}..{most}")),
        }
    }
}

/// The type of a Core ML input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CoreMlInputType {
    /// Requires `bias` and `scale`.
    Image,
    Tensor,
}

impl InputShapes {
    /// Strict JSON in the original order, as `DataInputConfig` expects it.
    pub fn to_json(&self) -> String {
        // Only numbers and text: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Every shape with the name or the position of its input, for messages.
    pub(crate) fn labeled_shapes(&self) -> Vec<(String, &InputShape)> {
        match self {
            Self::Named(shapes) => shapes.iter().map(|(name, shape)| (format!("`{name}`"), shape)).collect(),
            Self::Positional(shapes) => {
                shapes.iter().enumerate().map(|(index, shape)| (format!("number {}", index + 1), shape)).collect()
            }
        }
    }

    /// Reads the value of the metadata key `neo-inputs`.
    pub(crate) fn from_json(json: &str) -> Result<Self, String> {
        let node = match serde_json::from_str::<serde_json::Value>(json) {
            Ok(value) => YamlNode::from(value),
            Err(_) => return Err(explain_not_json(json)),
        };
        let mut reader = Reader::default();
        match read_inputs(&mut reader, &LocatedNode { node: &node, path: "inputs".to_owned() }) {
            Some(inputs) if reader.errors().is_empty() => Ok(inputs),
            _ => Err(reader.errors().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        }
    }
}

impl fmt::Display for InputShapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

/// Explains a text that is not JSON: most are YAML, with names that are not in quotes.
fn explain_not_json(text: &str) -> String {
    let read =
        text.parse::<YamlNode>().ok().filter(|node| matches!(node.value, YamlValue::Map(_) | YamlValue::List(_)));
    match read.and_then(|node| InputShapes::from_json(&node.to_json().to_string()).ok()) {
        Some(shapes) => format!("expected JSON, found names without quotes; put them in quotes, {shapes}"),
        None => format!("expected JSON such as {{\"data\":[1,3,224,224]}}, found `{text}`"),
    }
}

/// Reads the key `inputs` of a rule or target.
pub(crate) fn read_inputs(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<InputShapes> {
    let inputs = if let YamlValue::List(_) = at.node.value {
        let items = reader.read_items(at, SHAPES)?;
        if !items.is_empty() && items.iter().all(|item| matches!(item.node.value, YamlValue::Integer(_))) {
            let shape = at.node.to_json().to_string().replace(',', ", ");
            let fix = format!("write {{ data: {shape} }}, or [{shape}] for PYTORCH");
            reader.report_error(at, ConfigFinding::new("expected a shape per input, found one shape", fix));
            return None;
        }
        InputShapes::Positional(collect_all(items.iter().map(|item| read_input(reader, item)))?)
    } else {
        let entries = reader.read_entries(at, SHAPES)?;
        let shapes = collect_all(entries.iter().map(|(_, at)| read_input(reader, at)))?;
        InputShapes::Named(entries.iter().map(|(key, _)| key.name.clone()).zip(shapes).collect())
    };
    if inputs.labeled_shapes().is_empty() {
        let found = at.node.describe_value();
        reader.report_error(at, ConfigFinding::unexpected(SHAPES, format_args!("{found} without inputs")));
        return None;
    }
    Some(inputs)
}

fn read_input(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<InputShape> {
    match at.node.value {
        YamlValue::Map(_) => read_core_ml_input(reader, at).map(InputShape::CoreMl),
        _ => read_shape(reader, at).map(InputShape::Fixed),
    }
}

fn read_shape(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<Vec<u64>> {
    let items = reader.read_items(at, SHAPE)?;
    collect_all(items.iter().map(|item| read_size(reader, item)))
}

fn read_size(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<u64> {
    match &at.node.value {
        YamlValue::Null => {
            let message = "expected a size, such as 224, found nothing: SageMaker Neo compiles for fixed shapes";
            reader.report_error(at, ConfigFinding::new(message, "write the size"));
            None
        }
        YamlValue::Text(text) if text.contains("..") => {
            let fix = format!("write a size, such as 1; only coreml accepts ranges, as {{ shape: [\"{text}\", …] }}");
            reader.report_error(at, ConfigFinding::new(format!("expected a size, found `{text}`"), fix));
            None
        }
        _ => reader.read_integer(at, &(1..=MAX_DIMENSION)),
    }
}

fn read_core_ml_input(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<CoreMlInputConfig> {
    let fields = reader.read_fields(at, &["shape", "default_shape", "type", "bias", "scale"])?;
    let shape_at = reader.require_field(&fields, "shape", "[1, 224, 224, 3]")?;
    let read = CoreMlInputConfig {
        shape: read_core_ml_shape(reader, &shape_at)?,
        default_shape: read_optional(fields.get("default_shape"), |at| read_shape(reader, at))?,
        kind: read_optional(fields.get("type"), |at| {
            reader.read_choice(at, &[("Image", CoreMlInputType::Image), ("Tensor", CoreMlInputType::Tensor)])
        })?,
        bias: read_optional(fields.get("bias"), |at| {
            let items = reader.read_items(at, "a list of numbers, such as [-1, -1, -1]")?;
            collect_all(items.iter().map(|item| reader.read_number(item)))
        })?,
        scale: read_optional(fields.get("scale"), |at| reader.read_number(at))?,
    };
    if read.kind == Some(CoreMlInputType::Image) && (read.bias.is_none() || read.scale.is_none()) {
        let fix = "add, for example, bias: [-1, -1, -1], scale: 0.0078";
        reader.report_error(at, ConfigFinding::new("an input of type Image requires bias and scale", fix));
        return None;
    }
    Some(read)
}

fn read_core_ml_shape(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<CoreMlShape> {
    let items = reader.read_items(at, "a shape, or a list of shapes")?;
    if items.iter().any(|item| matches!(item.node.value, YamlValue::List(_))) {
        return collect_all(items.iter().map(|item| read_shape(reader, item))).map(CoreMlShape::Several);
    }
    collect_all(items.iter().map(|item| read_core_ml_dimension(reader, item))).map(CoreMlShape::One)
}

fn read_core_ml_dimension(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<CoreMlDimension> {
    let YamlValue::Text(text) = &at.node.value else { return read_size(reader, at).map(CoreMlDimension::Fixed) };
    let range = text.split_once("..").and_then(|(least, most)| Some((least.parse().ok()?, most.parse().ok()?)));
    match range {
        Some((least, most)) if (1..=most).contains(&least) && most <= MAX_DIMENSION => {
            Some(CoreMlDimension::Range(least, most))
        }
        _ => {
            let expected = "a size or a range such as \"1..10\"";
            reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{text}`")));
            None
        }
    }
}

/// All values, or `None` if one could not be read. Reads every value, so that each error is
/// reported.
fn collect_all<T>(read: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

/// The outer `None` means that the value could not be read, the inner `None` that it is absent.
#[expect(clippy::option_option, reason = "absent and unreadable differ")]
fn read_optional<'n, T>(
    at: Option<&LocatedNode<'n>>,
    read: impl FnOnce(&LocatedNode<'n>) -> Option<T>,
) -> Option<Option<T>> {
    match at {
        None => Some(None),
        Some(at) => read(at).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_written_as_neo_accepts_it() {
        for json in [
            r#"{"input_1":[1,3,224,224]}"#,
            r#"{"b":[1,2],"a":[3]}"#,
            "[[1,3,224,224],[1,3,224,224]]",
            r#"{"input_1":{"shape":["1..10",224,224,3],"default_shape":[1,224,224,3]}}"#,
            r#"{"input_1":{"shape":[[1,224,224,3],[1,160,160,3]],"default_shape":[1,224,224,3],"type":"Image","bias":[-1.0,-1.0,-1.0],"scale":0.007843137255}}"#,
            r#"[{"shape":[[1,3,224,224],[1,3,160,160]],"default_shape":[1,3,224,224]}]"#,
        ] {
            assert_eq!(InputShapes::from_json(json).unwrap().to_json(), json);
        }
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let cases = [
            "3",
            "{}",
            "{",
            "{data:[1,3,224,224]}",
            "{data: [1, 3, 224, 224]}",
            r#"{"data":3,"other":[1,"x"]}"#,
            r#"{"data":[1,0]}"#,
            r#"{"input":[1,3,null,null]}"#,
            r#"{"data":["1..10",3]}"#,
            r#"{"data":{"shape":["10..1"]}}"#,
            r#"{"data":{"shape":[1],"type":"Image"}}"#,
            r#"{"data":{"shpae":[1]}}"#,
            r#"{"data":{"shape":[1],"type":"image"}}"#,
        ];
        let messages: Vec<_> =
            cases.iter().map(|json| format!("{json}\n  {}", InputShapes::from_json(json).unwrap_err())).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
