//! `model_config`: the layers of a model as JSON, of which only the input layers are kept.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{Dim, ElementType, Input};

/// Most dimensions, input layers and names that are kept. Models have one to ten inputs of up to 5 dimensions.
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

/// `[null, 224, 224, 3]`
struct Shape(Vec<Dim>);

/// `"float32"`, or since Keras 3 `{"class_name": "DTypePolicy", "config": {"name": "float32"}}`.
struct DataType(Option<String>);

/// Names within lists within lists, such as `[["input_1", 0, 0]]`.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;

        impl<'de> Visitor<'de> for Sizes {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sizes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut dims = Vec::new();
                while let Some(size) = seq.next_element::<Option<i64>>()? {
                    if dims.len() == MAX_KEPT {
                        return Err(serde::de::Error::custom(format!("a shape has more than {MAX_KEPT} dimensions")));
                    }
                    let size = size.and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0);
                    dims.push(size.map_or(Dim::Unknown, Dim::Known));
                }
                Ok(Shape(dims))
            }
        }

        deserializer.deserialize_seq(Sizes)
    }
}

impl<'de> Deserialize<'de> for DataType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Policy {
            name: Option<String>,
        }

        struct NameOrPolicy;

        impl<'de> Visitor<'de> for NameOrPolicy {
            type Value = DataType;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type's name or policy")
            }

            fn visit_unit<E>(self) -> Result<DataType, E> {
                Ok(DataType(None))
            }

            fn visit_str<E>(self, name: &str) -> Result<DataType, E> {
                Ok(DataType(Some(name.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DataType, A::Error> {
                let mut name = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "config" {
                        name = map.next_value::<Option<Policy>>()?.and_then(|policy| policy.name);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(DataType(name))
            }
        }

        deserializer.deserialize_any(NameOrPolicy)
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names, or lists or objects of names")
            }

            fn visit_str<E>(self, name: &str) -> Result<Names, E> {
                Ok(Names(vec![name.to_owned()]))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }

            fn visit_unit<E>(self) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
                let mut all = Vec::new();
                while let Some(Names(names)) = seq.next_element()? {
                    all.extend(names);
                    all.truncate(MAX_KEPT);
                }
                Ok(Names(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut all = Vec::new();
                while let Some((IgnoredAny, Names(names))) = map.next_entry()? {
                    all.extend(names);
                    all.truncate(MAX_KEPT);
                }
                Ok(Names(all))
            }
        }

        deserializer.deserialize_any(Collect)
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
