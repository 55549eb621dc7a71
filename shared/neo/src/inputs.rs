//! The model's inputs as Neo's `DataInputConfig`: from a rule, from an upload's metadata, or from the model itself.

use std::fmt;

use indexmap::IndexMap;
use model_archive::{Dim, Input, Problem};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, SeqAccess, Visitor},
};

/// Longest `DataInputConfig` the API takes, in characters (service model 2017-07-24).
const MAX_DATA_INPUT_CONFIG: usize = 16_384;

/// Input shapes as a person writes them. The order is kept: Neo reads several inputs by position for some frameworks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Inputs {
    /// `{data: [1, 3, 224, 224]}`
    Named(IndexMap<String, Vec<u64>>),
    /// `[[1, 3, 224, 224]]`, which Neo takes for PyTorch.
    Positional(Vec<Vec<u64>>),
}

// Written out because an untagged enum answers a mistake with "data did not match any variant".
impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shapes;

        impl<'de> Visitor<'de> for Shapes {
            type Value = Inputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("shapes by input name, such as {data: [1, 3, 224, 224]}, or a list of shapes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inputs, A::Error> {
                let mut named = IndexMap::new();
                while let Some((name, shape)) = map.next_entry()? {
                    named.insert(name, shape);
                }
                Ok(Inputs::Named(named))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Inputs, A::Error> {
                let mut shapes = Vec::new();
                while let Some(shape) = seq.next_element()? {
                    shapes.push(shape);
                }
                Ok(Inputs::Positional(shapes))
            }
        }

        deserializer.deserialize_any(Shapes)
    }
}

/// Values for dimensions that the model leaves open, by symbolic name; `default` serves every other one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SymbolicDims(IndexMap<String, u64>);

impl SymbolicDims {
    fn value(&self, name: Option<&str>) -> Option<u64> {
        name.and_then(|name| self.0.get(name)).or_else(|| self.0.get("default")).copied()
    }
}

impl Inputs {
    /// The shapes of the model's own inputs, its open dimensions filled from `dims`.
    pub(crate) fn from_model(inputs: &[Input], dims: &SymbolicDims) -> Result<Self, Vec<Problem>> {
        let mut shapes = IndexMap::new();
        let mut problems = Vec::new();
        for input in inputs {
            match shape(input, dims) {
                Ok(shape) => drop(shapes.insert(input.name.clone(), shape)),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(Self::Named(shapes)) } else { Err(problems) }
    }

    /// Strict JSON text, in the order given.
    pub(crate) fn data_input_config(&self) -> Result<String, Problem> {
        let text = serde_json::to_string(self).map_err(|error| {
            Problem::new(
                "inputs-unwritable",
                format!("the inputs cannot be written as JSON: {error}"),
                "name inputs in the rule",
            )
        })?;
        if text.len() > MAX_DATA_INPUT_CONFIG {
            return Err(Problem::new(
                "inputs-too-long",
                format!("the inputs take {} characters; SageMaker takes {MAX_DATA_INPUT_CONFIG}", text.len()),
                "compile a model with fewer inputs, or with shorter input names",
            ));
        }
        Ok(text)
    }
}

fn shape(input: &Input, dims: &SymbolicDims) -> Result<Vec<u64>, Vec<Problem>> {
    let Some(known) = &input.dims else {
        return Err(vec![Problem::new(
            "input-rank-unknown",
            format!("the model does not say how many dimensions its input `{}` has", input.name),
            format!("name the shape in the rule: inputs: {{ {}: [1, …] }}", input.name),
        )]);
    };
    let mut problems = Vec::new();
    let mut shape = Vec::with_capacity(known.len());
    for (position, dim) in known.iter().enumerate() {
        let name = match dim {
            Dim::Known(size) => {
                shape.push(*size);
                continue;
            }
            Dim::Symbolic(name) => Some(name.as_str()),
            Dim::Unknown => None,
        };
        if let Some(size) = dims.value(name) {
            shape.push(size);
            continue;
        }
        let (what, key) = match name {
            Some(name) => (format!("is symbolic (`{name}`)"), name),
            None => ("is not given".to_owned(), "default"),
        };
        problems.push(Problem::new(
            "input-dimension-open",
            format!("dimension {position} of the model's input `{}` {what}", input.name),
            format!("set symbolic_dims: {{ {key}: 1 }} in automation.yaml, or name the shape in the rule's inputs"),
        ));
    }
    if problems.is_empty() { Ok(shape) } else { Err(problems) }
}
