//! `model_config`: the layers of a model as JSON. Only the input layers are kept.

mod values;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use self::values::{LayerDataType, LayerFlag, LayerName, LayerNames, LayerShape, MAX_KEPT};
use super::known_layers::NamesOfLayers;
use crate::{
    element_type::ElementType,
    encoding::json_stream::filter_python_json,
    framework::format_facts::COMPOSITE_TENSOR,
    inspection::{Dim, ModelInput},
};

pub(super) struct KerasConfig {
    /// The inputs, or why they are unknown.
    pub inputs: Result<Vec<ModelInput>, &'static str>,
    pub channels_first: bool,
    /// Classes of layers that the documented version of Keras does not have, without repetitions.
    pub unknown_layers: NamesOfLayers,
}

pub(super) fn parse_config(text: &str) -> serde_json::Result<KerasConfig> {
    let ModelConfig { class_name, config: mut layers } = serde_json::from_slice(&filter_python_json(text))?;
    layers.unknown.add_class(class_name.0.as_deref());
    let unknown_layers = std::mem::take(&mut layers.unknown);
    // Nested models specify it too, deeper than the layers that are read.
    let channels_first = CHANNELS_FIRST.iter().any(|written| text.contains(written));
    Ok(KerasConfig { inputs: layers.into_inputs(), channels_first, unknown_layers })
}

/// How a layer specifies that its images have their channels first, with and without a space; the
/// last two are those of Keras 1.
const CHANNELS_FIRST: [&str; 4] = [
    r#""data_format": "channels_first""#,
    r#""data_format":"channels_first""#,
    r#""dim_ordering": "th""#,
    r#""dim_ordering":"th""#,
];

#[derive(Deserialize)]
struct ModelConfig {
    #[serde(default)]
    class_name: LayerName,
    config: Layers,
}

/// The layers of a functional or sequential model.
#[derive(Default)]
struct Layers {
    inputs: Vec<Layer>,
    /// Whether there are more inputs than `MAX_KEPT`.
    more: bool,
    first: Option<Box<Layer>>,
    /// Whether a sequential model was built for a shape that none of its layers specifies.
    built: bool,
    /// The names of the inputs in order, which functional models specify.
    order: Vec<String>,
    unknown: NamesOfLayers,
}

impl Layers {
    fn into_inputs(mut self) -> Result<Vec<ModelInput>, &'static str> {
        if self.more {
            return Err("it has more than 1000 inputs");
        }
        if self.inputs.is_empty() {
            // A sequential model may have none: then its first layer has the shape, and the name of
            // the input is derived from that of the layer.
            let name = self.first.as_ref().map(|layer| layer.own_name().to_owned()).unwrap_or_default();
            let built = self.built;
            return match self.first_shaped_layer() {
                Some(_) if name.is_empty() => {
                    Err("the name of the input is derived from the first layer, which has no name")
                }
                Some(layer) => Ok(vec![layer.into_input(format!("{name}_input"))]),
                None if built => {
                    Err("it was built for a shape after it was defined, and then its input has no name in the file")
                }
                None => Ok(Vec::new()),
            };
        }
        if !self.order.is_empty() {
            let place = |layer: &Layer| self.order.iter().position(|name| name == layer.own_name());
            self.inputs.sort_by_key(|layer| place(layer).unwrap_or(usize::MAX));
        }
        let named = |layer: Layer| {
            let name = layer.own_name().to_owned();
            layer.into_input(name)
        };
        Ok(self.inputs.into_iter().map(named).collect())
    }

    /// The layer that specifies the input shape of a sequential model: its first layer or, if that
    /// is a model, the first layer of that model.
    fn first_shaped_layer(self) -> Option<Layer> {
        if let Some(input) = self.inputs.into_iter().next() {
            return Some(input);
        }
        let first = *self.first?;
        if first.config.shape.is_some() { Some(first) } else { first.config.layers.first_shaped_layer() }
    }

    fn add_layer(&mut self, mut layer: Layer) {
        self.unknown.add_class(layer.class_name.0.as_deref());
        self.unknown.add_all(std::mem::take(&mut layer.config.layers.unknown));
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

/// A layer. Custom layers may use other forms for any value.
#[derive(Default)]
struct Layer {
    class_name: LayerName,
    name: LayerName,
    config: LayerConfig,
}

/// The configuration of a layer, whose content depends on its class, or of a nested model.
#[derive(Default)]
struct LayerConfig {
    name: LayerName,
    /// `batch_shape` since Keras 3, before that `batch_input_shape`.
    shape: Option<Vec<Dim>>,
    dtype: LayerDataType,
    sparse: LayerFlag,
    ragged: LayerFlag,
    layers: Layers,
}

impl Layer {
    fn own_name(&self) -> &str {
        let LayerName(name) = if self.name.0.is_some() { &self.name } else { &self.config.name };
        name.as_deref().unwrap_or_default()
    }

    fn into_input(self, name: String) -> ModelInput {
        let element_type = match self.config.dtype {
            _ if self.config.sparse.0 || self.config.ragged.0 => ElementType::from(COMPOSITE_TENSOR),
            LayerDataType(Some(name)) => ElementType::from(name.as_str()),
            LayerDataType(None) => ElementType::Float32,
        };
        ModelInput { name, element_type, dims: self.config.shape, tensor: None }
    }
}

/// The remaining methods of a visitor: values of another form are ignored.
macro_rules! replace_other_forms {
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

            replace_other_forms!(Layer, Layer::default());

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

            replace_other_forms!(LayerConfig, LayerConfig::default());

            /// Until Keras 2.2.3, a nested sequential model.
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<LayerConfig, A::Error> {
                let mut config = LayerConfig::default();
                LayerSeed(&mut config.layers).visit_seq(seq)?;
                Ok(config)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LayerConfig, A::Error> {
                let mut config = LayerConfig::default();
                let mut before = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "name" => config.name = map.next_value()?,
                        "batch_shape" => config.shape = map.next_value::<LayerShape>()?.0,
                        "batch_input_shape" => before = map.next_value::<LayerShape>()?.0,
                        "dtype" => config.dtype = map.next_value()?,
                        "sparse" => config.sparse = map.next_value()?,
                        "ragged" => config.ragged = map.next_value()?,
                        "layers" => map.next_value_seed(LayerSeed(&mut config.layers))?,
                        // The layer in a wrapper, such as `TimeDistributed`.
                        "layer" => {
                            let inner: Layer = map.next_value()?;
                            config.layers.unknown.add_class(inner.class_name.0.as_deref());
                            config.layers.unknown.add_all(inner.config.layers.unknown);
                        }
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

            /// Until Keras 2.2.3, sequential models were a plain list of layers.
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Layers, A::Error> {
                let mut layers = Layers::default();
                LayerSeed(&mut layers).visit_seq(seq)?;
                Ok(layers)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Layers, A::Error> {
                let mut layers = Layers::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "layers" => map.next_value_seed(LayerSeed(&mut layers))?,
                        "input_layers" => layers.order = map.next_value::<LayerNames>()?.0,
                        "build_input_shape" => layers.built = map.next_value::<LayerShape>()?.0.is_some(),
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

/// Deserializes the layers one by one, so that layers that are not kept take no memory.
struct LayerSeed<'l>(&'l mut Layers);

impl<'de> serde::de::DeserializeSeed<'de> for LayerSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for LayerSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of layers")
    }

    replace_other_forms!((), ());

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(layer) = seq.next_element()? {
            self.0.add_layer(layer);
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
    fn too_many_inputs_are_not_read() {
        for (count, expected) in [(MAX_KEPT, Ok(MAX_KEPT)), (MAX_KEPT + 1, Err("it has more than 1000 inputs"))] {
            let layers = vec![r#"{"class_name":"InputLayer","config":{}}"#; count].join(",");
            let config = parse_config(&format!(r#"{{"config":{{"layers":[{layers}]}}}}"#)).unwrap();
            assert_eq!(config.inputs.map(|inputs| inputs.len()), expected);
        }
    }

    #[test]
    fn layers_that_keras_2_2_lacks_are_named_once() {
        let layers = r#"[{"class_name":"InputLayer","config":{}},{"class_name":"Rescaling","config":{}},
            {"class_name":"Rescaling","config":{}},
            {"class_name":"Sequential","config":{"layers":[{"class_name":"Mine>Layer","config":{}}]}},
            {"class_name":"TimeDistributed","config":{"layer":{"class_name":"TFOpLambda","config":{}}}},
            {"class_name":"Conv2D","config":{}}]"#;
        for (class, unknown) in [
            ("Functional", &["Rescaling", "Mine>Layer", "TFOpLambda", "Functional"][..]),
            ("Model", &["Rescaling", "Mine>Layer", "TFOpLambda"]),
        ] {
            let text = format!(r#"{{"class_name":"{class}","config":{{"layers":{layers}}}}}"#);
            assert_eq!(parse_config(&text).unwrap().unknown_layers.0, unknown);
        }
    }

    #[test]
    fn channels_first_is_read_as_keras_1_wrote_it() {
        for (order, channels_first) in [
            (r#""dim_ordering": "th""#, true),
            (r#""dim_ordering":"th""#, true),
            (r#""dim_ordering": "tf""#, false),
            (r#""data_format": "channels_first""#, true),
            (r#""data_format": "channels_last""#, false),
        ] {
            let layer = format!(r#"{{"class_name":"Convolution2D","config":{{"name":"c",{order}}}}}"#);
            let config = parse_config(&format!(r#"{{"class_name":"Sequential","config":[{layer}]}}"#)).unwrap();
            assert_eq!(config.channels_first, channels_first, "{order}");
        }
    }

    #[test]
    fn sparse_and_ragged_inputs_are_composite() {
        for (flag, expected) in [
            (r#""sparse":true"#, COMPOSITE_TENSOR),
            (r#""ragged": true"#, COMPOSITE_TENSOR),
            (r#""sparse":false,"ragged":null"#, "int32"),
            (r#""sparse":"true""#, "int32"),
        ] {
            let layer = format!(r#"{{"class_name":"InputLayer","config":{{"name":"x","dtype":"int32",{flag}}}}}"#);
            let config = parse_config(&format!(r#"{{"config":{{"layers":[{layer}]}}}}"#)).unwrap();
            assert_eq!(config.inputs.unwrap()[0].element_type.as_str(), expected, "{flag}");
        }
    }

    #[test]
    fn shape_of_another_form_is_ignored() {
        for shape in ["7", "[1,\"a\"]", "{\"a\":[1]}", "true", "null"] {
            let layer = format!(r#"{{"class_name":"InputLayer","config":{{"name":"x","batch_shape":{shape}}}}}"#);
            let config = parse_config(&format!(r#"{{"config":{{"layers":[{layer}]}}}}"#)).unwrap();
            assert_eq!(config.inputs.unwrap()[0].dims, None, "{shape}");
        }
    }
}
