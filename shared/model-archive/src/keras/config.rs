//! `model_config`: the layers of a model as JSON, of which only the input layers are kept.

mod values;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use self::values::{DataType, Name, Names, Shape};
use crate::{Dim, ElementType, Input, json};

/// Most input layers and names that are kept. Models have one to ten inputs.
const MAX_KEPT: usize = 1000;

/// What is read of a model's configuration.
pub(super) struct Config {
    /// The inputs, or why they cannot be told.
    pub inputs: Result<Vec<Input>, &'static str>,
    pub channels_first: bool,
}

pub(super) fn parse(text: &str) -> serde_json::Result<Config> {
    let Model { config: layers } = serde_json::from_slice(&json::strict(text))?;
    // Nested models say it too, deeper than the layers that are read.
    let channels_first = CHANNELS_FIRST.iter().any(|written| text.contains(written));
    Ok(Config { inputs: layers.inputs(), channels_first })
}

/// How a layer says that its images have their channels first, with and without a blank.
const CHANNELS_FIRST: [&str; 2] = [r#""data_format": "channels_first""#, r#""data_format":"channels_first""#];

#[derive(Deserialize)]
struct Model {
    config: Layers,
}

/// The layers of a functional or sequential model.
#[derive(Default)]
struct Layers {
    inputs: Vec<Layer>,
    more: bool,
    first: Option<Box<Layer>>,
    /// Whether a sequential model was built for a shape that none of its layers has.
    built: bool,
    /// The names of the inputs in order, which functional models give.
    order: Vec<String>,
}

impl Layers {
    fn inputs(mut self) -> Result<Vec<Input>, &'static str> {
        if self.more {
            return Err("it has more than 1000 inputs");
        }
        if self.inputs.is_empty() {
            // A sequential model may have none: its first layer has the shape, and the input is called after that.
            let name = self.first.as_ref().map(|layer| layer.name().to_owned()).unwrap_or_default();
            let built = self.built;
            return match self.start() {
                Some(_) if name.is_empty() => Err("the input is called after the first layer, which has no name"),
                Some(layer) => Ok(vec![layer.input(format!("{name}_input"))]),
                None if built => Err("it was built for a shape after it was defined, and its input has no name there"),
                None => Ok(Vec::new()),
            };
        }
        if !self.order.is_empty() {
            let place = |layer: &Layer| self.order.iter().position(|name| name == layer.name());
            self.inputs.sort_by_key(|layer| place(layer).unwrap_or(usize::MAX));
        }
        let named = |layer: Layer| {
            let name = layer.name().to_owned();
            layer.input(name)
        };
        Ok(self.inputs.into_iter().map(named).collect())
    }

    /// The layer that has the shape of what a sequential model is fed: the first one, or if that is a model, the first
    /// one of it.
    fn start(self) -> Option<Layer> {
        if let Some(input) = self.inputs.into_iter().next() {
            return Some(input);
        }
        let first = *self.first?;
        if first.config.shape.is_some() { Some(first) } else { first.config.layers.start() }
    }

    fn add(&mut self, layer: Layer) {
        if layer.class_name.0.as_deref() == Some("InputLayer") {
            self.more |= self.inputs.len() == MAX_KEPT;
            if !self.more {
                self.inputs.push(layer);
            }
        } else if self.first.is_none() {
            self.first = Some(Box::new(layer));
        }
    }
}

/// A layer, of which custom ones may give anything another form.
#[derive(Default)]
struct Layer {
    class_name: Name,
    name: Name,
    config: LayerConfig,
}

/// The configuration of a layer, which any class may fill as it likes, or of a nested model.
#[derive(Default)]
struct LayerConfig {
    name: Name,
    /// `batch_shape` since Keras 3, `batch_input_shape` before.
    shape: Option<Vec<Dim>>,
    dtype: DataType,
    layers: Layers,
}

impl Layer {
    fn name(&self) -> &str {
        let Name(name) = if self.name.0.is_some() { &self.name } else { &self.config.name };
        name.as_deref().unwrap_or_default()
    }

    fn input(self, name: String) -> Input {
        let element_type = match self.config.dtype {
            DataType(Some(name)) => ElementType::from(name.as_str()),
            DataType(None) => ElementType::Float32,
        };
        Input { name, element_type, dims: self.config.shape, tensor: None }
    }
}

/// The rest of a visitor: what is of another form is passed over.
macro_rules! other_forms_are {
    ($value:ty, $other:expr) => {
        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_bool<E>(self, _: bool) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_i64<E>(self, _: i64) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_u64<E>(self, _: u64) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_f64<E>(self, _: f64) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_str<E>(self, _: &str) -> Result<$value, E> {
            Ok($other)
        }
    };
}

impl<'de> Deserialize<'de> for Layer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Layer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a layer")
            }

            other_forms_are!(Layer, Layer::default());

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Layer, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Layer::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Layer, A::Error> {
                let mut layer = Layer::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "class_name" => layer.class_name = map.next_value()?,
                        "name" => layer.name = map.next_value()?,
                        "config" => layer.config = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(layer)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for LayerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = LayerConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the configuration of a layer")
            }

            other_forms_are!(LayerConfig, LayerConfig::default());

            /// A nested sequential model until Keras 2.2.3.
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<LayerConfig, A::Error> {
                let mut config = LayerConfig::default();
                Each(&mut config.layers).visit_seq(seq)?;
                Ok(config)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LayerConfig, A::Error> {
                let mut config = LayerConfig::default();
                let mut before = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "name" => config.name = map.next_value()?,
                        "batch_shape" => config.shape = map.next_value::<Shape>()?.0,
                        "batch_input_shape" => before = map.next_value::<Shape>()?.0,
                        "dtype" => config.dtype = map.next_value()?,
                        "layers" => map.next_value_seed(Each(&mut config.layers))?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                config.shape = config.shape.or(before);
                Ok(config)
            }
        }

        deserializer.deserialize_any(Any)
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
                        "build_input_shape" => layers.built = map.next_value::<Shape>()?.0.is_some(),
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
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of layers")
    }

    other_forms_are!((), ());

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(layer) = seq.next_element()? {
            self.0.add(layer);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_inputs_than_are_kept_are_not_read() {
        for (count, expected) in [(MAX_KEPT, Ok(MAX_KEPT)), (MAX_KEPT + 1, Err("it has more than 1000 inputs"))] {
            let layers = vec![r#"{"class_name":"InputLayer","config":{}}"#; count].join(",");
            let config = parse(&format!(r#"{{"config":{{"layers":[{layers}]}}}}"#)).unwrap();
            assert_eq!(config.inputs.map(|inputs| inputs.len()), expected);
        }
    }

    #[test]
    fn a_shape_of_another_form_is_none() {
        for shape in ["7", "[1,\"a\"]", "{\"a\":[1]}", "true", "null"] {
            let layer = format!(r#"{{"class_name":"InputLayer","config":{{"name":"x","batch_shape":{shape}}}}}"#);
            let config = parse(&format!(r#"{{"config":{{"layers":[{layer}]}}}}"#)).unwrap();
            assert_eq!(config.inputs.unwrap()[0].dims, None, "{shape}");
        }
    }
}
