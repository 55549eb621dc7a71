//! `model_config`: the layers of a model as JSON, of which only the input layers are kept.

mod values;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use self::values::{DataType, Names, Shape};
use crate::{ElementType, Input};

/// Most input layers and names that are kept. Models have one to ten inputs.
const MAX_KEPT: usize = 1000;

/// What is read of a model's configuration.
pub(super) struct Config {
    pub inputs: Vec<Input>,
    pub channels_first: bool,
}

pub(super) fn parse(text: &str) -> serde_json::Result<Config> {
    let Model { config, .. } = serde_json::from_str(text)?;
    // Nested models say it too, deeper than the layers that are read.
    Ok(Config { inputs: config.inputs(), channels_first: text.contains("\"channels_first\"") })
}

#[derive(Deserialize)]
struct Model {
    config: Layers,
}

/// The configuration of a functional or sequential model.
#[derive(Default)]
struct Layers {
    inputs: Vec<Layer>,
    first: Option<Layer>,
    /// The names of the inputs in order, which functional models give.
    order: Vec<String>,
}

impl Layers {
    fn inputs(mut self) -> Vec<Input> {
        if self.inputs.is_empty() {
            // A sequential model may have none: then its first layer has the shape, and the input is called after it.
            let first = self.first.filter(|layer| layer.config.shape().is_some());
            return first.into_iter().map(|layer| layer.input(true)).collect();
        }
        if !self.order.is_empty() {
            let place = |layer: &Layer| self.order.iter().position(|name| name == layer.name());
            self.inputs.sort_by_key(|layer| place(layer).unwrap_or(usize::MAX));
        }
        self.inputs.into_iter().map(|layer| layer.input(false)).collect()
    }

    fn add(&mut self, layer: Layer) {
        if layer.class_name == "InputLayer" {
            if self.inputs.len() < MAX_KEPT {
                self.inputs.push(layer);
            }
        } else if self.first.is_none() {
            self.first = Some(layer);
        }
    }
}

#[derive(Deserialize)]
struct Layer {
    class_name: String,
    #[serde(default)]
    name: Option<String>,
    config: LayerConfig,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LayerConfig {
    name: Option<String>,
    /// Since Keras 3.
    batch_shape: Option<Shape>,
    /// Before.
    batch_input_shape: Option<Shape>,
    dtype: Option<DataType>,
}

impl LayerConfig {
    fn shape(&self) -> Option<&Shape> {
        self.batch_shape.as_ref().or(self.batch_input_shape.as_ref())
    }
}

impl Layer {
    fn name(&self) -> &str {
        self.name.as_deref().or(self.config.name.as_deref()).unwrap_or_default()
    }

    fn input(self, implied: bool) -> Input {
        let name = if implied { format!("{}_input", self.name()) } else { self.name().to_owned() };
        let dims = self.config.shape().map(|Shape(dims)| dims.clone());
        let element_type = match self.config.dtype {
            Some(DataType(Some(name))) => ElementType::from(name.as_str()),
            _ => ElementType::Float32,
        };
        Input { name, element_type, dims, tensor: None }
    }
}

impl<'de> Deserialize<'de> for Layers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Layers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model's configuration or a list of layers")
            }

            /// Sequential models were a plain list of layers until Keras 2.2.3.
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Layers, A::Error> {
                let mut layers = Layers::default();
                Each(&mut layers).visit_seq(seq)?;
                Ok(layers)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Layers, A::Error> {
                let mut layers = Layers::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "layers" => map.next_value_seed(Each(&mut layers))?,
                        "input_layers" => layers.order = map.next_value::<Names>()?.0,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(layers)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Takes the layers one by one, so that those that are not kept take no memory.
struct Each<'l>(&'l mut Layers);

impl<'de> serde::de::DeserializeSeed<'de> for Each<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of layers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(layer) = seq.next_element()? {
            self.0.add(layer);
        }
        Ok(())
    }
}
